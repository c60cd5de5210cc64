//! Subvolumes of a mounted btrfs.
//!
//! Numbers and structures are those of Linux's `include/uapi/linux/btrfs.h`.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::ffi::OsStrExt as _;

use nix::libc;

use crate::block::{READ, WRITE, ioctl, request};

const KIND: libc::c_ulong = 0x94;
const SUBVOL_CREATE: libc::c_ulong = request(WRITE, KIND, 14, size_of::<VolumeArguments>());
const INO_LOOKUP: libc::c_ulong = request(READ | WRITE, KIND, 18, size_of::<LookupArguments>());
const DEFAULT_SUBVOL: libc::c_ulong = request(WRITE, KIND, 19, size_of::<u64>());
/// The inode of every subvolume's own folder.
const FIRST_FREE_OBJECT: u64 = 256;

#[repr(C)]
struct VolumeArguments {
    fd: i64,
    name: [u8; 4088],
}

#[repr(C)]
struct LookupArguments {
    tree: u64,
    object: u64,
    name: [u8; 4080],
}

const _: () = assert!(size_of::<VolumeArguments>() == 4096);
const _: () = assert!(size_of::<LookupArguments>() == 4096);

/// Makes an empty subvolume in an open folder.
///
/// # Errors
/// The name is none, longer than 255 bytes or taken, or the filesystem is no btrfs.
pub fn create_subvolume(folder: impl AsFd, name: &OsStr) -> io::Result<()> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() > 255 || bytes.contains(&b'/') || bytes.contains(&0) {
        let problem = "that is no name of a subvolume";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    let mut arguments = VolumeArguments { fd: 0, name: [0; 4088] };
    arguments.name[..bytes.len()].copy_from_slice(bytes);
    ioctl(folder.as_fd().as_raw_fd(), SUBVOL_CREATE, Some(&mut arguments)).map(drop)
}

/// Lets the subvolume that an open folder is (or lies in) be mounted where none is named.
///
/// # Errors
/// The filesystem is no btrfs, or the kernel refuses.
pub fn set_default_subvolume(folder: impl AsFd) -> io::Result<()> {
    let fd = folder.as_fd().as_raw_fd();
    // Tree 0 is the one that the folder is in.
    let mut lookup = LookupArguments { tree: 0, object: FIRST_FREE_OBJECT, name: [0; 4080] };
    ioctl(fd, INO_LOOKUP, Some(&mut lookup))?;
    ioctl(fd, DEFAULT_SUBVOL, Some(&mut lookup.tree)).map(drop)
}
