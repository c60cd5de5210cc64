//! What a program in the target sees: the tree as `/`, and nothing of the host.
//!
//! ```text
//! /        the tree, nodev, nosuid                  /proc   fresh; switches of the kernel read-only
//! /dev     tmpfs with a few nodes of the host       /sys    fresh, read-only
//! /run     tmpfs with stand-ins in /run/dibhost     /tmp    tmpfs
//! ```
//!
//! The host's nodes and folders are taken hold of *before* the tree becomes the root and put in
//! place *after* it, so that no symbolic link of the tree can lead a mount out of it.

use std::net::IpAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use dibhost_check::Check;
use rustix::fs::{CWD, StatVfsMountFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags, fsconfig_create, fsmount, fsopen, mount, mount_bind, mount_change,
    mount_remount, move_mount, open_tree, unmount,
};

use crate::error::{TargetError, os};

/// Where the box keeps what is its own; on the `/run` that it alone sees.
pub(crate) const OWN: &str = "/run/dibhost";

/// Folders that the box mounts over: made when the tree has none.
pub(crate) const MOUNT_POINTS: [&str; 5] = ["/dev", "/proc", "/sys", "/run", "/tmp"];

/// What a program with a network has a file of its own for.
pub(crate) const RESOLVER_FILE: &str = "/etc/resolv.conf";

const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Switches of the whole kernel that root could use to get out or to bring the host down
/// (`sysrq-trigger`, `sys/kernel/core_pattern`): as container engines have them.
const PROC_READ_ONLY: [&str; 7] = ["sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi"];
const PROC_MASKED: [&str; 6] =
    ["kcore", "keys", "latency_stats", "timer_list", "sched_debug", "kmsg"];

/// A folder of the host that the box sees.
#[derive(Debug, Clone)]
pub(crate) struct Bind {
    pub(crate) host: String,
    pub(crate) target: String,
    pub(crate) read_only: bool,
}

/// A program of the box's own, first on the path.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) text: String,
}

fn hold(path: &str) -> Result<OwnedFd, TargetError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    open_tree(CWD, path, flags).map_err(|e| os(format!("taking hold of `{path}`"), e))
}

/// Mounts the `/proc` of this process namespace. Where the check of it is taken out, that is the
/// machine's, which a user namespace does not own: it is there already.
pub(crate) fn own_proc() -> Result<(), TargetError> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    match mount("proc", "/proc", "proc", flags, c"") {
        Err(Errno::PERM) if !Check::ProgramPids.holds() => Ok(()),
        done => done.map_err(|e| os("mounting `/proc`", e)),
    }
}

/// A mount of a filesystem of the kernel's that is nowhere yet.
pub(super) fn made(kind: &str, flags: MountAttrFlags) -> Result<OwnedFd, TargetError> {
    fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)
        .and_then(|context| {
            fsconfig_create(context.as_fd())?;
            fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
        })
        .map_err(|e| os(format!("making a {kind} for the target"), e))
}

/// The machine's, for want of one of its own: where that check is taken out.
fn machines_proc() -> Result<OwnedFd, TargetError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    open_tree(CWD, "/proc", flags | OpenTreeFlags::AT_RECURSIVE)
        .map_err(|e| os("taking hold of `/proc`", e))
}

pub(super) fn put(held: &OwnedFd, path: &str) -> Result<(), TargetError> {
    move_mount(held, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|e| os(format!("mounting `{path}` in the target"), e))
}

/// Restricts a mount. In a user namespace nobody takes off what restricts the machine's mounts, nor
/// changes what they do with times of access: what is there stays then, and `NOATIME` is for mounts
/// that may have it.
pub(crate) fn restrict(path: impl AsRef<Path>, flags: MountFlags) -> Result<(), Errno> {
    let path = path.as_ref();
    let flags = MountFlags::BIND | flags;
    match mount_remount(path, flags, c"") {
        Err(Errno::PERM) => (),
        done => return done,
    }
    let has = rustix::fs::statvfs(path)?.f_flag;
    let mut kept = flags.difference(MountFlags::NOATIME);
    for (there, flag) in [
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
    ] {
        kept.set(flag, kept.contains(flag) || has.contains(there));
    }
    mount_remount(path, kept, c"")
}

fn folder(path: &str, mode: u32) -> Result<(), TargetError> {
    let doing = |e| os(format!("making `{path}` in the target"), e);
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(doing)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(doing)
}

fn file(path: &str, mode: u32, content: &str) -> Result<(), TargetError> {
    let doing = |e| os(format!("making `{path}` in the target"), e);
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path).map_err(doing)?;
    std::io::Write::write_all(&mut file, content.as_bytes()).map_err(doing)
}

fn fresh(
    kind: &str,
    path: &str,
    flags: MountFlags,
    options: &std::ffi::CStr,
) -> Result<(), TargetError> {
    mount(kind, path, kind, flags, options)
        .map_err(|e| os(format!("mounting {kind} on `{path}` in the target"), e))
}

/// Makes the tree the root of this process, which must be in mount, PID, IPC, UTS and network
/// namespaces of its own. With a network, these resolve names.
pub(crate) fn enter(
    tree: &Path,
    binds: &[Bind],
    scripts: &[Script],
    nameservers: Option<&[IpAddr]>,
) -> Result<(), TargetError> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(|e| os("making the mounts private", e))?;
    let devices = DEVICES
        .iter()
        .map(|name| Ok((*name, hold(&format!("/dev/{name}"))?)))
        .collect::<Result<Vec<_>, TargetError>>()?;
    let held =
        binds.iter().map(|b| Ok((b, hold(&b.host)?))).collect::<Result<Vec<_>, TargetError>>()?;

    // In a user namespace the kernel gives them to who sees the machine's whole, as from here.
    let still = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = made("proc", still)
        .or_else(|error| if Check::ProgramPids.holds() { Err(error) } else { machines_proc() })?;
    let sys = match made("sysfs", still | MountAttrFlags::MOUNT_ATTR_RDONLY) {
        // It shows a network, and only who owns that one has it.
        Err(_) if !Check::ProgramNetwork.holds() => None,
        made => Some(made?),
    };

    let doing = |e: Errno| os("making the tree the root", e);
    let quiet = MountFlags::NODEV | MountFlags::NOSUID;
    mount_bind(tree, tree).map_err(doing)?;
    rustix::process::chdir(tree).map_err(doing)?;
    restrict(".", quiet | MountFlags::NOATIME).map_err(doing)?;
    if Check::ProgramRoot.holds() {
        // The old root is put over the new one and taken off again; no folder is needed for it.
        rustix::process::pivot_root(".", ".").map_err(doing)?;
        unmount(".", UnmountFlags::DETACH).map_err(doing)?;
    } else {
        rustix::process::chroot(".").map_err(doing)?;
    }
    rustix::process::chdir("/").map_err(doing)?;

    let still = quiet | MountFlags::NOEXEC;
    fresh("tmpfs", "/dev", still, c"mode=0755,size=4m")?;
    for (name, device) in &devices {
        let path = format!("/dev/{name}");
        file(&path, 0o666, "")?;
        put(device, &path)?;
    }
    for name in ["pts", "shm"] {
        folder(&format!("/dev/{name}"), 0o755)?;
    }
    let pts = MountFlags::NOSUID | MountFlags::NOEXEC;
    fresh("devpts", "/dev/pts", pts, c"newinstance,ptmxmode=0666,mode=0620,gid=5")
        .or_else(|_| fresh("devpts", "/dev/pts", pts, c"newinstance,ptmxmode=0666,mode=0620"))?;
    fresh("tmpfs", "/dev/shm", still, c"mode=1777")?;
    for (link, to) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        std::os::unix::fs::symlink(to, format!("/dev/{link}"))
            .map_err(|e| os(format!("making `/dev/{link}` in the target"), e))?;
    }

    put(&proc, "/proc")?;
    for name in PROC_READ_ONLY.into_iter().filter(|_| Check::ProgramSwitches.holds()) {
        let path = format!("/proc/{name}");
        let done = mount_bind(&path, &path).and_then(|()| {
            mount_remount(&path, MountFlags::BIND | MountFlags::RDONLY | still, c"")
        });
        shield(&path, done)?;
    }
    for name in PROC_MASKED.into_iter().filter(|_| Check::ProgramSwitches.holds()) {
        let path = format!("/proc/{name}");
        shield(&path, mount_bind("/dev/null", &path))?;
    }
    sys.iter().try_for_each(|sys| put(sys, "/sys"))?;
    fresh("tmpfs", "/run", quiet, c"mode=0755")?;
    fresh("tmpfs", "/tmp", quiet, c"mode=1777")?;
    folder("/run/lock", 0o1777)?;

    folder(OWN, 0o755)?;
    for script in scripts {
        folder(&format!("{OWN}/bin"), 0o755)?;
        file(&format!("{OWN}/bin/{}", script.name), 0o755, &script.text)?;
        let path = format!("{OWN}/bin/{}", script.name);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .map_err(|e| os(format!("making `{path}` in the target"), e))?;
    }
    if let Some(nameservers) = nameservers
        && std::fs::symlink_metadata(RESOLVER_FILE).is_ok()
    {
        let own = format!("{OWN}/resolv.conf");
        let lines: String = nameservers.iter().map(|a| format!("nameserver {a}\n")).collect();
        file(&own, 0o644, &lines)?;
        // Over a symbolic link itself, not over what it leads to, if it leads anywhere.
        put(&hold(&own)?, RESOLVER_FILE)?;
    }
    for (bind, held) in held {
        if ["/run/", "/tmp/"].iter().any(|fresh| bind.target.starts_with(fresh)) {
            folder(&bind.target, 0o755)?;
        }
        put(&held, &bind.target)?;
        if bind.read_only {
            restrict(&bind.target, MountFlags::RDONLY | quiet)
                .map_err(|e| os(format!("making `{}` read-only", bind.target), e))?;
        }
    }
    Ok(())
}

/// What this kernel does not have need not be shielded.
fn shield(path: &str, done: Result<(), Errno>) -> Result<(), TargetError> {
    match done {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(os(format!("shielding `{path}` in the target"), error)),
    }
}
