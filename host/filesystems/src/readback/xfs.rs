//! XFS of version 5, as far as its names and inodes.
//!
//! Format: Linux `fs/xfs/libxfs/{xfs_format,xfs_da_format}.h`.

use super::blocks::Blocks;
use super::types::{EachChild, Inode, ReadbackError, Volume, broken, kind_of};
use crate::tree::EntryKind;
use dibhost_volumes::bytes::array;

/// File types in folders, sparse inodes, an own UUID of metadata, large times.
const KNOWN: u32 = 0xf;
const FILE_TYPES: u32 = 1;
/// Bytes of an inode before its forks.
const CORE: usize = 176;
/// Where a folder's index begins, in bytes of its content: behind are no names.
const INDEX: u64 = 32 << 30;
/// Levels of a tree of extents.
const DEEPEST: u16 = 9;
/// Bytes before the records of a block of such a tree, and before the names of a block of a folder.
const TREE_HEADER: usize = 72;
const NAMES_HEADER: usize = 64;

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(array(bytes, at))
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array(bytes, at))
}

fn be64(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(array(bytes, at))
}

pub(super) struct Xfs<'a> {
    blocks: Blocks<'a>,
    block: u64,
    root: u64,
    group_blocks: u64,
    inode_size: u64,
    /// Powers of two: inodes in a block, blocks in a group's number.
    inode_bits: u32,
    group_bits: u32,
}

/// What of an inode is looked at.
struct Core {
    inode: Inode,
    format: u8,
    extents: u32,
    fork: Vec<u8>,
}

impl<'a> Xfs<'a> {
    pub(super) fn new(mut blocks: Blocks<'a>) -> Result<Self, ReadbackError> {
        let bytes = blocks.bytes(0, 512)?;
        if !bytes.starts_with(b"XFSB") {
            return Err(broken("it has no superblock"));
        }
        let (version, features, folder_power) =
            (be16(&bytes, 100) & 15, be32(&bytes, 216), bytes[192]);
        if version != 5 || features & !KNOWN != 0 || features & FILE_TYPES == 0 || folder_power != 0
        {
            let why = format!(
                "it has version {version}, features {features:#x}, folders of 2^{folder_power} blocks"
            );
            return Err(ReadbackError::Unknown(why));
        }
        let xfs = Self {
            blocks,
            block: u64::from(be32(&bytes, 4)),
            root: be64(&bytes, 56),
            group_blocks: u64::from(be32(&bytes, 84)),
            inode_size: u64::from(be16(&bytes, 104)),
            inode_bits: u32::from(bytes[123]),
            group_bits: u32::from(bytes[124]),
        };
        let whole = xfs.block.is_power_of_two()
            && (512..=65536).contains(&xfs.block)
            && xfs.inode_size.is_power_of_two()
            && (256..=xfs.block.min(2048)).contains(&xfs.inode_size)
            && xfs.inode_bits <= 8
            && xfs.group_bits <= 32
            && xfs.group_blocks > 0;
        whole.then_some(xfs).ok_or_else(|| broken("the numbers of its superblock cannot be"))
    }

    /// Where a block begins.
    fn at(&self, block: u64) -> Result<u64, ReadbackError> {
        let (group, within) = (block >> self.group_bits, block & ((1 << self.group_bits) - 1));
        let block =
            group.checked_mul(self.group_blocks).and_then(|first| first.checked_add(within));
        let at = block.and_then(|block| block.checked_mul(self.block));
        at.filter(|_| within < self.group_blocks).ok_or_else(|| broken("a block lies nowhere"))
    }

    fn core(&mut self, number: u64) -> Result<Core, ReadbackError> {
        let index = number & ((1 << self.inode_bits) - 1);
        let at = self.at(number >> self.inode_bits)?;
        let bytes =
            self.blocks.bytes(at.saturating_add(index * self.inode_size), self.inode_size)?;
        if !bytes.starts_with(b"IN") || bytes[4] != 3 {
            return Err(broken(format!("there is no inode {number}")));
        }
        let kind = kind_of(u32::from(be16(&bytes, 2)))?;
        let inode =
            Inode { kind, size: be64(&bytes, 56), links: Some(u64::from(be32(&bytes, 16))) };
        let end = match usize::from(bytes[82]) * 8 {
            0 => bytes.len(),
            attributes => CORE + attributes,
        };
        let fork = bytes.get(CORE..end).ok_or_else(|| broken("an inode has a fork beyond it"))?;
        Ok(Core { inode, format: bytes[5], extents: be32(&bytes, 76), fork: fork.to_vec() })
    }

    /// Calls with the blocks of a tree of extents below a node: its level, its pointers or records.
    fn tree(
        &mut self,
        level: u16,
        count: u16,
        room: &[u8],
        found: &mut Vec<[u8; 16]>,
    ) -> Result<(), ReadbackError> {
        let (count, most) = (usize::from(count), room.len() / 16);
        if count > most || level > DEEPEST {
            return Err(broken("a tree of extents is none"));
        }
        if level == 0 {
            let records = room.as_chunks::<16>().0;
            found.extend(records.iter().take(count));
            if found.len() as u64 > self.blocks.size() / self.block {
                return Err(broken("a folder has more extents than there are blocks"));
            }
            return Ok(());
        }
        // Keys first, as many as there is room for; then where they lead.
        let pointers = room.get(8 * most..).unwrap_or_default();
        for pointer in pointers.as_chunks::<8>().0.iter().take(count) {
            let at = self.at(u64::from_be_bytes(*pointer))?;
            let node = self.blocks.bytes(at, self.block)?;
            if !node.starts_with(b"BMA3") || be16(&node, 4) != level - 1 {
                return Err(broken("a block of a tree of extents is none"));
            }
            let room = node.get(TREE_HEADER..).unwrap_or_default();
            self.tree(level - 1, be16(&node, 6), room, found)?;
        }
        Ok(())
    }
}

impl Volume for Xfs<'_> {
    fn root(&self) -> u64 {
        self.root
    }

    fn inode(&mut self, number: u64) -> Result<Inode, ReadbackError> {
        Ok(self.core(number)?.inode)
    }

    fn folder(&mut self, number: u64, each: EachChild<'_>) -> Result<(), ReadbackError> {
        let core = self.core(number)?;
        if core.inode.kind != EntryKind::Folder {
            return Err(broken(format!("inode {number} is no folder")));
        }
        let mut found = Vec::new();
        match core.format {
            1 => return short(&core.fork, each),
            2 => {
                let records = core.fork.as_chunks::<16>().0;
                if records.len() < core.extents as usize {
                    return Err(broken("an inode has more extents than fit into it"));
                }
                found.extend(records.iter().take(core.extents as usize));
            }
            3 => {
                let (level, count) = (be16(&core.fork, 0), be16(&core.fork, 2));
                let room = core.fork.get(4..).unwrap_or_default();
                if level == 0 {
                    return Err(broken("a tree of extents is none"));
                }
                self.tree(level, count, room, &mut found)?;
            }
            format => return Err(broken(format!("a folder has the format {format}"))),
        }
        for record in found {
            let (high, low) = (be64(&record, 0), be64(&record, 8));
            let (offset, length) = (high << 1 >> 10, low & 0x1f_ffff);
            let start = (high & 0x1ff) << 43 | low >> 21;
            for index in 0..length {
                if offset.saturating_add(index).saturating_mul(self.block) >= INDEX {
                    break;
                }
                let at = self.at(start.saturating_add(index))?;
                names(&self.blocks.bytes(at, self.block)?, each)?;
            }
        }
        Ok(())
    }
}

fn does_not_fit() -> ReadbackError {
    broken("a folder has a name that does not fit into it")
}

/// The names of a folder that lies in its inode.
fn short(fork: &[u8], each: EachChild<'_>) -> Result<(), ReadbackError> {
    let [count, wide, ..] = *fork else { return Err(does_not_fit()) };
    let number = if wide > 0 { 8 } else { 4 };
    let mut at = 2 + number;
    for _ in 0..count {
        let length = usize::from(*fork.get(at).ok_or_else(does_not_fit)?);
        let end = at + 3 + length;
        let (name, behind) = (fork.get(at + 3..end), fork.get(end + 1..end + 1 + number));
        let (Some(name), Some(behind)) = (name, behind) else { return Err(does_not_fit()) };
        let inode = if wide > 0 { be64(behind, 0) } else { u64::from(be32(behind, 0)) };
        each(name, inode)?;
        at = end + 1 + number;
    }
    Ok(())
}

/// The names of a block. The only one of a folder has its index at its end.
fn names(bytes: &[u8], each: EachChild<'_>) -> Result<(), ReadbackError> {
    let end = match bytes.get(..4) {
        Some(b"XDD3") => bytes.len(),
        Some(b"XDB3") => {
            let index = u64::from(be32(bytes, bytes.len().saturating_sub(8))).saturating_mul(8);
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            bytes.len().saturating_sub(8).checked_sub(index).ok_or_else(does_not_fit)?
        }
        _ => return Err(broken("a block of a folder is none")),
    };
    let mut left = bytes.get(NAMES_HEADER..end).ok_or_else(does_not_fit)?;
    while !left.is_empty() {
        let is_free = be16(left, 0) == 0xffff;
        let (name, length) = match is_free {
            true => (&[][..], usize::from(be16(left, 2))),
            false => {
                let length = usize::from(*left.get(8).ok_or_else(does_not_fit)?);
                let name = left.get(9..9 + length).ok_or_else(does_not_fit)?;
                // Number, length, name, kind, and where the entry begins.
                (name, (8 + 1 + length + 1 + 2).next_multiple_of(8))
            }
        };
        let rest = left.get(length..).filter(|_| length >= 8).ok_or_else(does_not_fit)?;
        if !is_free && name != b"." && name != b".." {
            each(name, be64(left, 0))?;
        }
        left = rest;
    }
    Ok(())
}
