//! Which of the three, and what they have in common.

/// Bytes of a block, always: `mke2fs` would take 1024 for a small filesystem, which then stays
/// slow and limited after the image was grown.
pub(crate) const BLOCK: u64 = 4096;

/// Which of the three. The kernel's driver and `mke2fs` are one for all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Revision {
    /// No journal, files mapped block by block.
    Ext2,
    /// A journal, files mapped block by block.
    Ext3,
    /// A journal, extents, checksums, 64-bit block numbers.
    #[default]
    Ext4,
}

impl Revision {
    /// As `mke2fs -t` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
        }
    }

    /// 64-bit block numbers take descriptors of 64 bytes, else they have 32.
    pub(super) fn descriptors_per_block(self) -> u64 {
        BLOCK / if self == Self::Ext4 { 64 } else { 32 }
    }

    /// The most blocks it can have, with room to spare below the limit of 32-bit block numbers.
    pub(crate) fn most_blocks(self) -> u64 {
        if self == Self::Ext4 { 1 << 48 } else { u64::from(u32::MAX) - 32_768 }
    }
}
