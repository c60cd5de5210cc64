//! Copies a part of the tree into a mounted filesystem, exactly: content with its holes, owner,
//! mode, time to the nanosecond, extended attributes (capabilities and ACLs among them), hard
//! links, symbolic links, devices, pipes and sockets.
//!
//! Names on either side are hostile: nothing is reached but through folders opened beneath the
//! two roots, no symbolic link is followed, and what is made is made new. Only folders may be
//! there already: `lost+found`, subvolumes, mount points.

mod file;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Cancelled};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags, chmod, chownat,
    linkat, lsetxattr, mkdirat, mknodat, readlinkat, symlinkat, utimensat,
};

use crate::walk::{at, by_folder, names, open_folder, stat, xattrs};

/// Copying failed.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The build was cancelled.
    #[error("copying the tree was cancelled")]
    Cancelled(#[from] Cancelled),
    /// Something could not be read or made. It names the path.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What the filesystem that is copied into can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// All there is.
    Everything,
    /// Folders, files and their times alone, as FAT.
    NamesAndContent,
}

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// Names made, or found as folders, below the root.
    pub names: u64,
    /// Bytes of content written.
    pub bytes: u64,
}

/// Copies all below the folder `from`, and the attributes of the folder itself, to the folder
/// `to`. No time is younger than `time` (seconds since 1970).
///
/// # Errors
/// What cannot be read or made, by its path, and cancelling. What was copied stays.
pub fn copy(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    holds: Holds,
    time: i64,
    cancel: &Cancel,
) -> Result<Copied, CopyError> {
    let mut copier =
        Copier { from, to, holds, time, linked: HashMap::new(), copied: Copied::default() };
    // Folders whose content is not copied yet; and all, for their times once it is.
    let mut open = vec![PathBuf::new()];
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        let mut found = copier.folder(&folder, cancel)?;
        folders.extend(found.iter().cloned());
        found.reverse();
        open.append(&mut found);
    }
    // The deepest last made is the first whose time stays.
    for folder in folders.iter().rev() {
        cancel.check()?;
        copier.finish(folder).map_err(|e| at(folder, "setting the attributes of", &e))?;
    }
    Ok(copier.copied)
}

/// Gives one folder the owner, attributes, mode and times of another.
pub fn attributes(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let (holds, time) = (Holds::Everything, i64::MAX);
    let copied = Copied::default();
    Copier { from, to, holds, time, linked: HashMap::new(), copied }.finish(Path::new(""))
}

struct Copier<'a> {
    from: BorrowedFd<'a>,
    to: BorrowedFd<'a>,
    holds: Holds,
    time: i64,
    /// Where a file of several names was copied to, by its device and inode.
    linked: HashMap<(u64, u64), PathBuf>,
    copied: Copied,
}

impl Copier<'_> {
    /// Copies what is in one folder, and gives the folders found in it.
    fn folder(&mut self, folder: &Path, cancel: &Cancel) -> Result<Vec<PathBuf>, CopyError> {
        let context = |e: io::Error| at(folder, "opening the folder", &e);
        let from = open_folder(self.from, folder).map_err(context)?;
        let to = open_folder(self.to, folder).map_err(context)?;
        let mut found = Vec::new();
        for name in names(&from).map_err(context)? {
            cancel.check()?;
            let path = folder.join(&name);
            let is_folder = self
                .entry(from.as_fd(), to.as_fd(), &name, &path)
                .map_err(|e| at(&path, "copying", &e))?;
            self.copied.names += 1;
            if is_folder {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// Copies one entry; whether it is a folder, whose attributes come last.
    fn entry(
        &mut self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &OsStr,
        path: &Path,
    ) -> io::Result<bool> {
        let stat = stat(from, name)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            return match mkdirat(to, name, Mode::RWXU) {
                // A symbolic link there is no folder to `openat2`, and fails when it is opened.
                Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(true),
                Err(error) => Err(error.into()),
            };
        }
        let inode = (stat.st_dev, stat.st_ino);
        if stat.st_nlink > 1 {
            if let Some(first) = self.linked.get(&inode) {
                let parent = open_folder(self.to, first.parent().unwrap_or(Path::new("")))?;
                let first = first.file_name().unwrap_or_default();
                linkat(parent, first, to, name, AtFlags::empty())?;
                return Ok(false);
            }
            self.linked.insert(inode, path.to_owned());
        }
        if self.holds == Holds::NamesAndContent && kind != FileType::RegularFile {
            return Err(io::Error::other("the filesystem holds folders and files alone"));
        }
        match kind {
            FileType::RegularFile => self.copied.bytes += file::copy(from, to, name)?,
            FileType::Symlink => symlinkat(readlinkat(from, name, Vec::new())?, to, name)?,
            _ => mknodat(to, name, kind, Mode::RUSR | Mode::WUSR, stat.st_rdev)?,
        }
        self.attributes(from, to, name, &stat)?;
        Ok(false)
    }

    fn finish(&self, folder: &Path) -> io::Result<()> {
        // The root has no name in its own folder but this.
        let (parent, name) = match (folder.parent(), folder.file_name()) {
            (Some(parent), Some(name)) => (parent, name),
            _ => (Path::new(""), OsStr::new(".")),
        };
        let (from, to) = (open_folder(self.from, parent)?, open_folder(self.to, parent)?);
        let stat = stat(&from, name)?;
        self.attributes(from.as_fd(), to.as_fd(), name, &stat)
    }

    /// Sets owner, attributes, mode and times, in the order in which none undoes another: a new
    /// owner clears set-id bits and capabilities, and anything but times changes times.
    fn attributes(
        &self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &OsStr,
        stat: &Stat,
    ) -> io::Result<()> {
        let there = by_folder(to, name);
        if self.holds == Holds::Everything {
            let (uid, gid) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
            chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
            for (attribute, value) in xattrs(&by_folder(from, name))? {
                lsetxattr(&there, &attribute, &value, XattrFlags::empty()).map_err(|e| {
                    let e = io::Error::from(e);
                    let attribute = attribute.to_string_lossy().into_owned();
                    io::Error::new(e.kind(), format!("setting the attribute `{attribute}`: {e}"))
                })?;
            }
            if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
                chmod(&there, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
            }
        }
        let clamped = if stat.st_mtime > self.time {
            Timespec { tv_sec: self.time, tv_nsec: 0 }
        } else {
            #[expect(clippy::cast_possible_wrap, reason = "less than a thousand million")]
            Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as i64 }
        };
        let times = Timestamps { last_access: clamped, last_modification: clamped };
        Ok(utimensat(to, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }
}
