//! Work folders: one a build, held by a lock for as long as the build lives. What a killed build
//! left is removed by the next one.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// A folder that is removed when dropped.
#[derive(Debug)]
pub(crate) struct WorkFolder {
    path: PathBuf,
    _lock: File,
}

const LOCK: &str = "lock";

impl WorkFolder {
    /// Makes a work folder below `parent`, after removing those that nobody holds.
    ///
    /// # Errors
    /// When a folder or its lock cannot be made.
    pub(crate) fn create(parent: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        // Held while a folder is made and not yet locked, so that no other sweep takes it.
        let gate = File::create(parent.join(".gate"))?;
        flock(&gate, FlockOperation::LockExclusive)?;
        sweep(parent)?;
        let folder = tempfile::Builder::new().prefix("build-").rand_bytes(8).tempdir_in(parent)?;
        let lock = File::create(folder.path().join(LOCK))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { path: folder.keep(), _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next build's sweep.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the work folders below `parent` whose lock nobody holds.
fn sweep(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        let Ok(lock) = File::open(path.join(LOCK)) else { continue };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_swept_and_what_is_held_stays() {
        let parent = tempfile::tempdir().unwrap();
        let held = WorkFolder::create(parent.path()).unwrap();
        let left = parent.path().join("build-left");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        let other = WorkFolder::create(parent.path()).unwrap();
        assert!(held.path().exists());
        assert!(!left.exists());
        drop(other);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 2, "the gate and the held one");
    }
}
