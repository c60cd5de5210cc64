//! SquashFS and EROFS: packed once, read ever after.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use dibhost_sys::Program;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::filesystem::{Compressor, PackedTuning};
use crate::site::{MakeError, Site};
use crate::tree::{Tree, TreeEntry};
use dibhost_text::rounded_size;

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

/// Nothing younger than this is in it; both tools clamp the times of files to it.
fn clamped(program: Program, time: i64) -> Program {
    program.env("SOURCE_DATE_EPOCH", time.max(0).to_string())
}

/// The program that makes a squashfs of a folder: in a file, or from the start of a device. Nothing
/// younger than `time`, in seconds since 1970, is in it.
#[must_use]
pub fn squashfs_of(folder: &Path, to: &Path, compression: Compressor, time: i64) -> Program {
    let program = Program::new("mksquashfs")
        .arg(folder)
        .arg(to)
        .args(["-noappend", "-no-progress", "-no-recovery", "-quiet", "-xattrs"])
        .args(["-reproducible", "-comp", compression.name()])
        // Of its queues; else a quarter of the machine's.
        .args(["-mem", "512M"]);
    clamped(program, time)
}

pub(super) fn squashfs(
    packed: &PackedLayout,
    site: &Site<'_>,
    tree: &mut dyn Tree,
) -> Result<(), MakeError> {
    let compression = packed.tuning.compression;
    fill(packed, site, tree, |part| squashfs_of(part, site.path, compression, site.time))
}

pub(super) fn erofs(
    packed: &PackedLayout,
    site: &Site<'_>,
    tree: &mut dyn Tree,
) -> Result<(), MakeError> {
    let uuid = packed.uuid.unwrap_or_default();
    fill(packed, site, tree, |part| {
        let mut program = Program::new("mkfs.erofs").arg("--quiet").arg(format!("-U{uuid}"));
        if packed.tuning.compression != Compressor::None {
            program = program.arg(format!("-z{}", packed.tuning.compression.name()));
        }
        clamped(program.arg(site.path).arg(part), site.time)
    })
}

/// Bytes of the longest name that `mkfs.erofs` writes; it cuts one of 255, which the format and the
/// kernel know, and then finds no such file (all versions up to 1.8).
const LONGEST_NAME: usize = 254;

/// What `mkfs.erofs` passes over, at any depth, and ends well (all versions up to 1.8): it takes names
/// that begin so for what `mke2fs` makes.
const PASSED_OVER: &[u8] = b"lost+found";

/// What is wrong with an entry's name for EROFS.
pub(super) fn bad_name(entry: &TreeEntry) -> Option<String> {
    let name = entry.path.file_name().unwrap_or_default();
    let (path, length) = (entry.shown(), name.len());
    if length > LONGEST_NAME {
        return Some(format!(
            "`{path}` has a name of {length} bytes, and `mkfs.erofs` takes {LONGEST_NAME}"
        ));
    }
    name.as_bytes().starts_with(PASSED_OVER).then(|| {
        format!(
            "`{path}` would be lost: `mkfs.erofs` leaves out what has a name that begins with \
             `lost+found`; give it another name"
        )
    })
}

/// Has the tool write from the file's start; it cuts the file to what it wrote, so its length is
/// put back.
fn fill(
    packed: &PackedLayout,
    site: &Site<'_>,
    tree: &mut dyn Tree,
    program: impl FnOnce(&Path) -> Program,
) -> Result<(), MakeError> {
    // What is not mounted is an empty folder.
    let empty = tempfile::Builder::new().prefix("empty-").tempdir_in(site.scratch)?;
    tree.admit(&std::fs::File::open(empty.path())?, false)?;
    let part = site.part(tree)?;
    let part = part.as_deref().unwrap_or(empty.path());
    let is_file = site.file.metadata()?.is_file();
    let length = site.file.metadata()?.len();
    tree.program(&program(part).held(site.hold(Some(part))))?;
    if is_file {
        let written = site.file.metadata()?.len();
        if written > packed.size {
            let (have, size) = (rounded_size(written), rounded_size(packed.size));
            let problem = format!("its files, packed, take {have}, and its volume has {size}");
            return Err(io::Error::new(io::ErrorKind::StorageFull, problem).into());
        }
        site.file.set_len(length)?;
    }
    Ok(())
}
