//! How many blocks an ext4 filesystem needs for a tree, reckoned as `mke2fs` and libext2fs lay it
//! out (e2fsprogs 1.47, `lib/ext2fs/initialize.c`, `misc/create_inode.c`), so that it neither runs
//! out nor leaves more free than it should.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;

use super::revision::{BLOCK, Revision};
use crate::filesystem::Ext4Tuning;
use crate::tree::{EntryKind, TreeEntry};

const INODE: u64 = 256;
const BLOCKS_PER_GROUP: u64 = 32768;
/// Inodes 1 to 10 are the filesystem's own, 11 is `lost+found`.
const OWN_INODES: u64 = 11;
/// `mke2fs` gives `lost+found` 16 KiB so that `fsck` need not allocate.
const LOST_AND_FOUND_BLOCKS: u64 = 4;
/// A last group smaller than its tables and this is left away by `mke2fs`.
const LEAST_LAST_GROUP: u64 = 50;
/// An extent covers at most so many blocks.
const EXTENT_BLOCKS: u64 = 32768;
/// Extents in the inode, and in a block of their own.
const INODE_EXTENTS: u64 = 4;
const BLOCK_EXTENTS: u64 = 340;
/// Blocks that ext2 and ext3 map in the inode, and in an indirect block.
const INODE_BLOCKS: u64 = 12;
const INDIRECT_BLOCKS: u64 = BLOCK / 4;
/// The most folders within one that ext2 and ext3 count.
const MOST_LINKS: u32 = 32_000;
/// Attributes that fit behind the inode: 256 bytes less 128, 32 of extra fields, 4 of magic number
/// and 4 of end mark.
const INODE_XATTR_SPACE: u64 = 88;
/// A symbolic link shorter than this is kept in the inode.
const FAST_SYMLINK: u64 = 60;
/// What always stays free: journals of packages, logs of the first boot, and room for a kernel to
/// write while it grows the filesystem.
const LEAST_FREE: u64 = 16 << 20;
/// The same of a filesystem that is as small as can be: a few files of state.
const LEAN_FREE: u64 = 1 << 20;
/// Hundredths that stay free, so that large images have proportionate air.
const FREE_PERCENT: u64 = 3;

/// What a tree needs of a filesystem, whatever its size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// What kind of filesystem it was counted for.
    pub(crate) revision: Revision,
    /// Inodes of the tree.
    pub(crate) inodes: u64,
    /// Blocks of data, folders, extent trees, long links and attributes.
    pub(crate) blocks: u64,
}

/// Counts a tree, entry by entry.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    content: Content,
    linked: BTreeSet<u64>,
    /// Folders within each folder.
    subfolders: BTreeMap<PathBuf, u32>,
    /// Names by folder: they fill blocks in the order in which `mke2fs` adds them.
    folders: BTreeMap<PathBuf, Vec<OsString>>,
}

impl Counter {
    pub(crate) fn new(revision: Revision) -> Self {
        Self { content: Content { revision, ..Content::default() }, ..Self::default() }
    }

    /// What ext2 and ext3 cannot hold, as a sentence without its place.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.content.revision == Revision::Ext4 {
            return None;
        }
        let (folder, count) =
            self.subfolders.iter().find(|(_, count)| **count >= MOST_LINKS - 2)?;
        let (folder, name) = (folder.display(), self.content.revision.name());
        Some(format!("`/{folder}` has {count} folders in it, and {name} takes {}", MOST_LINKS - 2))
    }

    pub(crate) fn add(&mut self, entry: &TreeEntry) {
        let is_root = entry.path.as_os_str().is_empty();
        if entry.kind == EntryKind::Folder {
            self.folders.entry(entry.path.clone()).or_default();
            if let Some(parent) = entry.path.parent() {
                *self.subfolders.entry(parent.to_owned()).or_default() += 1;
            }
        }
        if let (Some(parent), Some(name)) = (entry.path.parent(), entry.path.file_name()) {
            self.folders.entry(parent.to_owned()).or_default().push(name.to_owned());
        }
        let hard_link =
            entry.links > 1 && matches!(entry.kind, EntryKind::File | EntryKind::Special);
        if hard_link && !self.linked.insert(entry.inode) {
            return;
        }
        if !is_root {
            self.content.inodes += 1;
        }
        if entry.xattr_space > INODE_XATTR_SPACE {
            self.content.blocks += 1;
        }
        self.content.blocks += match entry.kind {
            EntryKind::File if self.content.revision == Revision::Ext4 => {
                file_blocks(entry.size, entry.holes)
            }
            EntryKind::File => mapped_blocks(entry.size, entry.holes),
            EntryKind::Symlink if entry.size >= FAST_SYMLINK => 1,
            EntryKind::Symlink | EntryKind::Folder | EntryKind::Special => 0,
        };
    }

    pub(crate) fn content(mut self) -> Content {
        for (folder, names) in &mut self.folders {
            names.sort_unstable();
            let own = if folder.as_os_str().is_empty() { Some("lost+found".len()) } else { None };
            let lengths = own.into_iter().chain(names.iter().map(|name| name.len()));
            let blocks = folder_blocks(lengths);
            self.content.blocks += blocks;
            if self.content.revision != Revision::Ext4 {
                self.content.blocks += indirect_blocks(blocks);
            }
        }
        self.content.blocks += LOST_AND_FOUND_BLOCKS;
        self.content
    }
}

fn file_blocks(size: u64, holes: u64) -> u64 {
    let holes = holes / BLOCK;
    let blocks = size.div_ceil(BLOCK).saturating_sub(holes);
    // Blocks of zeros become holes too, which splits extents, but each split saves a block of
    // data, far more than the extent costs. Two more extents for the edges of block groups.
    let extents = blocks.div_ceil(EXTENT_BLOCKS) + 2 + holes.min(blocks);
    if extents > INODE_EXTENTS && blocks > 0 {
        blocks + extents.div_ceil(BLOCK_EXTENTS) + u64::from(extents > BLOCK_EXTENTS)
    } else {
        blocks
    }
}

/// Blocks of a file that is mapped block by block. Holes may need indirect blocks of their own, so
/// these are counted for all of its length.
fn mapped_blocks(size: u64, holes: u64) -> u64 {
    let blocks = size.div_ceil(BLOCK);
    blocks.saturating_sub(holes / BLOCK) + indirect_blocks(blocks)
}

/// Indirect blocks, of one, two and three levels, of so many mapped ones.
fn indirect_blocks(blocks: u64) -> u64 {
    if blocks <= INODE_BLOCKS {
        return 0;
    }
    let first = (blocks - INODE_BLOCKS).div_ceil(INDIRECT_BLOCKS);
    let second = first.saturating_sub(1).div_ceil(INDIRECT_BLOCKS);
    let third = second.saturating_sub(1).div_ceil(INDIRECT_BLOCKS);
    first + second + third
}

/// Blocks of a folder, filled one after the other; the last 12 bytes of each hold its checksum.
fn folder_blocks(names: impl Iterator<Item = usize>) -> u64 {
    let room = BLOCK - 12;
    let mut blocks = 1;
    // `.` and `..`.
    let mut used = 24;
    for name in names {
        let record = (8 + name as u64).next_multiple_of(4);
        if used + record > room {
            blocks += 1;
            used = 0;
        }
        used += record;
    }
    blocks
}

/// How `mke2fs` lays out so many blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Geometry {
    /// Blocks it uses: a last group that is too small is left away.
    blocks: u64,
    inodes: u64,
    /// Blocks that hold no content.
    overhead: u64,
}

/// Groups 0 and 1 and the powers of 3, 5 and 7 have a copy of the superblock.
fn has_superblock(group: u64) -> bool {
    let power_of = |base: u64| {
        let mut power = base;
        while power < group {
            power *= base;
        }
        power == group
    };
    group < 2 || power_of(3) || power_of(5) || power_of(7)
}

fn reserved_descriptors(
    revision: Revision,
    blocks: u64,
    descriptors: u64,
    tuning: &Ext4Tuning,
) -> u64 {
    let most = BLOCK / 4;
    let grown = match tuning.max_online_resize {
        Some(bytes) if bytes / BLOCK > blocks => bytes / BLOCK,
        _ => (blocks * 1024).min(u64::from(u32::MAX)),
    };
    let grown = if revision == Revision::Ext4 { grown } else { grown.min(u64::from(u32::MAX)) };
    let wanted = grown.div_ceil(BLOCKS_PER_GROUP).div_ceil(revision.descriptors_per_block());
    wanted.saturating_sub(descriptors).min(most)
}

/// Blocks of the journal. 64 MiB, as DIB: an image grows and its journal does not. Less where that
/// would be more than an eighth of it.
pub(crate) fn journal_blocks(revision: Revision, blocks: u64) -> u64 {
    match blocks {
        _ if revision == Revision::Ext2 => 0,
        0..32_768 => 1024,
        32_768..131_072 => 4096,
        _ => 16_384,
    }
}

fn geometry(revision: Revision, blocks: u64, tuning: &Ext4Tuning) -> Geometry {
    let mut blocks = blocks;
    loop {
        let groups = blocks.div_ceil(BLOCKS_PER_GROUP).max(1);
        let descriptors = groups.div_ceil(revision.descriptors_per_block());
        let reserved = reserved_descriptors(revision, blocks, descriptors, tuning);
        let wanted = blocks * BLOCK / u64::from(tuning.inode_ratio);
        let table = (wanted.div_ceil(groups) * INODE).div_ceil(BLOCK).clamp(1, 8 * BLOCK / 16);
        let super_blocks = 1 + descriptors + reserved;
        let of_group = |group| 2 + table + if has_superblock(group) { super_blocks } else { 0 };
        let rest = blocks % BLOCKS_PER_GROUP;
        if groups > 1 && rest != 0 && rest < of_group(groups - 1) + LEAST_LAST_GROUP {
            blocks -= rest;
            continue;
        }
        let tables: u64 = (0..groups).map(of_group).sum();
        // The resize inode's indirect block, and the journal with a block for its extents.
        let journal = journal_blocks(revision, blocks);
        let mapping = match revision {
            Revision::Ext4 => 1,
            Revision::Ext2 | Revision::Ext3 => indirect_blocks(journal),
        };
        let overhead = tables + 1 + journal + mapping;
        return Geometry { blocks, inodes: groups * table * (BLOCK / INODE), overhead };
    }
}

/// Blocks without which `mke2fs` makes no journal: it takes no more than half of what is free
/// before it.
fn blocks_for_journal(revision: Revision, geometry: Geometry) -> u64 {
    match journal_blocks(revision, geometry.blocks) {
        0 => 0,
        journal => geometry.overhead + journal + LOST_AND_FOUND_BLOCKS + 1,
    }
}

/// Blocks of the smallest filesystem that holds `content` with `free` bytes beside it and the
/// small reserve that every filesystem gets, unless it is to be `lean`.
pub(crate) fn blocks_for(content: Content, free: u64, tuning: &Ext4Tuning, lean: bool) -> u64 {
    // Whole MiB, so that the end of a partition needs no rounding.
    let step = if lean { 1 } else { (1 << 20) / BLOCK };
    let least_free = if lean { LEAN_FREE } else { LEAST_FREE };
    let percent = if lean { 0 } else { FREE_PERCENT };
    let inodes = content.inodes + content.inodes / 20 + 256 + OWN_INODES;
    let mut blocks = (content.blocks + 1).next_multiple_of(step);
    loop {
        let geometry = geometry(content.revision, blocks, tuning);
        let reserved = blocks * u64::from(tuning.reserved_percent) / 100;
        let air = (least_free / BLOCK).max(blocks * percent / 100);
        let filled = content.blocks + air + reserved + free.div_ceil(BLOCK) + geometry.overhead;
        let needed = filled.max(blocks_for_journal(content.revision, geometry));
        if geometry.blocks == blocks && blocks >= needed && geometry.inodes >= inodes {
            return blocks;
        }
        // Never beyond the answer by more than a step: tables grow with the blocks.
        let missing = needed.saturating_sub(geometry.blocks);
        blocks += (missing - missing / 8).next_multiple_of(step).max(step);
    }
}

/// Whether `content` fits into so many blocks, and what is missing.
pub(crate) fn fits(content: Content, blocks: u64, tuning: &Ext4Tuning) -> Result<(), Missing> {
    let geometry = geometry(content.revision, blocks, tuning);
    let needed = geometry.overhead + content.blocks;
    if geometry.blocks < needed {
        return Err(Missing::Blocks(needed - geometry.blocks));
    }
    let for_journal = blocks_for_journal(content.revision, geometry);
    if geometry.blocks < for_journal {
        return Err(Missing::Blocks(for_journal - geometry.blocks));
    }
    if geometry.inodes < content.inodes + OWN_INODES {
        return Err(Missing::Inodes(content.inodes + OWN_INODES - geometry.inodes));
    }
    Ok(())
}

/// What a filesystem of a given size lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Blocks(u64),
    Inodes(u64),
}
