//! Where the content of an inode lies, in the way that the filesystem has.

use std::io;

use super::extent::{ExtentTree, MAP};
use super::indirect::Numbers;
use super::space::Space;
use super::superblock::Superblock;

/// Of an inode: its content is mapped by extents.
const BY_EXTENTS: u32 = 0x8_0000;
/// The most bytes of content whose 512-byte units 32 bits count.
const MOST_UNITS: u64 = (u32::MAX as u64) << 9;

/// What is known of where content lies.
#[derive(Debug)]
enum Way {
    Extents(ExtentTree),
    Numbers(Numbers),
}

/// Where the content of an inode lies, as far as it was added.
#[derive(Debug)]
pub(super) struct Map {
    way: Way,
    blocks: u64,
}

/// Where all of it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mapped {
    /// As the inode says it.
    pub(super) map: [u8; MAP],
    /// Flags that the inode has therefore.
    pub(super) flags: u32,
    /// Blocks of content, and those that say where it lies.
    pub(super) blocks: u64,
}

impl Mapped {
    /// Of an inode without content.
    pub(super) fn none() -> Self {
        Self { map: [0; MAP], flags: 0, blocks: 0 }
    }
}

impl Map {
    pub(super) fn new(superblock: &Superblock, inode: u32) -> Self {
        let way = if superblock.has_extents() {
            Way::Extents(ExtentTree::new(inode))
        } else {
            Way::Numbers(Numbers::new())
        };
        Self { way, blocks: 0 }
    }

    /// The most bytes of a file.
    pub(super) fn most(superblock: &Superblock) -> u64 {
        let blocks = match superblock.has_extents() {
            true => u64::from(u32::MAX),
            false => Numbers::most(superblock.block).min(u32::MAX.into()),
        };
        let bytes = blocks * superblock.block as u64;
        let small = if superblock.has_large_files() { u64::MAX } else { i32::MAX as u64 };
        let counted = if superblock.has_huge_files() { u64::MAX } else { MOST_UNITS };
        bytes.min(small).min(counted)
    }

    /// Adds blocks behind all that were added: the first's number in the file and in the filesystem,
    /// and how many.
    pub(super) fn add(
        &mut self,
        space: &mut Space<'_>,
        logical: u32,
        start: u64,
        length: u64,
    ) -> io::Result<()> {
        self.blocks += length;
        match &mut self.way {
            Way::Extents(tree) => tree.add(space, logical, start, length),
            Way::Numbers(numbers) => numbers.add(space, logical, start, length),
        }
    }

    pub(super) fn finish(self, space: &mut Space<'_>) -> io::Result<Mapped> {
        let (flags, (map, own)) = match self.way {
            Way::Extents(tree) => (BY_EXTENTS, tree.finish(space)?),
            Way::Numbers(numbers) => (0, numbers.finish(space)?),
        };
        Ok(Mapped { map, flags, blocks: self.blocks + own })
    }
}
