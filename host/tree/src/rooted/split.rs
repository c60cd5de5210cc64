//! The finished tree: shown in parts, one for each mount point, and its times clamped.
//!
//! ```text
//! the tree        /  boot  boot/efi  boot/efi/loader  var      nothing of it is moved
//!
//! seen by programs of the builder (mounts in a namespace of each one's own):
//! BASE/tree       /  boot  boot/efi, an empty folder over it, with the same attributes
//! BASE/parts/1    what is below boot/efi: loader
//! ```

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    self, AtFlags, CWD, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_OMIT,
};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

use super::Rooted;
use super::listing::{self, Open};
use super::node::{kind, lstat, magic_name, xattrs};
use crate::error::{TargetError, os};
use crate::path::TargetPath;
use crate::tree::{Kind, Links, ListedNode};

/// A tree in parts.
#[derive(Debug)]
pub(crate) struct View {
    parts: Vec<Part>,
}

/// What belongs to one mount point.
#[derive(Debug)]
struct Part {
    at: TargetPath,
    /// Where it is seen.
    folder: PathBuf,
    /// Where other parts begin, below this one, and the empty folder that is seen there.
    covers: Vec<(String, PathBuf)>,
}

/// A folder on the way to which is no link: nobody could have led it elsewhere.
fn straight(from: impl AsFd, path: &str) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    fs::openat2(from, path, flags, Mode::empty(), resolve)
}

fn folder(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::open(path, flags, Mode::empty())
}

/// A mount of a folder, which is nowhere yet.
fn held(folder: impl AsFd) -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    open_tree(folder, "", flags | OpenTreeFlags::AT_EMPTY_PATH)
}

fn put(held: &OwnedFd, over: impl AsFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(held, "", over, "", flags)
}

/// That nothing is known of parts yet.
pub(crate) fn uncut() -> TargetError {
    TargetError::Invalid("the tree is not in parts yet".to_owned())
}

impl View {
    /// Where each part is seen.
    pub(crate) fn folders(&self) -> BTreeMap<TargetPath, PathBuf> {
        self.parts.iter().map(|part| (part.at.clone(), part.folder.clone())).collect()
    }

    /// Tells every node of the part that is seen there, the part itself first, in batches.
    pub(crate) fn list(
        &self,
        rooted: &Rooted,
        part: &Path,
        tell: &mut dyn FnMut(Vec<ListedNode>),
    ) -> Result<(), TargetError> {
        listing::list(&self.open(rooted, part)?, tell)
    }

    /// A piece of a file of the part that is seen there; none of its folders may be a link.
    pub(crate) fn read(
        &self,
        rooted: &Rooted,
        part: &Path,
        file: &Path,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        listing::read(&self.open(rooted, part)?, file, offset, length)
    }

    /// What is in a part, in the tree itself: no mount is needed to leave out what is in others.
    fn open<'a>(&'a self, rooted: &Rooted, seen: &'a Path) -> Result<Open<'a>, TargetError> {
        let Some(part) = self.parts.iter().find(|part| part.folder == seen) else {
            let said = format!("`{}` is no part of the tree", seen.display());
            return Err(TargetError::Invalid(said));
        };
        let tree = folder(&rooted.path());
        let opened = match part.at.relative() {
            "" | "." => tree,
            below => tree.and_then(|tree| straight(tree, below)),
        };
        let doing = || format!("looking at the part `{}` of the tree", part.at);
        let folder = opened.map_err(|e| os(doing(), e))?;
        Ok(Open { shown: Path::new(part.at.as_str()), folder, covers: &part.covers })
    }

    /// Mounts the parts, in this process's mount namespace.
    pub(crate) fn enter(&self, rooted: &Rooted) -> Result<(), TargetError> {
        let doing = |e| os("showing the tree in its parts", e);
        // Opened again: what the worker holds is of another mount namespace.
        let tree = folder(&rooted.path()).map_err(doing)?;
        let mut parts = Vec::new();
        for part in self.parts.iter().filter(|part| part.at != TargetPath::root()) {
            let source = straight(&tree, part.at.relative()).and_then(held).map_err(doing)?;
            parts.push((source, &part.folder));
        }
        for (source, to) in parts {
            folder(to).and_then(|to| put(&source, to)).map_err(doing)?;
        }
        for part in &self.parts {
            let seen = folder(&part.folder).map_err(doing)?;
            for (below, empty) in &part.covers {
                let empty = folder(empty).and_then(held).map_err(doing)?;
                straight(&seen, below).and_then(|at| put(&empty, at)).map_err(doing)?;
            }
        }
        Ok(())
    }

    /// Makes the parts without mounts, of hard links: for a twin without privileges.
    pub(crate) fn link(&mut self, tree: &Path, into: &Path) -> Result<(), TargetError> {
        for (turn, part) in self.parts.iter_mut().enumerate() {
            let from = tree.join(part.at.relative());
            part.folder = into.join(format!("linked-{turn}"));
            let covers: Vec<_> = part.covers.iter().map(|(below, _)| from.join(below)).collect();
            link_copy(&from, &part.folder, &covers)
                .map_err(|e| os(format!("showing the part `{}` of the tree", part.at), e))?;
        }
        Ok(())
    }
}

/// A copy of a folder whose files are hard links; `covers` are empty in it.
fn link_copy(from: &Path, to: &Path, covers: &[PathBuf]) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    if !covers.iter().any(|cover| cover == from) {
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let to = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                link_copy(&entry.path(), &to, covers)?;
            } else {
                let flags = AtFlags::empty();
                fs::linkat(CWD, entry.path(), CWD, to, flags)?;
            }
        }
    }
    let stat = fs::stat(from)?;
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    fs::utimensat(CWD, to, &whole_seconds(&stat), AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}

fn whole_seconds(stat: &fs::Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: stat.st_atime as _, tv_nsec: 0 },
        last_modification: Timespec { tv_sec: stat.st_mtime as _, tv_nsec: 0 },
    }
}

impl Rooted {
    /// Where the tree is cut at its mount points. What shows the parts is made beside the tree; of
    /// the tree, only mount points that are not there.
    pub(crate) fn split(&mut self, mount_points: &[TargetPath]) -> Result<View, TargetError> {
        let mut points: Vec<TargetPath> =
            mount_points.iter().filter(|p| p.as_str() != "/").cloned().collect();
        points.sort_unstable();
        points.dedup();
        let root = Part { at: TargetPath::root(), folder: self.path(), covers: Vec::new() };
        let mut parts = vec![root];
        for point in points {
            let empty = self.cut(&point)?;
            // Sorted: what this one lies in came before. The deepest of them is its part.
            let parent = parts.iter_mut().filter(|part| lies_in(&point, &part.at));
            if let Some(parent) = parent.max_by_key(|part| part.at.as_str().len()) {
                let below = point.as_str().strip_prefix(parent.at.as_str()).unwrap_or_default();
                parent.covers.push((below.trim_start_matches('/').to_owned(), empty));
            }
            let folder = self.beside()?;
            parts.push(Part { at: point, folder, covers: Vec::new() });
        }
        Ok(View { parts })
    }

    /// A new folder beside the tree.
    fn beside(&mut self) -> Result<PathBuf, TargetError> {
        self.next += 1;
        let folder = self.base.join("parts").join(self.next.to_string());
        fs::mkdir(&folder, Mode::from(0o700))
            .map_err(|e| os(format!("making `{}`", folder.display()), e))?;
        Ok(folder)
    }

    /// Sees that a mount point is a folder, and makes an empty one that is like it.
    fn cut(&mut self, path: &TargetPath) -> Result<PathBuf, TargetError> {
        let doing = |e| os(format!("showing `{path}` as a part of its own"), e);
        let dentry = self.dentry(path, Links::Followed)?;
        if dentry.location != path.as_str().as_bytes() {
            return Err(TargetError::Conflict(format!(
                "the mount point `{path}` leads through a symbolic link to `{}`",
                String::from_utf8_lossy(&dentry.location)
            )));
        }
        match lstat(dentry.folder.as_fd(), &dentry.name) {
            Ok(stat) if kind(stat.st_mode) == Kind::Directory => {}
            Ok(_) => {
                let said = format!("the mount point `{path}` is no folder");
                return Err(TargetError::Conflict(said));
            }
            Err(Errno::NOENT) => {
                fs::mkdirat(&dentry.folder, &dentry.name, Mode::from(0o755)).map_err(doing)?;
                self.set_time(dentry.folder.as_fd(), &dentry.name).map_err(doing)?;
            }
            Err(error) => return Err(doing(error)),
        }
        let stat = lstat(dentry.folder.as_fd(), &dentry.name).map_err(doing)?;
        let attributes = xattrs(&magic_name(dentry.folder.as_fd(), &dentry.name)).map_err(doing)?;
        let empty = self.beside()?;
        if self.owners {
            let owner = (
                Some(rustix::fs::Uid::from_raw(stat.st_uid)),
                Some(rustix::fs::Gid::from_raw(stat.st_gid)),
            );
            fs::chownat(CWD, &empty, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW).map_err(doing)?;
        }
        fs::chmod(&empty, Mode::from_raw_mode(stat.st_mode & 0o7777)).map_err(doing)?;
        for (name, value) in &attributes {
            fs::lsetxattr(&empty, name.as_str(), value, fs::XattrFlags::empty()).map_err(doing)?;
        }
        fs::utimensat(CWD, &empty, &whole_seconds(&stat), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(doing)?;
        Ok(empty)
    }

    /// Sets the times of all that is newer than `epoch` to `epoch`, in the tree and in the empty
    /// folders that are seen where a part of it begins.
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

/// Whether a path lies below a folder.
fn lies_in(path: &TargetPath, folder: &TargetPath) -> bool {
    let folder = folder.as_str().trim_end_matches('/');
    path.as_str().strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
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
