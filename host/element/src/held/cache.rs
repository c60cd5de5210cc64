//! The folder in which an element keeps bytes between builds.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

/// Where this element's bytes are; none: nothing is kept.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    path: Option<PathBuf>,
    /// Opened once, when it is first needed.
    folder: Option<OwnedFd>,
}

impl Cache {
    pub(crate) fn at(path: Option<PathBuf>) -> Self {
        Self { path, folder: None }
    }

    /// The open folder; none: nothing is kept.
    pub(crate) fn folder(&mut self) -> io::Result<Option<&OwnedFd>> {
        if let (Some(path), None) = (&self.path, &self.folder) {
            self.folder = Some(open(path)?);
        }
        Ok(self.folder.as_ref())
    }
}

/// Opens a folder, or makes it; it has to be this user's, and no link.
pub(crate) fn open(path: &Path) -> io::Result<OwnedFd> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = File::from(openat(CWD, path, flags, Mode::empty())?);
    let (owner, user) = (folder.metadata()?.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        let path = path.display();
        return Err(io::Error::other(format!("{path} belongs to user {owner}, not to {user}")));
    }
    Ok(folder.into())
}
