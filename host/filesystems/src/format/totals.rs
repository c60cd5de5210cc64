//! What a part of the tree holds, whatever the filesystem.

use std::collections::BTreeSet;

use crate::tree::{EntryKind, TreeEntry};

const BLOCK: u64 = 4096;

/// Sums over a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Files, folders, links and all else, a file of many names once.
    pub(super) inodes: u64,
    /// Files among them.
    pub(super) files: u64,
    /// Names.
    pub(super) names: u64,
    /// Bytes of all names.
    pub(super) name_bytes: u64,
    /// Bytes of files, in whole blocks of 4096 bytes, holes left out.
    pub(super) data: u64,
    /// Bytes of files, in whole blocks of 4096 bytes, holes counted as if they were zeros.
    pub(super) length: u64,
    /// Bytes of what symbolic links say.
    pub(super) link_bytes: u64,
    /// Bytes of extended attributes; each inode's a block at the most.
    pub(super) xattr_bytes: u64,
    /// Inodes with extended attributes.
    pub(super) with_xattrs: u64,
    /// A file with more than one name.
    pub(super) hard_link: Option<String>,
    linked: BTreeSet<u64>,
}

impl Totals {
    pub(super) fn add(&mut self, entry: &TreeEntry) {
        self.names += 1;
        self.name_bytes += entry.path.file_name().map_or(0, |name| name.len() as u64);
        let hard_link = entry.links > 1 && entry.kind != EntryKind::Folder;
        if hard_link {
            self.hard_link.get_or_insert_with(|| entry.path.display().to_string());
            if !self.linked.insert(entry.inode) {
                return;
            }
        }
        self.inodes += 1;
        self.xattr_bytes += entry.xattrs.space;
        self.with_xattrs += u64::from(entry.xattrs.space > 0);
        match entry.kind {
            EntryKind::File => {
                self.files += 1;
                let length = entry.size.next_multiple_of(BLOCK);
                self.length += length;
                self.data += length.saturating_sub(entry.holes / BLOCK * BLOCK);
            }
            EntryKind::Symlink => self.link_bytes += entry.size,
            EntryKind::Folder | EntryKind::Special => {}
        }
    }
}

impl Totals {
    /// Bytes that SquashFS or EROFS has at most, if nothing can be compressed.
    ///
    /// EROFS: an extended inode has 64 bytes, a directory entry 12 and its name, and folders and
    /// ends of files fill blocks of their own at the worst. SquashFS: inodes have at most 56 bytes
    /// and 4 for each block of 128 KiB, entries 8, index and fragment tables less than that, each
    /// block of metadata 2 of 8192.
    pub(super) fn packed(&self, kind: crate::filesystem::FilesystemKind) -> u64 {
        let data = match kind {
            // Holes and ends of files: neither takes more than it must.
            crate::filesystem::FilesystemKind::Squashfs => self.data,
            _ => self.length,
        };
        let metadata = self.inodes * 64
            + self.names * 24
            + self.name_bytes
            + self.link_bytes
            + self.xattr_bytes
            + self.length / 4096;
        data + metadata + metadata / 4 + (self.inodes - self.files.min(self.inodes)) * 4096 + 65536
    }
}
