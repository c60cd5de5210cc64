//! A tree reached only through the kernel's own resolution with the tree as its root.
//!
//! ```text
//! BASE/tree      the tree
//! BASE/backup    what a change replaced or removed, until all changes are done
//! BASE/parts     where programs of the builder see the parts of the tree, and the empty folders
//!                that they see where another part begins
//! ```
//!
//! Every path goes through `openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)`: absolute links and
//! `..` stay inside. What a caller may touch is decided by where the *opened* descriptor lies
//! (the kernel says so in `/proc/self/fd`), and that very descriptor is then used, so there is
//! no time between looking and doing.

mod change;
mod listing;
mod node;
mod owner;
pub(crate) mod split;
mod undo;
mod walk;

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use dibhost_check::Check;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use node::{Dentry, Identity, allowed, location, magic, stat_at};

use crate::error::{TargetError, os};
use crate::path::TargetPath;
use crate::tree::{Links, Scope, Stat};

/// Most that one read gives; elements have 64 MiB of memory in all.
const READ_MAX: u64 = 16 << 20;

/// `RESOLVE_IN_ROOT` answers EAGAIN when a rename elsewhere races with a `..`; the kernel's
/// documentation says to try again. So many tries do not fail by chance.
const RESOLVE_TRIES: usize = 64;

/// A tree and the folders beside it.
#[derive(Debug)]
pub(crate) struct Rooted {
    tree: OwnedFd,
    backup: OwnedFd,
    base: PathBuf,
    /// Where the kernel says the tree is: what every location begins with.
    location: Vec<u8>,
    /// The time that new nodes bear.
    epoch: i64,
    /// Whether owners can be set; the simulated twin may run without root.
    owners: bool,
    /// Number of the next temporary name.
    next: u64,
}

impl Rooted {
    /// Makes the folders in `base` and opens them.
    pub(crate) fn create(base: &Path, epoch: i64, owners: bool) -> Result<Self, TargetError> {
        let doing = || format!("making the tree in `{}`", base.display());
        for (name, mode) in [("tree", 0o755), ("backup", 0o700), ("parts", 0o700)] {
            match fs::mkdir(base.join(name), Mode::from(mode)) {
                Ok(()) | Err(Errno::EXIST) => (),
                Err(error) => return Err(os(doing(), error)),
            }
            fs::chmod(base.join(name), Mode::from(mode)).map_err(|e| os(doing(), e))?;
        }
        let open = |name| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            fs::open(base.join(name), flags, Mode::empty()).map_err(|e| os(doing(), e))
        };
        let (tree, backup) = (open("tree")?, open("backup")?);
        let location = location(tree.as_fd()).map_err(|e| os(doing(), e))?;
        Ok(Self { tree, backup, base: base.to_owned(), location, epoch, owners, next: 0 })
    }

    /// The tree's folder.
    pub(crate) fn path(&self) -> PathBuf {
        self.base.join("tree")
    }

    /// The tree as a folder that can be read.
    pub(crate) fn whole(&self) -> Result<OwnedFd, TargetError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        fs::openat(&self.tree, ".", flags, Mode::empty()).map_err(|e| os("opening the tree", e))
    }

    /// Opens a path with the tree as root, along links.
    pub(crate) fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.open_along(path, flags, Links::Followed)
    }

    /// Opens a path with the tree as root.
    fn open_along(&self, path: &str, flags: OFlags, links: Links) -> Result<OwnedFd, Errno> {
        let relative = path.trim_start_matches('/');
        let relative = if relative.is_empty() { "." } else { relative };
        let mut resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        resolve.set(ResolveFlags::IN_ROOT, Check::RootfsResolve.holds());
        let refused = links == Links::Refused && Check::HostLinks.holds();
        resolve.set(ResolveFlags::NO_SYMLINKS, refused);
        let mut tries = 0;
        loop {
            tries += 1;
            let opened =
                fs::openat2(&self.tree, relative, flags | OFlags::CLOEXEC, Mode::empty(), resolve);
            match opened {
                Err(Errno::AGAIN) if tries < RESOLVE_TRIES => (),
                // Another error than that of a circle of links, which the kernel does not answer here.
                Err(Errno::LOOP) if refused => return Err(Errno::MLINK),
                other => return other,
            }
        }
    }

    /// Where a descriptor lies below the tree's root; XDEV when it does not.
    fn location(&self, fd: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
        let full = location(fd)?;
        let below = full.strip_prefix(self.location.as_slice()).ok_or(Errno::XDEV)?;
        match below.first() {
            None => Ok(b"/".to_vec()),
            Some(b'/') => Ok(below.to_vec()),
            Some(_) => Err(Errno::XDEV),
        }
    }

    /// The folder that a path's last component is in, and where that is.
    fn dentry(&self, path: &TargetPath, links: Links) -> Result<Dentry, TargetError> {
        let Some((parent, name)) = path.split() else {
            return Err(TargetError::Invalid(format!("`{path}` does not name a node in a folder")));
        };
        let folder = self
            .open_along(parent.as_str(), OFlags::PATH | OFlags::DIRECTORY, links)
            .map_err(|e| self.explain(e, path, parent.as_str()))?;
        let mut location =
            self.location(folder.as_fd()).map_err(|e| self.explain(e, path, parent.as_str()))?;
        if location != b"/" {
            location.push(b'/');
        }
        location.extend_from_slice(name.as_bytes());
        let identity = Identity::of(&folder).map_err(|e| self.explain(e, path, parent.as_str()))?;
        Ok(Dentry { folder, name: name.to_owned(), location, identity })
    }

    fn explain(&self, error: Errno, path: &TargetPath, at: &str) -> TargetError {
        match error {
            Errno::NOENT => TargetError::NotFound(at.to_owned()),
            Errno::NOTDIR => TargetError::Conflict(format!("`{at}` is no folder")),
            Errno::XDEV => TargetError::Conflict(format!("`{at}` is outside of the tree")),
            Errno::LOOP => {
                TargetError::Conflict(format!("`{at}` leads through too many symbolic links"))
            }
            Errno::MLINK => {
                let (link, to) = self.link_on_the_way(at).unwrap_or_default();
                TargetError::Conflict(format!(
                    "`{link}` is a symbolic link to `{to}` in the image, and what the host itself writes goes through none"
                ))
            }
            error => os(format!("looking up `{path}`"), error),
        }
    }

    /// The first symbolic link on the way to a path, and what it says.
    fn link_on_the_way(&self, path: &str) -> Option<(String, String)> {
        let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
        ends.chain([path.len()]).find_map(|end| {
            let part = &path[..end];
            // The links before it are none, or it would not be asked for.
            let held = self.open(part, OFlags::PATH | OFlags::NOFOLLOW).ok()?;
            // Of what is no link there is nothing to read.
            let said = fs::readlinkat(&held, "", Vec::new()).ok()?;
            Some((part.to_owned(), String::from_utf8_lossy(said.as_bytes()).into_owned()))
        })
    }

    /// What is known of a node, the last link not followed.
    pub(crate) fn stat(
        &self,
        scope: &Scope,
        path: &TargetPath,
    ) -> Result<Option<Stat>, TargetError> {
        if path.split().is_none() {
            // The root, or something that ends in `..`: a folder in any case.
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            let folder = match self.open_along(path.as_str(), flags, scope.links) {
                Ok(folder) => folder,
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
                Err(error) => return Err(self.explain(error, path, path.as_str())),
            };
            let at =
                self.location(folder.as_fd()).map_err(|e| self.explain(e, path, path.as_str()))?;
            allowed(scope, &at, false)?;
            return stat_at(folder.as_fd(), "").map(Some).map_err(|e| os(looking(path), e));
        }
        let dentry = match self.dentry(path, scope.links) {
            Ok(dentry) => dentry,
            Err(TargetError::NotFound(_) | TargetError::Conflict(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        allowed(scope, &dentry.location, false)?;
        match stat_at(dentry.folder.as_fd(), &dentry.name) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(os(looking(path), error)),
        }
    }

    /// Opens a regular file for reading, links followed. A pipe or device is never opened: the
    /// path is held first (`O_PATH` has no effects), looked at, and only then opened itself.
    pub(crate) fn open_file(
        &self,
        scope: &Scope,
        path: &TargetPath,
    ) -> Result<std::fs::File, TargetError> {
        let held = self
            .open_along(path.as_str(), OFlags::PATH, scope.links)
            .map_err(|e| self.explain(e, path, path.as_str()))?;
        let at = self.location(held.as_fd()).map_err(|e| self.explain(e, path, path.as_str()))?;
        allowed(scope, &at, false)?;
        let stat = fs::fstat(&held).map_err(|e| os(looking(path), e))?;
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        if Check::RegularFile.holds() && !regular {
            return Err(TargetError::Conflict(format!("`{path}` is no regular file")));
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = fs::open(magic(held.as_fd()), flags, Mode::empty())
            .map_err(|e| os(format!("opening `{path}`"), e))?;
        Ok(file.into())
    }

    pub(crate) fn read(
        &self,
        scope: &Scope,
        path: &TargetPath,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        let file = self.open_file(scope, path)?;
        let doing = |e| os(format!("reading `{path}`"), e);
        let size = fs::fstat(&file).map_err(|e| os(looking(path), e))?.st_size;
        let left = u64::try_from(size).unwrap_or(0).saturating_sub(offset);
        let wanted = usize::try_from(length.min(READ_MAX).min(left)).unwrap_or(0);
        let mut content = vec![0; wanted];
        let mut done = 0;
        while done < wanted {
            match rustix::io::pread(&file, &mut content[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(Errno::INTR) => (),
                Err(error) => return Err(doing(error)),
            }
        }
        content.truncate(done);
        Ok(content)
    }
}

impl Rooted {
    /// Removes a folder if nothing is in it.
    pub(crate) fn remove_empty(&self, path: &TargetPath) -> Result<(), TargetError> {
        let dentry = self.dentry(path, Links::Followed)?;
        match fs::unlinkat(&dentry.folder, &dentry.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(()),
            Err(error) => Err(os(format!("removing the folder `{path}`"), error)),
        }
    }
}

fn looking(path: &TargetPath) -> String {
    format!("looking at `{path}`")
}
