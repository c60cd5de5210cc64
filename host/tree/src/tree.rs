//! What can be asked of a target. The real one lives in its worker process
//! ([`crate::worker`]); a simulated twin ([`crate::simulated`]) passes the same tests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ProgramLimits;
use crate::path::TargetPath;

/// What kind of node a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// What is known of a node; symbolic links are not followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// Its kind.
    pub kind: Kind,
    /// Permission bits, set-id and sticky bits included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Seconds since the epoch.
    pub modified: i64,
    /// Hard links.
    pub links: u32,
    /// What a symbolic link says.
    pub link_target: Option<String>,
    /// Extended attributes.
    pub xattrs: Vec<(String, Vec<u8>)>,
}

/// Who owns a new node and with which mode. None: root and the usual mode (0644, 0755); for
/// `SetAttributes`, none leaves what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// Permission bits.
    pub mode: Option<u32>,
    /// A user's name in the target, or a number.
    pub owner: Option<String>,
    /// A group's name in the target, or a number.
    pub group: Option<String>,
    /// Extended attributes to set.
    pub xattrs: Vec<(String, Vec<u8>)>,
}

/// One change of the tree. Parents of new nodes must be there but for `MakeDirectory`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Makes a file, replacing one that is there (not a folder; a symbolic link itself is replaced).
    Write {
        /// Where.
        path: TargetPath,
        /// What.
        content: Vec<u8>,
        /// Whose.
        attributes: Attributes,
    },
    /// Adds to the end of a regular file, which must be there.
    Append {
        /// Where.
        path: TargetPath,
        /// What.
        content: Vec<u8>,
    },
    /// Makes a folder and those above it; one that is there is fine.
    MakeDirectory {
        /// Where.
        path: TargetPath,
        /// Whose; of the last folder only.
        attributes: Attributes,
    },
    /// Makes a symbolic link, replacing a file or link that is there.
    Symlink {
        /// Where.
        path: TargetPath,
        /// What it says, unchanged.
        to: String,
    },
    /// A second name for a file.
    HardLink {
        /// The file.
        source: TargetPath,
        /// The new name.
        destination: TargetPath,
    },
    /// A copy of a regular file, with its owner, mode and extended attributes.
    Copy {
        /// The file.
        source: TargetPath,
        /// The copy.
        destination: TargetPath,
    },
    /// Changes owner, mode or extended attributes.
    SetAttributes {
        /// What; a symbolic link is not followed.
        path: TargetPath,
        /// To what.
        attributes: Attributes,
    },
    /// Renames, replacing a file that is there.
    Rename {
        /// The old name.
        source: TargetPath,
        /// The new name.
        destination: TargetPath,
    },
    /// Removes a node, a folder with all in it; nothing there is fine.
    Remove {
        /// What.
        path: TargetPath,
    },
}

/// Where a caller may read and write. Checked on the *resolved* path, by the descriptor that is
/// then used, so a symbolic link swapped in between gains nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Folders below which reading is fine (what may be written included).
    pub read: Vec<TargetPath>,
    /// Folders below which writing is fine.
    pub write: Vec<TargetPath>,
}

impl Scope {
    /// Everything: the host's own.
    #[must_use]
    pub fn all() -> Self {
        Self { read: vec![TargetPath::root()], write: vec![TargetPath::root()] }
    }
}

/// How much a caller may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Bytes of files and of extended attributes.
    pub bytes: u64,
    /// Files, folders and links.
    pub files: u64,
}

impl Room {
    /// As much as there is place for: the host's own.
    #[must_use]
    pub fn unbounded() -> Self {
        Self { bytes: u64::MAX, files: u64::MAX }
    }
}

/// How much was written. What was replaced or removed later counts too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Bytes of files and of extended attributes.
    pub bytes: u64,
    /// Files, folders and links.
    pub files: u64,
}

impl Written {
    /// Adds what was written afterwards.
    pub fn add(&mut self, more: Self) {
        self.bytes = self.bytes.saturating_add(more.bytes);
        self.files = self.files.saturating_add(more.files);
    }
}

/// How to walk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// Folders within folders too.
    pub recursive: bool,
}

/// A node found by a walk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where.
    pub path: TargetPath,
    /// What.
    pub stat: Stat,
}

/// A folder of the host that a program in the target may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOnlyBind {
    /// Absolute path on the host.
    pub host: String,
    /// Where the program finds it. Made if need be; it leaves nothing in the tree.
    pub target: TargetPath,
}

/// A program to run inside the target: in its own mount, PID, IPC, UTS and network namespaces,
/// the tree as `/` by `pivot_root`, a private `/dev`, fresh `/proc`, read-only `/sys`, a fresh
/// tmpfs on `/run` and `/tmp`, no network, no daemons started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Found on the target's `PATH` when it has no `/`. No shell.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// On top of a small clean environment.
    pub env: BTreeMap<String, String>,
    /// Where it runs; none: `/`.
    pub workdir: Option<String>,
    /// Its standard input; none: nothing.
    pub stdin: Option<Vec<u8>>,
    /// Ended after so many seconds.
    pub timeout_seconds: Option<u32>,
    /// Folders of the host it may read. Never filled by an element.
    pub binds: Vec<ReadOnlyBind>,
    /// Keep standard output and error for [`Output`]; lines are told either way.
    pub capture: bool,
    /// It reaches the network, by user-mode networking; none of the host's own sockets.
    pub network: bool,
    /// What it may have; none: as the worker was started with.
    pub limits: Option<ProgramLimits>,
}

/// How a program in the target ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its status; a signal's number plus 128 when one ended it.
    pub status: i32,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// It ran out of its time.
    pub timed_out: bool,
    /// The end of standard output (all of it, up to 16 MiB, with `capture`).
    pub stdout: Vec<u8>,
    /// The end of standard error.
    pub stderr: Vec<u8>,
}

/// What a program had too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Over {
    /// [`ProgramLimits::program_memory`].
    Memory,
    /// [`ProgramLimits::programs`].
    Processes,
    /// The memory that holds the tree.
    Tree,
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
    /// The build was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The worker process is gone.
    #[error("the target's worker process ended: {0}")]
    Gone(String),
}

/// One line that a program said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// On standard error.
    pub error: bool,
    /// Without its newline; bytes that are no UTF-8 replaced. Control characters still in it.
    pub text: String,
}

/// A root tree that is being built.
pub trait Target: Send {
    /// What is known of a node (a final symbolic link is not followed); none if it is not there.
    ///
    /// # Errors
    /// Out of scope, or the operating system refuses.
    fn stat(&mut self, scope: &Scope, path: &TargetPath) -> Result<Option<Stat>, TargetError>;

    /// At most `length` bytes of a regular file from `offset`; symbolic links are followed.
    ///
    /// # Errors
    /// Not there, not a regular file, out of scope.
    fn read(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError>;

    /// Entries below a folder in path order, at most `limit`, after `start_after`.
    ///
    /// # Errors
    /// Not a folder, out of scope.
    fn walk(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        walk: Walk,
        start_after: Option<&TargetPath>,
        limit: usize,
    ) -> Result<Vec<Entry>, TargetError>;

    /// Applies all changes in order, or none of them; says how much was written.
    ///
    /// # Errors
    /// The first change that fails, or that needs more than `room`; what was done is undone.
    fn apply_within(
        &mut self,
        scope: &Scope,
        changes: &[Change],
        room: Room,
    ) -> Result<Written, TargetError>;

    /// The same, as much as there is place for.
    ///
    /// # Errors
    /// The first change that fails; what was done is undone.
    fn apply(&mut self, scope: &Scope, changes: &[Change]) -> Result<(), TargetError> {
        self.apply_within(scope, changes, Room::unbounded()).map(drop)
    }

    /// Runs a program in the target and waits; tells each line.
    ///
    /// # Errors
    /// When it cannot be started, or the build is cancelled. A status that is not 0 is no error.
    fn exec(
        &mut self,
        command: &Command,
        line: &mut dyn FnMut(Line),
    ) -> Result<Output, TargetError>;
}
