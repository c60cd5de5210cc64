//! Where a file's content lies, block by block, as ext2 and ext3 have it: twelve numbers in the inode,
//! then blocks of numbers, of one, two and three levels. Blocks of numbers for nothing but holes are
//! not made.
//!
//! Format: Linux `Documentation/filesystems/ext4/ifork.rst`.

use std::io;

use super::extent::MAP;
use super::field::{low32, put32};
use super::space::Space;

/// Numbers in the inode that are of content.
const DIRECT: u64 = 12;

/// A block of numbers that is not full.
#[derive(Debug)]
struct Open {
    block: u64,
    /// Which one it is, counted in blocks of its level below the same number of the inode.
    index: u64,
    bytes: Vec<u8>,
}

/// The numbers as far as they are known.
#[derive(Debug)]
pub(super) struct Numbers {
    map: [u8; MAP],
    /// The blocks on the way to the last one that was added, the highest first, below which number
    /// of the inode.
    way: Vec<Open>,
    slot: usize,
    own: u64,
}

impl Numbers {
    pub(super) fn new() -> Self {
        Self { map: [0; MAP], way: Vec::new(), slot: 0, own: 0 }
    }

    /// The most blocks that can be said with blocks of so many bytes.
    pub(super) fn most(block: usize) -> u64 {
        let numbers = block as u64 / 4;
        DIRECT + numbers + numbers.pow(2) + numbers.pow(3)
    }

    /// Adds blocks behind all that were added.
    pub(super) fn add(
        &mut self,
        space: &mut Space<'_>,
        logical: u32,
        start: u64,
        length: u64,
    ) -> io::Result<()> {
        for step in 0..length {
            self.one(space, u64::from(logical) + step, start + step)?;
        }
        Ok(())
    }

    fn one(&mut self, space: &mut Space<'_>, logical: u64, block: u64) -> io::Result<()> {
        if logical < DIRECT {
            put32(&mut self.map, logical as usize * 4, low32(block));
            return Ok(());
        }
        let numbers = space.superblock().block as u64 / 4;
        let (mut slot, mut levels, mut index) = (12, 1u32, logical - DIRECT);
        while index >= numbers.pow(levels) {
            index -= numbers.pow(levels);
            (slot, levels) = (slot + 1, levels + 1);
            if levels > 3 {
                let problem = "it is too large to be mapped block by block";
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, problem));
            }
        }
        if slot != self.slot {
            self.close(space, 0)?;
            self.slot = slot;
        }
        for level in 0..levels {
            let which = index / numbers.pow(levels - level);
            let at = level as usize;
            if self.way.get(at).is_some_and(|open| open.index == which) {
                continue;
            }
            self.close(space, at)?;
            let own = space.block()?;
            self.own += 1;
            match at.checked_sub(1) {
                None => put32(&mut self.map, slot * 4, low32(own)),
                Some(above) => {
                    let place = (which % numbers) as usize * 4;
                    put32(&mut self.way[above].bytes, place, low32(own));
                }
            }
            let bytes = vec![0; space.superblock().block];
            self.way.push(Open { block: own, index: which, bytes });
        }
        if let Some(last) = self.way.last_mut() {
            put32(&mut last.bytes, (index % numbers) as usize * 4, low32(block));
        }
        Ok(())
    }

    /// Writes the blocks of the way from `level` down.
    fn close(&mut self, space: &mut Space<'_>, level: usize) -> io::Result<()> {
        for open in self.way.drain(level.min(self.way.len())..) {
            space.volume.write(open.block, &open.bytes)?;
        }
        Ok(())
    }

    /// What the inode says, and how many blocks of numbers there are.
    pub(super) fn finish(mut self, space: &mut Space<'_>) -> io::Result<([u8; MAP], u64)> {
        self.close(space, 0)?;
        Ok((self.map, self.own))
    }
}
