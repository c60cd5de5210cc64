//! A folder as a tree in parts, one for each mount point, without changing anything in it.
//!
//! With root, parts are read-only mounts of the folder, and empty folders lie over the mount points,
//! in a mount namespace that nobody else has and that ends with its thread. Where that cannot be (no
//! root, or a mount point that the folder lacks), parts are made of a copy; a folder for a single
//! mount point is read where it is.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, is_root, private_mounts};
use rustix::mount::{MountFlags, mount_bind, mount_remount};

use super::held::Held;
use crate::graph::relative_to;
use dibhost_filesystems::FolderTree;
use dibhost_filesystems::walk::open_folder;
use dibhost_filesystems::{CopyError, Holds, attributes, copy};

/// A folder cannot be seen in parts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// It cannot be read, or its parts cannot be made.
    #[error("the tree {folder}: {doing}: {source}")]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What was being done.
        doing: String,
        /// Why not.
        source: io::Error,
    },
    /// Something is mounted in it.
    #[error("something is mounted at {0}, in the tree: unmount it, for it is no part of the tree")]
    Mounted(PathBuf),
    /// A mount point is a link, or lies behind one.
    #[error(
        "the tree {folder}: `{link}` is a link to `{target}`, and `{mount}` is a mount point: mount it \
         where the link leads to, or let the tree have a folder there"
    )]
    Link {
        /// The folder.
        folder: PathBuf,
        /// The mount point.
        mount: String,
        /// The link, a path of the tree.
        link: PathBuf,
        /// What it says.
        target: PathBuf,
    },
    /// It could not be copied.
    #[error(
        "the tree {folder}: {source}: root needs no copy of it, and others cannot copy what is not theirs"
    )]
    Copy {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: CopyError,
    },
}

/// Lets `act` have the tree that a folder is, in a part for each of `mounts`. What has to be made
/// meanwhile is made in a folder of its own in `scratch`.
///
/// # Errors
/// When the folder cannot be read, something is mounted in it, or a mount point is no folder.
pub fn with_parts<R: Send>(
    folder: &Path,
    mounts: &[&str],
    scratch: &Path,
    cancel: &Cancel,
    act: impl FnOnce(&mut FolderTree) -> R + Send,
) -> Result<R, ViewError> {
    let failed = |doing: &str| {
        let (folder, doing) = (folder.to_owned(), doing.to_owned());
        move |source| ViewError::Io { folder, doing, source }
    };
    let root = folder.canonicalize().map_err(failed("finding it"))?;
    if !root.is_dir() {
        return Err(failed("reading it")(io::Error::from(io::ErrorKind::NotADirectory)));
    }
    if let Some(at) = mounted_in(&root).map_err(failed("looking for mounts in it"))? {
        return Err(ViewError::Mounted(at));
    }
    for mount in mounts {
        let link = link_on_the_way(&root, mount).map_err(failed("looking for its mount points"))?;
        if let Some((link, target)) = link {
            let (folder, mount) = (folder.to_owned(), (*mount).to_owned());
            return Err(ViewError::Link { folder, mount, link, target });
        }
    }
    let making = "making a folder for its parts";
    let there = mounts.iter().all(|mount| part_of(&root, mount).is_ok());
    let bound = there && is_root();
    // What is mounted is found by a path and not by a descriptor of another namespace: where nobody
    // else can move it away. Only what is copied needs room.
    let temporary = std::env::temp_dir();
    let place = if bound { temporary.as_path() } else { scratch };
    let kept = Held::create(place).map_err(failed(making))?;
    let view = kept.path().canonicalize().map_err(failed(making))?;
    if bound {
        // Mounts end with the thread, before the folder they are mounted in is removed.
        let bound = std::thread::scope(|scope| {
            let thread = scope.spawn(|| match bind(&root, mounts, &view) {
                Ok(parts) => {
                    let parts = parts.iter().map(|(m, p)| (m.as_str(), p.as_path()));
                    FolderTree::of_parts(parts, cancel.clone()).map(|mut tree| act(&mut tree))
                }
                Err(error) => Err(error),
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        return bound.map_err(failed("mounting its parts in a namespace of their own"));
    }
    let mut tree = if let (true, [mount]) = (there, mounts) {
        let part = part_of(&root, mount).map_err(failed("reading it"))?;
        let part = fs::read_link(by_descriptor(&part)).map_err(failed("reading it"))?;
        FolderTree::of_parts([(*mount, part.as_path())], cancel.clone())
            .map_err(failed("reading it"))?
    } else {
        copied(&root, mounts, &view, cancel)?
    };
    Ok(act(&mut tree))
}

/// The first link on the way to a mount point, as a path of the tree, and what it says.
fn link_on_the_way(root: &Path, mount: &str) -> io::Result<Option<(PathBuf, PathBuf)>> {
    let mut at = PathBuf::new();
    for name in Path::new(mount.trim_start_matches('/')) {
        at.push(name);
        let path = root.join(&at);
        match fs::symlink_metadata(&path) {
            Ok(stat) if stat.is_symlink() => {
                return Ok(Some((Path::new("/").join(at), fs::read_link(path)?)));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// A mount point's folder in the tree; no link is followed.
fn part_of(root: &Path, mount: &str) -> io::Result<OwnedFd> {
    open_folder(File::open(root)?, Path::new(mount.trim_start_matches('/')))
}

fn by_descriptor(folder: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", folder.as_raw_fd()).into()
}

/// The first mount point below a folder.
fn mounted_in(root: &Path) -> io::Result<Option<PathBuf>> {
    let text = fs::read("/proc/self/mountinfo")?;
    let mut points = text.split(|byte| *byte == b'\n').filter_map(|line| {
        let field = line.split(|byte| *byte == b' ').nth(4)?;
        Some(super::escaped::unescaped(field))
    });
    Ok(points.find(|at| at != root && at.starts_with(root)))
}

/// The mount that holds another's mount point.
fn holding<'a>(mounts: &[&'a str], mount: &str) -> Option<(&'a str, PathBuf)> {
    let above = mounts.iter().filter(|above| **above != mount);
    let below = above.filter_map(|above| Some((*above, relative_to(above, mount)?)));
    let deepest = below.max_by_key(|(above, _)| above.len());
    deepest.map(|(above, relative)| (above, PathBuf::from(relative)))
}

/// Mounts parts for this thread, which must be one made for it.
fn bind(root: &Path, mounts: &[&str], view: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    private_mounts()?;
    let mut parts = Vec::new();
    for (i, mount) in mounts.iter().enumerate() {
        let at = view.join(format!("part-{i}"));
        fs::create_dir(&at)?;
        // Opened in this namespace: the kernel mounts nothing of another's.
        let part = part_of(root, mount)?;
        mount_bind(by_descriptor(&part), &at)?;
        let flags = MountFlags::BIND
            | MountFlags::RDONLY
            | MountFlags::NOATIME
            | MountFlags::NODEV
            | MountFlags::NOSUID
            | MountFlags::NOEXEC;
        mount_remount(&at, flags, "")?;
        parts.push(((*mount).to_owned(), at));
    }
    for (i, mount) in mounts.iter().enumerate() {
        let Some((above, relative)) = holding(mounts, mount) else { continue };
        let Some((_, part)) = parts.iter().find(|(at, _)| at == above) else { continue };
        let cover = view.join(format!("cover-{i}"));
        fs::create_dir(&cover)?;
        let point = open_folder(File::open(part)?, &relative)?;
        attributes(point.as_fd(), File::open(&cover)?.as_fd())?;
        mount_bind(&cover, by_descriptor(&point))?;
    }
    Ok(parts)
}

fn copied(
    root: &Path,
    mounts: &[&str],
    view: &Path,
    cancel: &Cancel,
) -> Result<FolderTree, ViewError> {
    let failed = |doing: &str| {
        let (folder, doing) = (root.to_owned(), doing.to_owned());
        move |source| ViewError::Io { folder, doing, source }
    };
    let (to, aside) = (view.join("copy"), view.join("parts"));
    fs::create_dir(&to).and_then(|()| fs::create_dir(&aside)).map_err(failed("copying it"))?;
    let open = |path: &Path| File::open(path).map_err(failed("copying it"));
    let copy = copy(open(root)?.as_fd(), open(&to)?.as_fd(), Holds::Everything, i64::MAX, cancel);
    copy.map_err(|source| ViewError::Copy { folder: root.to_owned(), source })?;
    for mount in mounts {
        // Beneath the copy, whatever links it has.
        let mut at = PathBuf::new();
        for name in Path::new(mount.trim_start_matches('/')) {
            let doing = format!("making the mount point `{mount}`");
            let above = open_folder(open(&to)?, &at).map_err(failed(&doing))?;
            match rustix::fs::mkdirat(&above, name, rustix::fs::Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                Err(error) => return Err(failed(&doing)(error.into())),
            }
            at.push(name);
            open_folder(open(&to)?, &at).map_err(failed(&doing))?;
        }
    }
    FolderTree::split(&to, &aside, mounts, cancel.clone()).map_err(failed("splitting a copy of it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_that_is_a_link_is_told_with_where_it_leads() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("usr/home")).unwrap();
        std::os::unix::fs::symlink("usr/home", tree.path().join("home")).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let view = |mounts: &[&str]| {
            with_parts(tree.path(), mounts, scratch.path(), &Cancel::new(), |_| ())
        };
        for mount in ["/home", "/home/someone"] {
            let said = view(&["/", mount]).unwrap_err().to_string();
            let wanted = format!("`/home` is a link to `usr/home`, and `{mount}` is a mount point");
            assert!(said.contains(&wanted), "{said}");
        }
        view(&["/", "/usr/home"]).unwrap();
    }
}
