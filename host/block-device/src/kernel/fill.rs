//! Makes a filesystem on a loop device, has the kernel mount it, and copies the tree into it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use dibhost_sys::{
    Cancel, Cancelled, LoopDevice, LoopOptions, ProgramError, create_subvolume, flush_device,
    set_default_subvolume,
};
use rustix::fs::{AtFlags, Mode, Timespec, Timestamps, fchmod, mkdirat, utimensat};

use super::mounted::Mounted;
use crate::layout::FilesystemLayout;
use dibhost_filesystems::FilesystemKind;
use dibhost_filesystems::Tree;
use dibhost_filesystems::walk::open_folder;
use dibhost_filesystems::{CopyError, Holds, copy};
use dibhost_filesystems::{MakeError, Site};
use dibhost_volumes::Extent;

/// Where a filesystem is made.
pub(crate) struct Ground<'a> {
    /// A disk's file or device, or a scratch file.
    pub(crate) file: &'a File,
    /// Its absolute path, as programs that the tree runs see it.
    pub(crate) path: &'a Path,
    /// Where on it.
    pub(crate) extent: Extent,
    /// Bytes of a sector.
    pub(crate) sector: u32,
    /// Whether it reads as zeros there.
    pub(crate) zeroed: bool,
    /// A folder for small files that programs read.
    pub(crate) scratch: &'a Path,
}

/// Whether it is made on a loop device and filled by the kernel: what is only read is packed by its
/// tool, and FAT and swap space hold nothing that our writers do not write.
pub(crate) fn by_kernel(filesystem: &FilesystemLayout) -> bool {
    kept_by_kernel(filesystem.format.kind())
}

/// The same of a kind.
pub(super) fn kept_by_kernel(kind: FilesystemKind) -> bool {
    matches!(
        kind,
        FilesystemKind::Ext2
            | FilesystemKind::Ext3
            | FilesystemKind::Ext4
            | FilesystemKind::Xfs
            | FilesystemKind::Btrfs
    )
}

/// Why a filesystem is not filled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FillError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<MakeError> for FillError {
    fn from(error: MakeError) -> Self {
        match error {
            MakeError::Io(source) => Self::Io(source),
            MakeError::Program(source) => Self::Program(source),
            MakeError::Cancelled(cancelled) => Self::Cancelled(cancelled),
        }
    }
}

impl From<CopyError> for FillError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Io(source) => Self::Io(source),
            CopyError::Cancelled(cancelled) => Self::Cancelled(cancelled),
        }
    }
}

/// Makes and fills it of a tree that this process sees. The loop device and the mount are gone
/// afterwards, and when this process ends on the way.
pub(super) fn here(
    filesystem: &FilesystemLayout,
    tree: &mut dyn Tree,
    ground: &Ground<'_>,
    time: i64,
    cancel: &Cancel,
) -> Result<(), FillError> {
    // First, for it may not be possible at all.
    let part = |mount: &String| tree.open(mount);
    let main = filesystem.mount.as_ref().map(part).transpose()?;
    let below = filesystem
        .subvolumes
        .iter()
        .map(|subvolume| subvolume.mount.as_ref().map(part).transpose())
        .collect::<Result<Vec<_>, _>>()?;

    let options = LoopOptions {
        offset: ground.extent.offset,
        size_limit: filesystem.size,
        sector_size: ground.sector,
        direct_io: true,
        read_only: false,
    };
    let attaching = |e: io::Error| {
        let problem = "making a loop device (the back-ends `loop` and `device` need root)";
        io::Error::new(e.kind(), format!("{problem}: {e}"))
    };
    let device = LoopDevice::attach(ground.file, &options).map_err(attaching)?;
    let path = device.path();
    let site = Site {
        file: device.file(),
        path: &path,
        offset: 0,
        zeroed: ground.zeroed,
        scratch: ground.scratch,
        label: filesystem.label.as_deref(),
        mount: None,
        time,
    };
    filesystem.format.make(&site, tree)?;
    flush_device(device.file())?;
    if main.is_none() && filesystem.subvolumes.is_empty() {
        return Ok(device.detach()?);
    }

    let compression = filesystem.compression.as_deref();
    let mounted = Mounted::new(&path, filesystem.format.kind(), compression)?;
    let parts = Parts { main, below, time, cancel };
    parts.copy(filesystem, mounted.root())?;
    mounted.trim()?;
    mounted.unmount(&path)?;
    // Unmounting writes too, and tells nothing; nor does flushing.
    device.file().sync_all()?;
    flush_device(device.file())?;
    Ok(device.detach()?)
}

/// What goes into a filesystem.
struct Parts<'a> {
    main: Option<OwnedFd>,
    /// One for each subvolume.
    below: Vec<Option<OwnedFd>>,
    time: i64,
    cancel: &'a Cancel,
}

impl Parts<'_> {
    fn copy(&self, filesystem: &FilesystemLayout, root: BorrowedFd<'_>) -> Result<(), CopyError> {
        let mut made = BTreeSet::from([PathBuf::new()]);
        for subvolume in &filesystem.subvolumes {
            make_subvolume(root, Path::new(&subvolume.path), &mut made)?;
        }
        // Not of this day. What the tree has too gets its attributes from there.
        let time = Timespec { tv_sec: self.time, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        for folder in &made {
            let folder = open_folder(root, folder)?;
            chmod_folder(&folder)?;
            utimensat(&folder, ".", &times, AtFlags::empty()).map_err(io::Error::from)?;
        }
        if let Some(main) = &self.main {
            copy(main.as_fd(), root, Holds::Everything, self.time, self.cancel)?;
        }
        for (subvolume, part) in filesystem.subvolumes.iter().zip(&self.below) {
            let folder = open_folder(root, Path::new(&subvolume.path))?;
            if let Some(part) = part {
                copy(part.as_fd(), folder.as_fd(), Holds::Everything, self.time, self.cancel)?;
            }
            if subvolume.default {
                set_default_subvolume(&folder)?;
            }
        }
        Ok(())
    }
}

/// Makes a subvolume, in folders that are made where they are not there, and notes what it made.
fn make_subvolume(
    root: BorrowedFd<'_>,
    path: &Path,
    made: &mut BTreeSet<PathBuf>,
) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new(""));
    let mut at = PathBuf::new();
    for name in parent {
        let folder = open_folder(root, &at)?;
        at.push(name);
        match mkdirat(&folder, name, Mode::RWXU) {
            Ok(()) => {
                made.insert(at.clone());
            }
            Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let folder = open_folder(root, parent)?;
    create_subvolume(&folder, path.file_name().unwrap_or(OsStr::new("")))?;
    made.insert(path.to_owned());
    Ok(())
}

/// 0755, whatever this process's umask.
fn chmod_folder(folder: &OwnedFd) -> io::Result<()> {
    Ok(fchmod(folder, Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH)?)
}
