//! Makes what `mke2fs` made the same every time. It copies access and change times of the tree
//! (when it was unpacked, and when `mke2fs` itself read it) and leaves the root folder to root with
//! mode 0755; so the inode tables are gone over once, times set, and each inode's checksum (CRC-32C,
//! seeded by the filesystem's UUID) made anew.
//!
//! Format: Linux `Documentation/filesystems/ext4/{super,group_descr,inodes}.rst`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::tree::RootFolder;
use dibhost_volumes::crc32c::crc32c;

const SUPERBLOCK: u64 = 1024;
const MAGIC: u16 = 0xef53;
const ROOT_INODE: u32 = 2;
const INCOMPAT_META_BG: u32 = 0x10;
const INCOMPAT_64BIT: u32 = 0x80;
const INCOMPAT_CSUM_SEED: u32 = 0x2000;
const RO_COMPAT_METADATA_CSUM: u32 = 0x400;
const GROUP_INODE_UNINIT: u16 = 1;

// Within an inode.
const MODE: usize = 0x00;
const UID: usize = 0x02;
const ATIME: usize = 0x08;
const CTIME: usize = 0x0c;
const MTIME: usize = 0x10;
const GID: usize = 0x18;
const UID_HIGH: usize = 0x78;
const GID_HIGH: usize = 0x7a;
const CHECKSUM: usize = 0x7c;
const EXTRA_SIZE: usize = 0x80;
const CHECKSUM_HIGH: usize = 0x82;
const CTIME_EXTRA: usize = 0x84;
const MTIME_EXTRA: usize = 0x88;
const ATIME_EXTRA: usize = 0x8c;
const CRTIME: usize = 0x90;
const CRTIME_EXTRA: usize = 0x94;
const GENERATION: usize = 0x64;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// Seconds as ext4 keeps them: 32 bits with a sign, and two bits above them.
fn seconds(low: u32, extra: u32) -> i64 {
    i64::from(low.cast_signed()) + (i64::from(extra & 3) << 32)
}

fn encoded(time: i64) -> (u32, u32) {
    // The low 32 bits, and what is left of the difference to their signed reading.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the low bits are meant"
    )]
    let low = time as u32;
    let extra = ((time - i64::from(low.cast_signed())) >> 32) & 3;
    (low, u32::try_from(extra).unwrap_or_default())
}

struct Superblock {
    block: u64,
    inodes_per_group: u32,
    inode_size: usize,
    groups: u32,
    descriptor_size: usize,
    first_data_block: u64,
    /// None: its metadata has no checksums.
    checksum_seed: Option<u32>,
}

fn superblock(bytes: &[u8]) -> io::Result<Superblock> {
    let not = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidData, what.to_owned()));
    if u16_at(bytes, 0x38) != MAGIC {
        return not("there is no ext4 superblock where the filesystem was made");
    }
    let (incompat, ro_compat) = (u32_at(bytes, 0x60), u32_at(bytes, 0x64));
    // ext4 has both, ext2 and ext3 neither.
    let checksums = ro_compat & RO_COMPAT_METADATA_CSUM != 0;
    let wide = incompat & INCOMPAT_64BIT != 0;
    if checksums != wide || incompat & INCOMPAT_META_BG != 0 {
        return not("mke2fs made a filesystem with other features than it was told to");
    }
    let block = 1024u64 << u32_at(bytes, 0x18).min(6);
    let inode_size = usize::from(u16_at(bytes, 0x58));
    let descriptor_size = if wide { usize::from(u16_at(bytes, 0xfe)) } else { 32 };
    let inodes_per_group = u32_at(bytes, 0x28);
    if !(256..=4096).contains(&inode_size) || wide && descriptor_size < 64 || inodes_per_group == 0
    {
        return not("mke2fs made a filesystem with inodes or descriptors of an unexpected size");
    }
    let checksum_seed = checksums.then(|| {
        if incompat & INCOMPAT_CSUM_SEED != 0 {
            u32_at(bytes, 0x270)
        } else {
            crc32c(!0, &bytes[0x68..0x78])
        }
    });
    Ok(Superblock {
        block,
        inodes_per_group,
        inode_size,
        groups: u32_at(bytes, 0).div_ceil(inodes_per_group),
        descriptor_size,
        first_data_block: u64::from(u32_at(bytes, 0x14)),
        checksum_seed,
    })
}

/// Sets the times of every inode of the filesystem at `offset` and the attributes of its root:
/// content changed no later than `time`; inode made and changed, and superblock written, at `time`.
pub(crate) fn normalise(
    image: &File,
    offset: u64,
    time: i64,
    root: Option<&RootFolder>,
) -> io::Result<()> {
    let mut bytes = [0u8; 1024];
    image.read_exact_at(&mut bytes, offset + SUPERBLOCK)?;
    let super_block = superblock(&bytes)?;
    let table = offset + (super_block.first_data_block + 1) * super_block.block;
    let mut descriptors = vec![0u8; super_block.groups as usize * super_block.descriptor_size];
    image.read_exact_at(&mut descriptors, table)?;
    for (group, descriptor) in (0u32..).zip(descriptors.chunks_exact(super_block.descriptor_size)) {
        if u16_at(descriptor, 0x12) & GROUP_INODE_UNINIT != 0 {
            continue;
        }
        let mut unused = u32::from(u16_at(descriptor, 0x1c));
        let mut at = u64::from(u32_at(descriptor, 0x08));
        if descriptor.len() >= 64 {
            unused |= u32::from(u16_at(descriptor, 0x32)) << 16;
            at |= u64::from(u32_at(descriptor, 0x28)) << 32;
        }
        let used = super_block.inodes_per_group.saturating_sub(unused);
        let at = offset + at * super_block.block;
        let mut inodes = vec![0u8; used as usize * super_block.inode_size];
        image.read_exact_at(&mut inodes, at)?;
        let first = group * super_block.inodes_per_group + 1;
        for (number, inode) in (first..).zip(inodes.chunks_exact_mut(super_block.inode_size)) {
            if inode.iter().all(|byte| *byte == 0) {
                continue;
            }
            let root = root.filter(|_| number == ROOT_INODE);
            set(inode, time, root);
            if let Some(seed) = super_block.checksum_seed {
                check(inode, number, seed);
            }
        }
        image.write_all_at(&inodes, at)?;
    }
    Ok(())
}

fn set(inode: &mut [u8], time: i64, root: Option<&RootFolder>) {
    let mut mtime = seconds(u32_at(inode, MTIME), u32_at(inode, MTIME_EXTRA));
    let mut nanoseconds = u32_at(inode, MTIME_EXTRA) & !3;
    if let Some(root) = root {
        let mode =
            u16_at(inode, MODE) & 0xf000 | u16::try_from(root.mode & 0o7777).unwrap_or_default();
        put(inode, MODE, &mode.to_le_bytes());
        for (low, high, id) in [(UID, UID_HIGH, root.uid), (GID, GID_HIGH, root.gid)] {
            let [a, b, c, d] = id.to_le_bytes();
            put(inode, low, &[a, b]);
            put(inode, high, &[c, d]);
        }
        (mtime, nanoseconds) = (root.mtime, 0);
    }
    if mtime > time {
        (mtime, nanoseconds) = (time, 0);
    }
    let (low, extra) = encoded(mtime);
    // What lies behind the first 128 bytes is times only as far as the inode says so.
    let end = 128 + usize::from(u16_at(inode, EXTRA_SIZE));
    let mut put_within = |at: usize, value: u32| {
        if at < 128 || at + 4 <= end {
            put(inode, at, &value.to_le_bytes());
        }
    };
    for (at, at_extra) in [(MTIME, MTIME_EXTRA), (ATIME, ATIME_EXTRA)] {
        put_within(at, low);
        put_within(at_extra, extra | nanoseconds);
    }
    let (low, extra) = encoded(time);
    for (at, at_extra) in [(CTIME, CTIME_EXTRA), (CRTIME, CRTIME_EXTRA)] {
        put_within(at, low);
        put_within(at_extra, extra);
    }
}

/// The checksum of an inode: over the seed, its number, its generation, and all of it with the
/// checksum taken as zero.
fn check(inode: &mut [u8], number: u32, seed: u32) {
    put(inode, CHECKSUM, &[0, 0]);
    let high = u16_at(inode, EXTRA_SIZE) >= 4;
    if high {
        put(inode, CHECKSUM_HIGH, &[0, 0]);
    }
    let crc = crc32c(seed, &number.to_le_bytes());
    let crc = crc32c(crc, &inode[GENERATION..GENERATION + 4]);
    let [a, b, c, d] = crc32c(crc, inode).to_le_bytes();
    put(inode, CHECKSUM, &[a, b]);
    if high {
        put(inode, CHECKSUM_HIGH, &[c, d]);
    }
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

    #[test]
    fn something_else_is_refused() {
        assert!(superblock(&[0; 1024]).is_err());
    }
}
