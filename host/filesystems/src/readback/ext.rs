//! ext2, ext3 and ext4, as far as their names and inodes.
//!
//! Format: Linux `Documentation/filesystems/ext4/{super,group_descr,inodes,ifork,directory}.rst`.

use super::blocks::Blocks;
use super::types::{EachChild, Inode, ReadbackError, Volume, broken, kind_of};
use crate::tree::EntryKind;
use dibhost_volumes::bytes::{le16, le32};

const SUPERBLOCK: u64 = 1024;
const MAGIC: u16 = 0xef53;
const ROOT: u64 = 2;
/// File types in folders, extents, 64-bit numbers, flexible groups, a seed of checksums: what changes
/// nothing here, or is read.
const KNOWN: u32 = 0x2 | 0x40 | 0x80 | 0x200 | 0x2000;
const SIXTY_FOUR_BITS: u32 = 0x80;
const BY_EXTENTS: u32 = 0x8_0000;
/// Levels of a tree of extents.
const DEEPEST: u16 = 5;
/// Bytes of an inode that say where its content lies.
const MAP: usize = 60;

/// A stretch of blocks of the filesystem.
type Stretch = (u64, u64);

pub(super) struct Ext<'a> {
    blocks: Blocks<'a>,
    block: u64,
    inodes: u64,
    inodes_per_group: u64,
    inode_size: u64,
    descriptors: u64,
    descriptor_size: u64,
}

/// What of an inode is looked at.
struct Core {
    inode: Inode,
    by_extents: bool,
    map: [u8; MAP],
}

impl<'a> Ext<'a> {
    pub(super) fn new(mut blocks: Blocks<'a>) -> Result<Self, ReadbackError> {
        let bytes = blocks.bytes(SUPERBLOCK, 1024)?;
        if le16(&bytes, 0x38) != MAGIC {
            return Err(broken("it has no superblock"));
        }
        let incompatible = le32(&bytes, 0x60);
        if incompatible & !KNOWN != 0 {
            let unknown = incompatible & !KNOWN;
            return Err(ReadbackError::Unknown(format!("it has features {unknown:#x}")));
        }
        let wide = incompatible & SIXTY_FOUR_BITS != 0;
        let block = match le32(&bytes, 0x18) {
            power @ 0..=6 => 1024u64 << power,
            power => return Err(broken(format!("its blocks have 2^{power} KiB"))),
        };
        let ext = Self {
            blocks,
            block,
            inodes: u64::from(le32(&bytes, 0)),
            inodes_per_group: u64::from(le32(&bytes, 0x28)),
            inode_size: u64::from(le16(&bytes, 0x58)),
            descriptors: (u64::from(le32(&bytes, 0x14)) + 1) * block,
            descriptor_size: if wide { u64::from(le16(&bytes, 0xfe)) } else { 32 },
        };
        let whole = ext.inodes_per_group > 0
            && (128..=block).contains(&ext.inode_size)
            && (32..=block).contains(&ext.descriptor_size);
        whole.then_some(ext).ok_or_else(|| broken("the numbers of its superblock cannot be"))
    }

    fn core(&mut self, number: u64) -> Result<Core, ReadbackError> {
        if number == 0 || number > self.inodes {
            return Err(broken(format!("there is no inode {number}")));
        }
        let (group, index) =
            ((number - 1) / self.inodes_per_group, (number - 1) % self.inodes_per_group);
        let mut descriptor = [0; 64];
        let length = if self.descriptor_size >= 64 { 64 } else { 32 };
        let at = self.descriptors + group * self.descriptor_size;
        self.blocks.fill(&mut descriptor[..length], at)?;
        let table = u64::from(le32(&descriptor, 0x28)) << 32 | u64::from(le32(&descriptor, 8));
        let at =
            table.checked_mul(self.block).and_then(|at| at.checked_add(index * self.inode_size));
        let at = at.ok_or_else(|| broken(format!("inode {number} lies nowhere")))?;
        let mut bytes = [0; 128];
        self.blocks.fill(&mut bytes, at)?;
        let kind = kind_of(u32::from(le16(&bytes, 0)))?;
        let size = u64::from(le32(&bytes, 108)) << 32 | u64::from(le32(&bytes, 4));
        let inode = Inode { kind, size, links: Some(u64::from(le16(&bytes, 26))) };
        let mut map = [0; MAP];
        map.copy_from_slice(&bytes[40..40 + MAP]);
        Ok(Core { inode, by_extents: le32(&bytes, 32) & BY_EXTENTS != 0, map })
    }

    /// Where the content lies, a tree of extents.
    fn extents(
        &mut self,
        node: &[u8],
        level: Option<u16>,
        found: &mut Vec<Stretch>,
    ) -> Result<(), ReadbackError> {
        let (magic, entries, depth) = (le16(node, 0), usize::from(le16(node, 2)), le16(node, 6));
        let fits = (node.len() / 12).saturating_sub(1);
        let falls = level.map_or(depth <= DEEPEST, |level| depth == level);
        if magic != 0xf30a || entries > fits || !falls {
            return Err(broken("a tree of extents is none"));
        }
        for entry in node.chunks_exact(12).skip(1).take(entries) {
            if depth > 0 {
                let at = u64::from(le16(entry, 8)) << 32 | u64::from(le32(entry, 4));
                let child = self.blocks.bytes(at.saturating_mul(self.block), self.block)?;
                self.extents(&child, Some(depth - 1), found)?;
                continue;
            }
            let start = u64::from(le16(entry, 6)) << 32 | u64::from(le32(entry, 8));
            let length = le16(entry, 4);
            let length = if length > 32768 { length - 32768 } else { length };
            self.stretch(found, start, u64::from(length))?;
        }
        Ok(())
    }

    fn stretch(
        &self,
        found: &mut Vec<Stretch>,
        start: u64,
        length: u64,
    ) -> Result<(), ReadbackError> {
        if found.len() as u64 > self.blocks.size() / self.block {
            return Err(broken("a folder has more blocks than there are"));
        }
        if start == 0 {
            return Err(broken("a folder has a hole"));
        }
        found.push((start, length));
        Ok(())
    }

    /// The same, block by block: twelve, and one, two and three levels of blocks of numbers.
    fn numbers(
        &mut self,
        bytes: &[u8],
        level: u32,
        left: &mut u64,
        found: &mut Vec<Stretch>,
    ) -> Result<(), ReadbackError> {
        for number in bytes.chunks_exact(4) {
            let number = u64::from(le32(number, 0));
            if *left == 0 {
                return Ok(());
            }
            if level == 0 {
                *left -= 1;
                self.stretch(found, number, 1)?;
            } else if number == 0 {
                *left = left.saturating_sub((self.block / 4).saturating_pow(level));
            } else {
                let below = self.blocks.bytes(number.saturating_mul(self.block), self.block)?;
                self.numbers(&below, level - 1, left, found)?;
            }
        }
        Ok(())
    }
}

impl Volume for Ext<'_> {
    fn root(&self) -> u64 {
        ROOT
    }

    fn inode(&mut self, number: u64) -> Result<Inode, ReadbackError> {
        Ok(self.core(number)?.inode)
    }

    fn folder(&mut self, number: u64, each: EachChild<'_>) -> Result<(), ReadbackError> {
        let core = self.core(number)?;
        if core.inode.kind != EntryKind::Folder {
            return Err(broken(format!("inode {number} is no folder")));
        }
        let mut stretches = Vec::new();
        let mut left = core.inode.size.div_ceil(self.block);
        if core.by_extents {
            self.extents(&core.map, None, &mut stretches)?;
        } else {
            for (level, range) in [(0, 0..48), (1, 48..52), (2, 52..56), (3, 56..60)] {
                self.numbers(&core.map[range], level, &mut left, &mut stretches)?;
            }
            left = core.inode.size.div_ceil(self.block);
        }
        for (start, length) in stretches {
            for block in start..start.saturating_add(length) {
                if left == 0 {
                    return Ok(());
                }
                left -= 1;
                let bytes = self.blocks.bytes(block.saturating_mul(self.block), self.block)?;
                entries(&bytes, each)?;
            }
        }
        Ok(())
    }
}

/// The names in a block. Those of an index, and sums at its end, are of no inode.
fn entries(bytes: &[u8], each: EachChild<'_>) -> Result<(), ReadbackError> {
    let mut left = bytes;
    while left.len() >= 8 {
        // Of a block of 64 KiB all of it is 65535 or 0.
        let length = match usize::from(le16(left, 4)) {
            0 | 65535 if bytes.len() == 65536 => left.len(),
            length => length,
        };
        let name = usize::from(left[6]);
        if length < 8 || !length.is_multiple_of(4) || length > left.len() || 8 + name > length {
            return Err(broken("a folder has a name that does not fit into it"));
        }
        let (entry, rest) = left.split_at(length);
        left = rest;
        let (inode, name) = (le32(entry, 0), &entry[8..8 + name]);
        if inode != 0 && name != b"." && name != b".." {
            each(name, u64::from(inode))?;
        }
    }
    Ok(())
}
