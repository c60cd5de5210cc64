//! A folder for mount points, held while its process lives: what a killed one left is removed by the
//! next.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use tempfile::TempDir;

/// Name, mode and owner are what tells these folders from those of others.
const PREFIX: &str = ".dibhost-tree-";
const MODE: u32 = 0o700;

/// A folder, gone when dropped, and its lock, which goes when its process does.
#[derive(Debug)]
pub(super) struct Held {
    folder: TempDir,
    _lock: File,
}

impl Held {
    /// Makes one, after removing those that nobody holds.
    pub(super) fn create(place: &Path) -> io::Result<Self> {
        sweep(place);
        // Between its making and its lock, another's sweep may take it for left.
        for _ in 0..100 {
            let private = fs::Permissions::from_mode(MODE);
            let folder =
                tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(place)?;
            let Ok(lock) = opened(folder.path()) else { continue };
            if locked(&lock) && folder.path().exists() {
                return Ok(Self { folder, _lock: lock });
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "other programs remove it again"))
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Opens a folder, and no link to one.
fn opened(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(CWD, path, flags, Mode::empty())?.into())
}

fn locked(folder: &File) -> bool {
    flock(folder, FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// Removes folders of this user that nobody holds. Mounts in them ended with who made them, so there is
/// nothing in them but empty folders, and nothing else is removed.
fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let Ok(folder) = opened(&entry.path()) else { continue };
        let mine = folder.metadata().is_ok_and(|stat| {
            stat.uid() == rustix::process::geteuid().as_raw()
                && stat.permissions().mode() & 0o777 == MODE
        });
        if mine && locked(&folder) {
            for inner in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
                let _ = fs::remove_dir(inner.path());
            }
            // What cannot be removed now may be by the next one.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_goes_and_nothing_else() {
        let top = tempfile::tempdir().unwrap();
        let names = || {
            let names = fs::read_dir(top.path()).unwrap();
            names.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>()
        };
        let left = Held::create(top.path()).unwrap();
        fs::create_dir(left.path().join("part-0")).unwrap();
        let other = Held::create(top.path()).unwrap();
        assert_eq!(names().len(), 2, "a folder that is held stays");
        drop(other);
        // As where its process was killed.
        let Held { folder, _lock: lock } = left;
        let kept = folder.keep();
        drop(lock);
        fs::write(top.path().join(format!("{PREFIX}file")), "").unwrap();
        let full = top.path().join(format!("{PREFIX}full"));
        fs::create_dir(&full).unwrap();
        fs::write(full.join("precious"), "").unwrap();
        fs::set_permissions(&full, fs::Permissions::from_mode(MODE)).unwrap();
        let held = Held::create(top.path()).unwrap();
        assert!(!kept.exists());
        assert!(full.join("precious").exists());
        assert_eq!(names().len(), 3);
        drop(held);
        assert_eq!(names().len(), 2);
    }
}
