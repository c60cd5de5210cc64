//! Fills filesystems: in place where a volume is one stretch of a disk's file, else in a sparse
//! scratch file whose data goes through the volumes below.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{SeekFrom, seek};

use super::{Realise, RealiseError};
use crate::format::{MakeError, Place};
use crate::layout::{FilesystemLayout, Layout, VolumeMap};
use crate::medium::Medium;
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
) -> Result<(), RealiseError> {
    for filesystem in &stack.layout.filesystems {
        to.cancel.check()?;
        let context = |source| RealiseError::Write { node: filesystem.node.clone(), source };
        let place = filesystem.place.as_ref().filter(|_| filesystem.format.in_place());
        let in_place = place.and_then(|place| {
            let file = stack.files.get(&place.disk)?;
            Some((file, *paths.get(place.disk.as_str())?, place.extent.offset))
        });
        if let Some((file, path, offset)) = in_place {
            fill(filesystem, tree, file, path, offset, to.time)?;
            continue;
        }
        let scratch = Scratch::beside(paths, filesystem.size).map_err(context)?;
        fill(filesystem, tree, &scratch.file, &scratch.path, 0, to.time)?;
        let zeros = is_encrypted(stack.layout, &filesystem.on);
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
    /// Beside the first disk: that is where there is room for what will be in it.
    pub(crate) fn beside(paths: &BTreeMap<&str, &Path>, size: u64) -> io::Result<Self> {
        let beside = paths.values().next().and_then(|path| path.parent());
        let beside = beside.unwrap_or(Path::new("/nonexistent"));
        let folder = tempfile::Builder::new().prefix(".dibhost-volume-").tempdir_in(beside)?;
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

/// Makes one, from `offset` of a file on.
pub(crate) fn fill(
    filesystem: &FilesystemLayout,
    tree: &mut dyn Tree,
    file: &File,
    path: &Path,
    offset: u64,
    time: i64,
) -> Result<(), RealiseError> {
    let node = || filesystem.node.clone();
    let place = Place {
        file,
        path,
        offset,
        zeroed: true,
        scratch: path.parent().unwrap_or(Path::new("/")),
        label: filesystem.label.as_deref(),
        mount: filesystem.mount.as_deref(),
        time,
    };
    filesystem.format.make(&place, tree).map_err(|error| match error {
        MakeError::Io(source) => RealiseError::Write { node: node(), source },
        MakeError::Program(source) => RealiseError::Program { node: node(), source },
    })
}
