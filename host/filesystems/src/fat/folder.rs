//! The folders and files of a FAT volume, in the order in which they are written.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::geometry::Geometry;
use super::name::{self, ShortName, ShortNames};
use crate::tree::{EntryKind, TreeEntry};

/// The largest file. FAT can say the size of one of 4 GiB less a byte; but where the clusters of a file
/// (of 32 KiB at most) have 4 GiB, `fsck.fat` (4.2) takes them for none, and makes the file empty.
const MOST: u64 = (4 << 30) - (32 << 10);
/// Entries of a folder: 2 MiB.
const MOST_ENTRIES: u64 = 65_536;

/// A folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Folder {
    /// By name, which is also the order on the disk.
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) mtime: i64,
}

/// What is in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Folder(Folder),
    File {
        /// Bytes.
        size: u64,
        mtime: i64,
    },
}

/// A name as it stands in a folder.
pub(super) struct Named<'a> {
    pub(super) name: &'a str,
    pub(super) short: ShortName,
    pub(super) long: bool,
    pub(super) node: &'a Node,
}

impl Folder {
    /// Adds one entry of the tree.
    ///
    /// # Errors
    /// What FAT cannot hold, as a sentence without its place.
    pub(crate) fn add(&mut self, entry: &TreeEntry) -> Result<(), String> {
        let path = entry.path.display();
        let node = match entry.kind {
            EntryKind::Folder => Node::Folder(Self { nodes: BTreeMap::new(), mtime: entry.mtime }),
            EntryKind::File if entry.size > MOST => {
                return Err(format!("`{path}` has {} bytes, and FAT takes {MOST}", entry.size));
            }
            EntryKind::File => Node::File { size: entry.size, mtime: entry.mtime },
            EntryKind::Symlink => {
                return Err(format!("`{path}` is a symbolic link, which FAT cannot hold"));
            }
            EntryKind::Special => {
                return Err(format!("`{path}` is a device, pipe or socket, which FAT cannot hold"));
            }
        };
        let mut folder = self;
        let names = names(&entry.path)?;
        let Some((last, above)) = names.split_last() else {
            folder.mtime = entry.mtime;
            return Ok(());
        };
        for name in above {
            let node =
                folder.nodes.entry(name.clone()).or_insert_with(|| Node::Folder(Self::default()));
            let Node::Folder(next) = node else {
                return Err(format!("`{path}` lies below a file"));
            };
            folder = next;
        }
        match (folder.nodes.get_mut(last), node) {
            // It came after something in it.
            (Some(Node::Folder(there)), Node::Folder(new)) => there.mtime = new.mtime,
            (Some(_), _) => return Err(format!("`{path}` is there twice")),
            (None, node) => {
                folder.nodes.insert(last.clone(), node);
            }
        }
        Ok(())
    }

    /// Names that differ in case only are one to FAT, and a folder has 2 MiB at most.
    ///
    /// # Errors
    /// Names the first two, or the folder.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.check_below("")
    }

    fn check_below(&self, path: &str) -> Result<(), String> {
        let entries = self.entries(path.is_empty());
        if entries > MOST_ENTRIES {
            let (path, names) = (if path.is_empty() { "/" } else { path }, self.nodes.len());
            let problem = format!("`{path}` has {names} names, which take {entries} entries");
            return Err(format!("{problem}, and a folder of FAT takes {MOST_ENTRIES}"));
        }
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (name, node) in &self.nodes {
            if let Some(other) = seen.insert(name.to_uppercase(), name) {
                return Err(format!("`{other}` and `{name}` are one name to FAT"));
            }
            if let Node::Folder(folder) = node {
                folder.check_below(&format!("{path}/{name}"))?;
            }
        }
        Ok(())
    }

    /// Its nodes with their names as they are written.
    pub(super) fn named(&self) -> Vec<Named<'_>> {
        let mut names = ShortNames::default();
        self.nodes
            .iter()
            .map(|(name, node)| {
                let (short, long) = names.take(name);
                Named { name, short, long, node }
            })
            .collect()
    }

    /// Entries of 32 bytes. The root has its label, every other folder `.` and `..`.
    pub(super) fn entries(&self, is_root: bool) -> u64 {
        let own = if is_root { 1 } else { 2 };
        own + self.named().iter().map(|n| name::entries(n.name, n.long)).sum::<u64>()
    }

    /// Clusters of all of it.
    pub(crate) fn clusters(&self, geometry: &Geometry) -> u64 {
        let root = if geometry.root_entries().is_some() { 0 } else { self.own(geometry, true) };
        root + self.below(geometry)
    }

    pub(super) fn own(&self, geometry: &Geometry, is_root: bool) -> u64 {
        (self.entries(is_root) * 32).div_ceil(geometry.cluster).max(1)
    }

    fn below(&self, geometry: &Geometry) -> u64 {
        let of = |node: &Node| match node {
            Node::Folder(folder) => folder.own(geometry, false) + folder.below(geometry),
            Node::File { size, .. } => size.div_ceil(geometry.cluster),
        };
        self.nodes.values().map(of).sum()
    }

    /// Whether the root folder has room for what is in it.
    pub(crate) fn root_fits(&self, geometry: &Geometry) -> bool {
        geometry.root_entries().is_none_or(|most| self.entries(true) <= most)
    }
}

fn names(path: &Path) -> Result<Vec<String>, String> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => match name.to_str() {
            Some(name) if name::is_valid(name) => Ok(name.to_owned()),
            _ => Err(format!("`{}` has a name that FAT cannot hold", path.display())),
        },
        _ => Err(format!("`{}` is no path below the mount point", path.display())),
    };
    path.components().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xattrs::XattrTotals;

    fn entry(path: &str, kind: EntryKind, size: u64) -> TreeEntry {
        TreeEntry {
            path: path.into(),
            kind,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
            size,
            holes: 0,
            links: 1,
            inode: 0,
            xattrs: XattrTotals::default(),
            target: Vec::new(),
        }
    }

    #[test]
    fn entries_come_in_any_order() {
        let mut folder = Folder::default();
        folder.add(&entry("EFI/BOOT/BOOTX64.EFI", EntryKind::File, 5)).unwrap();
        folder.add(&entry("EFI/BOOT", EntryKind::Folder, 0)).unwrap();
        folder.add(&entry("", EntryKind::Folder, 0)).unwrap();
        folder.add(&entry("EFI", EntryKind::Folder, 0)).unwrap();
        assert_eq!(folder.nodes.len(), 1);
        assert_eq!(folder.entries(true), 2);
    }

    #[test]
    fn what_fat_cannot_hold_is_named() {
        let mut folder = Folder::default();
        let refused = |folder: &mut Folder, path: &str, kind, size| {
            let problem = folder.add(&entry(path, kind, size)).unwrap_err();
            assert!(problem.contains(path), "{problem}");
        };
        refused(&mut folder, "link", EntryKind::Symlink, 3);
        refused(&mut folder, "pipe", EntryKind::Special, 0);
        refused(&mut folder, "large", EntryKind::File, 1 << 32);
        refused(&mut folder, "a:b", EntryKind::File, 0);
        folder.add(&entry("Boot", EntryKind::File, 0)).unwrap();
        folder.add(&entry("BOOT", EntryKind::File, 0)).unwrap();
        assert!(folder.check().unwrap_err().contains("`Boot`"));
    }

    #[test]
    fn a_folder_of_more_entries_than_fat_takes_is_named() {
        let mut folder = Folder::default();
        for i in 0..21_844 {
            // Of 27 letters: three entries, and one.
            folder.add(&entry(&format!("EFI/{i:027}"), EntryKind::File, 0)).unwrap();
            if i == 16_382 {
                folder.check().unwrap();
            }
        }
        let problem = folder.check().unwrap_err();
        assert!(problem.contains("`/EFI` has 21844 names, which take 87378 entries"), "{problem}");
    }
}
