//! The finished tree: cut at its mount points, and its times clamped.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{self, AtFlags, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::{Rooted, kind, lstat, magic_name, os, xattrs};
use crate::{Kind, TargetError, TargetPath};

impl Rooted {
    /// Moves what lies below each mount point into a folder of its own beside the tree.
    pub(crate) fn split(
        &mut self,
        mount_points: &[TargetPath],
    ) -> Result<BTreeMap<TargetPath, PathBuf>, TargetError> {
        let mut parts = BTreeMap::from([(TargetPath::root(), self.path())]);
        let mut deepest_first: Vec<_> = mount_points.iter().filter(|p| p.as_str() != "/").collect();
        deepest_first.sort_by_key(|p| std::cmp::Reverse(p.as_str().matches('/').count()));
        for path in deepest_first {
            let doing = |e| os(format!("taking `{path}` out of the tree"), e);
            let place = self.place(path)?;
            if place.location != path.as_str().as_bytes() {
                return Err(TargetError::Conflict(format!(
                    "the mount point `{path}` leads through a symbolic link to `{}`",
                    String::from_utf8_lossy(&place.location)
                )));
            }
            self.next += 1;
            let part = self.base.join("parts").join(self.next.to_string());
            match lstat(place.folder.as_fd(), &place.name) {
                Ok(stat) if kind(stat.st_mode) == Kind::Directory => {}
                Ok(_) => {
                    let said = format!("the mount point `{path}` is no folder");
                    return Err(TargetError::Conflict(said));
                }
                Err(Errno::NOENT) => {
                    fs::mkdirat(&place.folder, &place.name, Mode::from(0o755)).map_err(doing)?;
                    self.set_time(place.folder.as_fd(), &place.name).map_err(doing)?;
                }
                Err(error) => return Err(doing(error)),
            }
            let stat = lstat(place.folder.as_fd(), &place.name).map_err(doing)?;
            let attributes =
                xattrs(&magic_name(place.folder.as_fd(), &place.name)).map_err(doing)?;
            fs::renameat(&place.folder, &place.name, fs::CWD, &part).map_err(doing)?;
            fs::mkdirat(&place.folder, &place.name, Mode::from(0o700)).map_err(doing)?;
            if self.owners {
                let owner = (
                    Some(rustix::fs::Uid::from_raw(stat.st_uid)),
                    Some(rustix::fs::Gid::from_raw(stat.st_gid)),
                );
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                fs::chownat(&place.folder, &place.name, owner.0, owner.1, flags).map_err(doing)?;
            }
            let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
            fs::chmodat(&place.folder, &place.name, mode, AtFlags::empty()).map_err(doing)?;
            let new = magic_name(place.folder.as_fd(), &place.name);
            for (name, value) in &attributes {
                fs::lsetxattr(&new, name.as_str(), value, fs::XattrFlags::empty())
                    .map_err(doing)?;
            }
            let times = Timestamps {
                last_access: Timespec { tv_sec: stat.st_atime as _, tv_nsec: 0 },
                last_modification: Timespec { tv_sec: stat.st_mtime as _, tv_nsec: 0 },
            };
            fs::utimensat(&place.folder, &place.name, &times, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(doing)?;
            parts.insert(path.clone(), part);
        }
        Ok(parts)
    }

    /// Sets the times of all that is newer than `epoch` to `epoch`, in the tree and in the parts.
    pub(crate) fn clamp_times(&self, epoch: i64) -> Result<(), TargetError> {
        for folder in ["tree", "parts"] {
            let folder = self.base.join(folder);
            let doing = |e| os(format!("clamping the times below `{}`", folder.display()), e);
            // One descriptor for each folder on the way down, and the names still to visit.
            let mut levels = vec![clamp_folder(fs::CWD, &folder, epoch).map_err(doing)?];
            while let Some((folder, names)) = levels.last_mut() {
                match names.pop() {
                    Some(name) => {
                        let level = clamp_folder(&*folder, name, epoch).map_err(doing)?;
                        levels.push(level);
                    }
                    None => {
                        levels.pop();
                    }
                }
            }
        }
        Ok(())
    }
}

/// Clamps a folder and all in it that is no folder; answers the folder and the folders in it.
fn clamp_folder(
    parent: impl AsFd,
    name: impl rustix::path::Arg,
    epoch: i64,
) -> Result<(OwnedFd, Vec<CString>), Errno> {
    // Without NOATIME the reading itself would make the time of access new again.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = name.into_with_c_str(|name| {
        fs::openat(&parent, name, flags | OFlags::NOATIME, Mode::empty())
            .or_else(|_| fs::openat(&parent, name, flags, Mode::empty()))
    })?;
    let mut folders = Vec::new();
    for entry in fs::Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let stat = fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if kind(stat.st_mode) == Kind::Directory {
            folders.push(name.to_owned());
        } else if let Some(times) = times(&stat, epoch) {
            fs::utimensat(&folder, name, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
    }
    if let Some(times) = times(&fs::fstat(&folder)?, epoch) {
        fs::futimens(&folder, &times)?;
    }
    Ok((folder, folders))
}

/// What to set; none when both times are old enough.
#[expect(clippy::useless_conversion, reason = "the types differ between architectures")]
fn times(stat: &fs::Stat, epoch: i64) -> Option<Timestamps> {
    let clamped = |seconds: i64, nanoseconds| {
        if seconds > epoch || (seconds == epoch && nanoseconds > 0) {
            Timespec { tv_sec: epoch, tv_nsec: 0 }
        } else {
            Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }
        }
    };
    let times = Timestamps {
        last_access: clamped(i64::from(stat.st_atime), stat.st_atime_nsec),
        last_modification: clamped(i64::from(stat.st_mtime), stat.st_mtime_nsec),
    };
    let untouched =
        times.last_access.tv_nsec == UTIME_OMIT && times.last_modification.tv_nsec == UTIME_OMIT;
    (!untouched).then_some(times)
}
