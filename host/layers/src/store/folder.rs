//! A folder that is held open. All that the store does on disk goes through one: by a name in it, never
//! by a path, and never through a link.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT,
    fstatvfs, fsync, mkdirat, openat, renameat, statat, unlinkat, utimensat,
};
use rustix::io::Errno;

/// What a name leads to.
#[derive(Debug)]
pub(crate) enum Look<T> {
    Here(T),
    Absent,
    /// Something is there that is not what has to be; why, as a sentence part.
    Bad(String),
}

/// A file that was read whole.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) modified: SystemTime,
}

#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

const NO_FILE: &str = "it is no regular file but a folder, link, device, pipe or socket";
const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// A pipe that took the place of a file makes nobody wait.
const FILE: OFlags =
    OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens the folder at a path without links.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(openat(CWD, path, FOLDER, Mode::empty())?))
    }

    /// Opens a folder in this one, or makes it for this user alone; whether it was made.
    pub(crate) fn make(&self, name: &str) -> io::Result<(Self, bool)> {
        before_change();
        let made = match mkdirat(&self.0, name, Mode::RWXU) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error.into()),
        };
        Ok((Self(openat(&self.0, name, FOLDER, Mode::empty())?), made))
    }

    /// Opens a folder in this one.
    pub(crate) fn within(&self, name: &str) -> io::Result<Look<Self>> {
        match openat(&self.0, name, FOLDER, Mode::empty()) {
            Ok(folder) => Ok(Look::Here(Self(folder))),
            Err(Errno::NOENT) => Ok(Look::Absent),
            Err(Errno::NOTDIR | Errno::LOOP) => Ok(Look::Bad("it is no folder".to_owned())),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a regular file for reading.
    pub(crate) fn file(&self, name: &str) -> io::Result<Look<File>> {
        let no_file = || Ok(Look::Bad(NO_FILE.to_owned()));
        // Looked at before it is opened, which has effects on some devices.
        match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile => {
                return no_file();
            }
            Ok(_) => {}
            Err(Errno::NOENT) => return Ok(Look::Absent),
            Err(error) => return Err(error.into()),
        }
        let file = match openat(&self.0, name, FILE | OFlags::RDONLY, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(Look::Absent),
            Err(Errno::LOOP) => return no_file(),
            Err(error) => return Err(error.into()),
        };
        if file.metadata()?.is_file() { Ok(Look::Here(file)) } else { no_file() }
    }

    /// Reads a regular file of at most `most` bytes whole. What the disk cannot read any more is bad.
    pub(crate) fn read(&self, name: &str, most: u64) -> io::Result<Look<Content>> {
        let file = match self.file(name)? {
            Look::Here(file) => file,
            Look::Absent => return Ok(Look::Absent),
            Look::Bad(why) => return Ok(Look::Bad(why)),
        };
        let stat = file.metadata()?;
        let mut bytes = Vec::new();
        match file.take(most.saturating_add(1)).read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if is_broken_disk(&error) => return Ok(Look::Bad(error.to_string())),
            Err(error) => return Err(error),
        }
        if bytes.len() as u64 > most {
            return Ok(Look::Bad(format!("it has more than {most} bytes")));
        }
        Ok(Look::Here(Content { bytes, modified: stat.modified()? }))
    }

    /// Makes a file that is not there, of this user alone.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        before_change();
        let flags = FILE | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        Ok(openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Opens a file to lock it, or makes it.
    pub(crate) fn open_or_create(&self, name: &str) -> io::Result<File> {
        let flags = FILE | OFlags::RDWR | OFlags::CREATE;
        let file: File = openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into();
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, NO_FILE));
        }
        Ok(file)
    }

    /// Whether a name leads to an open file, and not to another that took its place.
    pub(crate) fn leads_to(&self, name: &str, file: &File) -> io::Result<bool> {
        let open = file.metadata()?;
        match statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(stat.st_ino == open.ino() && stat.st_dev == open.dev()),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a file into another folder, in the place of whatever has that name there.
    pub(crate) fn rename(&self, name: &str, to: &Self, new: &str) -> io::Result<()> {
        before_change();
        match renameat(&self.0, name, &to.0, new) {
            Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => {
                to.remove(new)?;
                Ok(renameat(&self.0, name, &to.0, new)?)
            }
            other => Ok(other?),
        }
    }

    /// Removes what has that name, a folder with all that is in it; whether anything had.
    pub(crate) fn remove(&self, name: &str) -> io::Result<bool> {
        before_change();
        match unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(Errno::ISDIR | Errno::PERM) => {
                dibhost_sys::remove_folder(&self.0, name.as_ref()).map(|()| true)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Says that a file was used now.
    pub(crate) fn touch(&self, name: &str) -> io::Result<()> {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        };
        Ok(utimensat(&self.0, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// The names in it, sorted.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        names.sort();
        Ok(names)
    }

    /// Waits until its names are on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        before_change();
        Ok(fsync(&self.0)?)
    }

    /// How many bytes its filesystem has left for this user.
    pub(crate) fn free(&self) -> io::Result<u64> {
        let stat = fstatvfs(&self.0)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Whether the disk does not give back what was written to it.
pub(crate) fn is_broken_disk(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::IO.raw_os_error())
}

/// A test has the process killed here.
#[cfg(not(test))]
fn before_change() {}
#[cfg(test)]
use super::killed::before_change;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn bad<T>(look: io::Result<Look<T>>) -> String {
        match look.unwrap() {
            Look::Bad(why) => why,
            Look::Here(_) => panic!("it is taken for good"),
            Look::Absent => panic!("it is taken for absent"),
        }
    }

    #[test]
    fn no_link_is_followed_and_what_is_no_file_makes_nobody_wait() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        fs::write(at("file"), "text").unwrap();
        fs::create_dir(at("folder")).unwrap();
        symlink("file", at("link")).unwrap();
        symlink("folder", at("linked")).unwrap();
        rustix::fs::mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let folder = Folder::open(top.path()).unwrap();
        assert!(
            matches!(folder.read("file", 4).unwrap(), Look::Here(read) if read.bytes == b"text")
        );
        assert!(bad(folder.read("file", 3)).contains("more than 3 bytes"));
        for name in ["folder", "link", "linked", "pipe"] {
            assert!(bad(folder.file(name)).contains("no regular file"), "{name}");
            assert!(folder.open_or_create(name).is_err(), "{name}");
        }
        assert!(matches!(folder.file("none").unwrap(), Look::Absent));
        assert!(matches!(folder.within("none").unwrap(), Look::Absent));
        assert!(bad(folder.within("linked")).contains("no folder"));
        assert!(folder.make("linked").is_err());
    }

    #[test]
    fn a_file_takes_the_place_of_whatever_is_there() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        fs::create_dir_all(at("folder/full")).unwrap();
        fs::create_dir(at("empty")).unwrap();
        fs::write(at("kept"), "kept").unwrap();
        symlink("kept", at("link")).unwrap();
        let folder = Folder::open(top.path()).unwrap();
        for name in ["folder", "empty", "link", "new"] {
            fs::write(at("draft"), name).unwrap();
            folder.rename("draft", &folder, name).unwrap();
            assert!(fs::symlink_metadata(at(name)).unwrap().is_file(), "{name}");
            assert_eq!(fs::read_to_string(at(name)).unwrap(), name);
        }
        assert_eq!(fs::read_to_string(at("kept")).unwrap(), "kept");
        assert!(folder.remove("new").unwrap());
        assert!(!folder.remove("new").unwrap());
    }
}
