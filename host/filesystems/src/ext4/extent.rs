//! Where a file's content lies, as a tree of extents. It is made from the leaves up, while the content
//! is written: a leaf is written when it is full, so that a file of any number of holes takes no more
//! memory than the numbers of its leaves.
//!
//! Format: Linux `Documentation/filesystems/ext4/ifork.rst`.

use std::io;

use dibhost_volumes::crc32c::crc32c;

use super::field::{low16, low32, put16, put32};
use super::space::Space;

const MAGIC: u16 = 0xf30a;
const ENTRY: usize = 12;
/// Entries in an inode.
const INODE_ENTRIES: usize = 4;
/// Bytes of an inode that say where its content lies.
pub(super) const MAP: usize = 60;
/// The most blocks of an extent.
const LONGEST: u32 = 32768;

/// Blocks of a file that follow each other.
#[derive(Debug, Clone, Copy)]
struct Extent {
    logical: u32,
    length: u32,
    start: u64,
}

/// A node below, and the first block of the file that it is for.
#[derive(Debug, Clone, Copy)]
struct Below {
    logical: u32,
    block: u64,
}

/// The tree as far as it was built.
#[derive(Debug)]
pub(super) struct ExtentTree {
    inode: u32,
    /// Those of the leaf that is not full.
    extents: Vec<Extent>,
    leaves: Vec<Below>,
    /// Blocks that the tree has for itself.
    own: u64,
}

impl ExtentTree {
    pub(super) fn new(inode: u32) -> Self {
        Self { inode, extents: Vec::new(), leaves: Vec::new(), own: 0 }
    }

    /// Adds blocks behind all that were added.
    pub(super) fn add(
        &mut self,
        space: &mut Space<'_>,
        mut logical: u32,
        mut start: u64,
        mut length: u64,
    ) -> io::Result<()> {
        while length > 0 {
            let taken = match self.extents.last_mut() {
                Some(last)
                    if last.logical + last.length == logical
                        && last.start + u64::from(last.length) == start
                        && last.length < LONGEST =>
                {
                    let taken = length.min(u64::from(LONGEST - last.length));
                    last.length += low32(taken);
                    taken
                }
                _ => {
                    if self.extents.len() == in_block(space) {
                        self.leaf(space)?;
                    }
                    let taken = length.min(LONGEST.into());
                    self.extents.push(Extent { logical, length: low32(taken), start });
                    taken
                }
            };
            logical += low32(taken);
            start += taken;
            length -= taken;
        }
        Ok(())
    }

    fn leaf(&mut self, space: &mut Space<'_>) -> io::Result<()> {
        let Some(first) = self.extents.first() else { return Ok(()) };
        let logical = first.logical;
        let block = self.node(space, 0, &leaves(&self.extents))?;
        self.leaves.push(Below { logical, block });
        self.extents.clear();
        Ok(())
    }

    /// Writes a node of its own; where.
    fn node(&mut self, space: &mut Space<'_>, depth: u16, entries: &[u8]) -> io::Result<u64> {
        let block = space.block()?;
        let most = in_block(space);
        let superblock = space.superblock();
        let mut bytes = header(entries, most, depth);
        bytes.resize(superblock.block, 0);
        if let Some(seed) = superblock.inode_seed(self.inode) {
            let end = ENTRY + most * ENTRY;
            let sum = crc32c(seed, &bytes[..end]);
            put32(&mut bytes, end, sum);
        }
        space.volume.write(block, &bytes)?;
        self.own += 1;
        Ok(block)
    }

    /// What the inode says of it, and how many blocks the tree has for itself.
    pub(super) fn finish(mut self, space: &mut Space<'_>) -> io::Result<([u8; MAP], u64)> {
        if self.leaves.is_empty() && self.extents.len() <= INODE_ENTRIES {
            return Ok((root(&leaves(&self.extents), 0), 0));
        }
        self.leaf(space)?;
        let mut level = std::mem::take(&mut self.leaves);
        let mut depth = 1;
        while level.len() > INODE_ENTRIES {
            let mut above = Vec::new();
            for below in level.chunks(in_block(space)) {
                let block = self.node(space, depth, &indexes(below))?;
                above.push(Below { logical: below[0].logical, block });
            }
            level = above;
            depth += 1;
        }
        Ok((root(&indexes(&level), depth), self.own))
    }
}

/// Entries in a block.
fn in_block(space: &Space<'_>) -> usize {
    (space.superblock().block - ENTRY) / ENTRY
}

fn leaves(extents: &[Extent]) -> Vec<u8> {
    let mut bytes = vec![0; extents.len() * ENTRY];
    for (extent, bytes) in extents.iter().zip(bytes.chunks_exact_mut(ENTRY)) {
        put32(bytes, 0, extent.logical);
        put16(bytes, 4, low16(extent.length.into()));
        put16(bytes, 6, low16(extent.start >> 32));
        put32(bytes, 8, low32(extent.start));
    }
    bytes
}

fn indexes(below: &[Below]) -> Vec<u8> {
    let mut bytes = vec![0; below.len() * ENTRY];
    for (below, bytes) in below.iter().zip(bytes.chunks_exact_mut(ENTRY)) {
        put32(bytes, 0, below.logical);
        put32(bytes, 4, low32(below.block));
        put16(bytes, 8, low16(below.block >> 32));
    }
    bytes
}

fn header(entries: &[u8], most: usize, depth: u16) -> Vec<u8> {
    let mut bytes = vec![0; ENTRY];
    put16(&mut bytes, 0, MAGIC);
    put16(&mut bytes, 2, low16((entries.len() / ENTRY) as u64));
    put16(&mut bytes, 4, low16(most as u64));
    put16(&mut bytes, 6, depth);
    bytes.extend_from_slice(entries);
    bytes
}

fn root(entries: &[u8], depth: u16) -> [u8; MAP] {
    let mut map = [0; MAP];
    let bytes = header(entries, INODE_ENTRIES, depth);
    map[..bytes.len()].copy_from_slice(&bytes);
    map
}
