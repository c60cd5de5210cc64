//! Blocks and inodes are taken in the order of their numbers: a file's lie together, as do those of
//! the files of a folder. One bitmap of each is in memory at a time.
//!
//! Format: Linux `Documentation/filesystems/ext4/bitmaps.rst`.

use std::io;

use dibhost_volumes::crc32c::crc32c;

use super::group::{BLOCKS_UNINITIALISED, INODES_UNINITIALISED};
use super::superblock::{Superblock, broken};
use super::volume::Volume;

/// The bitmap of a group, and how far it is taken.
#[derive(Debug, Default)]
struct Cursor {
    group: u32,
    /// Empty: not read yet.
    bitmap: Vec<u8>,
    /// The next bit to look at.
    next: u32,
    taken: u32,
    /// Folders among the inodes taken.
    folders: u32,
}

impl Cursor {
    /// The first bit that is not set, from `next` on.
    fn free(&self, end: u32) -> Option<u32> {
        let mut at = self.next;
        while at < end {
            let byte = self.bitmap[at as usize / 8];
            match (byte, at % 8) {
                (0xff, _) => at = (at / 8 + 1) * 8,
                (_, bit) if byte >> bit & 1 == 0 => return Some(at),
                _ => at += 1,
            }
        }
        None
    }

    fn take(&mut self, bit: u32) {
        self.bitmap[bit as usize / 8] |= 1 << (bit % 8);
        self.taken += 1;
        self.next = bit + 1;
    }

    fn is_taken(&self, bit: u32) -> bool {
        self.bitmap[bit as usize / 8] >> (bit % 8) & 1 == 1
    }
}

fn full(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, format!("the filesystem has no {what} left"))
}

/// Sets bits, as far as they lie in the bitmap.
fn set(bitmap: &mut [u8], from: u64, to: u64) {
    for bit in from..to.min(bitmap.len() as u64 * 8) {
        if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|at| bitmap.get_mut(at)) {
            *byte |= 1 << (bit % 8);
        }
    }
}

fn ones(bitmap: &[u8]) -> u32 {
    bitmap.iter().map(|byte| byte.count_ones()).sum()
}

/// What is free in a filesystem.
#[derive(Debug)]
pub(super) struct Space<'a> {
    pub(super) volume: Volume<'a>,
    blocks: Cursor,
    inodes: Cursor,
}

impl<'a> Space<'a> {
    pub(super) fn new(volume: Volume<'a>) -> Self {
        Self { volume, blocks: Cursor::default(), inodes: Cursor::default() }
    }

    pub(super) fn superblock(&self) -> &Superblock {
        &self.volume.superblock
    }

    /// The next free blocks that follow each other: the first, and how many, at least one and at
    /// most `most`.
    ///
    /// # Errors
    /// There is none left ([`io::ErrorKind::StorageFull`]), or a bitmap cannot be.
    pub(super) fn blocks(&mut self, most: u64) -> io::Result<(u64, u64)> {
        loop {
            let group = self.blocks.group;
            if group >= self.superblock().groups {
                return Err(full("blocks"));
            }
            let end = self.superblock().group_blocks(group);
            if self.blocks.bitmap.is_empty() && self.volume.groups.free_blocks(group) > 0 {
                self.blocks.bitmap = self.block_bitmap(group)?;
            }
            let free = match self.blocks.bitmap.is_empty() {
                true => None,
                false => self.blocks.free(end),
            };
            let Some(first) = free else {
                self.close_blocks()?;
                self.blocks = Cursor { group: group + 1, ..Cursor::default() };
                continue;
            };
            let mut count = 0;
            while count < most && first + count_bits(count) < end {
                let bit = first + count_bits(count);
                if self.blocks.is_taken(bit) {
                    break;
                }
                self.blocks.take(bit);
                count += 1;
            }
            return Ok((self.superblock().group_start(group) + u64::from(first), count));
        }
    }

    /// The next block.
    pub(super) fn block(&mut self) -> io::Result<u64> {
        Ok(self.blocks(1)?.0)
    }

    /// The next free inode.
    ///
    /// # Errors
    /// There is none left ([`io::ErrorKind::StorageFull`]), or a bitmap cannot be.
    pub(super) fn inode(&mut self, folder: bool) -> io::Result<u32> {
        loop {
            let group = self.inodes.group;
            if group >= self.superblock().groups {
                return Err(full("inodes"));
            }
            let per_group = self.superblock().inodes_per_group;
            if self.inodes.bitmap.is_empty() && self.volume.groups.free_inodes(group) > 0 {
                self.inodes.bitmap = self.inode_bitmap(group)?;
            }
            let free = match self.inodes.bitmap.is_empty() {
                true => None,
                false => self.inodes.free(per_group),
            };
            let Some(bit) = free else {
                self.close_inodes()?;
                self.inodes = Cursor { group: group + 1, ..Cursor::default() };
                continue;
            };
            self.inodes.take(bit);
            self.inodes.folders += u32::from(folder);
            return Ok(group * per_group + bit + 1);
        }
    }

    fn block_bitmap(&self, group: u32) -> io::Result<Vec<u8>> {
        let (superblock, groups) = (self.superblock(), &self.volume.groups);
        let uninitialised =
            superblock.has_uninitialised() && groups.flags(group) & BLOCKS_UNINITIALISED != 0;
        let bitmap = if uninitialised {
            self.untouched_bitmap(group)
        } else {
            let bitmap = self.volume.read(groups.block_bitmap(group))?;
            let sum = self.bitmap_sum(&bitmap, superblock.blocks_per_group);
            if sum.is_some_and(|sum| !groups.bitmap_is_whole(group, false, sum)) {
                return Err(broken(format!("the bitmap of group {group} has another checksum")));
            }
            bitmap
        };
        let outside = superblock.block as u32 * 8 - superblock.group_blocks(group);
        let used = ones(&bitmap).saturating_sub(outside);
        if superblock.group_blocks(group).checked_sub(used) != Some(groups.free_blocks(group)) {
            return Err(broken(format!("the bitmap of group {group} has another count of blocks")));
        }
        Ok(bitmap)
    }

    /// The bitmap of a group in which nothing is used but by metadata.
    fn untouched_bitmap(&self, group: u32) -> Vec<u8> {
        let (superblock, groups) = (self.superblock(), &self.volume.groups);
        let mut bitmap = vec![0; superblock.block];
        let start = superblock.group_start(group);
        let end = start + u64::from(superblock.group_blocks(group));
        let mut used = |from: u64, length: u64| {
            if from < end && from + length > start {
                let (from, to) = (from.max(start), (from + length).min(end));
                set(&mut bitmap, from - start, to - start);
            }
        };
        if superblock.has_copy(group) {
            let descriptors =
                superblock.descriptor_blocks() + superblock.reserved_descriptor_blocks();
            used(start, 1 + descriptors);
        }
        // With flexible groups those of others lie here too: near, as a rule, but it may be anywhere.
        for other in 0..superblock.groups {
            used(groups.block_bitmap(other), 1);
            used(groups.inode_bitmap(other), 1);
            used(groups.table(other), superblock.table_blocks());
        }
        set(&mut bitmap, end - start, u64::MAX);
        bitmap
    }

    fn inode_bitmap(&self, group: u32) -> io::Result<Vec<u8>> {
        let (superblock, groups) = (self.superblock(), &self.volume.groups);
        let per_group = superblock.inodes_per_group;
        let uninitialised =
            superblock.has_uninitialised() && groups.flags(group) & INODES_UNINITIALISED != 0;
        let mut bitmap = if uninitialised {
            vec![0; superblock.block]
        } else {
            let bitmap = self.volume.read(groups.inode_bitmap(group))?;
            let sum = self.bitmap_sum(&bitmap, per_group);
            if sum.is_some_and(|sum| !groups.bitmap_is_whole(group, true, sum)) {
                let what = format!("the bitmap of inodes of group {group} has another checksum");
                return Err(broken(what));
            }
            bitmap
        };
        if per_group.checked_sub(ones(&bitmap[..per_group as usize / 8]))
            != Some(groups.free_inodes(group))
        {
            return Err(broken(format!("the bitmap of group {group} has another count of inodes")));
        }
        set(&mut bitmap, per_group.into(), u64::MAX);
        Ok(bitmap)
    }

    /// The checksum of as much of a bitmap as stands for something.
    fn bitmap_sum(&self, bitmap: &[u8], bits: u32) -> Option<u32> {
        self.superblock().seed.map(|seed| crc32c(seed, &bitmap[..bits as usize / 8]))
    }

    fn close_blocks(&mut self) -> io::Result<()> {
        if self.blocks.taken == 0 {
            return Ok(());
        }
        let Cursor { group, bitmap, taken, .. } = &self.blocks;
        let sum = self.bitmap_sum(bitmap, self.superblock().blocks_per_group);
        let groups = &self.volume.groups;
        self.volume.write_bitmap(groups.block_bitmap(*group), bitmap)?;
        let free = groups.free_blocks(*group) - taken;
        self.volume.groups.set_blocks(*group, free, sum);
        Ok(())
    }

    fn close_inodes(&mut self) -> io::Result<()> {
        if self.inodes.taken == 0 {
            return Ok(());
        }
        let Cursor { group, bitmap, taken, folders, next } = &self.inodes;
        let superblock = self.superblock();
        let sum = self.bitmap_sum(bitmap, superblock.inodes_per_group);
        let groups = &self.volume.groups;
        // Groups that say what was not initialised say how far their tables are used, too.
        let unused = superblock.has_uninitialised().then(|| {
            let never = if groups.flags(*group) & INODES_UNINITIALISED == 0 {
                groups.unused_inodes(*group)
            } else {
                superblock.inodes_per_group
            };
            never.min(superblock.inodes_per_group - next)
        });
        self.volume.write_bitmap(groups.inode_bitmap(*group), bitmap)?;
        let free = groups.free_inodes(*group) - taken;
        self.volume.groups.set_inodes(*group, free, *folders, unused, sum);
        Ok(())
    }

    /// Writes all that is not written yet.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.close_blocks()?;
        self.close_inodes()?;
        self.volume.finish()
    }
}

/// Blocks within a group.
fn count_bits(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
