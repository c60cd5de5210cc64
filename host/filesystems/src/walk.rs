//! Looking into a tree whose names and links are hostile: every folder is opened beneath the root,
//! through no symbolic link, and what is in it is named relative to it.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags, Stat, openat2, statat};

/// What a path may not do on its way.
fn within() -> ResolveFlags {
    ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS
}

/// Opens something below `root`; the empty path is the root itself.
pub fn open(root: impl AsFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    Ok(openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), within())?)
}

/// Opens a folder below `root`.
pub fn open_folder(root: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    open(root, path, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Opens a folder below `root`, however long its path is: the kernel takes 4,096 bytes at a time.
pub fn open_folder_below(root: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    const TAKEN: usize = 4_000;
    let mut folder = None::<OwnedFd>;
    let mut piece = PathBuf::new();
    for name in path {
        if piece.as_os_str().len() + name.len() > TAKEN {
            let from = folder.as_ref().map_or(root, AsFd::as_fd);
            folder = Some(open(from, &piece, OFlags::PATH | OFlags::DIRECTORY)?);
            piece.clear();
        }
        piece.push(name);
    }
    open_folder(folder.as_ref().map_or(root, AsFd::as_fd), &piece)
}

/// The names in a folder, in the order of their bytes.
pub fn names(folder: impl AsFd) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsString::from_vec(name.to_vec()));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// What something in a folder is; a symbolic link is itself.
pub fn stat(folder: impl AsFd, name: &OsStr) -> io::Result<Stat> {
    Ok(statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// A path by which the kernel finds something in an open folder, for the calls that know no
/// folder of their own. Only the last part is not followed.
pub fn by_folder(folder: BorrowedFd<'_>, name: &OsStr) -> PathBuf {
    Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name)
}

/// Extended attributes by name, in the order of their names; those of a symbolic link are its own.
pub fn xattrs(path: &Path) -> io::Result<Vec<(CString, Vec<u8>)>> {
    let names = match grown(|buffer| rustix::fs::llistxattr(path, buffer)) {
        Ok(names) => names,
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOTSUP.raw_os_error()) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    let mut attributes = Vec::new();
    for name in names.split(|b| *b == 0).filter(|name| !name.is_empty()) {
        // XFS shows its ACLs a second time, as they lie on the disk.
        if name.starts_with(b"trusted.SGI_ACL_") {
            continue;
        }
        let name = CString::new(name)?;
        let value = grown(|buffer| rustix::fs::lgetxattr(path, &name, buffer))?;
        attributes.push((name, value));
    }
    attributes.sort_unstable();
    Ok(attributes)
}

/// The kernel gives 64 KiB at the most; most have none, or little.
fn grown(mut read: impl FnMut(&mut [u8]) -> rustix::io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    let length = match read(&mut buffer) {
        Err(rustix::io::Errno::RANGE) => {
            buffer = vec![0; 64 << 10];
            read(&mut buffer)?
        }
        length => length?,
    };
    buffer.truncate(length);
    Ok(buffer)
}

/// Where it went wrong.
pub fn at(path: &Path, what: &str, error: &io::Error) -> io::Error {
    let path = String::from_utf8_lossy(path.as_os_str().as_bytes()).escape_debug().to_string();
    io::Error::new(error.kind(), format!("{what} `/{path}`: {error}"))
}
