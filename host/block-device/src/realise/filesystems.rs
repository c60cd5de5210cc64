//! Fills filesystems: in place where a volume is one stretch of a disk, else in a sparse scratch
//! file whose data goes through the volumes below.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::error::RealiseError;
use super::means::{Means, Realise};
use crate::kernel::{self, FillError, Ground};
use crate::layout::{FilesystemLayout, Layout, VolumeMap};
use crate::stack::Stack;
use dibhost_filesystems::Tree;
use dibhost_filesystems::readback::{self, Went};
use dibhost_filesystems::{MakeError, Site};
use dibhost_volumes::Extent;
use dibhost_volumes::Medium;
use dibhost_volumes::sparse::data;

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
            Some((path, Ground { file, path, extent, sector, zeroed, scratch }))
        });
        if let Some((path, ground)) = in_place {
            fill(filesystem, tree, path, &ground, by_kernel, to)?;
            check(filesystem, tree, path, &ground)?;
            continue;
        }
        let scratch = SparseFile::within(means.scratch, filesystem.size).map_err(context)?;
        scratch.admit(tree).map_err(context)?;
        let ground = Ground {
            file: &scratch.file,
            path: &scratch.path,
            extent: Extent { offset: 0, size: filesystem.size },
            // Filesystems write larger pieces; what counts sectors of its own says so.
            sector: 512,
            zeroed: true,
            scratch: means.scratch,
        };
        fill(filesystem, tree, &scratch.path, &ground, by_kernel, to)?;
        check(filesystem, tree, &scratch.path, &ground)?;
        // Holes stand for zeros, which is not what lies below everywhere.
        let zeros = !reads_zeros(stack.layout, &filesystem.on, means.zeroed);
        let copied =
            stack.with(&filesystem.on, &mut |to_medium| copy(&scratch.file, to_medium, zeros, to));
        copied.map_err(context)?;
    }
    Ok(())
}

/// A sparse file that is gone when it is no longer needed.
pub(crate) struct SparseFile {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    folder: tempfile::TempDir,
}

impl SparseFile {
    /// In a folder in which there is room for what will be in it.
    pub(crate) fn within(folder: &Path, size: u64) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix(".dibhost-volume-").tempdir_in(folder)?;
        let path = folder.path().join("volume");
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        file.set_len(size)?;
        Ok(Self { file, path, folder })
    }

    /// Lets programs of the tree write to it.
    fn admit(&self, tree: &dyn Tree) -> io::Result<()> {
        tree.admit(&File::open(self.folder.path())?, false)?;
        tree.admit(&self.file, true)
    }
}

/// Whether a volume that nothing was written to reads as zeros, if its disks do: what is decrypted
/// does not, and what a thin pool never gave does, whatever the pool lies on.
pub(super) fn reads_zeros(layout: &Layout, node: &str, disks: bool) -> bool {
    if let Some((_, table)) = layout.partition(node) {
        return reads_zeros(layout, &table.on, disks);
    }
    let Some(volume) = layout.volume(node) else { return disks };
    match &volume.map {
        VolumeMap::Luks { .. } => false,
        VolumeMap::Thin { .. } => true,
        VolumeMap::Raid { on, .. } => on.iter().all(|on| reads_zeros(layout, on, disks)),
        VolumeMap::Verity { data, .. } => reads_zeros(layout, data, disks),
        VolumeMap::Logical { group } => {
            let group = layout.groups.iter().find(|g| g.node == *group);
            let mut volumes = group.iter().flat_map(|group| &group.physical_volumes);
            volumes.all(|pv| reads_zeros(layout, &pv.on, disks))
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
    loop {
        let stretch = if zeros { (at < size).then_some(at..size) } else { data(from, at, size)? };
        let Some(stretch) = stretch else { break };
        let mut done = stretch.start;
        while done < stretch.end {
            realise.cancel.check().map_err(io::Error::other)?;
            let length = PIECE.min(usize::try_from(stretch.end - done).unwrap_or(PIECE));
            std::os::unix::fs::FileExt::read_exact_at(from, &mut piece[..length], done)?;
            to.write_all_at(&piece[..length], done)?;
            done += length as u64;
        }
        at = stretch.end;
    }
    Ok(())
}

/// Holds one to what went into it: no tool and no kernel is believed.
fn check(
    filesystem: &FilesystemLayout,
    tree: &mut dyn Tree,
    path: &Path,
    ground: &Ground<'_>,
) -> Result<(), RealiseError> {
    let made = readback::Made { file: ground.file, path, extent: ground.extent };
    let root = Went { below: "", mount: filesystem.mount.as_deref() };
    let subvolumes =
        filesystem.subvolumes.iter().map(|s| Went { below: &s.path, mount: s.mount.as_deref() });
    let went: Vec<Went<'_>> = [root].into_iter().chain(subvolumes).collect();
    readback::check(filesystem.format.kind(), &went, tree, &made).map_err(|source| {
        RealiseError::Readback {
            node: filesystem.node.clone(),
            kind: filesystem.format.kind().name(),
            source,
        }
    })
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
    let node = || filesystem.node.clone();
    if by_kernel {
        let filled = kernel::fill(filesystem, tree, ground, to.time, to.cancel);
        return filled.map_err(|error| match error {
            FillError::Cancelled(cancelled) => cancelled.into(),
            FillError::Io(source) => RealiseError::Write { node: node(), source },
            FillError::Program(source) => RealiseError::Program { node: node(), source },
        });
    }
    let site = Site {
        file: ground.file,
        path,
        offset: ground.extent.offset,
        zeroed: ground.zeroed,
        scratch: ground.scratch,
        label: filesystem.label.as_deref(),
        mount: filesystem.mount.as_deref(),
        time: to.time,
    };
    filesystem.format.make(&site, tree).map_err(|error| match error {
        MakeError::Io(source) => RealiseError::Write { node: node(), source },
        MakeError::Program(source) => RealiseError::Program { node: node(), source },
        MakeError::Cancelled(cancelled) => cancelled.into(),
    })
}
