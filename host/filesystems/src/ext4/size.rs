//! How many blocks an ext4 filesystem needs for a tree, reckoned as `mke2fs` lays it out (e2fsprogs
//! 1.47, `lib/ext2fs/initialize.c`) and [`write`](super::write) fills it, so that it neither runs out
//! nor leaves more free than it should.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::folder::record;
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
/// Bytes of a folder's block for names: the last 12 hold its checksum.
const FOLDER_ROOM: u64 = BLOCK - 12;
/// Blocks that the root of a large folder's index tells apart, and each block below it.
const INDEX_ROOT: u64 = 507;
const INDEX_NODE: u64 = 510;
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

/// What is in a folder.
#[derive(Debug, Default)]
struct Names {
    folders: u32,
    /// Bytes of all records, and of the longest.
    bytes: u64,
    longest: u64,
}

impl Names {
    fn add(&mut self, name: usize) {
        let record = record(name) as u64;
        self.bytes += record;
        self.longest = self.longest.max(record);
    }

    /// Blocks of the folder. With an index names are sorted by their hashes, so how they fill blocks is
    /// known only as far as that the longest never fits into what is left.
    fn blocks(&self) -> u64 {
        // `.` and `..`.
        if 24 + self.bytes <= FOLDER_ROOM {
            return 1;
        }
        let leaves = self.bytes.div_ceil(FOLDER_ROOM + 4 - self.longest);
        let (mut index, mut level) = (1, leaves);
        while level > INDEX_ROOT {
            level = level.div_ceil(INDEX_NODE);
            index += level;
        }
        index + leaves
    }
}

/// Counts a tree, entry by entry.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    content: Content,
    linked: BTreeSet<u64>,
    folders: BTreeMap<PathBuf, Names>,
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
        let too_many = |names: &Names| names.folders >= MOST_LINKS - 2;
        let (folder, names) = self.folders.iter().find(|(_, names)| too_many(names))?;
        let (folder, count) = (folder.display(), names.folders);
        let name = self.content.revision.name();
        Some(format!("`/{folder}` has {count} folders in it, and {name} takes {}", MOST_LINKS - 2))
    }

    pub(crate) fn add(&mut self, entry: &TreeEntry) {
        let is_root = entry.path.as_os_str().is_empty();
        let is_folder = entry.kind == EntryKind::Folder;
        if is_folder {
            self.folders.entry(entry.path.clone()).or_default();
        }
        if let (Some(parent), Some(name)) = (entry.path.parent(), entry.path.file_name()) {
            let names = self.folders.entry(parent.to_owned()).or_default();
            names.add(name.len());
            names.folders += u32::from(is_folder);
        }
        if entry.links > 1 && !is_folder && !self.linked.insert(entry.inode) {
            return;
        }
        if !is_root {
            self.content.inodes += 1;
        }
        if entry.xattrs.ext_space > INODE_XATTR_SPACE {
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
        self.folders.entry(PathBuf::new()).or_default().add("lost+found".len());
        for names in self.folders.values() {
            let blocks = names.blocks();
            self.content.blocks += blocks;
            if self.content.revision != Revision::Ext4 {
                self.content.blocks += indirect_blocks(blocks);
            }
        }
        self.content.blocks += LOST_AND_FOUND_BLOCKS;
        self.content
    }
}

/// Blocks of a file that is mapped by extents. Those that a group's metadata parts are counted with the
/// [groups](geometry).
fn file_blocks(size: u64, holes: u64) -> u64 {
    let holes = holes / BLOCK;
    let blocks = size.div_ceil(BLOCK).saturating_sub(holes);
    // Each hole may be of one block, and parts what is beside it.
    let extents = (holes + 1).min(blocks) + blocks / EXTENT_BLOCKS;
    let (mut level, mut tree) = (extents, 0);
    while level > INODE_EXTENTS {
        level = level.div_ceil(BLOCK_EXTENTS);
        tree += level;
    }
    blocks + tree
}

/// Blocks of a file that is mapped block by block. Where holes are is not known, so it may have as many
/// indirect blocks as one without, or three for each block.
fn mapped_blocks(size: u64, holes: u64) -> u64 {
    let length = size.div_ceil(BLOCK);
    let blocks = length.saturating_sub(holes / BLOCK);
    blocks + indirect_blocks(length).min(3 * blocks)
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
        // Metadata parts files, at two places of a group and three more: at most two blocks of a tree
        // of extents more for each.
        let parted = if revision == Revision::Ext4 { 2 * (2 * groups + 3) } else { 0 };
        let overhead = tables + 1 + journal + mapping + parted;
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
