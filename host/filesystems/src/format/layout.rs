//! What a filesystem is made with, decided, and making it.

use std::fs::File;
use std::io;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::btrfs::{self, BtrfsLayout};
use super::packed::{self, PackedLayout};
use super::swap;
use super::xfs::{self, XfsLayout};
use crate::ext4::{self, Revision};
use crate::fat;
use crate::filesystem::{Ext4Tuning, FatSerial, FilesystemKind};
use crate::site::{MakeError, Site};
use crate::tree::{RootFolder, Tree};

/// What ext2, ext3 and ext4 are made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExtLayout {
    /// Its UUID.
    pub uuid: Uuid,
    /// The seed of hashed folders.
    pub hash_seed: Uuid,
    /// Blocks of 4096 bytes.
    pub blocks: u64,
    /// Settings.
    pub tuning: Ext4Tuning,
    /// Mode, owner, group and time of its root folder.
    pub root: Option<RootFolder>,
}

/// What a filesystem is made with, decided to the last number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum FormatLayout {
    /// ext2.
    Ext2(ExtLayout),
    /// ext3.
    Ext3(ExtLayout),
    /// ext4.
    Ext4(ExtLayout),
    /// FAT.
    Vfat {
        /// Its volume serial number.
        serial: FatSerial,
        /// Its numbers.
        geometry: fat::Geometry,
    },
    /// Swap space.
    Swap {
        /// Its UUID.
        uuid: Uuid,
        /// Pages of 4096 bytes, that of its header included.
        pages: u32,
    },
    /// XFS.
    Xfs(XfsLayout),
    /// Btrfs.
    Btrfs(BtrfsLayout),
    /// SquashFS.
    Squashfs(PackedLayout),
    /// EROFS.
    Erofs(PackedLayout),
}

impl FormatLayout {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> FilesystemKind {
        match self {
            Self::Ext2(_) => FilesystemKind::Ext2,
            Self::Ext3(_) => FilesystemKind::Ext3,
            Self::Ext4(_) => FilesystemKind::Ext4,
            Self::Vfat { .. } => FilesystemKind::Vfat,
            Self::Swap { .. } => FilesystemKind::Swap,
            Self::Xfs(_) => FilesystemKind::Xfs,
            Self::Btrfs(_) => FilesystemKind::Btrfs,
            Self::Squashfs(_) => FilesystemKind::Squashfs,
            Self::Erofs(_) => FilesystemKind::Erofs,
        }
    }

    /// Bytes of its volume that it uses.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Ext2(ext) | Self::Ext3(ext) | Self::Ext4(ext) => ext.blocks * ext4::BLOCK,
            Self::Vfat { geometry, .. } => geometry.sectors * geometry.sector,
            Self::Swap { pages, .. } => u64::from(*pages) * swap::PAGE,
            Self::Xfs(xfs) => xfs.size,
            Self::Btrfs(btrfs) => btrfs.size,
            Self::Squashfs(packed) | Self::Erofs(packed) => packed.size,
        }
    }

    /// Whether it can be made at an offset of a larger file. Else it is made in a file of its own,
    /// from the first byte on.
    #[must_use]
    pub fn in_place(&self) -> bool {
        match self {
            Self::Ext2(_)
            | Self::Ext3(_)
            | Self::Ext4(_)
            | Self::Vfat { .. }
            | Self::Swap { .. } => true,
            Self::Xfs(_) | Self::Btrfs(_) | Self::Squashfs(_) | Self::Erofs(_) => false,
        }
    }

    /// Makes it without the kernel's help. Two runs over equal parts give equal bytes, but for
    /// Btrfs and XFS, whose tools write the clock's time and random UUIDs. With no part it makes an
    /// empty filesystem, which the kernel may then mount and [`copy`](crate::copy()) fill. A file of its own has the same length afterwards.
    pub fn make(&self, site: &Site<'_>, tree: &mut dyn Tree) -> Result<(), MakeError> {
        if site.offset != 0 && !self.in_place() {
            let problem = format!("{} cannot be made at an offset", self.kind().name());
            return Err(io::Error::other(problem).into());
        }
        match self {
            Self::Ext2(ext) => make_ext(Revision::Ext2, ext, site, tree),
            Self::Ext3(ext) => make_ext(Revision::Ext3, ext, site, tree),
            Self::Ext4(ext) => make_ext(Revision::Ext4, ext, site, tree),
            Self::Vfat { serial, geometry } => make_fat(*serial, geometry, site, tree),
            Self::Swap { uuid, pages } => Ok(swap::write(site, *uuid, *pages)?),
            Self::Xfs(layout) => xfs::make(layout, site, tree),
            Self::Btrfs(layout) => btrfs::make(layout, site, tree),
            Self::Squashfs(packed) => packed::squashfs(packed, site, tree),
            Self::Erofs(packed) => packed::erofs(packed, site, tree),
        }
    }
}

fn make_ext(
    revision: Revision,
    ext: &ExtLayout,
    site: &Site<'_>,
    tree: &mut dyn Tree,
) -> Result<(), MakeError> {
    let (uuid, hash_seed, blocks, tuning) = (ext.uuid, ext.hash_seed, ext.blocks, &ext.tuning);
    let root = ext.root.as_ref();
    ext4::make(&ext4::Ext4 { revision, blocks, uuid, hash_seed, tuning, root }, site, tree)
}

fn make_fat(
    serial: FatSerial,
    geometry: &fat::Geometry,
    site: &Site<'_>,
    tree: &mut dyn Tree,
) -> Result<(), MakeError> {
    let mut folder = fat::Folder::default();
    let mut problem = None;
    if let Some(mount) = site.mount {
        let mut each = |entry: &crate::tree::TreeEntry| {
            if let Err(why) = folder.add(entry) {
                problem.get_or_insert(why);
            }
        };
        tree.entries(mount, &mut each)?;
    }
    if let Some(problem) = problem {
        return Err(io::Error::other(problem).into());
    }
    let (offset, label, time) = (site.offset, site.label, site.time);
    if !site.zeroed {
        zero(site.file, offset, geometry.data())?;
    }
    let mount = site.mount.unwrap_or_default();
    let mut read = |below: &str, each: &mut dyn FnMut(&[u8]) -> io::Result<()>| {
        tree.read_pieces(mount, below, each)
    };
    let volume = fat::Volume { offset, geometry, label, serial, time, zeroed: site.zeroed };
    Ok(fat::write(&volume, &folder, &mut read, site.file)?)
}

/// Writes zeros where something else may be.
fn zero(file: &File, offset: u64, length: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    let zeros = vec![0; 1 << 20];
    let mut done = 0;
    while done < length {
        let step = (length - done).min(zeros.len() as u64);
        file.write_all_at(&zeros[..usize::try_from(step).unwrap_or_default()], offset + done)?;
        done += step;
    }
    Ok(())
}
