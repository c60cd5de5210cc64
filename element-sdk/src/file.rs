//! Files, folders and links as wishes.

use serde_json::Value;

use crate::change::Attributes;

/// What is to be at a path of the image when the steps of its phase run. [`crate::Plan::file`] is
/// the short way to a file.
///
/// ```
/// use dibhost_element_sdk::File;
///
/// let script = File::new("/usr/local/sbin/hello", "#!/bin/sh\necho hello\n").mode(0o755);
/// let folder = File::directory("/srv/data").owner("www-data", "www-data");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct File {
    /// Where: absolute, without `.` and `..`.
    pub path: String,
    /// What.
    pub node: FileNode,
    /// Whose. Links and what is removed have none.
    pub attributes: Attributes,
    /// Extended attributes.
    pub xattrs: Vec<(String, Vec<u8>)>,
}

/// What is to be at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileNode {
    /// A file with this content.
    File(Vec<u8>),
    /// A folder, and those above it.
    Directory,
    /// A symbolic link that says this.
    Symlink(String),
    /// Nothing; a folder goes with all that is in it.
    Removed,
}

impl File {
    fn of(path: impl Into<String>, node: FileNode) -> Self {
        let (attributes, xattrs) = (Attributes::default(), Vec::new());
        Self { path: path.into(), node, attributes, xattrs }
    }

    /// A file of root's with mode 0644.
    pub fn new(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Self {
        Self::of(path, FileNode::File(content.into()))
    }

    /// A folder of root's with mode 0755, and those above it; one that is there stays as it is.
    pub fn directory(path: impl Into<String>) -> Self {
        Self::of(path, FileNode::Directory)
    }

    /// A symbolic link.
    pub fn symlink(path: impl Into<String>, to: impl Into<String>) -> Self {
        Self::of(path, FileNode::Symlink(to.into()))
    }

    /// Nothing there any more.
    pub fn removed(path: impl Into<String>) -> Self {
        Self::of(path, FileNode::Removed)
    }

    /// With these permission bits. Nothing for a link, or for what is removed.
    pub fn mode(mut self, mode: u32) -> Self {
        self.attributes.mode = Some(mode);
        self
    }

    /// Of this user and group of the image, by name or number. Nothing for a link, or for what is
    /// removed.
    pub fn owner(mut self, user: impl Into<String>, group: impl Into<String>) -> Self {
        self.attributes.owner = Some(user.into());
        self.attributes.group = Some(group.into());
        self
    }

    /// With an extended attribute. Nothing for a link, or for what is removed.
    pub fn xattr(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.xattrs.push((name.into(), value.into()));
        self
    }

    /// Says more than this version of the contract has words for; see [`crate::Extensions`].
    pub fn extension(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.attributes.extensions.set(key, value);
        self
    }

    /// The text of a file; nothing where it is no file, or no text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.node {
            FileNode::File(content) => std::str::from_utf8(content).ok(),
            _ => None,
        }
    }
}
