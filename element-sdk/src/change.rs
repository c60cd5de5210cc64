//! Changes of the target tree.

use crate::extensions::Extensions;

/// Who owns a new node and with which mode. None: root and the usual mode (0644, 0755).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits.
    pub mode: Option<u32>,
    /// A user's name in the target, or a number.
    pub owner: Option<String>,
    /// A group's name in the target, or a number.
    pub group: Option<String>,
    /// What they say beyond this version of the contract.
    pub extensions: Extensions,
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
        /// What it says beyond this version of the contract.
        extensions: Extensions,
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
        /// What it says beyond this version of the contract.
        extensions: Extensions,
    },
    /// Gives a file a second name.
    HardLink {
        /// The new name.
        path: String,
        /// The file.
        existing: String,
        /// What it says beyond this version of the contract.
        extensions: Extensions,
    },
    /// Copies a regular file with its attributes.
    Copy {
        /// The file.
        source: String,
        /// The copy.
        destination: String,
        /// What it says beyond this version of the contract.
        extensions: Extensions,
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
        /// What it says beyond this version of the contract.
        extensions: Extensions,
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
        Self::Append {
            path: path.into(),
            content: content.into(),
            extensions: Extensions::default(),
        }
    }

    /// A folder of root's with mode 0755, and those above it.
    pub fn directory(path: impl Into<String>) -> Self {
        Self::Directory { path: path.into(), attributes: Attributes::default() }
    }

    /// A symbolic link.
    pub fn symlink(path: impl Into<String>, to: impl Into<String>) -> Self {
        Self::Symlink { path: path.into(), to: to.into(), extensions: Extensions::default() }
    }

    /// A copy of a file.
    pub fn copy(source: impl Into<String>, destination: impl Into<String>) -> Self {
        let (source, destination) = (source.into(), destination.into());
        Self::Copy { source, destination, extensions: Extensions::default() }
    }

    /// Another name for a file or folder.
    pub fn rename(source: impl Into<String>, destination: impl Into<String>) -> Self {
        let (source, destination) = (source.into(), destination.into());
        Self::Rename { source, destination, extensions: Extensions::default() }
    }

    /// Nothing there any more.
    pub fn remove(path: impl Into<String>) -> Self {
        Self::Remove { path: path.into() }
    }

    /// Other attributes for what is there: `Change::attributes(path).mode(0o600)`.
    pub fn attributes(path: impl Into<String>) -> Self {
        Self::SetAttributes { path: path.into(), attributes: Attributes::default() }
    }

    /// A second name for a file.
    pub fn hard_link(path: impl Into<String>, existing: impl Into<String>) -> Self {
        let (path, existing) = (path.into(), existing.into());
        Self::HardLink { path, existing, extensions: Extensions::default() }
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
