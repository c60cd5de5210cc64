//! Makes a layout real in a new file.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Cancelled, ProgramError};

use crate::format::{MakeError, Place};
use crate::gpt;
use crate::grub;
use crate::layout::{FilesystemLayout, Layout};
use crate::place::Extent;
use crate::tree::Tree;

/// A disk could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RealiseError {
    /// The build was cancelled.
    #[error("making the block device was cancelled")]
    Cancelled(#[from] Cancelled),
    /// The file could not be made.
    #[error("block device: making the file {path}: {source}")]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A node could not be written.
    #[error("block device: writing node `{node}`: {source}")]
    Write {
        /// The node.
        node: String,
        /// Why.
        source: io::Error,
    },
    /// The program that makes a filesystem failed.
    #[error("block device: making the filesystem `{node}`: {source}")]
    Program {
        /// The node.
        node: String,
        /// Why.
        source: ProgramError,
    },
}

/// Writes the disk into `out`, a new sparse file, from the tree the layout was made of. Nothing in
/// it is younger than `source_date_epoch` (seconds since 1970), and two runs over equal trees give
/// equal bytes. Programs that `tree` runs must find `out` by the same absolute path.
///
/// # Errors
/// When it exists already, cannot be written, a program fails, or the build is cancelled; there is
/// no file then.
pub fn realise(
    layout: &Layout,
    tree: &mut dyn Tree,
    out: &Path,
    source_date_epoch: i64,
    cancel: &Cancel,
) -> Result<(), RealiseError> {
    cancel.check()?;
    let create = |source| RealiseError::Create { path: out.to_owned(), source };
    let absolute = absolute(out).map_err(create)?;
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&absolute);
    let file = file.map_err(create)?;
    let done = write(layout, tree, &file, &absolute, source_date_epoch, cancel);
    if done.is_err() {
        // The error that counts is the first.
        let _ = std::fs::remove_file(&absolute);
    }
    done
}

/// Links on the way are resolved now, while this process sees them.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("that is no name of a file"))?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(folder.canonicalize()?.join(name))
}

fn write(
    layout: &Layout,
    tree: &mut dyn Tree,
    mut file: &File,
    path: &Path,
    time: i64,
    cancel: &Cancel,
) -> Result<(), RealiseError> {
    let create = |source| RealiseError::Create { path: path.to_owned(), source };
    file.set_len(layout.size).map_err(create)?;
    if let Some(table) = &layout.table {
        let mut own = file.try_clone().map_err(create)?;
        gpt::write(&mut own, table, &layout.partitions, layout.sector_size)
            .map_err(|source| RealiseError::Write { node: table.node.clone(), source })?;
    }
    for filesystem in &layout.filesystems {
        cancel.check()?;
        self::filesystem(filesystem, tree, file, path, time)?;
    }
    cancel.check()?;
    if let Some(grub) = &layout.grub {
        let context = |source| RealiseError::Write { node: grub.node.clone(), source };
        let mut read = |(mount, below): &(String, String)| tree.read(mount, below);
        let boot = read(&grub.boot_image).map_err(context)?;
        let core = read(&grub.core_image).map_err(context)?;
        grub::check(&boot, &core).map_err(|why| context(io::Error::other(why)))?;
        grub::write(file, grub.extent, &boot, &core).map_err(context)?;
    }
    // A full disk may show only now.
    io::Write::flush(&mut file).and_then(|()| file.sync_data()).map_err(create)
}

fn filesystem(
    filesystem: &FilesystemLayout,
    tree: &mut dyn Tree,
    file: &File,
    path: &Path,
    time: i64,
) -> Result<(), RealiseError> {
    let node = &filesystem.node;
    let context = |error| match error {
        MakeError::Io(source) => RealiseError::Write { node: node.clone(), source },
        MakeError::Program(source) => RealiseError::Program { node: node.clone(), source },
    };
    let scratch = path.parent().unwrap_or(Path::new("/"));
    let place = |file, path, offset| Place {
        file,
        path,
        offset,
        zeroed: true,
        scratch,
        label: filesystem.label.as_deref(),
        mount: filesystem.mount.as_deref(),
        time,
    };
    let Extent { offset, size } = filesystem.extent;
    if filesystem.format.in_place() {
        return filesystem.format.make(&place(file, path, offset), tree).map_err(context);
    }
    let own = tempfile::Builder::new().prefix("filesystem-").tempfile_in(scratch);
    let own = own.map_err(|e| context(e.into()))?;
    own.as_file().set_len(size).map_err(|e| context(e.into()))?;
    filesystem.format.make(&place(own.as_file(), own.path(), 0), tree).map_err(context)?;
    copy(own.as_file(), file, offset).map_err(|e| context(e.into()))
}

/// Copies what is data of a file, and no hole, to an offset of another.
fn copy(from: &File, to: &File, offset: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    let size = from.metadata()?.len();
    let mut bytes = vec![0; 1 << 20];
    let mut at = 0;
    while at < size {
        let data = match rustix::fs::seek(from, rustix::fs::SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(rustix::io::Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(from, rustix::fs::SeekFrom::Hole(data))?;
        at = data;
        while at < end {
            let step = usize::try_from((end - at).min(bytes.len() as u64)).unwrap_or(bytes.len());
            from.read_exact_at(&mut bytes[..step], at)?;
            to.write_all_at(&bytes[..step], offset + at)?;
            at += step as u64;
        }
    }
    Ok(())
}
