//! EROFS, as far as its names and inodes.
//!
//! Format: Linux `Documentation/filesystems/erofs.rst`, `fs/erofs/erofs_fs.h`.

use super::blocks::Blocks;
use super::types::{EachChild, Inode, ReadbackError, Volume, broken, kind_of};
use crate::tree::EntryKind;
use dibhost_volumes::bytes::{le16, le32, le64};

const SUPERBLOCK: u64 = 1024;
const MAGIC: u32 = 0xe0f5_e1e2;
/// Bytes of a slot of an inode.
const SLOT: u64 = 32;
/// Bytes of what tells of a name.
const ENTRY: usize = 12;
/// How content lies: in blocks, or in blocks but for its end, which follows the inode.
const PLAIN: u16 = 0;
const INLINE: u16 = 2;

pub(super) struct Erofs<'a> {
    blocks: Blocks<'a>,
    block: u64,
    inodes_at: u64,
    root: u64,
}

/// What of an inode is looked at.
struct Core {
    inode: Inode,
    how: u16,
    start: u64,
    /// Where what follows the inode begins.
    behind: u64,
}

impl<'a> Erofs<'a> {
    pub(super) fn new(mut blocks: Blocks<'a>) -> Result<Self, ReadbackError> {
        let bytes = blocks.bytes(SUPERBLOCK, 128)?;
        if le32(&bytes, 0) != MAGIC {
            return Err(broken("it has no superblock"));
        }
        let block = match bytes[12] {
            power @ 9..=16 => 1u64 << power,
            power => return Err(broken(format!("its blocks have 2^{power} bytes"))),
        };
        let inodes_at = u64::from(le32(&bytes, 40)) * block;
        Ok(Self { blocks, block, inodes_at, root: u64::from(le16(&bytes, 14)) })
    }

    fn core(&mut self, number: u64) -> Result<Core, ReadbackError> {
        let at = number.checked_mul(SLOT).and_then(|at| at.checked_add(self.inodes_at));
        let at = at.ok_or_else(|| broken(format!("inode {number} lies nowhere")))?;
        let mut bytes = [0; 64];
        self.blocks.fill(&mut bytes[..32], at)?;
        let format = le16(&bytes, 0);
        let is_long = format & 1 != 0;
        if is_long {
            self.blocks.fill(&mut bytes, at)?;
        }
        let kind = kind_of(u32::from(le16(&bytes, 4)))?;
        let (size, links) = match is_long {
            true => (le64(&bytes, 8), le32(&bytes, 44)),
            false => (u64::from(le32(&bytes, 8)), u32::from(le16(&bytes, 6))),
        };
        let attributes = match u64::from(le16(&bytes, 2)) {
            0 => 0,
            count => 12 + (count - 1) * 4,
        };
        Ok(Core {
            inode: Inode { kind, size, links: Some(u64::from(links)) },
            how: format >> 1 & 7,
            start: u64::from(le32(&bytes, 16)) * self.block,
            behind: at + if is_long { 64 } else { 32 } + attributes,
        })
    }
}

impl Volume for Erofs<'_> {
    fn root(&self) -> u64 {
        self.root
    }

    fn inode(&mut self, number: u64) -> Result<Inode, ReadbackError> {
        Ok(self.core(number)?.inode)
    }

    fn folder(&mut self, number: u64, each: EachChild<'_>) -> Result<(), ReadbackError> {
        let Core { inode, how, start, behind } = self.core(number)?;
        if inode.kind != EntryKind::Folder || !matches!(how, PLAIN | INLINE) {
            return Err(broken(format!("inode {number} is no folder")));
        }
        if inode.size > self.blocks.size() {
            return Err(broken(format!("the folder {number} is larger than all of it")));
        }
        let count = inode.size.div_ceil(self.block);
        for index in 0..count {
            let length = self.block.min(inode.size - index * self.block);
            let at = match how == INLINE && index + 1 == count {
                true => behind,
                false => start + index * self.block,
            };
            entries(&self.blocks.bytes(at, length)?, each)?;
        }
        Ok(())
    }
}

/// The names in a block: first where each begins, then all of them, one behind the other.
fn entries(bytes: &[u8], each: EachChild<'_>) -> Result<(), ReadbackError> {
    let wrong = || broken("a folder has a name that does not fit into it");
    let first = usize::from(le16(bytes, 8));
    if first == 0 || !first.is_multiple_of(ENTRY) || first > bytes.len() {
        return Err(wrong());
    }
    let count = first / ENTRY;
    let start_of = |index: usize| usize::from(le16(bytes, index * ENTRY + 8));
    for index in 0..count {
        let is_last = index + 1 == count;
        let end = if is_last { bytes.len() } else { start_of(index + 1) };
        let name = bytes.get(start_of(index)..end).ok_or_else(wrong)?;
        // Behind the last one are zeros.
        let end = name.iter().position(|byte| *byte == 0).filter(|_| is_last);
        let name = &name[..end.unwrap_or(name.len())];
        if name != b"." && name != b".." {
            each(name, le64(bytes, index * ENTRY))?;
        }
    }
    Ok(())
}
