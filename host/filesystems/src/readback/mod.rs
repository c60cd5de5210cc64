//! Reads a finished filesystem back, without the kernel, and holds it to what went in: names, kinds,
//! sizes, links.
//!
//! ```text
//! the tree's entries ─► Wanted ──────────────┐
//!                                            ▼
//! the filesystem's bytes ─► Volume ─► each ─► compared: what is missing, more, or another, by its path
//! ```
//!
//! | kind | read by | compared |
//! |---|---|---|
//! | ext2, ext3, ext4, xfs, btrfs, erofs | its reader here | names, kinds, sizes, links |
//! | vfat | its reader here | names, kinds, sizes: it has no links |
//! | squashfs | `unsquashfs` | names, kinds, sizes; of links, how many inodes there are |
//!
//! What is in it came from a tree that may be anybody's, and from tools that read that tree: every number
//! is checked, no folder is entered twice, and how much is read and how many names are taken is bounded.

mod blocks;
mod btrfs;
mod erofs;
mod ext;
mod fat;
mod squashfs;
mod types;
mod wanted;
mod xfs;

use std::collections::HashSet;

use dibhost_volumes::{FileMedium, Medium};

use crate::filesystem::FilesystemKind;
use crate::tree::{EntryKind, Tree};
use blocks::Blocks;
use types::{Volume, broken, shown};
use wanted::Wanted;

pub use types::{Inode, Made, Name, ReadbackError};
pub use wanted::Went;

/// What is in a folder, until it was looked at.
#[derive(Default)]
struct Children {
    names: Vec<u8>,
    /// Where each name ends, and where it leads.
    ends: Vec<(usize, u64)>,
}

/// Calls with every name of a volume, its root first. More than `most` of them are an error.
fn walk(
    volume: &mut dyn Volume,
    most: u64,
    each: &mut dyn FnMut(Name<'_>) -> Result<(), ReadbackError>,
) -> Result<(), ReadbackError> {
    let root = volume.root();
    let inode = volume.inode(root)?;
    if inode.kind != EntryKind::Folder {
        return Err(broken("its root is no folder"));
    }
    each(Name { path: b"", number: root, inode })?;
    let mut left = vec![(Vec::new(), root)];
    let mut entered = HashSet::from([root]);
    let mut names = 0;
    while let Some((path, folder)) = left.pop() {
        let mut children = Children::default();
        volume.folder(folder, &mut |name, number| {
            names += 1;
            if names > most {
                return Err(ReadbackError::Differs(format!(
                    "it has more than {most} names, more than went in"
                )));
            }
            if name.is_empty() || name.contains(&b'/') || name.contains(&0) {
                return Err(broken(format!("a name in {} is none", shown(&path))));
            }
            children.names.extend_from_slice(name);
            children.ends.push((children.names.len(), number));
            Ok(())
        })?;
        let mut start = 0;
        for (end, number) in children.ends {
            let mut child = path.clone();
            if !child.is_empty() {
                child.push(b'/');
            }
            child.extend_from_slice(children.names.get(start..end).unwrap_or_default());
            start = end;
            let inode = volume.inode(number)?;
            each(Name { path: &child, number, inode })?;
            if inode.kind == EntryKind::Folder {
                if !entered.insert(number) {
                    return Err(broken(format!("the folder {} is in two places", shown(&child))));
                }
                left.push((child, number));
            }
        }
    }
    Ok(())
}

/// Calls with every name of the filesystem that a volume holds, its root first, and no more than
/// `most` others. Of squashfs, whose tables are packed, and of swap space, nothing can be told here.
///
/// # Errors
/// When it cannot be read, is broken, was made in a way that is not known here, or has more names.
pub fn names(
    kind: FilesystemKind,
    medium: &dyn Medium,
    most: u64,
    each: &mut dyn FnMut(Name<'_>) -> Result<(), ReadbackError>,
) -> Result<(), ReadbackError> {
    let blocks = Blocks::new(medium, most);
    match kind {
        FilesystemKind::Ext2 | FilesystemKind::Ext3 | FilesystemKind::Ext4 => {
            walk(&mut ext::Ext::new(blocks)?, most, each)
        }
        FilesystemKind::Erofs => walk(&mut erofs::Erofs::new(blocks)?, most, each),
        FilesystemKind::Xfs => walk(&mut xfs::Xfs::new(blocks)?, most, each),
        FilesystemKind::Btrfs => walk(&mut btrfs::Btrfs::new(medium, most)?, most, each),
        FilesystemKind::Vfat => walk(&mut fat::Fat::new(blocks)?, most, each),
        FilesystemKind::Squashfs | FilesystemKind::Swap => {
            Err(ReadbackError::Unknown(format!("no names of {} are read here", kind.name())))
        }
    }
}

/// Holds a filesystem to the parts of the tree that it was made of.
///
/// # Errors
/// The first path that is missing, more, or another than in the tree; or it cannot be read back.
pub fn check(
    kind: FilesystemKind,
    went: &[Went<'_>],
    tree: &mut dyn Tree,
    made: &Made<'_>,
) -> Result<(), ReadbackError> {
    if kind == FilesystemKind::Swap {
        return Ok(());
    }
    let mut wanted = Wanted::of(kind, went, tree)?;
    if kind == FilesystemKind::Squashfs {
        return squashfs::compare(wanted, tree, made);
    }
    let medium = FileMedium::new(made.file, made.extent);
    let most = wanted.names().saturating_add(16);
    names(kind, &medium, most, &mut |name| wanted.take(&name))?;
    wanted.finish()
}
