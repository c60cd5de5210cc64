//! The target tree: reading it, and changing it in batches that happen as a whole.

use crate::error::{Error, ErrorCode, Result};
use crate::host;
use crate::secret::Secret;

/// What kind of node a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Its kind.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// What a symbolic link says.
    pub link_target: Option<String>,
}

/// A node found by a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: String,
    /// What.
    pub stat: Stat,
}

impl Entry {
    /// The last component of its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit_once('/').map_or(&*self.path, |(_, name)| name)
    }
}

/// Who owns a new node and with which mode. None: root and the usual mode (0644, 0755).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits.
    pub mode: Option<u32>,
    /// A user's name in the target, or a number.
    pub owner: Option<String>,
    /// A group's name in the target, or a number.
    pub group: Option<String>,
}

/// One change of the tree. Folders above a new node must be there, but for
/// [`Change::directory`], which makes them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Change {
    /// Makes a file, replacing one that is there.
    Write {
        /// Where.
        path: String,
        /// What.
        content: Vec<u8>,
        /// Whose.
        attributes: Attributes,
    },
    /// Adds to the end of a file, which must be there.
    Append {
        /// Where.
        path: String,
        /// What.
        content: Vec<u8>,
    },
    /// Makes a folder and those above it.
    Directory {
        /// Where.
        path: String,
        /// Whose.
        attributes: Attributes,
    },
    /// Makes a symbolic link, replacing a file or link that is there.
    Symlink {
        /// Where.
        path: String,
        /// What it says, unchanged.
        to: String,
    },
    /// Gives a file a second name.
    HardLink {
        /// The file.
        source: String,
        /// The new name.
        destination: String,
    },
    /// Copies a regular file with its attributes.
    Copy {
        /// The file.
        source: String,
        /// The copy.
        destination: String,
    },
    /// Changes owner or mode; what is none stays.
    SetAttributes {
        /// Of what.
        path: String,
        /// To what.
        attributes: Attributes,
    },
    /// Renames.
    Rename {
        /// The old name.
        source: String,
        /// The new name.
        destination: String,
    },
    /// Removes a node, a folder with all in it; nothing there is fine.
    Remove {
        /// What.
        path: String,
    },
}

impl Change {
    /// A file of root's with mode 0644.
    pub fn write(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        let attributes = Attributes::default();
        Self::Write { path: path.into(), content: content.into(), attributes }
    }

    /// More at the end of a file.
    pub fn append(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self::Append { path: path.into(), content: content.into() }
    }

    /// A folder of root's with mode 0755, and those above it.
    pub fn directory(path: impl Into<String>) -> Self {
        Self::Directory { path: path.into(), attributes: Attributes::default() }
    }

    /// A symbolic link.
    pub fn symlink(path: impl Into<String>, to: impl Into<String>) -> Self {
        Self::Symlink { path: path.into(), to: to.into() }
    }

    /// A copy of a file.
    pub fn copy(source: impl Into<String>, destination: impl Into<String>) -> Self {
        Self::Copy { source: source.into(), destination: destination.into() }
    }

    /// Another name for a file or folder.
    pub fn rename(source: impl Into<String>, destination: impl Into<String>) -> Self {
        Self::Rename { source: source.into(), destination: destination.into() }
    }

    /// Nothing there any more.
    pub fn remove(path: impl Into<String>) -> Self {
        Self::Remove { path: path.into() }
    }

    /// Other attributes for what is there: `Change::attributes(path).mode(0o600)`.
    pub fn attributes(path: impl Into<String>) -> Self {
        Self::SetAttributes { path: path.into(), attributes: Attributes::default() }
    }

    /// With these permission bits. Nothing for a change that takes none.
    pub fn mode(self, mode: u32) -> Self {
        self.with(|a| a.mode = Some(mode))
    }

    /// Of this user and group, by name or number. Nothing for a change that takes none.
    pub fn owner(self, user: impl Into<String>, group: impl Into<String>) -> Self {
        self.with(|a| {
            a.owner = Some(user.into());
            a.group = Some(group.into());
        })
    }

    fn with(mut self, set: impl FnOnce(&mut Attributes)) -> Self {
        if let Self::Write { attributes, .. }
        | Self::Directory { attributes, .. }
        | Self::SetAttributes { attributes, .. } = &mut self
        {
            set(attributes);
        }
        self
    }
}

/// The target tree, as far as it was granted. Paths are absolute with the tree as their root.
#[derive(Debug)]
pub struct Tree(host::Tree);

impl Tree {
    /// Opens it; [`crate::Run::rootfs`] does.
    pub(crate) fn open() -> Result<Self> {
        host::Tree::open("/").map(Self)
    }

    /// A file's content; symbolic links are followed.
    ///
    /// # Errors
    /// Not there, not a regular file, not granted.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            // Length 0: as much as the host gives in one call.
            let part = self.0.read(path, content.len() as u64, 0)?;
            if part.is_empty() {
                return Ok(content);
            }
            content.extend(part);
        }
    }

    /// A file's content as text.
    ///
    /// # Errors
    /// As [`Self::read`], and when it is no UTF-8.
    pub fn read_text(&self, path: &str) -> Result<String> {
        String::from_utf8(self.read(path)?).map_err(|_| {
            Error::with_code(ErrorCode::InvalidArgument, format!("`{path}` is no UTF-8 text"))
        })
    }

    /// What is known of a node; none if it is not there.
    ///
    /// # Errors
    /// Not granted.
    pub fn stat(&self, path: &str) -> Result<Option<Stat>> {
        self.0.stat(path)
    }

    /// Whether something is there (a symbolic link is, wherever it leads).
    ///
    /// # Errors
    /// Not granted.
    pub fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.stat(path)?.is_some())
    }

    /// What a folder holds, in path order; nothing when it is not there.
    ///
    /// # Errors
    /// Not a folder, not granted.
    pub fn list(&self, folder: &str) -> Result<Vec<Entry>> {
        self.entries(folder, false)
    }

    /// What a folder and the folders in it hold, in path order; nothing when it is not there.
    ///
    /// # Errors
    /// Not a folder, not granted.
    pub fn walk(&self, folder: &str) -> Result<Vec<Entry>> {
        self.entries(folder, true)
    }

    /// Applies all changes in order, or none of them.
    ///
    /// # Errors
    /// The first change that fails, or is not granted.
    pub fn apply(&self, changes: impl IntoIterator<Item = Change>) -> Result<()> {
        let changes: Vec<Change> = changes.into_iter().collect();
        if changes.is_empty() { Ok(()) } else { self.0.apply(changes) }
    }

    /// Makes a file of root's with mode 0644, replacing one that is there.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn write(&self, path: &str, content: impl Into<Vec<u8>>) -> Result<()> {
        self.apply([Change::write(path, content)])
    }

    /// Writes a secret to a file of root's with mode 0600, without reading it (`secret` of
    /// `place PARAMETER`).
    ///
    /// # Errors
    /// As [`Self::apply`], and when the secret is not granted or not where the definition says.
    pub fn write_secret(&self, path: &str, secret: &Secret) -> Result<()> {
        self.write_secret_as(path, secret, Attributes::default())
    }

    /// The same, for another owner or with another mode.
    ///
    /// # Errors
    /// As [`Self::write_secret`].
    pub fn write_secret_as(
        &self,
        path: &str,
        secret: &Secret,
        attributes: Attributes,
    ) -> Result<()> {
        self.0.write_secret(path, &secret.0, attributes)
    }

    /// Removes a node, a folder with all in it; nothing there is fine.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn remove(&self, path: &str) -> Result<()> {
        self.apply([Change::remove(path)])
    }

    fn entries(&self, folder: &str, recursive: bool) -> Result<Vec<Entry>> {
        if !self.exists(folder)? {
            return Ok(Vec::new());
        }
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let after = entries.last().map(|e| e.path.clone());
            let more = self.0.walk(folder, recursive, after)?;
            if more.is_empty() {
                return Ok(entries);
            }
            entries.extend(more);
        }
    }
}
