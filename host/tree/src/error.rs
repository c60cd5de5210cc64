//! Why a tree, or a program in it, could not do what was asked.

use std::io;

use serde::{Deserialize, Serialize};

/// What a program had too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Over {
    /// [`ProgramLimits::program_memory`].
    Memory,
    /// [`ProgramLimits::programs`].
    Processes,
    /// The memory that holds the tree.
    Tree,
    /// [`HostLimits::time`].
    Time,
}

/// Why the target could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum TargetError {
    /// The caller's scope does not reach there.
    #[error("`{path}` is outside of what was granted")]
    OutOfScope {
        /// The path, resolved.
        path: String,
        /// It was to be written.
        write: bool,
    },
    /// It is not there.
    #[error("`{0}` does not exist")]
    NotFound(String),
    /// It is of the wrong kind, or there already.
    #[error("{0}")]
    Conflict(String),
    /// What was asked makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The operating system refused.
    #[error("{doing}: {message}")]
    Os {
        /// What was being done.
        doing: String,
        /// `ENOSPC`.
        name: String,
        /// What it means.
        message: String,
    },
    /// The caller may write no more. What had been changed is undone.
    #[error("no more may be written into the target")]
    NoRoom {
        /// It may make no more files; else it may write no more bytes.
        files: bool,
    },
    /// A program went beyond what it may have.
    #[error("{said}")]
    Limit {
        /// Of what.
        over: Over,
        /// One sentence.
        said: String,
    },
    /// This machine cannot do it.
    #[error("{0}")]
    Unsupported(String),
    /// What was kept is not what was kept.
    #[error("{0}")]
    Corrupt(String),
    /// The build was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The worker process is gone.
    #[error("the target's worker process ended: {0}")]
    Gone(String),
}

/// An error of the kernel, told with what was being done.
pub(crate) fn os(doing: impl Into<String>, error: impl Into<io::Error>) -> TargetError {
    let error = error.into();
    let name = error.raw_os_error().map_or_else(
        || format!("{:?}", error.kind()),
        |code| format!("{:?}", nix::errno::Errno::from_raw(code)),
    );
    let mut message = error.to_string();
    if let Some(end) = message.find(" (os error") {
        message.truncate(end);
    }
    TargetError::Os { doing: doing.into(), name, message }
}
