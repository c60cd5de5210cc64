//! What can go wrong with a machine.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use dibhost_sys::ProgramError;

/// A machine that could not be started, or did not do what was waited for. `report` is the end of
/// its console, and what QEMU said.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// A file, a socket or a process failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried, as in "making the console's log".
        doing: String,
        /// Why not.
        source: io::Error,
    },
    /// A program of the host failed, or is not installed.
    #[error("{source}{}", remedy(.source))]
    Program {
        /// Which, and why.
        #[from]
        source: ProgramError,
    },
    /// The machine cannot be as it was asked for; the sentence says why, and what to do.
    #[error("{0}")]
    Refused(String),
    /// The console said what no boot recovers from.
    #[error("the machine said `{line}`, not `{pattern}`.\n{report}")]
    Hopeless {
        /// What it said.
        line: &'static str,
        /// What was waited for.
        pattern: String,
        /// The end of its console.
        report: String,
    },
    /// QEMU ended.
    #[error("the machine ended {when} ({status}).\n{report}")]
    Ended {
        /// Before what, as in "before anyone could log in".
        when: String,
        /// How.
        status: ExitStatus,
        /// The end of its console.
        report: String,
    },
    /// What was waited for did not come.
    #[error("{what} in {} s{said}.\n{report}", .timeout.as_secs())]
    TimedOut {
        /// What did not come, as in "the machine was not off".
        what: String,
        /// How long it was waited for.
        timeout: Duration,
        /// What the last try said; empty, or with a colon before it.
        said: String,
        /// The end of its console.
        report: String,
    },
    /// A command in the machine ended with a status other than 0.
    #[error("`{command}` failed in the machine ({status}): {said}\n{report}")]
    Command {
        /// The shell command.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote.
        said: String,
        /// The end of the console.
        report: String,
    },
    /// QEMU's monitor did not take an order.
    #[error("QEMU's monitor refused `{order}`: {answer}")]
    Monitor {
        /// The order.
        order: &'static str,
        /// What it answered.
        answer: String,
    },
}

impl MachineError {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

/// Which of Debian's packages a program is in that is not there.
fn remedy(error: &ProgramError) -> String {
    let ProgramError::Start { program, source } = error else { return String::new() };
    if source.kind() != io::ErrorKind::NotFound {
        return String::new();
    }
    let package = match program.as_str() {
        "qemu-img" => "qemu-utils",
        "ssh-keygen" => "openssh-client",
        "mkfs.vfat" => "dosfstools",
        "mcopy" => "mtools",
        _ => return String::new(),
    };
    format!(" (it is in Debian's package {package})")
}
