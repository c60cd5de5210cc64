//! Fills filesystems: in place where a volume is one stretch of a disk, else in a sparse scratch
//! file whose data goes through the volumes below.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{SeekFrom, seek};

use super::{Means, Realise, RealiseError};
use crate::format::{MakeError, Place};
use crate::kernel::{self, Ground};
use crate::layout::{FilesystemLayout, Layout, VolumeMap};
use crate::medium::Medium;
use crate::place::Extent;
use crate::stack::Stack;
use crate::tree::Tree;

/// Bytes copied at a time.
const PIECE: usize = 1 << 20;

/// Makes them all.
pub(crate) fn make(
    stack: &Stack<'_>,
    tree: &mut dyn Tree,
    to: &Realise<'_>,
    paths: &BTreeMap<&str, &Path>,
    means: &Means<'_>,
) -> Result<(), RealiseError> {
    for filesystem in &stack.layout.filesystems {
        to.cancel.check()?;
        let context = |source| RealiseError::Write { node: filesystem.node.clone(), source };
        let by_kernel = means.kernel && kernel::by_kernel(filesystem);
        let place = filesystem.place.as_ref();
        let in_place = place.filter(|_| by_kernel || filesystem.format.in_place());
        let in_place = in_place.and_then(|place| {
            let file = stack.files.get(&place.disk)?;
            let disk = stack.layout.disks.iter().find(|disk| disk.node == place.disk)?;
            let path = *paths.get(place.disk.as_str())?;
            let (extent, sector) = (place.extent, disk.sector_size);
            let (zeroed, scratch) = (means.zeroed, means.scratch);
            Some((path, Ground { file, extent, sector, zeroed, scratch }))
        });
        if let Some((path, ground)) = in_place {
            fill(filesystem, tree, path, &ground, by_kernel, to)?;
            continue;
        }
        let scratch = Scratch::within(means.scratch, filesystem.size).map_err(context)?;
        let ground = Ground {
            file: &scratch.file,
            extent: Extent { offset: 0, size: filesystem.size },
            // Filesystems write larger pieces; what counts sectors of its own says so.
            sector: 512,
            zeroed: true,
            scratch: means.scratch,
        };
        fill(filesystem, tree, &scratch.path, &ground, by_kernel, to)?;
        // Holes stand for zeros, which is not what lies below everywhere.
        let zeros = !means.zeroed || is_encrypted(stack.layout, &filesystem.on);
        let copied =
            stack.with(&filesystem.on, &mut |to_medium| copy(&scratch.file, to_medium, zeros, to));
        copied.map_err(context)?;
    }
    Ok(())
}

/// A sparse file that is gone when it is no longer needed.
pub(crate) struct Scratch {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Scratch {
    /// In a folder in which there is room for what will be in it.
    pub(crate) fn within(folder: &Path, size: u64) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(".dibhost-volume-").tempdir_in(folder)?;
        let path = folder.path().join("volume");
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        file.set_len(size)?;
        Ok(Self { file, path, _folder: folder })
    }
}

/// Whether holes of what is below decrypt to anything but zeros.
fn is_encrypted(layout: &Layout, node: &str) -> bool {
    if let Some((_, table)) = layout.partition(node) {
        return is_encrypted(layout, &table.on);
    }
    let Some(volume) = layout.volume(node) else { return false };
    match &volume.map {
        VolumeMap::Luks { .. } => true,
        VolumeMap::Raid { on, .. } => on.iter().any(|on| is_encrypted(layout, on)),
        VolumeMap::Verity { data, .. } => is_encrypted(layout, data),
        VolumeMap::Logical { group } => {
            let group = layout.groups.iter().find(|g| g.node == *group);
            let mut volumes = group.iter().flat_map(|group| &group.physical_volumes);
            volumes.any(|pv| is_encrypted(layout, &pv.on))
        }
    }
}

/// Copies what is no hole of a file; with `zeros`, holes too.
pub(crate) fn copy(
    from: &File,
    to: &dyn Medium,
    zeros: bool,
    realise: &Realise<'_>,
) -> io::Result<()> {
    let size = from.metadata()?.len();
    let mut piece = vec![0u8; PIECE];
    let mut at = 0;
    while at < size {
        let (start, end) = if zeros { (at, size) } else { data(from, at, size)? };
        let mut done = start;
        while done < end {
            realise.cancel.check().map_err(io::Error::other)?;
            let length = PIECE.min(usize::try_from(end - done).unwrap_or(PIECE));
            std::os::unix::fs::FileExt::read_exact_at(from, &mut piece[..length], done)?;
            to.write_all_at(&piece[..length], done)?;
            done += length as u64;
        }
        at = end;
    }
    Ok(())
}

/// The next stretch of data from `at` on; empty at the end.
pub(crate) fn data(file: &File, at: u64, size: u64) -> io::Result<(u64, u64)> {
    let start = match seek(file, SeekFrom::Data(at)) {
        Ok(start) => start,
        Err(rustix::io::Errno::NXIO) => return Ok((size, size)),
        Err(error) => return Err(error.into()),
    };
    let end = seek(file, SeekFrom::Hole(start))?;
    Ok((start, end.min(size)))
}

/// Makes one in a part of the file of that path.
fn fill(
    filesystem: &FilesystemLayout,
    tree: &mut dyn Tree,
    path: &Path,
    ground: &Ground<'_>,
    by_kernel: bool,
    to: &Realise<'_>,
) -> Result<(), RealiseError> {
    if by_kernel {
        return kernel::fill(filesystem, tree, ground, to.time, to.cancel);
    }
    let node = || filesystem.node.clone();
    let place = Place {
        file: ground.file,
        path,
        offset: ground.extent.offset,
        zeroed: ground.zeroed,
        scratch: ground.scratch,
        label: filesystem.label.as_deref(),
        mount: filesystem.mount.as_deref(),
        time: to.time,
    };
    filesystem.format.make(&place, tree).map_err(|error| match error {
        MakeError::Io(source) => RealiseError::Write { node: node(), source },
        MakeError::Program(source) => RealiseError::Program { node: node(), source },
    })
}
