//! Mounts, where no crate has a safe interface.
#![expect(unsafe_code, reason = "neither rustix nor nix has this call")]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

use nix::libc;
use rustix::io::Errno;

/// What may be done with a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MountKind {
    /// Programs and files are read, and nothing is written.
    Read,
    /// Files are written, and no programs started.
    Write,
    /// It is a device, or has some: their nodes stay as they are.
    Device,
    /// It is the root, itself alone: nothing is written to it.
    Root,
}

/// Restricts a mount, and all that is mounted below it, to what it is for. Takes no memory.
///
/// # Errors
/// The kernel refuses, or has no `mount_setattr` (before Linux 5.12).
pub(crate) fn restrict_mount(mount: &impl AsFd, kind: MountKind) -> Result<(), Errno> {
    let quiet = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    let attr_set = match kind {
        MountKind::Read | MountKind::Root => libc::MOUNT_ATTR_RDONLY | quiet,
        MountKind::Write => libc::MOUNT_ATTR_NOEXEC | quiet,
        // What is written to a device is not written to its node.
        MountKind::Device => libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID,
    };
    let below = if kind == MountKind::Root { 0 } else { libc::AT_RECURSIVE };
    let wanted = libc::mount_attr { attr_set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: the path is a string, the attributes are a structure of the size that is said, both live
    // until the call ends; nothing is written to either.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | below,
            &raw const wanted,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO))
    }
}
