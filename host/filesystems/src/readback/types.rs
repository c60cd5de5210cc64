//! What is told of a finished filesystem, and why it cannot be told.

use std::fs::File;
use std::io;

use dibhost_volumes::Extent;

use crate::tree::EntryKind;

/// Why what is in a filesystem cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ReadbackError {
    /// It was made in a way that is not known here.
    #[error("{0}")]
    Unknown(String),
    /// Something is broken.
    #[error("{0}")]
    Broken(String),
    /// It cannot be read.
    #[error("reading it: {0}")]
    Io(#[from] io::Error),
    /// It has not what went in.
    #[error("{0}")]
    Differs(String),
}

pub(super) fn broken(why: impl Into<String>) -> ReadbackError {
    ReadbackError::Broken(why.into())
}

/// A file, folder, link or special file, as its filesystem has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inode {
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of a file, or of what a symbolic link says; else anything.
    pub size: u64,
    /// How many names it says to have; none: its filesystem does not say.
    pub links: Option<u64>,
}

/// One name in a filesystem, as it is found.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    /// Below the root, with `/` between names; empty: the root.
    pub path: &'a [u8],
    /// Equal for all names of one file.
    pub number: u64,
    /// What it is.
    pub inode: Inode,
}

/// Kind of a mode as Unix has it.
pub(super) fn kind_of(mode: u32) -> Result<EntryKind, ReadbackError> {
    match mode & 0o170_000 {
        0o100_000 => Ok(EntryKind::File),
        0o040_000 => Ok(EntryKind::Folder),
        0o120_000 => Ok(EntryKind::Symlink),
        0o010_000 | 0o020_000 | 0o060_000 | 0o140_000 => Ok(EntryKind::Special),
        _ => Err(broken(format!("an inode has the mode {mode:o}, which is of no kind"))),
    }
}

pub(super) type EachChild<'f> = &'f mut dyn FnMut(&[u8], u64) -> Result<(), ReadbackError>;

/// A filesystem that is read.
pub(super) trait Volume {
    /// The number of its root folder.
    fn root(&self) -> u64;

    /// What an inode says of itself.
    fn inode(&mut self, number: u64) -> Result<Inode, ReadbackError>;

    /// Calls with each name in a folder but `.` and `..`, and the number that it leads to.
    fn folder(&mut self, number: u64, each: EachChild<'_>) -> Result<(), ReadbackError>;
}

/// A path for people.
pub(super) fn shown(path: &[u8]) -> String {
    format!("`/{}`", String::from_utf8_lossy(path).escape_debug())
}

/// A finished filesystem, where it was made.
pub struct Made<'a> {
    /// A disk's file or device, or a scratch file.
    pub file: &'a File,
    /// Its absolute path, as programs that the tree runs see it.
    pub path: &'a std::path::Path,
    /// Where on it.
    pub extent: Extent,
}
