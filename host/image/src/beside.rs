//! Files of elements beside an image replace nothing but their own kind: what dibhost wrote before, as
//! the manifest of then says it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use dibhost_check::Check;
use dibhost_sys::Cancel;
use rustix::fs::{Mode, OFlags, openat};

use crate::check::folder_of;
use crate::digest::sha256_of_file;
use crate::{ImageError, Manifest};

/// Bytes of a manifest that is read: one of 50,000 packages has a fifth of them.
const LONGEST: u64 = 32 << 20;

/// Checks that files of elements can be put beside the image `stem`, under its name and each of
/// `suffixes`: before a build, for those that are known by then.
///
/// # Errors
/// When one is there that dibhost did not write, or wrote and someone changed.
pub fn check_beside(stem: &Path, suffixes: &[&str], cancel: &Cancel) -> Result<(), ImageError> {
    let with = |suffix: &str| {
        let mut path = stem.as_os_str().to_owned();
        path.push(suffix);
        PathBuf::from(path)
    };
    let context = ImageError::io("opening the folder", folder_of(stem));
    let folder = Dir::open_ambient_dir(folder_of(stem), ambient_authority()).map_err(context)?;
    let files: Vec<_> = suffixes.iter().map(|suffix| with(suffix)).collect();
    check_in(&folder, &with(".manifest.json"), &files, cancel)
}

/// The same of files in an open folder.
pub(crate) fn check_in(
    folder: &Dir,
    manifest: &Path,
    files: &[PathBuf],
    cancel: &Cancel,
) -> Result<(), ImageError> {
    let mut before = None;
    for path in files {
        let Some(name) = path.file_name() else { continue };
        match folder.symlink_metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            // Read below where it is a file, and refused where not.
            Err(_) | Ok(_) => {}
        }
        let ours = before.get_or_insert_with(|| read(folder, manifest));
        let written = ours.beside.iter().find(|file| *file.file == *name);
        let unchanged = match (written, open(folder, path)) {
            (Some(written), Ok(file)) => sha256_of_file(file, path, cancel)? == written.sha256,
            _ => false,
        };
        if !unchanged && Check::OutputsReplace.holds() {
            let problem = "is there, and is not what dibhost wrote: an element's file beside the \
                           image would replace it";
            return Err(ImageError::output(path, problem, "move it away, or name another image"));
        }
    }
    Ok(())
}

/// The manifest of then; an empty one where there is none that can be read.
fn read(folder: &Dir, path: &Path) -> Manifest {
    let mut text = String::new();
    let read = open(folder, path).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
    read.ok().and_then(|_| Manifest::parse(&text).ok()).unwrap_or_default()
}

/// A regular file, and no link to one.
fn open(folder: &Dir, path: &Path) -> io::Result<File> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(openat(folder, name, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}
