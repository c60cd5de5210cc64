//! The descriptors of block groups: where bitmaps and inodes of each lie, and what is free.
//!
//! Format: Linux `Documentation/filesystems/ext4/group_descr.rst`.

use std::io;

use dibhost_volumes::bytes::{le16, le32};
use dibhost_volumes::crc32c::crc32c;

use super::field::{low16, put16};
use super::superblock::{Superblock, broken};

/// No inode of the group was ever used: its bitmap is not written.
pub(super) const INODES_UNINITIALISED: u16 = 1;
/// The bitmap of its blocks is not written: none is used but for metadata.
pub(super) const BLOCKS_UNINITIALISED: u16 = 2;

const CHECKSUM: usize = 0x1e;

/// A number whose upper half lies elsewhere.
type Place = (usize, usize);

const FREE_BLOCKS: Place = (0x0c, 0x2c);
const FREE_INODES: Place = (0x0e, 0x2e);
const FOLDERS: Place = (0x10, 0x30);
const FLAGS: usize = 0x12;
const BLOCK_BITMAP_SUM: Place = (0x18, 0x38);
const INODE_BITMAP_SUM: Place = (0x1a, 0x3a);
const UNUSED_INODES: Place = (0x1c, 0x32);

/// All descriptors of a filesystem.
#[derive(Debug)]
pub(super) struct Groups {
    bytes: Vec<u8>,
    size: usize,
    count: u32,
}

impl Groups {
    /// # Errors
    /// A checksum is wrong, or a bitmap or table lies outside.
    pub(super) fn parse(bytes: Vec<u8>, superblock: &Superblock) -> io::Result<Self> {
        let groups = Self { bytes, size: superblock.descriptor_size, count: superblock.groups };
        for group in 0..groups.count {
            let within = |from: u64, length: u64| {
                from > superblock.first_data_block
                    && from.checked_add(length).is_some_and(|end| end <= superblock.blocks)
            };
            let in_order = within(groups.block_bitmap(group), 1)
                && within(groups.inode_bitmap(group), 1)
                && within(groups.table(group), superblock.table_blocks())
                && groups.free_blocks(group) <= superblock.group_blocks(group)
                && groups.free_inodes(group) <= superblock.inodes_per_group
                && groups.unused_inodes(group) <= superblock.inodes_per_group
                && groups.number(group, FOLDERS) <= superblock.inodes_per_group;
            if !in_order {
                return Err(broken(format!("the descriptor of group {group} cannot be")));
            }
            let checked = superblock.seed.is_some() || superblock.has_descriptor_crc();
            if checked && groups.sum(group, superblock) != le16(groups.of(group), CHECKSUM) {
                return Err(broken(format!(
                    "the checksum of the descriptor of group {group} is another"
                )));
            }
        }
        Ok(groups)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn of(&self, group: u32) -> &[u8] {
        &self.bytes[group as usize * self.size..][..self.size]
    }

    fn of_mut(&mut self, group: u32) -> &mut [u8] {
        &mut self.bytes[group as usize * self.size..][..self.size]
    }

    fn block(&self, group: u32, (low, high): Place) -> u64 {
        // A descriptor of 32 bytes has no upper halves: they read as zeros.
        u64::from(le32(self.of(group), high)) << 32 | u64::from(le32(self.of(group), low))
    }

    fn number(&self, group: u32, (low, high): Place) -> u32 {
        u32::from(le16(self.of(group), high)) << 16 | u32::from(le16(self.of(group), low))
    }

    fn set(&mut self, group: u32, (low, high): Place, value: u32) {
        let wide = self.size >= 64;
        let bytes = self.of_mut(group);
        put16(bytes, low, low16(value.into()));
        if wide {
            put16(bytes, high, low16(u64::from(value) >> 16));
        }
    }

    pub(super) fn block_bitmap(&self, group: u32) -> u64 {
        self.block(group, (0x00, 0x20))
    }

    pub(super) fn inode_bitmap(&self, group: u32) -> u64 {
        self.block(group, (0x04, 0x24))
    }

    /// The first block of its inodes.
    pub(super) fn table(&self, group: u32) -> u64 {
        self.block(group, (0x08, 0x28))
    }

    pub(super) fn free_blocks(&self, group: u32) -> u32 {
        self.number(group, FREE_BLOCKS)
    }

    pub(super) fn free_inodes(&self, group: u32) -> u32 {
        self.number(group, FREE_INODES)
    }

    pub(super) fn unused_inodes(&self, group: u32) -> u32 {
        self.number(group, UNUSED_INODES)
    }

    pub(super) fn flags(&self, group: u32) -> u16 {
        le16(self.of(group), FLAGS)
    }

    /// Whether a bitmap has the checksum that its group says.
    pub(super) fn bitmap_is_whole(&self, group: u32, inodes: bool, sum: u32) -> bool {
        let said = self.number(group, if inodes { INODE_BITMAP_SUM } else { BLOCK_BITMAP_SUM });
        said == if self.size >= 64 { sum } else { sum & 0xffff }
    }

    /// Notes the bitmap of its blocks as written.
    pub(super) fn set_blocks(&mut self, group: u32, free: u32, sum: Option<u32>) {
        self.set(group, FREE_BLOCKS, free);
        if let Some(sum) = sum {
            self.set(group, BLOCK_BITMAP_SUM, sum);
        }
        self.clear(group, BLOCKS_UNINITIALISED);
    }

    /// Notes the bitmap of its inodes as written. `unused`: how many at the end of its table were
    /// never used, where descriptors say that.
    pub(super) fn set_inodes(
        &mut self,
        group: u32,
        free: u32,
        folders: u32,
        unused: Option<u32>,
        sum: Option<u32>,
    ) {
        let folders = self.number(group, FOLDERS) + folders;
        self.set(group, FREE_INODES, free);
        self.set(group, FOLDERS, folders);
        if let Some(unused) = unused {
            self.set(group, UNUSED_INODES, unused);
        }
        if let Some(sum) = sum {
            self.set(group, INODE_BITMAP_SUM, sum);
        }
        self.clear(group, INODES_UNINITIALISED);
    }

    fn clear(&mut self, group: u32, flag: u16) {
        let flags = self.flags(group) & !flag;
        put16(self.of_mut(group), FLAGS, flags);
    }

    /// Makes the checksums of all anew.
    pub(super) fn seal(&mut self, superblock: &Superblock) {
        if superblock.seed.is_none() && !superblock.has_descriptor_crc() {
            return;
        }
        for group in 0..self.count {
            let sum = self.sum(group, superblock);
            put16(self.of_mut(group), CHECKSUM, sum);
        }
    }

    fn sum(&self, group: u32, superblock: &Superblock) -> u16 {
        let (bytes, number) = (self.of(group), group.to_le_bytes());
        let (before, after) = (&bytes[..CHECKSUM], &bytes[CHECKSUM + 2..]);
        match superblock.seed {
            Some(seed) => {
                let sum = crc32c(crc32c(seed, &number), before);
                low16(crc32c(crc32c(sum, &[0, 0]), after).into())
            }
            None => {
                let sum = crc16(crc16(!0, superblock.uuid()), &number);
                crc16(crc16(sum, before), after)
            }
        }
    }
}

/// CRC-16 with the polynomial 0x8005, reflected.
fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(crc, |crc, byte| {
        (0..8).fold(
            crc ^ u16::from(*byte),
            |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 }
            },
        )
    })
}
