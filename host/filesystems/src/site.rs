//! Where a filesystem is made, and of what.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancelled, Hold, ProgramError};

use crate::tree::Tree;

/// Where a filesystem is made, and of what.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// The file or device, open to read and write.
    pub file: &'a File,
    /// Its absolute path, as programs that the tree runs see it.
    pub path: &'a Path,
    /// Bytes from its start. 0 unless the format is made in place.
    pub offset: u64,
    /// Whether it reads as zeros there, as a new sparse file does.
    pub zeroed: bool,
    /// An absolute folder for small files that programs read, which they see by the same path.
    pub scratch: &'a Path,
    /// The filesystem's label.
    pub label: Option<&'a str>,
    /// The part of the tree that fills it. None: it stays empty.
    pub mount: Option<&'a str>,
    /// Nothing in it is younger: seconds since 1970.
    pub time: i64,
}

impl Site<'_> {
    /// What holds a program that fills it from a part, where the tree has nothing better.
    pub(crate) fn hold(&self, part: Option<&Path>) -> Hold {
        let hold = Hold::new().whole().write(self.scratch).write(self.path);
        let hold = part.into_iter().fold(hold, Hold::read);
        match self.file.metadata() {
            Ok(found) if found.is_file() => hold,
            // What a device is made of.
            _ => hold.read("/sys"),
        }
    }

    /// The folder of the part that fills it. All paths are absolute, so none is taken for an option.
    pub(crate) fn part(&self, tree: &dyn Tree) -> io::Result<Option<PathBuf>> {
        let part = self.mount.map(|mount| tree.part(mount).to_owned());
        let relative = part.as_ref().is_some_and(|part| !part.is_absolute());
        if relative || !self.path.is_absolute() || !self.scratch.is_absolute() {
            return Err(io::Error::other("paths for programs must be absolute"));
        }
        Ok(part)
    }
}

/// Making a filesystem failed.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// Reading the tree or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The program that makes it failed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The build was cancelled.
    #[error("making a filesystem was cancelled")]
    Cancelled(#[from] Cancelled),
}
