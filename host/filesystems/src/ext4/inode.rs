//! An inode: what is known of a file, folder, link or special file.
//!
//! Format: Linux `Documentation/filesystems/ext4/inodes.rst`.

use std::io;

use dibhost_volumes::bytes::{le16, le32};
use dibhost_volumes::crc32c::crc32c;

use super::extent::MAP;
use super::field::{low16, low32, put16, put32};
use super::map::Mapped;
use super::superblock::{Superblock, broken};

const BLOCK_MAP: usize = 0x28;
const GENERATION: usize = 0x64;
const CHECKSUM: usize = 0x7c;
const EXTRA_SIZE: usize = 0x80;
const CHECKSUM_HIGH: usize = 0x82;
/// Bytes of an inode that every filesystem has.
pub(super) const LEAST: usize = 128;
const BY_EXTENTS: u32 = 0x8_0000;

/// Seconds since 1970, and nanoseconds.
pub(super) type Time = (i64, u32);

/// An inode to be written.
#[derive(Debug)]
pub(super) struct Inode<'a> {
    /// Kind and permission bits.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Bytes.
    pub(super) size: u64,
    pub(super) links: u16,
    /// When its content was changed.
    pub(super) modified: Time,
    /// Seconds when it was made.
    pub(super) made: i64,
    /// Beside those of how it is mapped.
    pub(super) flags: u32,
    pub(super) mapped: Mapped,
    /// Attributes within the inode.
    pub(super) attributes: &'a [u8],
    /// The block of more attributes; 0: none.
    pub(super) attribute_block: u64,
}

/// Seconds as ext4 keeps them: 32 bits with a sign, and two bits above them.
pub(super) fn seconds(low: u32, extra: u32) -> i64 {
    i64::from(low.cast_signed()) + (i64::from(extra & 3) << 32)
}

/// The same, written.
pub(super) fn encoded(time: i64) -> (u32, u32) {
    // The low 32 bits, and what is left of the difference to their signed reading.
    let low = low32(time.cast_unsigned());
    let extra = ((time - i64::from(low.cast_signed())) >> 32) & 3;
    (low, u32::try_from(extra).unwrap_or_default())
}

/// The checksum of an inode: over the seed, its number, its generation, and all of it with the
/// checksum taken as zero.
pub(super) fn seal(inode: &mut [u8], number: u32, seed: u32) {
    put16(inode, CHECKSUM, 0);
    let high = inode.len() > LEAST && le16(inode, EXTRA_SIZE) >= 4;
    if high {
        put16(inode, CHECKSUM_HIGH, 0);
    }
    let crc = crc32c(seed, &number.to_le_bytes());
    let crc = crc32c(crc, &inode[GENERATION..GENERATION + 4]);
    let crc = crc32c(crc, inode);
    put16(inode, CHECKSUM, low16(crc.into()));
    if high {
        put16(inode, CHECKSUM_HIGH, low16(u64::from(crc) >> 16));
    }
}

impl Inode<'_> {
    /// Its bytes.
    ///
    /// # Errors
    /// A time, or how much it has, is more than can be said.
    pub(super) fn encode(&self, superblock: &Superblock, number: u32) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; superblock.inode_size];
        let extra_size = superblock.extra_size();
        let attribute_blocks = u64::from(self.attribute_block != 0);
        let units = (self.mapped.blocks + attribute_blocks) * (superblock.block as u64 / 512);
        let most = if superblock.has_huge_files() { 1 << 48 } else { 1 << 32 };
        if units >= most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has too many blocks"));
        }
        put16(&mut bytes, 0x00, low16(self.mode.into()));
        put16(&mut bytes, 0x02, low16(self.uid.into()));
        put32(&mut bytes, 0x04, low32(self.size));
        put16(&mut bytes, 0x18, low16(self.gid.into()));
        put16(&mut bytes, 0x1a, self.links);
        put32(&mut bytes, 0x1c, low32(units));
        put32(&mut bytes, 0x20, self.flags | self.mapped.flags);
        bytes[BLOCK_MAP..BLOCK_MAP + MAP].copy_from_slice(&self.mapped.map);
        put32(&mut bytes, 0x68, low32(self.attribute_block));
        put32(&mut bytes, 0x6c, low32(self.size >> 32));
        put16(&mut bytes, 0x74, low16(units >> 32));
        put16(&mut bytes, 0x76, low16(self.attribute_block >> 32));
        put16(&mut bytes, 0x78, low16(u64::from(self.uid) >> 16));
        put16(&mut bytes, 0x7a, low16(u64::from(self.gid) >> 16));
        let made = (self.made, 0);
        for (at, at_extra, time) in [
            (0x08, Some(0x8c), self.modified),
            (0x0c, Some(0x84), made),
            (0x10, Some(0x88), self.modified),
        ] {
            let (low, extra) = encoded(time.0);
            let has_extra = extra_size > 0;
            let kept = if has_extra { seconds(low, extra) } else { low.cast_signed().into() };
            if kept != time.0 {
                let problem = format!("its time, {} s after 1970, cannot be kept", time.0);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
            }
            put32(&mut bytes, at, low);
            if let Some(at) = at_extra.filter(|_| has_extra) {
                put32(&mut bytes, at, extra | time.1 << 2);
            }
        }
        if extra_size > 0 {
            put16(&mut bytes, EXTRA_SIZE, extra_size);
            let (low, extra) = encoded(self.made);
            put32(&mut bytes, 0x90, low);
            put32(&mut bytes, 0x94, extra);
            let at = LEAST + usize::from(extra_size);
            bytes[at..at + self.attributes.len()].copy_from_slice(self.attributes);
        }
        if let Some(seed) = superblock.seed {
            seal(&mut bytes, number, seed);
        }
        Ok(bytes)
    }
}

/// The blocks of a folder that `mke2fs` made, in their order.
///
/// # Errors
/// It is no folder, or mapped in a way that `mke2fs` does not make.
pub(super) fn folder_blocks(inode: &[u8], superblock: &Superblock) -> io::Result<Vec<u64>> {
    let not = || broken("a folder that it made is none");
    if le16(inode, 0) & 0xf000 != 0x4000 {
        return Err(not());
    }
    let count = u64::from(le32(inode, 4)) / superblock.block as u64;
    let map = &inode[BLOCK_MAP..BLOCK_MAP + MAP];
    let mut blocks = Vec::new();
    if le32(inode, 0x20) & BY_EXTENTS != 0 {
        if le16(map, 0) != 0xf30a || le16(map, 6) != 0 || le16(map, 2) > 4 {
            return Err(not());
        }
        for extent in map.chunks_exact(12).skip(1).take(le16(map, 2).into()) {
            let start = u64::from(le16(extent, 6)) << 32 | u64::from(le32(extent, 8));
            if u64::from(le32(extent, 0)) != blocks.len() as u64 {
                return Err(not());
            }
            blocks.extend((0..u64::from(le16(extent, 4))).map(|step| start.saturating_add(step)));
        }
    } else {
        let numbers = map[..48].chunks_exact(4).map(|number| u64::from(le32(number, 0)));
        blocks.extend(numbers.take_while(|number| *number != 0));
    }
    let within = |block: &u64| (1..superblock.blocks).contains(block);
    if blocks.len() as u64 != count || blocks.is_empty() || !blocks.iter().all(within) {
        return Err(not());
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_beyond_2038_and_before_1970_survive() {
        for time in
            [0, 1, 1_700_000_000, i64::from(i32::MAX), 1 << 31, (1 << 32) + 5, 15_032_385_535, -1]
        {
            let (low, extra) = encoded(time);
            assert_eq!(seconds(low, extra), time, "{time}");
        }
    }
}
