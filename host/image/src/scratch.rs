//! The folder in which an image is made: on the filesystem of the outputs, so that they can be
//! renamed into place, and private. A lock says that its build lives; what a killed one left is
//! removed by the next.
//!
//! The folder of the outputs is often another user's, who can move this one away and put another, or
//! links, in its place while root works in it. So both are opened once, and all goes by descriptor.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _};
use dibhost_sys::{HeldFolder, remove_folder};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, openat};

use crate::ImageError;

/// Names, mode and owner are what tells these folders from those of others, which no sweep may
/// remove: changing one leaves what older builds left.
const PREFIX: &str = ".dibhost-scratch-";
/// Letters and digits after the prefix.
const RANDOM: usize = 8;
const MODE: u32 = 0o700;
/// Of what is made, in the folder.
const INNER: &str = "made";

/// Whether a name is one that [`Scratch::create`] gives.
fn is_name(name: &OsStr) -> bool {
    let random = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
    random.is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// A name that nobody foretells. That it is new is seen when the folder is made.
fn new_name() -> io::Result<OsString> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = [0u8; RANDOM];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    let letters = random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    Ok(OsString::from(PREFIX.chars().chain(letters).collect::<String>()))
}

/// Whether a folder is private to this user.
fn is_mine(folder: &Metadata) -> bool {
    folder.uid() == rustix::process::geteuid().as_raw() && folder.mode() & 0o777 == MODE
}

fn same(one: &cap_std::fs::Metadata, other: &Metadata) -> bool {
    use cap_std::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Opens a folder in a folder; no link is followed.
fn open_folder(folder: &Dir, name: &OsStr) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(folder, name, flags, Mode::empty())?.into())
}

/// Removes what is in a folder, and it from the folder that it was in, if it is there still.
fn remove(folder: &Dir, name: &OsStr, opened: &Dir) -> io::Result<()> {
    for entry in opened.entries()? {
        // A program that makes filesystems may have made folders of any depth.
        remove_folder(opened, &entry?.file_name())?;
    }
    // What was put in its place is either not empty, and stays, or nobody's loss.
    folder.remove_dir(name)
}

/// A private folder, removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    /// The folder of the outputs.
    folder: Dir,
    /// The path by which it was opened.
    asked: PathBuf,
    name: OsString,
    private: Dir,
    /// In it, and open to whoever is given its descriptor.
    inside: Dir,
    held: HeldFolder,
    /// Where it was made, for people.
    place: PathBuf,
    // The lock is on the folder itself: it goes when this does, by a signal too.
    _lock: File,
}

impl Scratch {
    /// Makes one in `folder`, after removing those that nobody holds any more.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub fn create(folder: &Path) -> Result<Self, ImageError> {
        let context = || ImageError::io("opening the folder", folder);
        let opened = Dir::open_ambient_dir(folder, ambient_authority()).map_err(context())?;
        let place = folder.canonicalize().map_err(context())?;
        sweep_in(&opened).map_err(ImageError::io("reading the folder", folder))?;
        let making = || ImageError::io("making a temporary folder in", folder);
        // Between the making of a folder and its lock, another build's sweep may take it for left.
        for _ in 0..100 {
            let name = new_name().map_err(making())?;
            let Some((private, lock)) = try_create(&opened, &name).map_err(making())? else {
                continue;
            };
            let inside = make_inner(&private).map_err(making())?;
            // Opened anew: who gets this descriptor does not get the lock.
            let held = open_folder(&inside, OsStr::new(".")).and_then(HeldFolder::new);
            let held = held.map_err(making())?;
            let (asked, place) = (folder.to_owned(), place.join(&name));
            let folder = opened;
            return Ok(Self { folder, asked, name, private, inside, held, place, _lock: lock });
        }
        let busy = io::Error::new(io::ErrorKind::ResourceBusy, "other builds remove it again");
        Err(making()(busy))
    }

    /// A path to it that leads through its descriptor, whoever moves it: valid in this process, and
    /// in programs whose arguments name it (`dibhost_sys::Program`).
    #[must_use]
    pub fn path(&self) -> &Path {
        self.held.path()
    }

    /// Its descriptor, for another process to hold under the same number.
    #[must_use]
    pub fn held(&self) -> &HeldFolder {
        &self.held
    }

    /// Where it was made, for people: another may be there by now.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// A text for people: the path through the descriptor says nothing to them.
    #[must_use]
    pub fn in_words(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.path().display()), &format!("{}/", self.place.display()))
    }

    /// Removes what killed builds left in `folder`: scratch folders whose lock nobody holds. Those
    /// of other users stay, and all that [`create`](Self::create) does not make.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn sweep(folder: &Path) -> Result<(), ImageError> {
        Dir::open_ambient_dir(folder, ambient_authority())
            .and_then(|folder| sweep_in(&folder))
            .map_err(ImageError::io("reading the folder", folder))
    }

    /// The inside of it.
    pub(crate) fn inside(&self) -> &Dir {
        &self.inside
    }

    /// The folder it is in, which is that of the outputs.
    pub(crate) fn folder(&self) -> &Dir {
        &self.folder
    }

    /// Whether a path names the folder that the outputs go to.
    pub(crate) fn is_in(&self, folder: &Path) -> bool {
        let is_it = || Some(same(&self.folder.dir_metadata().ok()?, &folder.metadata().ok()?));
        folder == self.asked || is_it() == Some(true)
    }

    /// The name of a file directly in it.
    pub(crate) fn name_of<'a>(&self, path: &'a Path) -> Result<&'a OsStr, ImageError> {
        let name = path.file_name().filter(|_| path.parent() == Some(self.path()));
        name.ok_or_else(|| {
            let other = io::Error::other("it is not in the folder in which the image is made");
            ImageError::io("opening", path)(other)
        })
    }

    /// Opens a file directly in it; no link is followed, and nobody is waited for at a pipe.
    pub(crate) fn open(&self, path: &Path) -> Result<File, ImageError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(&self.inside, self.name_of(path)?, flags, Mode::empty());
        opened.map(File::from).map_err(|error| ImageError::io("opening", path)(error.into()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next build.
        let _ = remove(&self.folder, &self.name, &self.private);
    }
}

/// The folder that files are made in. Programs that make filesystems are nobody on this machine, and
/// may write to it: they get there by its descriptor, and nobody else gets past the private folder
/// that it is in.
fn make_inner(private: &Dir) -> io::Result<Dir> {
    private.create_dir(INNER)?;
    let inner = open_folder(private, OsStr::new(INNER))?;
    inner.set_permissions(Permissions::from_mode(0o777))?;
    Ok(Dir::from_std_file(inner))
}

/// The folder and its lock; none: a name that is taken, or another's sweep was quicker.
fn try_create(folder: &Dir, name: &OsStr) -> io::Result<Option<(Dir, File)>> {
    let mut builder = DirBuilder::new();
    builder.mode(MODE);
    match folder.create_dir_with(name, &builder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(error),
    }
    let lock = match open_folder(folder, name) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // Whoever may write to the folder may have put another there meanwhile.
    let stat = lock.metadata()?;
    if !is_mine(&stat) {
        return Ok(None);
    }
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    // Swept before it was locked, it has no name any more.
    match folder.symlink_metadata(name) {
        Ok(there) if same(&there, &stat) => {}
        _ => return Ok(None),
    }
    Ok(Some((Dir::from_std_file(lock.try_clone()?), lock)))
}

fn sweep_in(folder: &Dir) -> io::Result<()> {
    for entry in folder.entries()? {
        let name = entry?.file_name();
        // Not through symbolic links: what they lead to is not ours.
        let Some(lock) = Some(&name).filter(|name| is_name(name)).map(|n| open_folder(folder, n))
        else {
            continue;
        };
        let Ok(lock) = lock else { continue };
        let mine = lock.metadata().is_ok_and(|stat| is_mine(&stat));
        if mine && flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            // What cannot be removed now may be by the next build.
            let _ = lock
                .try_clone()
                .and_then(|opened| remove(folder, &name, &Dir::from_std_file(opened)));
        }
    }
    Ok(())
}
