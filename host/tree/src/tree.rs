//! What can be asked of a tree and of programs on it. The real ones live in their worker process
//! ([`crate::worker`]); a simulated twin ([`crate::simulated`]) passes the same tests.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dibhost_sys::{Program, ProgramError, ProgramOutput};
use serde::{Deserialize, Serialize};

use crate::command::{Command, Line, Output};
use crate::error::TargetError;
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
    /// When it was made, since 1970; none: its filesystem does not know.
    pub born: Option<Duration>,
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
    /// What becomes of symbolic links on the way.
    pub links: Links,
}

/// Whether symbolic links of the tree are followed on the way to a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Links {
    /// They are, within the tree.
    #[default]
    Followed,
    /// They are not, and a path with one in it is refused.
    Refused,
}

impl Scope {
    /// These folders, along the links of the tree.
    #[must_use]
    pub fn within(read: Vec<TargetPath>, write: Vec<TargetPath>) -> Self {
        Self { read, write, links: Links::Followed }
    }

    /// Everything, along the links of the tree: what the host reads.
    #[must_use]
    pub fn all() -> Self {
        Self::within(vec![TargetPath::root()], vec![TargetPath::root()])
    }

    /// Everything, and along no link: what the host itself writes. Where it writes is said by the
    /// host, and a link there was put there by a package or an element, which could lead it anywhere.
    #[must_use]
    pub fn own() -> Self {
        Self { links: Links::Refused, ..Self::all() }
    }
}

/// Changes, and where they may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scoped {
    /// Where.
    pub scope: Scope,
    /// What.
    pub changes: Vec<Change>,
}

/// Changes of which one could not be made; what had been is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{error}")]
pub struct NotApplied {
    /// Whose of the parts it was; none: of no part alone.
    pub at: Option<usize>,
    /// Why not.
    pub error: TargetError,
}

impl From<TargetError> for NotApplied {
    fn from(error: TargetError) -> Self {
        Self { at: None, error }
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

/// One node of a part of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedNode {
    /// Below the part; empty: the part itself.
    pub path: OsString,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, set-id and sticky bits included.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970 when its content was changed.
    pub mtime: i64,
    /// Bytes.
    pub size: u64,
    /// Bytes that it takes.
    pub allocated: u64,
    /// Names that it has.
    pub links: u64,
    /// Equal for all names of one file.
    pub inode: u64,
    /// Extended attributes: names, and bytes of their values.
    pub attributes: Vec<(String, u64)>,
    /// What a symbolic link says; of all others nothing.
    pub target: Vec<u8>,
}

/// How archives come into a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Laying {
    /// Side by side, as packages: a folder that is there keeps what it has.
    Beside,
    /// One after the other, as layers of a container's image: what is there gives way, and goes where a
    /// whiteout (`.wh.NAME`, `.wh..wh..opq`) says so.
    Over,
}

/// A root tree that is being built.
pub trait Tree: Send {
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

    /// Applies the changes of all parts in order, each where its own part may reach, or none of
    /// them.
    ///
    /// # Errors
    /// The first change that fails, and whose it is; what was done is undone.
    fn apply_each(&mut self, parts: &[Scoped]) -> Result<(), NotApplied>;

    /// Shows the tree in parts, one for each mount point and one for `/`, to the programs of
    /// [`HostPrograms`]: each part has an empty folder, with its own owner, mode, attributes and
    /// times, where another one begins. Says where each is. Nothing of the tree is moved; a mount
    /// point that is not there is made. The next call takes the place of this one.
    ///
    /// # Errors
    /// A mount point is no folder, or leads through a symbolic link.
    fn split(
        &mut self,
        mount_points: &[TargetPath],
    ) -> Result<BTreeMap<TargetPath, PathBuf>, TargetError>;

    /// Tells every node of a part that [`split`](Self::split) answered, the part itself first. Where
    /// another part begins is an empty folder.
    ///
    /// # Errors
    /// There is no such part, or it cannot be read.
    fn list(&mut self, part: &Path, each: &mut dyn FnMut(ListedNode)) -> Result<(), TargetError>;

    /// Reads a file of a part, `length` bytes from `offset` on at most. No link is followed.
    ///
    /// # Errors
    /// It is not there, no regular file, or cannot be read.
    fn read_part(
        &mut self,
        part: &Path,
        file: &Path,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError>;

    /// Opens a part here; none: it is seen by programs of [`HostPrograms`] alone.
    ///
    /// # Errors
    /// It is seen here, and cannot be opened.
    fn open_part(&self, _part: &Path) -> Option<io::Result<OwnedFd>> {
        None
    }

    /// Sets the times (of change and of access) of all that is newer than `epoch` (seconds) to it.
    ///
    /// # Errors
    /// The operating system refuses.
    fn clamp_times(&mut self, epoch: i64) -> Result<(), TargetError>;

    /// Lays tar archives into a tree that has nothing of its own to do it: each is what a program
    /// of the builder says on its standard output.
    ///
    /// # Errors
    /// A program fails, or an archive is none.
    fn lay_down(&mut self, archives: &[Program], laying: Laying) -> Result<(), TargetError>;
}

/// Programs of the tree.
pub trait Programs {
    /// Runs a program in the target and waits; tells each line.
    ///
    /// # Errors
    /// When it cannot be started, or the build is cancelled. A status that is not 0 is no error.
    fn exec(
        &mut self,
        command: &Command,
        line: &mut dyn FnMut(Line),
    ) -> Result<Output, TargetError>;

    /// The same on a terminal of its own, the program's three streams and what controls it: nothing is
    /// told or kept of what it says. For a person, never for an element.
    ///
    /// # Errors
    /// As [`exec`](Self::exec).
    fn exec_on(&mut self, command: &Command, terminal: File) -> Result<Output, TargetError>;
}

/// Programs of the builder that work on the tree (`mksquashfs TREE …`). They see the builder's files
/// and the tree in its [parts](Tree::split), and no network; they are held as programs of the tree
/// are. Only for the engine: no string of an element may reach one but through a typed, checked
/// field.
pub trait HostPrograms {
    /// Runs one and waits.
    ///
    /// # Errors
    /// As [`Program::run`].
    fn run_on_host(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError>;

    /// Whether they are nobody on this machine: what they are to read or write has to let them in.
    fn are_nobody(&self) -> bool {
        false
    }

    /// Runs code of dibhost's own that mounts what it made and fills it from the tree.
    ///
    /// # Errors
    /// As [`Program::run`].
    fn run_mounting(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError>;
}

/// The two files of a layer: to be written, or to be read.
#[derive(Debug)]
pub struct LayerFiles {
    /// What is where, and what is gone.
    pub manifest: File,
    /// The contents of files.
    pub pack: File,
}

/// What may be done with a tree as a whole, while no program runs in it.
pub trait Layered {
    /// Notes how the tree stands: what the next layer is told apart from.
    ///
    /// # Errors
    /// It cannot be looked at.
    fn mark(&mut self) -> Result<(), TargetError>;

    /// Writes what became of the tree since it was last marked, packed or restored, and notes how it
    /// stands now.
    ///
    /// # Errors
    /// It was never marked, something in it cannot be read, or the files cannot be written.
    fn pack(&mut self, into: LayerFiles) -> Result<(), TargetError>;

    /// Makes an empty tree what it was when the last of these layers was packed, each of which stands
    /// on those before it; notes how it stands. Where that fails the tree is empty again.
    ///
    /// # Errors
    /// [`TargetError::Corrupt`] where a layer is not what was packed.
    fn restore(&mut self, layers: Vec<LayerFiles>) -> Result<(), TargetError>;
}

/// What an element works on: the tree and the programs in it.
pub trait Target: Tree + Programs {}

impl<T: Tree + Programs + ?Sized> Target for T {}

/// What a build works on: the target, programs of the builder that see it, and its layers.
pub trait Workshop: Target + HostPrograms + Layered {}

impl<T: Target + HostPrograms + Layered + ?Sized> Workshop for T {}
