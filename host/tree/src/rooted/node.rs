//! One node of the tree: held, looked at, and where the kernel says that it lies.

use std::ffi::OsStr;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use dibhost_check::Check;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use crate::error::TargetError;
use crate::path::TargetPath;
use crate::tree::{Attributes, Kind, Scope, Stat};

/// A directory entry: the folder that holds a node, and the node's name in it.
#[derive(Debug)]
pub(super) struct Dentry {
    pub(super) folder: OwnedFd,
    pub(super) name: String,
    /// Resolved path below the tree's root: `/etc/motd`.
    pub(super) location: Vec<u8>,
    /// The folder's.
    pub(super) identity: Identity,
}

/// Which node of all that the kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl From<&fs::Stat> for Identity {
    fn from(stat: &fs::Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }
}

impl Identity {
    pub(super) fn of(fd: &OwnedFd) -> Result<Self, Errno> {
        fs::fstat(fd).map(|stat| Self::from(&stat))
    }
}

/// The path of a descriptor as the kernel knows it.
pub(super) fn location(fd: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    Ok(fs::readlink(magic(fd), Vec::new())?.into_bytes())
}

/// The kernel's own link to an open descriptor.
pub(super) fn magic(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// The node `name` of a folder (the folder itself when empty) for calls that know no descriptors.
pub(super) fn magic_name(folder: BorrowedFd<'_>, name: &str) -> String {
    if name.is_empty() { magic(folder) } else { format!("{}/{name}", magic(folder)) }
}

/// Whether a scope reaches a resolved location.
pub(super) fn allowed(scope: &Scope, location: &[u8], write: bool) -> Result<(), TargetError> {
    let below = |folder: &TargetPath| {
        let folder = folder.as_str().as_bytes();
        folder == b"/"
            || location
                .strip_prefix(folder)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    let reached = scope.write.iter().any(below) || (!write && scope.read.iter().any(below));
    if reached || !Check::RootfsScope.holds() {
        return Ok(());
    }
    Err(TargetError::OutOfScope { path: String::from_utf8_lossy(location).into_owned(), write })
}

/// Takes hold of a node without opening it.
pub(super) fn hold(folder: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(folder, name, flags, Mode::empty())
}

pub(super) fn kind(mode: u32) -> Kind {
    match FileType::from_raw_mode(mode) {
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::CharacterDevice => Kind::CharacterDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::RegularFile | FileType::Unknown => Kind::File,
    }
}

pub(super) fn lstat(folder: BorrowedFd<'_>, name: &str) -> Result<fs::Stat, Errno> {
    let mut flags = AtFlags::SYMLINK_NOFOLLOW;
    if name.is_empty() {
        flags |= AtFlags::EMPTY_PATH;
    }
    fs::statat(folder, name, flags)
}

pub(super) fn stat_at(folder: BorrowedFd<'_>, name: &str) -> Result<Stat, Errno> {
    let stat = lstat(folder, name)?;
    let kind = kind(stat.st_mode);
    let link_target = if kind == Kind::Symlink {
        let said = fs::readlinkat(folder, name, Vec::new())?;
        Some(String::from_utf8_lossy(said.as_bytes()).into_owned())
    } else {
        None
    };
    Ok(Stat {
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        #[expect(clippy::useless_conversion, reason = "the type differs between architectures")]
        modified: i64::from(stat.st_mtime),
        links: u32::try_from(stat.st_nlink).unwrap_or(u32::MAX),
        link_target,
        xattrs: xattrs(&magic_name(folder, name))?,
        born: born(folder, name),
    })
}

/// When a node was made, where its filesystem knows.
fn born(folder: BorrowedFd<'_>, name: &str) -> Option<Duration> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    let stat = fs::statx(folder, name, flags, StatxFlags::BTIME).ok()?;
    let known = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
    let seconds = u64::try_from(stat.stx_btime.tv_sec).ok()?;
    known.then(|| Duration::new(seconds, stat.stx_btime.tv_nsec))
}

/// Extended attributes of a node, in the order of their names; the link itself if it is one.
pub(super) fn xattrs(path: &str) -> Result<Vec<(String, Vec<u8>)>, Errno> {
    // A folder reached by its descriptor has no name whose link could be followed.
    let follow = !path["/proc/self/fd/".len()..].contains('/');
    let asked = if follow { fs::listxattr_query(path) } else { fs::llistxattr_query(path) };
    let mut names = match asked {
        Ok(0) | Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        Ok(size) => vec![0; size],
        Err(error) => return Err(error),
    };
    let size = if follow {
        fs::listxattr(path, &mut names[..])?
    } else {
        fs::llistxattr(path, &mut names[..])?
    };
    let mut found = Vec::new();
    for name in names[..size].split(|b| *b == 0).filter(|n| !n.is_empty()) {
        let attribute = OsStr::from_bytes(name);
        let asked = if follow {
            fs::getxattr_query(path, attribute)
        } else {
            fs::lgetxattr_query(path, attribute)
        };
        let mut value = match asked {
            Ok(size) => vec![0; size],
            Err(Errno::NODATA) => continue,
            Err(error) => return Err(error),
        };
        let size = if follow {
            fs::getxattr(path, attribute, &mut value[..])?
        } else {
            fs::lgetxattr(path, attribute, &mut value[..])?
        };
        value.truncate(size);
        found.push((String::from_utf8_lossy(name).into_owned(), value));
    }
    found.sort();
    Ok(found)
}

/// All attributes of a node.
pub(super) fn full(stat: &Stat) -> Attributes {
    Attributes {
        mode: (stat.kind != Kind::Symlink).then_some(stat.mode),
        owner: Some(stat.uid.to_string()),
        group: Some(stat.gid.to_string()),
        xattrs: stat.xattrs.clone(),
    }
}
