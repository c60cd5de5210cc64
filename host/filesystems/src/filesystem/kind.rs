//! The kinds of filesystems.

use serde::{Deserialize, Serialize};

/// A kind of filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilesystemKind {
    /// ext2: no journal.
    Ext2,
    /// ext3: a journal, and files mapped block by block.
    Ext3,
    /// ext4.
    Ext4,
    /// FAT with long names.
    Vfat,
    /// XFS.
    Xfs,
    /// Btrfs.
    Btrfs,
    /// Swap space.
    Swap,
    /// SquashFS.
    Squashfs,
    /// EROFS.
    Erofs,
}

impl FilesystemKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Ext2,
        Self::Ext3,
        Self::Ext4,
        Self::Vfat,
        Self::Xfs,
        Self::Btrfs,
        Self::Swap,
        Self::Squashfs,
        Self::Erofs,
    ];

    /// As `fstab` and `mount` call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext2 => "ext2",
            Self::Ext3 => "ext3",
            Self::Ext4 => "ext4",
            Self::Vfat => "vfat",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
            Self::Swap => "swap",
            Self::Squashfs => "squashfs",
            Self::Erofs => "erofs",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How many bytes a label may have.
    pub(super) fn label_limit(self) -> usize {
        match self {
            Self::Ext2 | Self::Ext3 | Self::Ext4 | Self::Swap => 16,
            Self::Vfat => 11,
            Self::Xfs => 12,
            Self::Btrfs => 255,
            // SquashFS has none on the disk, and `mkfs.erofs` writes none before 1.7.
            Self::Squashfs | Self::Erofs => 0,
        }
    }

    /// Whether its superblock has a UUID (or FAT's serial number) to be found by.
    #[must_use]
    pub fn has_uuid(self) -> bool {
        self != Self::Squashfs
    }

    /// Whether it can be mounted read-only alone.
    #[must_use]
    pub fn is_read_only(self) -> bool {
        matches!(self, Self::Squashfs | Self::Erofs)
    }

    /// Whether files can lie in it.
    #[must_use]
    pub fn is_mounted(self) -> bool {
        self != Self::Swap
    }

    /// The sixth field of fstab: when `fsck` looks at it while booting. 0: never.
    #[must_use]
    pub fn fsck_pass(self, at: &str) -> u8 {
        match self {
            // Their `fsck` does nothing, or there is none.
            Self::Xfs | Self::Btrfs | Self::Swap | Self::Squashfs | Self::Erofs => 0,
            Self::Ext2 | Self::Ext3 | Self::Ext4 | Self::Vfat if at == "/" => 1,
            Self::Ext2 | Self::Ext3 | Self::Ext4 | Self::Vfat => 2,
        }
    }
}
