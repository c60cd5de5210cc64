//! Filling a filesystem in another process: the one that sees the tree.
//!
//! ```text
//!  whoever realises                          a program that the tree runs (`Tree::filler`)
//!  Filling { filesystem, where, parts } ──►  JSON file  ──►  loop device, mkfs, mount, copy, trim
//!  its standard error, when it failed   ◄──
//! ```
//!
//! The loop device and the mount are that process's: they end with it, however it ends.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Program, ProgramError};
use serde::{Deserialize, Serialize};

use super::fill::{self, FillError, Ground};
use crate::layout::FilesystemLayout;
use dibhost_filesystems::{FolderTree, Tree};
use dibhost_volumes::Extent;

/// A filesystem to fill, as one process tells another of the same program.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Filling {
    filesystem: FilesystemLayout,
    /// A disk's file, or a scratch file.
    file: PathBuf,
    extent: Extent,
    sector: u32,
    zeroed: bool,
    scratch: PathBuf,
    /// The folders of the parts that go into it, by their mount points.
    parts: BTreeMap<String, PathBuf>,
    time: i64,
}

impl Filling {
    /// Reads a file that says one, and fills it.
    ///
    /// # Errors
    /// It cannot be read or says none, or filling fails: what went wrong, for people.
    pub fn carry_out(file: &Path, cancel: &Cancel) -> io::Result<()> {
        let reading = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", file.display()));
        let text = std::fs::read(file).map_err(reading)?;
        let filling: Self = serde_json::from_slice(&text).map_err(|e| reading(e.into()))?;
        filling.fill(cancel)
    }

    fn fill(&self, cancel: &Cancel) -> io::Result<()> {
        let parts = self.parts.iter().map(|(mount, part)| (mount.as_str(), part.as_path()));
        let mut tree = FolderTree::of_parts(parts, cancel.clone())?;
        let file = File::options().read(true).write(true).open(&self.file)?;
        let ground = Ground {
            file: &file,
            path: &self.file,
            extent: self.extent,
            sector: self.sector,
            zeroed: self.zeroed,
            scratch: &self.scratch,
        };
        let filled = fill::here(&self.filesystem, &mut tree, &ground, self.time, cancel);
        filled.map_err(|error| match error {
            FillError::Io(error) => error,
            error => io::Error::other(error),
        })
    }
}

/// Makes and fills it, where the tree can be seen: here, or in a program that the tree runs.
pub(crate) fn fill(
    filesystem: &FilesystemLayout,
    tree: &mut dyn Tree,
    ground: &Ground<'_>,
    time: i64,
    cancel: &Cancel,
) -> Result<(), FillError> {
    match tree.filler() {
        Some(program) => fill_by(program, filesystem, tree, ground, time),
        None => fill::here(filesystem, tree, ground, time, cancel),
    }
}

/// Has a program fill it where the tree can be seen.
fn fill_by(
    program: Program,
    filesystem: &FilesystemLayout,
    tree: &mut dyn Tree,
    ground: &Ground<'_>,
    time: i64,
) -> Result<(), FillError> {
    let subvolumes = filesystem.subvolumes.iter().filter_map(|subvolume| subvolume.mount.as_ref());
    let mounts = filesystem.mount.iter().chain(subvolumes);
    let filling = Filling {
        filesystem: filesystem.clone(),
        file: ground.path.to_owned(),
        extent: ground.extent,
        sector: ground.sector,
        zeroed: ground.zeroed,
        scratch: ground.scratch.to_owned(),
        parts: mounts.map(|mount| (mount.clone(), tree.part(mount).to_owned())).collect(),
        time,
    };
    let said = tempfile::Builder::new().prefix(".dibhost-fill-").tempfile_in(ground.scratch);
    let said = said?;
    serde_json::to_writer(&said, &filling).map_err(io::Error::from)?;
    tree.program(&program.arg(said.path())).map(drop).map_err(|error| match error {
        // It says what went wrong and nothing else; what was killed says nothing.
        ProgramError::Failed { stderr, .. } if !stderr.trim().is_empty() => {
            io::Error::other(stderr.trim().to_owned()).into()
        }
        source => source.into(),
    })
}
