//! Makes a layout real in a new file.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Cancelled, ProgramError};

use crate::ext4;
use crate::fat;
use crate::gpt;
use crate::grub;
use crate::layout::{FilesystemLayout, FormatLayout, Layout};
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
    let context = |source| RealiseError::Write { node: node.clone(), source };
    let mount = filesystem.mount.as_deref();
    let offset = filesystem.extent.offset;
    let label = filesystem.label.as_deref();
    match &filesystem.format {
        FormatLayout::Ext4 { uuid, hash_seed, blocks, tuning, root } => {
            let (uuid, hash_seed, blocks) = (*uuid, *hash_seed, *blocks);
            let ext4 = ext4::Ext4 { offset, blocks, label, uuid, hash_seed, tuning };
            ext4::make(&ext4, tree, mount, path, time).map_err(|error| match error {
                ext4::MakeError::Io(source) => context(source),
                ext4::MakeError::Program(source) => {
                    RealiseError::Program { node: node.clone(), source }
                }
            })?;
            ext4::normalise(file, offset, time, root.as_ref()).map_err(context)
        }
        FormatLayout::Vfat { serial, geometry } => {
            let mut folder = fat::Folder::default();
            let mut problem = None;
            if let Some(mount) = mount {
                let mut each = |entry: &crate::tree::TreeEntry| {
                    if let Err(why) = folder.add(entry) {
                        problem.get_or_insert(why);
                    }
                };
                tree.entries(mount, &mut each).map_err(context)?;
            }
            if let Some(problem) = problem {
                return Err(context(io::Error::other(problem)));
            }
            let mut read = |below: &str| tree.read(mount.unwrap_or_default(), below);
            let volume = fat::Volume { offset, geometry, label, serial: *serial, time };
            fat::write(&volume, &folder, &mut read, file).map_err(context)
        }
    }
}
