//! The folder that what was pulled lies in: this user's alone, held open, no link in it followed,
//! each file there whole or not at all.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use cap_std::fs::{Dir, File, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

/// What a file is called that is being written.
const DRAFT: &str = ".draft-";
/// What says whether anything may be removed.
const LOCK: &str = ".lock";

static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// The folder, held open: one that is put in its place later is not looked at.
#[derive(Debug)]
pub(crate) struct Folder {
    dir: Dir,
    path: PathBuf,
}

/// Why a file of the folder is not used.
#[derive(Debug)]
pub(crate) enum Unread {
    /// There is none of that name.
    Absent,
    /// It is not what this user put there: a sentence part.
    Odd(String),
    /// The kernel said so.
    Failed(io::Error),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("it is not there"),
            Self::Odd(why) => f.write_str(why),
            Self::Failed(error) => write!(f, "it cannot be read: {error}"),
        }
    }
}

impl Folder {
    /// Opens the folder, or makes it with mode 0700; what killed processes left of files that were
    /// being written goes.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let refused = |why: String| io::Error::new(io::ErrorKind::PermissionDenied, why);
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent)?;
        }
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let folder: OwnedFd =
            rustix::fs::open(path, flags, Mode::empty()).map_err(|e| match e {
                Errno::LOOP | Errno::NOTDIR => {
                    refused("it is a symbolic link or no folder".to_owned())
                }
                error => error.into(),
            })?;
        let stat = rustix::fs::fstat(&folder)?;
        let own = rustix::process::geteuid().as_raw();
        if stat.st_uid != own {
            return Err(refused(format!(
                "it belongs to user {} and not to user {own}",
                stat.st_uid
            )));
        }
        let mode = stat.st_mode & 0o777;
        if mode & 0o077 != 0 {
            return Err(refused(format!("its mode is {mode:04o}, so others get at it")));
        }
        if let Some(why) = dibhost_sys::swappable(&path.canonicalize()?)? {
            return Err(refused(why));
        }
        let folder = Self { dir: Dir::from_std_file(folder.into()), path: path.to_owned() };
        folder.sweep()?;
        Ok(folder)
    }

    /// Where a file of it is.
    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The bytes of a file, at most `most`, and when it was used last.
    pub(crate) fn read(&self, name: &str, most: u64) -> Result<Vec<u8>, Unread> {
        let odd = |why: &str| Err(Unread::Odd(why.to_owned()));
        let mut options = OpenOptions::new();
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.read(true).custom_flags(flags.bits().cast_signed());
        let found = self.dir.symlink_metadata(name).map_err(Unread::of)?;
        if found.is_symlink() {
            return odd("it is a symbolic link");
        }
        if !found.is_file() {
            return odd("it is no regular file");
        }
        let file = self.dir.open_with(name, &options).map_err(Unread::of)?;
        let stat = file.metadata().map_err(Unread::Failed)?;
        if !stat.is_file() {
            return odd("it is no regular file");
        }
        if stat.uid() != rustix::process::geteuid().as_raw() {
            return Err(Unread::Odd(format!("it belongs to user {}", stat.uid())));
        }
        if stat.mode() & 0o022 != 0 {
            return odd("others may write to it");
        }
        if stat.len() > most {
            return odd("it is larger than it ever was");
        }
        let mut bytes = Vec::with_capacity(usize::try_from(stat.len()).unwrap_or_default());
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(Unread::Failed)?;
        match bytes.len() as u64 > most {
            true => odd("it is larger than it ever was"),
            false => Ok(bytes),
        }
    }

    /// Writes a file; it is there whole, or as it was before.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        loop {
            let count = DRAFTS.fetch_add(1, Ordering::Relaxed);
            let draft = format!("{DRAFT}{}-{count}", std::process::id());
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let mut file = match self.dir.open_with(&draft, &options) {
                // Of a process that had this number before.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                opened => opened?,
            };
            flock(&file, FlockOperation::LockExclusive)?;
            if file.metadata()?.nlink() == 0 {
                // Somebody swept before it was locked.
                continue;
            }
            let written = file
                .write_all(bytes)
                .and_then(|()| file.sync_all())
                .and_then(|()| self.dir.rename(&draft, &self.dir, name));
            if written.is_err() {
                let _ = self.dir.remove_file(&draft);
            }
            return written.and_then(|()| rustix::fs::fsync(self.dir.as_fd()).map_err(Into::into));
        }
    }

    /// Removes a file, a link or an empty folder of that name.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match self.dir.remove_file(name) {
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                self.dir.remove_dir_all(name)
            }
            removed => removed,
        }
    }

    /// All names in it, sorted, but for what is being written.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in self.dir.entries()? {
            // A name that is no text is none of ours.
            if let Ok(name) = entry?.file_name().into_string()
                && !name.starts_with('.')
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// How many bytes a file has, and when it was written or used.
    pub(crate) fn about(&self, name: &str) -> io::Result<(u64, SystemTime)> {
        let stat = self.dir.symlink_metadata(name)?;
        Ok((stat.len(), stat.modified()?.into_std()))
    }

    /// Notes that a file was used now.
    pub(crate) fn touch(&self, name: &str) {
        let mut options = OpenOptions::new();
        options.write(true).custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        if let Ok(file) = self.dir.open_with(name, &options) {
            let _ = file.into_std().set_modified(SystemTime::now());
        }
    }

    /// While this is held nobody removes anything; with `alone`, nobody adds anything either.
    pub(crate) fn hold(&self, alone: bool) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600);
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        let lock = self.dir.open_with(LOCK, &options)?;
        let how = match alone {
            true => FlockOperation::LockExclusive,
            false => FlockOperation::LockShared,
        };
        flock(&lock, how)?;
        Ok(lock)
    }

    /// Removes what was being written by processes that are no more.
    fn sweep(&self) -> io::Result<()> {
        for entry in self.dir.entries()? {
            let name = entry?.file_name();
            if !name.to_string_lossy().starts_with(DRAFT) {
                continue;
            }
            let mut options = OpenOptions::new();
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
            options.read(true).custom_flags(flags.bits().cast_signed());
            let opened = self.dir.open_with(&name, &options);
            let nobody_s = match &opened {
                Ok(file) => flock(file, FlockOperation::NonBlockingLockExclusive).is_ok(),
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            };
            if nobody_s {
                // Locked still: who writes it and waits for the lock finds that it is gone.
                let _ = self.dir.remove_file(&name);
            }
        }
        Ok(())
    }
}

impl Unread {
    fn of(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Absent,
            _ => Self::Failed(error),
        }
    }
}
