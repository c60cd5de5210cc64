//! The superblock of a filesystem that `mke2fs` made empty: its numbers, checked, and which features
//! it has. What is not known here is refused: it would be written wrongly.
//!
//! Format: Linux `Documentation/filesystems/ext4/super.rst`.

use std::io;

use dibhost_volumes::bytes::{le16, le32};
use dibhost_volumes::crc32c::crc32c;

use super::field::{low32, put32};

/// Bytes from the start of the filesystem, and how many there are.
pub(super) const PLACE: u64 = 1024;
pub(super) const BYTES: usize = 1024;

const MAGIC: u16 = 0xef53;

// Features that nothing here depends on, or that are written as they have to be.
const COMPAT_HAS_JOURNAL: u32 = 0x4;
const COMPAT_EXT_ATTR: u32 = 0x8;
const COMPAT_RESIZE_INODE: u32 = 0x10;
const COMPAT_DIR_INDEX: u32 = 0x20;
const COMPAT_FAST_COMMIT: u32 = 0x400;
const COMPAT_STABLE_INODES: u32 = 0x800;
const COMPAT_ORPHAN_FILE: u32 = 0x1000;
const COMPAT: u32 = COMPAT_HAS_JOURNAL
    | COMPAT_EXT_ATTR
    | COMPAT_RESIZE_INODE
    | COMPAT_DIR_INDEX
    | COMPAT_FAST_COMMIT
    | COMPAT_STABLE_INODES
    | COMPAT_ORPHAN_FILE;
const INCOMPAT_FILETYPE: u32 = 0x2;
const INCOMPAT_EXTENTS: u32 = 0x40;
const INCOMPAT_64BIT: u32 = 0x80;
const INCOMPAT_FLEX_BG: u32 = 0x200;
const INCOMPAT_EA_INODE: u32 = 0x400;
const INCOMPAT_CSUM_SEED: u32 = 0x2000;
const INCOMPAT_LARGEDIR: u32 = 0x4000;
const INCOMPAT: u32 = INCOMPAT_FILETYPE
    | INCOMPAT_EXTENTS
    | INCOMPAT_64BIT
    | INCOMPAT_FLEX_BG
    | INCOMPAT_EA_INODE
    | INCOMPAT_CSUM_SEED
    | INCOMPAT_LARGEDIR;
const RO_SPARSE_SUPER: u32 = 0x1;
const RO_LARGE_FILE: u32 = 0x2;
const RO_HUGE_FILE: u32 = 0x8;
const RO_GDT_CSUM: u32 = 0x10;
const RO_DIR_NLINK: u32 = 0x20;
const RO_EXTRA_ISIZE: u32 = 0x40;
const RO_METADATA_CSUM: u32 = 0x400;
const RO_COMPAT: u32 = RO_SPARSE_SUPER
    | RO_LARGE_FILE
    | RO_HUGE_FILE
    | RO_GDT_CSUM
    | RO_DIR_NLINK
    | RO_EXTRA_ISIZE
    | RO_METADATA_CSUM;

const UNSIGNED_HASH: u32 = 0x2;
const CLEAN: u16 = 1;
/// Fields of an inode behind its first 128 bytes, up to the project's number.
const EXTRA_SIZE: u16 = 32;

// Where what is counted lies.
const FREE_BLOCKS: usize = 0x0c;
const FREE_INODES: usize = 0x10;
const FEATURES_COMPAT: usize = 0x5c;
const FREE_BLOCKS_HIGH: usize = 0x158;
const CHECKSUM: usize = 0x3fc;

/// What is wrong with what `mke2fs` made.
pub(super) fn broken(what: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("what mke2fs made is not in order: {what}"))
}

/// A superblock.
#[derive(Debug, Clone)]
pub(super) struct Superblock {
    bytes: Vec<u8>,
    /// Bytes of a block.
    pub(super) block: usize,
    /// Blocks of the filesystem.
    pub(super) blocks: u64,
    pub(super) first_data_block: u64,
    pub(super) blocks_per_group: u32,
    pub(super) inodes_per_group: u32,
    pub(super) groups: u32,
    pub(super) inode_size: usize,
    pub(super) descriptor_size: usize,
    /// None: its metadata has no checksums.
    pub(super) seed: Option<u32>,
    /// Of hashed folders.
    pub(super) hash_seed: [u32; 4],
    compat: u32,
    incompat: u32,
    ro_compat: u32,
}

impl Superblock {
    /// Reads one of a filesystem that may have `size` bytes.
    ///
    /// # Errors
    /// It is none, has features that are not known here, or its numbers cannot be.
    pub(super) fn parse(bytes: &[u8], size: u64) -> io::Result<Self> {
        if bytes.len() != BYTES || le16(bytes, 0x38) != MAGIC {
            return Err(broken("there is no superblock"));
        }
        let (compat, incompat, ro_compat) =
            (le32(bytes, FEATURES_COMPAT), le32(bytes, 0x60), le32(bytes, 0x64));
        let unknown = [compat & !COMPAT, incompat & !INCOMPAT, ro_compat & !RO_COMPAT];
        if unknown.iter().any(|features| *features != 0) || le32(bytes, 0x4c) != 1 {
            let [compat, incompat, ro] = unknown;
            let what = format!("it has features {compat:#x}, {incompat:#x}, {ro:#x}");
            return Err(broken(what));
        }
        let block = match le32(bytes, 0x18) {
            power @ 0..=2 => 1024usize << power,
            power => return Err(broken(format!("its blocks have 2^{power} KiB"))),
        };
        let has_seed = ro_compat & RO_METADATA_CSUM != 0;
        let seed = has_seed.then(|| match incompat & INCOMPAT_CSUM_SEED {
            0 => crc32c(!0, &bytes[0x68..0x78]),
            _ => le32(bytes, 0x270),
        });
        let wide = incompat & INCOMPAT_64BIT != 0;
        let high = if wide { u64::from(le32(bytes, 0x150)) << 32 } else { 0 };
        let blocks = high | u64::from(le32(bytes, 4));
        let first_data_block = u64::from(le32(bytes, 0x14));
        let (blocks_per_group, inodes_per_group) = (le32(bytes, 0x20), le32(bytes, 0x28));
        let groups =
            blocks.saturating_sub(first_data_block).div_ceil(blocks_per_group.max(1).into());
        let superblock = Self {
            bytes: bytes.to_vec(),
            block,
            blocks,
            first_data_block,
            blocks_per_group,
            inodes_per_group,
            groups: u32::try_from(groups).unwrap_or_default(),
            inode_size: usize::from(le16(bytes, 0x58)),
            descriptor_size: if wide { usize::from(le16(bytes, 0xfe)) } else { 32 },
            seed,
            hash_seed: std::array::from_fn(|word| le32(bytes, 0xec + word * 4)),
            compat,
            incompat,
            ro_compat,
        };
        superblock.check(size)?;
        Ok(superblock)
    }

    fn check(&self, size: u64) -> io::Result<()> {
        let bits = u32::try_from(self.block * 8).unwrap_or_default();
        let per_group = |count: u32| count > 0 && count <= bits && count.is_multiple_of(8);
        let descriptors = if self.incompat & INCOMPAT_64BIT != 0 { 64 } else { 32 };
        let inodes = u64::from(self.groups) * u64::from(self.inodes_per_group);
        let fits = self.blocks.checked_mul(self.block as u64).is_some_and(|bytes| bytes <= size);
        let in_order = per_group(self.blocks_per_group)
            && per_group(self.inodes_per_group)
            && self.groups > 0
            && u64::from(le32(&self.bytes, 0)) == inodes
            && self.first_data_block == u64::from(self.block == 1024)
            && fits
            && self.inode_size.is_power_of_two()
            && (128..=self.block).contains(&self.inode_size)
            && (u64::from(self.inodes_per_group) * self.inode_size as u64)
                .is_multiple_of(self.block as u64)
            && self.descriptor_size == descriptors
            && le32(&self.bytes, 0x18) == le32(&self.bytes, 0x1c)
            && le16(&self.bytes, 0x3a) == CLEAN;
        if !in_order {
            return Err(broken("the numbers of its superblock cannot be"));
        }
        let sum = crc32c(!0, &self.bytes[..CHECKSUM]);
        if self.seed.is_some() && sum != le32(&self.bytes, CHECKSUM) {
            return Err(broken("the checksum of its superblock is another"));
        }
        Ok(())
    }

    pub(super) fn inodes(&self) -> u32 {
        le32(&self.bytes, 0)
    }

    pub(super) fn has_extents(&self) -> bool {
        self.incompat & INCOMPAT_EXTENTS != 0
    }

    pub(super) fn has_file_types(&self) -> bool {
        self.incompat & INCOMPAT_FILETYPE != 0
    }

    pub(super) fn has_index(&self) -> bool {
        self.compat & COMPAT_DIR_INDEX != 0
    }

    pub(super) fn has_large_folders(&self) -> bool {
        self.incompat & INCOMPAT_LARGEDIR != 0
    }

    pub(super) fn has_huge_files(&self) -> bool {
        self.ro_compat & RO_HUGE_FILE != 0
    }

    pub(super) fn has_large_files(&self) -> bool {
        self.ro_compat & RO_LARGE_FILE != 0
    }

    /// Whether a folder may have more folders in it than can be counted.
    pub(super) fn has_uncounted_links(&self) -> bool {
        self.ro_compat & RO_DIR_NLINK != 0
    }

    /// Whether descriptors have a CRC-16, and say what was not initialised.
    pub(super) fn has_descriptor_crc(&self) -> bool {
        self.seed.is_none() && self.ro_compat & RO_GDT_CSUM != 0
    }

    /// Whether descriptors say what was not initialised.
    pub(super) fn has_uninitialised(&self) -> bool {
        self.seed.is_some() || self.has_descriptor_crc()
    }

    pub(super) fn uuid(&self) -> &[u8] {
        &self.bytes[0x68..0x78]
    }

    /// Whether the bytes of names are numbers without a sign to its hash.
    pub(super) fn has_unsigned_hash(&self) -> bool {
        le32(&self.bytes, 0x160) & UNSIGNED_HASH != 0
    }

    /// Bytes of an inode's fields behind its first 128.
    pub(super) fn extra_size(&self) -> u16 {
        if self.inode_size >= 256 { EXTRA_SIZE } else { 0 }
    }

    /// The first block of a group.
    pub(super) fn group_start(&self, group: u32) -> u64 {
        self.first_data_block + u64::from(group) * u64::from(self.blocks_per_group)
    }

    /// How many blocks a group has: the last may have fewer.
    pub(super) fn group_blocks(&self, group: u32) -> u32 {
        let left = self.blocks.saturating_sub(self.group_start(group));
        u32::try_from(left).unwrap_or(u32::MAX).min(self.blocks_per_group)
    }

    /// Blocks of all descriptors.
    pub(super) fn descriptor_blocks(&self) -> u64 {
        (u64::from(self.groups) * self.descriptor_size as u64).div_ceil(self.block as u64)
    }

    /// Blocks kept behind the descriptors for more of them.
    pub(super) fn reserved_descriptor_blocks(&self) -> u64 {
        match self.compat & COMPAT_RESIZE_INODE {
            0 => 0,
            _ => u64::from(le16(&self.bytes, 0xce)),
        }
    }

    /// Groups 0 and 1 and the powers of 3, 5 and 7 have a copy of the superblock, or all.
    pub(super) fn has_copy(&self, group: u32) -> bool {
        let power_of = |base: u32| {
            let mut power = base;
            while power < group {
                power = power.saturating_mul(base);
            }
            power == group
        };
        self.ro_compat & RO_SPARSE_SUPER == 0
            || group < 2
            || power_of(3)
            || power_of(5)
            || power_of(7)
    }

    /// Blocks of inodes in a group.
    pub(super) fn table_blocks(&self) -> u64 {
        u64::from(self.inodes_per_group) * self.inode_size as u64 / self.block as u64
    }

    /// Sets what is free in it or in a copy of it.
    pub(super) fn set_free(&self, bytes: &mut [u8], blocks: u64, inodes: u32, attributes: bool) {
        put32(bytes, FREE_BLOCKS, low32(blocks));
        if self.incompat & INCOMPAT_64BIT != 0 {
            put32(bytes, FREE_BLOCKS_HIGH, low32(blocks >> 32));
        }
        put32(bytes, FREE_INODES, inodes);
        if attributes {
            put32(bytes, FEATURES_COMPAT, self.compat | COMPAT_EXT_ATTR);
        }
        if self.seed.is_some() {
            let sum = crc32c(!0, &bytes[..CHECKSUM]);
            put32(bytes, CHECKSUM, sum);
        }
    }

    /// What the first checksum of anything of an inode begins with.
    pub(super) fn inode_seed(&self, inode: u32) -> Option<u32> {
        // Every generation is 0.
        self.seed.map(|seed| crc32c(crc32c(seed, &inode.to_le_bytes()), &[0; 4]))
    }
}
