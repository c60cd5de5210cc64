//! Filesystems of every kind behind one face: how much a part of the tree needs, whether it fits
//! into a volume, and making it there.
//!
//! ```text
//! Counted::of(filesystem, part of the tree) ─► bytes_for(…)      the smallest volume
//!                                          └─► fit(size, identity) ─► FormatLayout ─► make(place, tree)
//! ```
//!
//! | kind | made by | in place | without the kernel |
//! |---|---|---|---|
//! | ext2, ext3, ext4 | `mke2fs`, times set by us | at any offset | always |
//! | vfat, swap | us | at any offset | always |
//! | squashfs, erofs | `mksquashfs`, `mkfs.erofs` | in a file of its own | always |
//! | xfs | `mkfs.xfs` from a prototype | in a file of its own | see `xfs.rs`; times are those of making |
//! | btrfs | `mkfs.btrfs --rootdir` | in a file of its own | without devices and subvolumes |

mod btrfs;
mod counted;
mod packed;
mod swap;
mod totals;
mod xfs;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use dibhost_sys::ProgramError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ext4::{self, Revision};
use crate::fat;
use crate::filesystem::{Ext4Tuning, FatSerial, FilesystemKind, PackedTuning};
use crate::tree::Tree;

pub use btrfs::BtrfsLayout;
pub(crate) use counted::Counted;
pub use xfs::XfsLayout;

/// What is wrong, and what to do.
pub(crate) type Problem = (String, String);

/// What a part's own root has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFolder {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since the epoch.
    pub mtime: i64,
}

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

/// What a filesystem that is only read is made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackedLayout {
    /// Its UUID. SquashFS has none.
    pub uuid: Option<Uuid>,
    /// The most bytes it may have: its volume's.
    pub size: u64,
    /// Settings.
    pub tuning: PackedTuning,
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

/// Where a filesystem is made, and of what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The file or device, open to read and write.
    pub(crate) file: &'a File,
    /// Its absolute path, as programs that the tree runs see it.
    pub(crate) path: &'a Path,
    /// Bytes from its start. 0 unless the format is made in place.
    pub(crate) offset: u64,
    /// Whether it reads as zeros there, as a new sparse file does.
    pub(crate) zeroed: bool,
    /// An absolute folder for small files that programs read, which they see by the same path.
    pub(crate) scratch: &'a Path,
    /// The filesystem's label.
    pub(crate) label: Option<&'a str>,
    /// The part of the tree that fills it. None: it stays empty.
    pub(crate) mount: Option<&'a str>,
    /// Nothing in it is younger: seconds since 1970.
    pub(crate) time: i64,
}

impl Place<'_> {
    /// The folder of the part that fills it. All paths are absolute, so none is taken for an option.
    pub(crate) fn part(&self, tree: &dyn Tree) -> io::Result<Option<PathBuf>> {
        let part = self.mount.map(|mount| tree.part(mount).to_owned());
        let relative = part.as_ref().is_some_and(|part| !part.is_absolute());
        if relative || !self.path.is_absolute() || !self.scratch.is_absolute() {
            return Err(io::Error::other("paths for programs must be absolute"));
        }
        Ok(part)
    }
}

/// Making a filesystem failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Program(#[from] ProgramError),
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
    pub(crate) fn make(&self, place: &Place<'_>, tree: &mut dyn Tree) -> Result<(), MakeError> {
        if place.offset != 0 && !self.in_place() {
            let problem = format!("{} cannot be made at an offset", self.kind().name());
            return Err(io::Error::other(problem).into());
        }
        match self {
            Self::Ext2(ext) => make_ext(Revision::Ext2, ext, place, tree),
            Self::Ext3(ext) => make_ext(Revision::Ext3, ext, place, tree),
            Self::Ext4(ext) => make_ext(Revision::Ext4, ext, place, tree),
            Self::Vfat { serial, geometry } => make_fat(*serial, geometry, place, tree),
            Self::Swap { uuid, pages } => Ok(swap::write(place, *uuid, *pages)?),
            Self::Xfs(layout) => xfs::make(layout, place, tree),
            Self::Btrfs(layout) => btrfs::make(layout, place, tree),
            Self::Squashfs(packed) => packed::squashfs(packed, place, tree),
            Self::Erofs(packed) => packed::erofs(packed, place, tree),
        }
    }
}

fn make_ext(
    revision: Revision,
    ext: &ExtLayout,
    place: &Place<'_>,
    tree: &mut dyn Tree,
) -> Result<(), MakeError> {
    let (uuid, hash_seed, blocks, tuning) = (ext.uuid, ext.hash_seed, ext.blocks, &ext.tuning);
    ext4::make(&ext4::Ext4 { revision, blocks, uuid, hash_seed, tuning }, place, tree)?;
    Ok(ext4::normalise(place.file, place.offset, place.time, ext.root.as_ref())?)
}

fn make_fat(
    serial: FatSerial,
    geometry: &fat::Geometry,
    place: &Place<'_>,
    tree: &mut dyn Tree,
) -> Result<(), MakeError> {
    let mut folder = fat::Folder::default();
    let mut problem = None;
    if let Some(mount) = place.mount {
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
    let (offset, label, time) = (place.offset, place.label, place.time);
    if !place.zeroed {
        zero(place.file, offset, geometry.data())?;
    }
    let mut read = |below: &str| tree.read(place.mount.unwrap_or_default(), below);
    let volume = fat::Volume { offset, geometry, label, serial, time };
    Ok(fat::write(&volume, &folder, &mut read, place.file)?)
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
