//! Files of the builder's that belong to a build or to the cache.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::error::PackageError;

/// Writes a file.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), PackageError> {
    std::fs::write(path, content).map_err(|source| PackageError::Io {
        doing: format!("writing `{}`", path.display()),
        source,
    })
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, PackageError> {
    std::fs::read(path).map_err(|source| PackageError::Io {
        doing: format!("reading `{}`", path.display()),
        source,
    })
}

/// Makes a folder, and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), PackageError> {
    std::fs::create_dir_all(path).map_err(|source| PackageError::Io {
        doing: format!("making the folder `{}`", path.display()),
        source,
    })
}

/// A path that does not depend on where this process stands.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, PackageError> {
    std::path::absolute(path).map_err(|source| PackageError::Io {
        doing: format!("finding the folder `{}`", path.display()),
        source,
    })
}

/// Makes a folder for what is on its way. One that another user left (apt, when it still fetched as
/// `_apt`) goes with what is in it: who fetches now would not get in.
pub(crate) fn make_folder_on_the_way(path: &Path) -> Result<(), PackageError> {
    let own = rustix::process::geteuid().as_raw();
    if path.symlink_metadata().is_ok_and(|found| found.uid() != own) {
        std::fs::remove_dir_all(path).map_err(|source| PackageError::Io {
            doing: format!("removing the folder `{}`", path.display()),
            source,
        })?;
    }
    make_folder(path)
}
