//! Owner, mode, times and extended attributes of an inode, got and set through a descriptor, or by
//! a name in a folder where an inode cannot be opened.

use std::ffi::OsStr;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{self, AtFlags, Gid, Mode, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags};
use rustix::io::{Errno, Result};

use super::inode::{Inode, Kind, Time, Xattr};

/// The most bytes that Linux has of one attribute's value, and of all names of an inode's.
pub(super) const MOST_XATTR: usize = 64 << 10;

/// Where an inode is.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    /// Open.
    Fd(BorrowedFd<'a>),
    /// A name in a folder; what it links to is not meant.
    Name(BorrowedFd<'a>, &'a [u8]),
}

/// A path for calls that know no folder of their own: only the last part is not followed.
fn by_folder(folder: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    let mut path = format!("/proc/self/fd/{}/", folder.as_raw_fd()).into_bytes();
    path.extend_from_slice(name);
    path
}

/// Extended attributes in the order of their names.
pub(super) fn xattrs(at: At<'_>) -> Result<Vec<Xattr>> {
    let mut buffer = Vec::new();
    let names = match at {
        At::Fd(fd) => grown(&mut buffer, |buffer| fs::flistxattr(fd, buffer)),
        At::Name(folder, name) => {
            let path = by_folder(folder, name);
            grown(&mut buffer, |buffer| fs::llistxattr(&path[..], buffer))
        }
    };
    let names = match names {
        // Most have none, and a filesystem may know of none at all.
        Ok([]) | Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        Ok(names) => names.to_vec(),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let key = OsStr::from_bytes(name);
        let value = match at {
            At::Fd(fd) => grown(&mut buffer, |buffer| fs::fgetxattr(fd, key, buffer))?,
            At::Name(folder, of) => {
                let path = by_folder(folder, of);
                grown(&mut buffer, |buffer| fs::lgetxattr(&path[..], key, buffer))?
            }
        };
        found.push((name.to_vec(), value.to_vec()));
    }
    found.sort_unstable();
    Ok(found)
}

/// Asks with a small buffer first: most answers are short, and a large one is cleared each time.
fn grown(buffer: &mut Vec<u8>, mut ask: impl FnMut(&mut [u8]) -> Result<usize>) -> Result<&[u8]> {
    for room in [512, MOST_XATTR] {
        buffer.resize(room.max(buffer.len()), 0);
        match ask(buffer) {
            Ok(length) => return Ok(&buffer[..length]),
            Err(Errno::RANGE) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::RANGE)
}

/// Gives an inode all that it had. What is in it must be written: time stamps come last, and
/// changing the owner clears capabilities and the set-id bits, so it comes first.
pub(super) fn set(at: At<'_>, inode: &Inode) -> Result<()> {
    let link = matches!(inode.kind, Kind::Symlink(_));
    let owner = (Some(Uid::from_raw(inode.uid)), Some(Gid::from_raw(inode.gid)));
    let mode = Mode::from_raw_mode(u32::from(inode.mode));
    let times = Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        last_modification: timespec(inode.mtime),
    };
    match at {
        At::Fd(fd) => {
            fs::fchown(fd, owner.0, owner.1)?;
            fs::fchmod(fd, mode)?;
            for (name, value) in &inode.xattrs {
                fs::fsetxattr(fd, OsStr::from_bytes(name), value, XattrFlags::empty())?;
            }
            fs::futimens(fd, &times)
        }
        At::Name(folder, name) => {
            fs::chownat(folder, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?;
            // A link has no mode of its own, and all else is what was just made by that name.
            if !link {
                fs::chmodat(folder, name, mode, AtFlags::empty())?;
            }
            let path = by_folder(folder, name);
            for (name, value) in &inode.xattrs {
                fs::lsetxattr(&path[..], OsStr::from_bytes(name), value, XattrFlags::empty())?;
            }
            fs::utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW)
        }
    }
}

#[expect(clippy::useless_conversion, reason = "the types differ between architectures")]
fn timespec(time: Time) -> Timespec {
    Timespec { tv_sec: time.seconds.into(), tv_nsec: time.nanoseconds.into() }
}
