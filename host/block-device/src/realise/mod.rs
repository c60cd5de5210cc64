//! Makes a layout real in new files, one for each disk.

mod filesystems;
mod volumes;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Cancelled, ProgramError};
use serde::Serialize;

use crate::grub;
use crate::layout::{GrubLayout, Layout};
use crate::secret::Secrets;
use crate::stack::Stack;
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
    /// The program that makes a filesystem or header failed.
    #[error("block device: making `{node}`: {source}")]
    Program {
        /// The node.
        node: String,
        /// Why.
        source: ProgramError,
    },
    /// A secret that opens an encryption is not there.
    #[error("block device: node `{node}`: the secret `{secret}` cannot be had: {source}")]
    Secret {
        /// The node.
        node: String,
        /// Its name.
        secret: String,
        /// Why.
        source: io::Error,
    },
}

/// Where and how disks are made.
pub struct Realise<'a> {
    /// The file of each disk, by its node: none is there yet, and all lie in folders that programs
    /// which the tree runs find by the same paths.
    pub disks: &'a BTreeMap<String, PathBuf>,
    /// Secrets of encryptions.
    pub secrets: &'a dyn Secrets,
    /// Seconds since 1970: nothing in the disks is younger.
    pub time: i64,
    /// Ends it.
    pub cancel: &'a Cancel,
}

/// What is known only once the disks are made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Realised {
    /// Root hashes of verity devices in hexadecimal digits, by their nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub root_hashes: BTreeMap<String, String>,
}

/// Files that are removed unless all went well.
struct New<'a> {
    paths: Vec<PathBuf>,
    kept: bool,
    disks: &'a BTreeMap<String, PathBuf>,
}

impl Drop for New<'_> {
    fn drop(&mut self) {
        if !self.kept {
            for path in &self.paths {
                // The error that counts is the first.
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

impl New<'_> {
    fn create(&mut self, layout: &Layout) -> Result<BTreeMap<String, File>, RealiseError> {
        let mut files = BTreeMap::new();
        for disk in &layout.disks {
            let path = self.disks.get(&disk.node).ok_or_else(|| RealiseError::Write {
                node: disk.node.clone(),
                source: io::Error::other("nobody said which file is this disk"),
            })?;
            let create = |source| RealiseError::Create { path: path.clone(), source };
            let path = absolute(path).map_err(create)?;
            let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
            let file = file.map_err(create)?;
            self.paths.push(path);
            file.set_len(disk.size).map_err(create)?;
            files.insert(disk.node.clone(), file);
        }
        Ok(files)
    }
}

/// Links on the way are resolved now, while this process sees them.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| io::Error::other("that is no name of a file"))?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(folder.canonicalize()?.join(name))
}

/// Writes the disks into new sparse files, from the tree the layout was made of. Two runs over equal
/// trees give equal bytes, unless something is encrypted: keys are random.
///
/// # Errors
/// When a file exists already, cannot be written, a program fails, a secret is not there, or the
/// build is cancelled; there is no file then.
pub fn realise(
    layout: &Layout,
    tree: &mut dyn Tree,
    to: &Realise<'_>,
) -> Result<Realised, RealiseError> {
    to.cancel.check()?;
    let mut new = New { paths: Vec::new(), kept: false, disks: to.disks };
    let files = new.create(layout)?;
    let paths: BTreeMap<&str, &Path> = layout
        .disks
        .iter()
        .zip(&new.paths)
        .map(|(disk, path)| (disk.node.as_str(), path.as_path()))
        .collect();
    let mut stack = Stack { layout, files: &files, keys: BTreeMap::new() };
    let folder = new.paths.first().and_then(|path| path.parent()).unwrap_or(Path::new("/"));
    volumes::make(&mut stack, to, folder)?;
    filesystems::make(&stack, tree, to, &paths)?;
    let realised = volumes::seal(&stack, to)?;
    for grub in &layout.grub {
        boot(grub, &files, tree)?;
    }
    to.cancel.check()?;
    for (path, file) in new.paths.iter().zip(layout.disks.iter().filter_map(|d| files.get(&d.node)))
    {
        // A full disk may show only now.
        let create = |source| RealiseError::Create { path: path.clone(), source };
        file.sync_data().map_err(create)?;
    }
    new.kept = true;
    Ok(realised)
}

fn boot(
    grub: &GrubLayout,
    files: &BTreeMap<String, File>,
    tree: &mut dyn Tree,
) -> Result<(), RealiseError> {
    let context = |source| RealiseError::Write { node: grub.node.clone(), source };
    let mut read = |(mount, below): &(String, String)| tree.read(mount, below);
    let boot = read(&grub.boot_image).map_err(context)?;
    let core = read(&grub.core_image).map_err(context)?;
    grub::check(&boot, &core).map_err(|why| context(io::Error::other(why)))?;
    let missing = || context(io::Error::other("its disk has no file"));
    let file = files.get(&grub.disk).ok_or_else(missing)?;
    grub::write(file, grub.extent, &boot, &core).map_err(context)
}
