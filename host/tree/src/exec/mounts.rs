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
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use dibhost_check::Check;
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount,
    mount_bind, mount_change, mount_remount, move_mount, open_tree, unmount,
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

fn put(held: &OwnedFd, path: &str) -> Result<(), TargetError> {
    move_mount(held, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|e| os(format!("mounting `{path}` in the target"), e))
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

    let doing = |e: Errno| os("making the tree the root", e);
    let quiet = MountFlags::NODEV | MountFlags::NOSUID;
    mount_bind(tree, tree).map_err(doing)?;
    rustix::process::chdir(tree).map_err(doing)?;
    mount_remount(".", MountFlags::BIND | quiet | MountFlags::NOATIME, c"").map_err(doing)?;
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

    fresh("proc", "/proc", still, c"")?;
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
    fresh("sysfs", "/sys", still | MountFlags::RDONLY, c"")?;
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
            let flags = MountFlags::BIND | MountFlags::RDONLY | quiet;
            mount_remount(&bind.target, flags, c"")
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
