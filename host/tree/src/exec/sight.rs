//! What a program of the builder sees that works on the tree: programs, the build's folder, nothing else.
//!
//! ```text
//! /usr, /bin …    the builder's, read-only           /proc   fresh
//! /etc            what the loader and mke2fs read    /mnt    the build's folder, read-only
//! /dev            a few nodes                        /tmp    its own, gone when it ends
//! ```
//!
//! Where it writes what is to stay it is given open, by a [held folder](dibhost_sys::HeldFolder).

use std::fs::{DirBuilder, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use dibhost_check::Check;
use dibhost_sys::make_read_only;
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MountFlags, OpenTreeFlags, UnmountFlags, open_tree, unmount};

use super::mounts::{made, put, restrict};
use crate::error::{TargetError, os};

/// Where programs and their libraries are: folders, or links into `/usr`.
const PROGRAMS: [&str; 7] = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// What they read of `/etc`: where libraries are, what `mke2fs` makes by default, which of several
/// programs has a name.
const SETTINGS: [&str; 3] = ["ld.so.cache", "mke2fs.conf", "alternatives"];

const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Something of the builder's, and where it goes.
struct Seen {
    name: String,
    mount: OwnedFd,
    folder: bool,
}

/// Makes that the root of this process, which must be the first of a process namespace and in a mount
/// namespace of its own. `work` is the build's folder; `devices`: all that the machine has, for who
/// is root of it.
pub(super) fn enter(work: &Path, devices: bool) -> Result<(), TargetError> {
    let mut seen = Vec::new();
    let mut links = Vec::new();
    for name in PROGRAMS {
        match std::fs::read_link(format!("/{name}")) {
            Ok(to) => links.push((name, to)),
            Err(_) => seen.extend(take(name, Path::new(&format!("/{name}")))?),
        }
    }
    for name in SETTINGS {
        seen.extend(take(&format!("etc/{name}"), Path::new(&format!("/etc/{name}")))?);
    }
    let below = work.strip_prefix("/").unwrap_or(work).to_string_lossy().into_owned();
    let build = take(&below, work)?;
    let of_the_build = build.iter().filter(|_| Check::HostTree.holds());
    for Seen { name, mount, .. } in seen.iter().chain(of_the_build) {
        make_read_only(mount).map_err(|e| os(format!("showing `/{name}`"), e))?;
    }
    seen.extend(build);
    let names = if devices { vec![""] } else { DEVICES.to_vec() };
    for name in names {
        let (path, name) = (format!("/dev/{name}"), format!("dev/{name}"));
        seen.extend(take(name.trim_end_matches('/'), Path::new(&path))?);
    }
    // In a user namespace the kernel gives it to who sees the machine's whole, as from here.
    let still = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = made("proc", still)?;
    let own = made("tmpfs", still)?;
    let quiet = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let root = made("tmpfs", quiet)?;

    let doing = |e: Errno| os("showing the builder's programs alone", e);
    // Over what is held by now. From here on paths begin at the new root.
    put(&root, "/")?;
    rustix::process::fchdir(&root).map_err(doing)?;
    for (name, to) in links {
        std::os::unix::fs::symlink(to, name).map_err(|e| os(format!("making `/{name}`"), e))?;
    }
    for Seen { name, mount, folder } in &seen {
        place(name, *folder)?;
        put(mount, name)?;
    }
    place("proc", true)?;
    put(&proc, "proc")?;
    place("tmp", true)?;
    put(&own, "tmp")?;
    if !devices {
        std::os::unix::fs::symlink("/proc/self/fd", "dev/fd")
            .map_err(|e| os("making `/dev/fd`", e))?;
    }
    // The old root is put over the new one and taken off again; no folder is needed for it.
    rustix::process::pivot_root(".", ".").map_err(doing)?;
    unmount(".", UnmountFlags::DETACH).map_err(doing)?;
    rustix::process::chdir("/").map_err(doing)?;
    restrict("/", MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV).map_err(doing)
}

/// Takes hold of something of the builder's, with what is mounted below it; none: it is not there.
fn take(name: &str, path: &Path) -> Result<Option<Seen>, TargetError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    match open_tree(CWD, path, flags) {
        Ok(mount) => Ok(Some(Seen { name: name.to_owned(), mount, folder: path.is_dir() })),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(os(format!("taking hold of `{}`", path.display()), error)),
    }
}

/// Makes what a mount goes over.
fn place(name: &str, folder: bool) -> Result<(), TargetError> {
    let doing = |e: std::io::Error| os(format!("making `/{name}`"), e);
    let make = |folder: &Path| DirBuilder::new().recursive(true).mode(0o755).create(folder);
    let path = Path::new(name);
    if folder {
        return make(path).map_err(doing);
    }
    path.parent().map_or(Ok(()), make).map_err(doing)?;
    File::create(path).map(drop).map_err(doing)
}
