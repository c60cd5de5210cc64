//! Taking changes back when a later one fails.
//!
//! Nothing here holds a descriptor: one call may make more changes than a process has descriptors.
//! Taking back begins with the last change, so each finds the tree as its change left it, and what
//! it changed where it was. Where that is not so, nothing is done and it is told.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{self, AtFlags, Mode, OFlags, ResolveFlags, Timestamps};
use rustix::io::Errno;

use super::Rooted;
use super::node::{Dentry, Identity, full, hold, kind, lstat, magic, magic_name, xattrs};
use crate::error::{TargetError, os};
use crate::tree::{Kind, Stat};

/// A [`Dentry`] that is found again without a descriptor: by where its folder lay and which it was.
#[derive(Debug)]
pub(super) struct Spot {
    /// Resolved path of the folder, below the tree's root.
    folder: OsString,
    identity: Identity,
    name: String,
}

impl Dentry {
    pub(super) fn spot(&self) -> Spot {
        let folder = &self.location[..self.location.len() - self.name.len()];
        Spot {
            folder: OsStr::from_bytes(folder).to_owned(),
            identity: self.identity,
            name: self.name.clone(),
        }
    }
}

/// How to take one thing back.
#[derive(Debug)]
pub(super) enum Undo {
    /// Remove what was made.
    Remove(Spot),
    /// Move what was there back out of the backup.
    Restore { at: Spot, backup: String },
    /// Rename back.
    Rename { from: Spot, to: Spot },
    /// Cut what was added to this file.
    Truncate { at: Spot, file: Identity, size: u64, times: Timestamps },
    /// Set what was changed.
    Attributes { at: Spot, stat: Stat },
}

impl Rooted {
    /// The folder of a spot. STALE when another one lies there now.
    fn reopen(&self, spot: &Spot) -> Result<OwnedFd, Errno> {
        // On the way that the kernel told there is no link; if there is one now, it is another way.
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let below = [b".", spot.folder.as_bytes()].concat();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder =
            fs::openat2(&self.tree, OsStr::from_bytes(&below), flags, Mode::empty(), resolve)?;
        if Identity::of(&folder)? == spot.identity { Ok(folder) } else { Err(Errno::STALE) }
    }

    /// Takes everything back, the last first. An undoing that fails is told with its cause.
    pub(super) fn undo(&self, journal: Vec<Undo>, cause: TargetError) -> TargetError {
        let mut failed = Vec::new();
        for undo in journal.into_iter().rev() {
            let what = format!("{undo:?}");
            if let Err(error) = self.take_back(undo) {
                failed.push(format!("{what}: {error}"));
            }
        }
        if failed.is_empty() {
            return cause;
        }
        TargetError::Conflict(format!(
            "{cause}; and what had been changed before could not all be undone, so the tree is in \
             between: {}",
            failed.join("; ")
        ))
    }

    fn take_back(&self, undo: Undo) -> Result<(), TargetError> {
        let doing = |e: Errno| os("undoing a change", e);
        let folder_of = |spot: &Spot| self.reopen(spot).map_err(doing);
        match undo {
            Undo::Remove(at) => {
                let folder = folder_of(&at)?;
                let stat = lstat(folder.as_fd(), &at.name).map_err(doing)?;
                let flags = match kind(stat.st_mode) {
                    Kind::Directory => AtFlags::REMOVEDIR,
                    _ => AtFlags::empty(),
                };
                fs::unlinkat(&folder, &at.name, flags).map_err(doing)
            }
            Undo::Restore { at, backup } => {
                fs::renameat(&self.backup, &backup, folder_of(&at)?, &at.name).map_err(doing)
            }
            Undo::Rename { from, to } => {
                fs::renameat(folder_of(&to)?, &to.name, folder_of(&from)?, &from.name)
                    .map_err(doing)
            }
            Undo::Truncate { at, file, size, times } => {
                let held = hold(&folder_of(&at)?, &at.name).map_err(doing)?;
                if Identity::of(&held).map_err(doing)? != file {
                    return Err(doing(Errno::STALE));
                }
                let flags = OFlags::WRONLY | OFlags::CLOEXEC;
                let file = fs::open(magic(held.as_fd()), flags, Mode::empty()).map_err(doing)?;
                fs::ftruncate(&file, size).map_err(doing)?;
                fs::futimens(&file, &times).map_err(doing)
            }
            Undo::Attributes { at, stat } => {
                let folder = folder_of(&at)?;
                let path = magic_name(folder.as_fd(), &at.name);
                for (attribute, _) in xattrs(&path).map_err(doing)? {
                    if !stat.xattrs.iter().any(|(name, _)| *name == attribute) {
                        fs::lremovexattr(&path, attribute.as_str()).map_err(doing)?;
                    }
                }
                self.set(&folder, &at.name, &stat, &full(&stat))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Change, Room, Scope, TargetPath};

    fn path(text: &str) -> TargetPath {
        TargetPath::new(text).unwrap()
    }

    fn cause() -> TargetError {
        TargetError::Invalid("the cause".to_owned())
    }

    /// A tree with a file in a folder, what takes a change of it back, and the tree's folder.
    fn changed(change: Change) -> (tempfile::TempDir, Rooted, Vec<Undo>) {
        let base = tempfile::tempdir().unwrap();
        let mut rooted = Rooted::create(base.path(), 0, false).unwrap();
        for folder in ["d", "other"] {
            std::fs::create_dir(rooted.path().join(folder)).unwrap();
            std::fs::write(rooted.path().join(folder).join("log"), "line\n").unwrap();
        }
        let journal = rooted.journal_of(&Scope::all(), &change, Room::unbounded()).unwrap();
        (base, rooted, journal)
    }

    #[test]
    fn what_lies_where_a_changed_folder_was_is_left_alone() {
        let swaps: [fn(&std::path::Path); 2] = [
            |tree| std::os::unix::fs::symlink("other", tree.join("d")).unwrap(),
            |tree| std::fs::rename(tree.join("other"), tree.join("d")).unwrap(),
        ];
        let changes = [
            Change::Append { path: path("/d/log"), content: b"more".to_vec() },
            Change::Rename { source: path("/d/log"), destination: path("/d/moved") },
            Change::Remove { path: path("/d/log") },
        ];
        for change in changes {
            for swap in swaps {
                let (_base, rooted, journal) = changed(change.clone());
                let tree = rooted.path();
                std::fs::rename(tree.join("d"), tree.join("away")).unwrap();
                swap(&tree);
                let error = rooted.undo(journal, cause());
                assert!(error.to_string().contains("the cause; and what had been"), "{error}");
                assert_eq!(std::fs::read(tree.join("d/log")).unwrap(), b"line\n");
                assert!(!tree.join("d/moved").exists());
            }
        }
    }

    #[test]
    fn another_file_of_the_name_is_not_cut() {
        let add = Change::Append { path: path("/d/log"), content: b"more".to_vec() };
        let (_base, rooted, journal) = changed(add);
        let log = rooted.path().join("d/log");
        std::fs::rename(&log, log.with_file_name("old")).unwrap();
        std::fs::write(&log, "quite another file").unwrap();
        assert!(rooted.undo(journal, cause()).to_string().contains("Stale file handle"));
        assert_eq!(std::fs::read(&log).unwrap(), b"quite another file");
    }

    #[test]
    fn what_is_where_it_was_is_as_it_was() {
        let add = Change::Append { path: path("/d/log"), content: b"more".to_vec() };
        let (_base, rooted, journal) = changed(add);
        assert_eq!(rooted.undo(journal, cause()), cause());
        assert_eq!(std::fs::read(rooted.path().join("d/log")).unwrap(), b"line\n");
    }
}
