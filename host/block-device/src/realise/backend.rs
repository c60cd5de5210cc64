//! The back-ends that make disks in files.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use dibhost_filesystems::{FilesystemKind, Tree};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::RealiseError;
use super::means::{Means, Realise, Realised};
use super::secrets::Fetched;
use super::write::write;
use crate::graph::{Filesystem, Graph, GraphError};
use crate::kernel::{self, Unable};
use crate::layout::Layout;

/// Folders that every system has, with a bit that no prototype of `mkfs.xfs` can say.
const STICKY: [&str; 2] = ["/tmp", "/var/tmp"];

/// What makes disks in files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// Tools and our own writers alone: no loop device, no mounting, no root.
    #[default]
    File,
    /// Filesystems are mounted on loop devices and filled by the kernel, which takes root.
    Loop,
}

impl Backend {
    /// Both.
    pub const ALL: [Self; 2] = [Self::File, Self::Loop];

    /// As people write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Loop => "loop",
        }
    }

    /// What it can make of no tree, with the back-end that can. Known before there is a tree.
    ///
    /// # Errors
    /// The first node that needs the kernel, if this back-end does without it.
    pub fn check_graph(self, graph: &Graph) -> Result<(), GraphError> {
        match (self, graph.subvolumes().first()) {
            (Self::File, Some(subvolume)) => {
                let problem =
                    "the back-end `file` makes no btrfs subvolumes, for they take the kernel";
                Err(GraphError::at(&subvolume.node, problem, "use the back-end `loop`"))
            }
            _ => Ok(()),
        }
    }

    /// The back-end that can make the disks of an image whatever is in it, and why that is not
    /// `file`: the node, and what it takes the kernel for.
    #[must_use]
    pub fn of_image(graph: &Graph) -> (Self, Option<(String, String)>) {
        match Self::File.check_image(graph) {
            Err(GraphError { node: Some(node), problem, .. }) => {
                (Self::Loop, Some((node, problem)))
            }
            _ => (Self::File, None),
        }
    }

    /// What it cannot make of an image, for every system has in it what it cannot.
    ///
    /// # Errors
    /// As [`Backend::check_graph`]; and an xfs that holds `/tmp` or `/var/tmp`, if this back-end does
    /// without the kernel.
    pub fn check_image(self, graph: &Graph) -> Result<(), GraphError> {
        self.check_graph(graph)?;
        for folder in STICKY.into_iter().filter(|_| self == Self::File) {
            let holding = graph.mount_holding(folder);
            let holding = holding.and_then(|mount| graph.filesystem(&mount.filesystem));
            if let Some(xfs) = holding.filter(|f| f.kind == FilesystemKind::Xfs) {
                let problem = format!(
                    "the back-end `file` fills no xfs that holds `{folder}`, a folder with the sticky bit"
                );
                return Err(GraphError::at(&xfs.node, problem, "use the back-end `loop`, or ext4"));
            }
        }
        Ok(())
    }

    /// What it may be unable to make of a tree, which is known when the tree is: the nodes, and why.
    pub fn doubts(self, graph: &Graph) -> impl Iterator<Item = (&str, &'static str)> {
        let odd = move |kind| self == Self::File && kind == FilesystemKind::Xfs;
        let filled =
            move |f: &&Filesystem| odd(f.kind) && graph.mounts_of(&f.node).next().is_some();
        let why = "the back-end `file` cannot fill xfs with folders of the sticky bit (as `/tmp` has \
                   it), files of several names, extended attributes and devices";
        graph.filesystems().iter().filter(filled).map(move |f| (f.node.as_str(), why))
    }

    /// Whether this machine can do what it takes. Leaves nothing.
    ///
    /// # Errors
    /// The back-end is `loop`, and there is no root, no loop device, or a kind of filesystem that
    /// the kernel does not know.
    pub fn check_machine(self, graph: &Graph) -> Result<(), Unable> {
        match self {
            Self::File => Ok(()),
            Self::Loop => kernel::able(graph),
        }
    }

    /// What it cannot make, with the back-end that can. Known before anything is made.
    ///
    /// # Errors
    /// The first filesystem that needs the kernel, if this back-end does without it.
    pub fn check(self, layout: &Layout) -> Result<(), RealiseError> {
        let missing = |filesystem: &crate::layout::FilesystemLayout| {
            let why = filesystem.needs_kernel.clone()?;
            let (node, kind) = (filesystem.node.clone(), filesystem.format.kind().name());
            Some(RealiseError::NeedsKernel { node, kind, why })
        };
        let mut missing = layout.filesystems.iter().filter_map(missing);
        match (self, missing.next()) {
            (Self::File, Some(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes the disks into new sparse files, from the tree the layout was made of. Two runs of
    /// `file` over equal trees give equal bytes, unless something is encrypted: keys are random. The
    /// kernel makes the same of them with the same files, but not bit by bit.
    ///
    /// # Errors
    /// When a file exists already, cannot be written, a program fails, a secret is not there, the
    /// back-end cannot make something, or the build is cancelled; there is no file then.
    pub fn realise(
        self,
        layout: &Layout,
        tree: &mut dyn Tree,
        to: &Realise<'_>,
    ) -> Result<Realised, RealiseError> {
        self.check(layout)?;
        to.cancel.check()?;
        let secrets = Fetched::of(layout, to.secrets)?;
        let to = &Realise { secrets: &secrets, ..*to };
        let mut new = New { paths: Vec::new(), kept: false, disks: to.disks };
        let files = new.create(layout)?;
        for (path, disk) in new.paths.iter().zip(&layout.disks) {
            let create = |source| RealiseError::Create { path: path.clone(), source };
            files.get(&disk.node).map_or(Ok(()), |file| tree.admit(file, true)).map_err(create)?;
        }
        let paths: BTreeMap<&str, &Path> = layout
            .disks
            .iter()
            .zip(&new.paths)
            .map(|(disk, path)| (disk.node.as_str(), path.as_path()))
            .collect();
        // Beside the first disk: that is where there is room.
        let scratch = new.paths.first().and_then(|path| path.parent()).unwrap_or(Path::new("/"));
        let means = Means { kernel: self == Self::Loop, zeroed: true, scratch, table_later: None };
        let realised = write(layout, tree, to, &files, &paths, &means)?;
        for (path, disk) in new.paths.iter().zip(&layout.disks) {
            // A full disk may show only now.
            let create = |source| RealiseError::Create { path: path.clone(), source };
            files.get(&disk.node).map_or(Ok(()), File::sync_data).map_err(create)?;
        }
        new.kept = true;
        Ok(realised)
    }
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

/// Links on the way of a relative path are resolved now, while this process sees them. An absolute
/// one stays: it may lead through a folder that is held open, wherever that is by now.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let name = path.file_name().ok_or_else(|| io::Error::other("that is no name of a file"))?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(folder.canonicalize()?.join(name))
}

/// [`Backend::realise`] of `file`.
///
/// # Errors
/// As there.
pub fn realise(
    layout: &Layout,
    tree: &mut dyn Tree,
    to: &Realise<'_>,
) -> Result<Realised, RealiseError> {
    Backend::File.realise(layout, tree, to)
}
