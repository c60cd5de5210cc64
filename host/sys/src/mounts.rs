//! Mounts, where no crate has a safe interface.
#![expect(unsafe_code, reason = "neither rustix nor nix has this call")]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

use nix::libc;

/// Makes a mount, and all that is mounted below it, read-only, without devices and setuid programs.
///
/// # Errors
/// The kernel refuses, or has no `mount_setattr` (before Linux 5.12).
pub fn make_read_only(mount: impl AsFd) -> io::Result<()> {
    let wanted = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    // SAFETY: the path is a string, the attributes are a structure of the size that is said, both live
    // until the call ends; nothing is written to either.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const wanted,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
