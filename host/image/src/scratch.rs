//! The folder in which an image is made: on the filesystem of the outputs, so that they can be
//! renamed into place, and private. A lock says that its build lives; what a killed one left is
//! removed by the next.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::ImageError;

/// Names, mode and owner are what tells these folders from those of others, which no sweep may
/// remove: changing one leaves what older builds left.
const PREFIX: &str = ".dibhost-scratch-";
/// Letters and digits after the prefix.
const RANDOM: usize = 8;
const MODE: u32 = 0o700;

/// Whether a name is one that [`Scratch::create`] gives.
fn is_name(name: &OsStr) -> bool {
    let random = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    random.is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Whether a folder is private to this user.
fn is_mine(folder: &Metadata) -> bool {
    folder.uid() == rustix::process::geteuid().as_raw() && folder.mode() & 0o777 == MODE
}

/// A private folder, removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    // The lock is on the folder itself: it goes when this does, by a signal too.
    _lock: File,
}

impl Scratch {
    /// Makes one in `folder`, after removing those that nobody holds any more.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn create(folder: &Path) -> Result<Self, ImageError> {
        let folder = folder.canonicalize().map_err(ImageError::io("opening the folder", folder))?;
        Self::sweep(&folder)?;
        // Between the making of a folder and its lock, another build's sweep may take it for left.
        for _ in 0..100 {
            if let Some(scratch) = Self::try_create(&folder)
                .map_err(ImageError::io("making a temporary folder in", &folder))?
            {
                return Ok(scratch);
            }
        }
        let busy = io::Error::new(io::ErrorKind::ResourceBusy, "other builds remove it again");
        Err(ImageError::io("making a temporary folder in", &folder)(busy))
    }

    fn try_create(folder: &Path) -> io::Result<Option<Self>> {
        // The name is new, and the folder this one's alone from the start.
        let make = |path: &Path| fs::DirBuilder::new().mode(MODE).create(path);
        let made =
            tempfile::Builder::new().prefix(PREFIX).rand_bytes(RANDOM).make_in(folder, make)?;
        let path = made.into_temp_path().keep().map_err(|error| error.error)?;
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let mine = lock.metadata()?;
        match path.symlink_metadata() {
            Ok(there) if (there.dev(), there.ino()) == (mine.dev(), mine.ino()) => {
                Ok(Some(Self { path, _lock: lock }))
            }
            _ => Ok(None),
        }
    }

    /// Where it is: an absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder it is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Removes what killed builds left in `folder`: scratch folders whose lock nobody holds. Those
    /// of other users stay, and all that [`create`](Self::create) does not make.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn sweep(folder: &Path) -> Result<(), ImageError> {
        let context = || ImageError::io("reading the folder", folder);
        for entry in fs::read_dir(folder).map_err(context())? {
            let entry = entry.map_err(context())?;
            // Not through symbolic links: what they lead to is not ours.
            if !is_name(&entry.file_name()) || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let Ok(lock) = File::open(entry.path()) else { continue };
            let mine = lock.metadata().is_ok_and(|folder| is_mine(&folder));
            if mine && flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                // What cannot be removed now may be by the next build.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next build.
        let _ = fs::remove_dir_all(&self.path);
    }
}
