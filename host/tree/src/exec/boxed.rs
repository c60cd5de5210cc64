//! A box around one program: its first process in namespaces of its own, what the program says,
//! and how it ended.

use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::time::Duration;

use dibhost_check::Check;
use dibhost_sys::{Forked, Namespaces, Sockets, SystemCalls, fork};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, wait};
use rustix::thread::{CapabilitySet, CapabilitySets};
use serde::{Deserialize, Serialize};

use super::supervise;
use crate::command::{Line, Output};
use crate::error::{TargetError, os};

/// What root needs to install packages and to configure a system; nothing of the kernel's, and no
/// device nodes: no package has any, and in a tree nobody looks for them.
pub(super) const CAPABILITIES: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::AUDIT_WRITE);

/// What the box tells of itself.
#[derive(Debug, Serialize, Deserialize)]
enum Report {
    /// The program was not started.
    Failed(TargetError),
    /// It was, and ended.
    Ended { status: i32, signal: Option<i32> },
}

/// What a program is watched by, and with what.
pub(super) struct Watch<'a> {
    /// Its standard input; none: nothing.
    pub(super) stdin: Option<&'a [u8]>,
    /// What it has for all its streams instead of pipes.
    pub(super) terminal: Option<&'a File>,
    pub(super) timeout: Option<Duration>,
    /// Bytes of the end of what it says that are kept.
    pub(super) kept: usize,
    /// Hung up when the engine is gone.
    pub(super) control: BorrowedFd<'a>,
}

/// The box's ends of the pipes.
pub(super) struct Ends {
    input: OwnedFd,
    out: OwnedFd,
    err: OwnedFd,
    report: OwnedFd,
    terminal: bool,
}

impl Ends {
    /// Makes them this process's standard streams.
    pub(super) fn connect(&self) -> Result<(), TargetError> {
        if self.terminal {
            rustix::process::setsid()
                .and_then(|_| rustix::process::ioctl_tiocsctty(&self.input))
                .map_err(|e| os("giving a program its terminal", e))?;
        }
        let standard = || -> Result<(), nix::errno::Errno> {
            nix::unistd::dup2_stdin(self.input.as_fd())?;
            nix::unistd::dup2_stdout(self.out.as_fd())?;
            nix::unistd::dup2_stderr(self.err.as_fd())
        };
        standard().map_err(|e| os("connecting a program", e))
    }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), TargetError> {
    pipe_with(PipeFlags::CLOEXEC).map_err(|e| os("making a pipe", e))
}

/// Runs a program in a box and waits for it: the first process does `enter`, its child becomes the
/// program by `execute`, which answers why it could not.
pub(super) fn run(
    namespaces: Namespaces,
    watch: &Watch<'_>,
    tell: &mut dyn FnMut(Line),
    enter: impl FnOnce() -> Result<(), TargetError>,
    execute: impl FnOnce(&Ends) -> TargetError,
) -> Result<Output, TargetError> {
    let (stdout, out) = pipe()?;
    let (stderr, err) = pipe()?;
    let (reports, report) = pipe()?;
    let (input, stdin) = match watch.stdin {
        Some(content) => {
            let (read, write) = pipe()?;
            (read, Some((write, content.to_vec())))
        }
        None => {
            let null =
                std::fs::File::open("/dev/null").map_err(|e| os("opening `/dev/null`", e))?;
            (null.into(), None)
        }
    };
    // A terminal is all three of them; the pipes say nothing then.
    let [input, out, err] = match watch.terminal {
        None => [input, out, err],
        Some(terminal) => {
            let end = || terminal.try_clone().map(OwnedFd::from);
            let ends = || std::io::Result::Ok([end()?, end()?, end()?]);
            ends().map_err(|e| os("connecting a program with the terminal", e))?
        }
    };
    match fork(namespaces).map_err(|e| os("making the namespaces of a program", e))? {
        Forked::Child => {
            drop((stdout, stderr, reports, stdin));
            let terminal = watch.terminal.is_some();
            first_process(Ends { input, out, err, report, terminal }, enter, execute)
        }
        Forked::Parent(pid) => {
            drop((out, err, report, input));
            let child = supervise::Child { pid, stdout, stderr, stdin, report: Some(reports) };
            let ended = supervise::watch(child, watch.timeout, watch.kept, watch.control, tell)?;
            let (status, signal) = outcome(&ended)?;
            Ok(Output {
                status,
                signal,
                timed_out: ended.timed_out,
                stdout: ended.stdout,
                stderr: ended.stderr,
                deferred: Vec::new(),
            })
        }
    }
}

/// Status and signal, by what the box reported or how its first process ended.
fn outcome(ended: &supervise::Ended) -> Result<(i32, Option<i32>), TargetError> {
    let mut reports = ended.report.as_slice();
    let mut last = None;
    while let Ok((report, rest)) = postcard::take_from_bytes::<Report>(reports) {
        match report {
            Report::Failed(error) => return Err(error),
            Report::Ended { status, signal } => last = Some((status, signal)),
        }
        reports = rest;
    }
    if let Some(last) = last {
        return Ok(last);
    }
    match ended.status.terminating_signal() {
        Some(signal) => Ok((128 + signal, Some(signal))),
        None => Err(TargetError::Conflict("the first process of a box ended too early".to_owned())),
    }
}

fn tell_parent(to: &OwnedFd, report: &Report) {
    if let Ok(bytes) = postcard::to_stdvec(report) {
        // Less than a pipe holds at once; and when the worker is gone nobody wants to know.
        let _ = rustix::io::write(to, &bytes);
    }
}

#[expect(clippy::exit, reason = "a forked process must not return into its parent's code")]
fn end(status: i32) -> ! {
    std::process::exit(status)
}

fn first_process(
    ends: Ends,
    enter: impl FnOnce() -> Result<(), TargetError>,
    execute: impl FnOnce(&Ends) -> TargetError,
) -> ! {
    let forked = rustix::process::setsid()
        .map_err(|e| os("leaving the worker's session", e))
        .and_then(|_| enter())
        .and_then(|()| fork(Namespaces::default()).map_err(|e| os("starting a process", e)));
    match forked {
        Err(error) => {
            tell_parent(&ends.report, &Report::Failed(error));
            end(1)
        }
        Ok(Forked::Child) => {
            let error = execute(&ends);
            tell_parent(&ends.report, &Report::Failed(error));
            end(127)
        }
        Ok(Forked::Parent(program)) => {
            let Ends { input, out, err, report, .. } = ends;
            drop((input, out, err));
            // The copies on 0 to 2 are the worker's, not the program's.
            let (status, signal) = reap_until(program);
            tell_parent(&report, &Report::Ended { status, signal });
            end(0)
        }
    }
}

/// The first process of a PID namespace inherits all orphans.
fn reap_until(program: Pid) -> (i32, Option<i32>) {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == program => return status_of(status),
            Ok(_) | Err(Errno::INTR) => (),
            Err(_) => return (255, None),
        }
    }
}

fn status_of(status: WaitStatus) -> (i32, Option<i32>) {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => (status, None),
        (None, Some(signal)) => (128 + signal, Some(signal)),
        (None, None) => (255, None),
    }
}

/// Gives up all but these capabilities, for this process and all that come of it.
pub(super) fn drop_privileges(kept: CapabilitySet) -> Result<(), TargetError> {
    give_up(kept).map_err(|e| os("dropping capabilities", e))?;
    end_with_parent()?;
    // The program must not look into the process it was forked from.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(|e| os("leaving the worker's session", e))
}

/// Refuses what no program needs to this process and all that come of it.
pub(super) fn refuse_calls() -> Result<(), TargetError> {
    let message = |message: String| TargetError::Os {
        doing: "filtering the system calls of a program".to_owned(),
        name: "seccomp".to_owned(),
        message,
    };
    let calls = SystemCalls::refused(Sockets::Own).map_err(message)?;
    calls.refuse().map_err(|e| message(e.to_string()))
}

/// Ends when the worker does. Set after the capabilities: changing them could reset it.
pub(super) fn end_with_parent() -> Result<(), TargetError> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| os("leaving the worker's session", e))
}

fn give_up(kept: CapabilitySet) -> Result<(), Errno> {
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if kept.contains(capability) || !Check::ProgramCapabilities.holds() {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // INVAL: beyond what this kernel knows.
            Ok(()) | Err(Errno::INVAL) => (),
            Err(error) => return Err(error),
        }
    }
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    if Check::ProgramCapabilities.holds() {
        rustix::thread::set_capabilities(None, sets)?;
    }
    rustix::thread::set_no_new_privs(true)
}
