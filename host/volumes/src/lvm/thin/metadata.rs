//! A pool's metadata on disk, made by `thin_restore` in a plain file.

use std::fs::File;
use std::io;
use std::path::Path;

use dibhost_sys::{Hold, Program};

use super::map::PoolMap;
use super::xml;
use crate::lvm::LvmError;
use crate::medium::{FileMedium, Medium};

/// How much is copied at a time, bytes.
const PIECE: usize = 64 << 10;
/// The kernel uses no more of a pool's metadata than this, bytes.
const METADATA_MOST: u64 = 16 << 30;

/// What makes a pool's metadata: whoever runs it decides where.
#[derive(Debug)]
pub struct Restoring<'a> {
    /// `thin_restore` with its arguments.
    pub program: Program,
    /// The folder of its files, and what it reads in it.
    pub reads: [&'a File; 2],
    /// What it writes, which is there.
    pub writes: &'a File,
}

/// Copies what is not zero.
fn copy(from: &dyn Medium, to: &dyn Medium, wipe: bool) -> io::Result<()> {
    let (mut bytes, mut there) = (vec![0; PIECE], vec![0; PIECE]);
    let mut at = 0;
    while at < from.size() {
        let length = (from.size() - at).min(PIECE as u64) as usize;
        let bytes = &mut bytes[..length];
        from.read_exact_at(bytes, at)?;
        let mut same = bytes.iter().all(|byte| *byte == 0);
        if same && wipe {
            let there = &mut there[..length];
            to.read_exact_at(there, at)?;
            same = there.iter().all(|byte| *byte == 0);
        }
        if !same {
            to.write_all_at(bytes, at)?;
        }
        at += length as u64;
    }
    Ok(())
}

/// Makes the pool's metadata and writes it to `metadata`, the pool's hidden metadata volume. Equal maps
/// give equal bytes: `thin_restore`, which `restore` runs, begins with a file of zeros. `folder` is for
/// files on the way.
///
/// # Errors
/// When `thin_restore` is not installed, or the map does not fit into the metadata, or the bytes
/// cannot be written.
pub fn write_metadata(
    map: &PoolMap,
    metadata: &dyn Medium,
    folder: &Path,
    restore: &mut dyn FnMut(&Restoring<'_>) -> io::Result<()>,
) -> Result<(), LvmError> {
    let io = || LvmError::io("writing a thin pool's metadata");
    let folder = tempfile::tempdir_in(folder).map_err(io())?;
    let (text, made) = (folder.path().join("pool.xml"), folder.path().join("metadata"));
    std::fs::write(&text, xml::print(map)).map_err(io())?;
    let file = File::options().read(true).write(true).create_new(true).open(&made).map_err(io())?;
    file.set_len(metadata.size().min(METADATA_MOST)).map_err(io())?;
    let program = Program::new("thin_restore").arg("-i").arg(&text).arg("-o").arg(&made);
    let program = program.held(Hold::new().write(folder.path()));
    let reads = [File::open(folder.path()).map_err(io())?, File::open(&text).map_err(io())?];
    let [inner, text] = &reads;
    restore(&Restoring { program, reads: [inner, text], writes: &file })
        .map_err(LvmError::io("using a thin pool's metadata"))?;
    copy(&FileMedium::whole(&file).map_err(io())?, metadata, true).map_err(io())
}
