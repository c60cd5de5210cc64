//! What went into a filesystem, and whether it is all there.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;

use super::types::{Name, ReadbackError, shown};
use crate::filesystem::FilesystemKind;
use crate::tree::{EntryKind, Tree, TreeEntry};

/// What `mke2fs` makes for `e2fsck`.
const LOST_AND_FOUND: &[u8] = b"lost+found";

/// A part of the tree that went into a filesystem.
#[derive(Debug, Clone, Copy)]
pub struct Went<'a> {
    /// Where in the filesystem it lies: nothing for its root, else a subvolume's path.
    pub below: &'a str,
    /// Its mount point; none: nothing went in there.
    pub mount: Option<&'a str>,
}

/// A name that went in.
struct Entry {
    kind: EntryKind,
    found: bool,
    size: u64,
    /// The part it is of and its inode there, if it has other names.
    linked: Option<(u32, u64)>,
}

/// All that went into a filesystem.
pub(super) struct Wanted {
    kind: FilesystemKind,
    entries: HashMap<Box<[u8]>, Entry>,
    /// How many names a file has in its part, and which inode of the filesystem it is.
    linked: HashMap<(u32, u64), (u64, Option<u64>)>,
    /// The file that an inode of several names is.
    taken: HashMap<u64, (u32, u64)>,
}

fn name_of(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "a file",
        EntryKind::Folder => "a folder",
        EntryKind::Symlink => "a symbolic link",
        EntryKind::Special => "a device, pipe or socket",
    }
}

fn differs<T>(path: &[u8], what: &str) -> Result<T, ReadbackError> {
    Err(ReadbackError::Differs(format!("{} {what}", shown(path))))
}

impl Wanted {
    /// Reads the parts of the tree.
    pub(super) fn of(
        kind: FilesystemKind,
        went: &[Went<'_>],
        tree: &mut dyn Tree,
    ) -> Result<Self, ReadbackError> {
        let mut wanted =
            Self { kind, entries: HashMap::new(), linked: HashMap::new(), taken: HashMap::new() };
        wanted.folder(b"");
        for (number, part) in (0..).zip(went) {
            // The folders that it lies in are made where there are none.
            let path = part.below.as_bytes();
            let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
            for end in ends.chain([path.len()]) {
                wanted.folder(&path[..end]);
            }
            if let Some(mount) = part.mount {
                tree.entries(mount, &mut |entry| wanted.add(path, number, entry))?;
            }
        }
        Ok(wanted)
    }

    fn folder(&mut self, path: &[u8]) {
        let folder = Entry { kind: EntryKind::Folder, found: false, size: 0, linked: None };
        self.entries.entry(path.into()).or_insert(folder);
    }

    fn add(&mut self, below: &[u8], part: u32, entry: &TreeEntry) {
        let relative = entry.path.as_os_str().as_bytes();
        let separator: &[u8] = if below.is_empty() || relative.is_empty() { b"" } else { b"/" };
        let path = [below, separator, relative].concat();
        let has_links = entry.links > 1 && entry.kind != EntryKind::Folder;
        let linked = has_links.then_some((part, entry.inode));
        if let Some(linked) = linked {
            self.linked.entry(linked).or_insert((0, None)).0 += 1;
        }
        let entry = Entry { kind: entry.kind, found: false, size: entry.size, linked };
        self.entries.insert(path.into_boxed_slice(), entry);
    }

    /// How many names there are, the root among them.
    pub(super) fn names(&self) -> u64 {
        self.entries.len() as u64
    }

    /// How many inodes they have.
    pub(super) fn inodes(&self) -> u64 {
        let more: u64 = self.linked.values().map(|(names, _)| names - 1).sum();
        self.names() - more
    }

    /// Kind and size of a name that went in.
    pub(super) fn get(&self, path: &[u8]) -> Option<(EntryKind, u64)> {
        self.entries.get(path).map(|entry| (entry.kind, entry.size))
    }

    /// Takes a name that was found.
    pub(super) fn take(&mut self, name: &Name<'_>) -> Result<(), ReadbackError> {
        let Name { path, number, inode } = *name;
        let Some(entry) = self.entries.get_mut(path) else {
            let ext = matches!(
                self.kind,
                FilesystemKind::Ext2 | FilesystemKind::Ext3 | FilesystemKind::Ext4
            );
            if ext && path == LOST_AND_FOUND && inode.kind == EntryKind::Folder {
                return Ok(());
            }
            return differs(path, "is in it, and did not go in");
        };
        if std::mem::replace(&mut entry.found, true) {
            return differs(path, "is in it twice");
        }
        if entry.kind != inode.kind {
            let (was, is) = (name_of(entry.kind), name_of(inode.kind));
            return differs(path, &format!("was {was} and is {is} in it"));
        }
        let has_size = matches!(entry.kind, EntryKind::File | EntryKind::Symlink);
        if has_size && entry.size != inode.size {
            let (was, is) = (entry.size, inode.size);
            return differs(path, &format!("had {was} bytes and has {is} in it"));
        }
        let Some(links) = inode.links.filter(|_| entry.kind != EntryKind::Folder) else {
            return Ok(());
        };
        // A file outside of this part may be the other name.
        let Some(linked) = entry.linked else {
            return match links {
                1 => Ok(()),
                _ => differs(path, &format!("had one name and has {links} in it")),
            };
        };
        let (names, known) = self.linked.get(&linked).copied().unwrap_or((1, None));
        if links != names {
            return differs(path, &format!("had {names} names and has {links} in it"));
        }
        let of_another = known.is_some_and(|known| known != number)
            || self.taken.get(&number).is_some_and(|taken| *taken != linked);
        if of_another {
            return differs(path, "was one file with its other names, and is not in it");
        }
        self.linked.insert(linked, (names, Some(number)));
        self.taken.insert(number, linked);
        Ok(())
    }

    /// Everything was found: what is missing?
    pub(super) fn finish(self) -> Result<(), ReadbackError> {
        let missing = self.entries.iter().filter(|(_, entry)| !entry.found);
        let mut missing: Vec<&[u8]> = missing.map(|(path, _)| &**path).collect();
        missing.sort_unstable();
        match missing.as_slice() {
            [] => Ok(()),
            [path] => differs(path, "went in and is missing"),
            [path, more @ ..] => {
                differs(path, &format!("went in and is missing, and {} more", more.len()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
