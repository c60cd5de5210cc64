//! Access control lists, from the form in which the kernel shows them to that of the disk, which
//! leaves away ids where there are none.
//!
//! Source: Linux `include/uapi/linux/posix_acl_xattr.h`, `fs/ext4/acl.c`.

use std::io;

use dibhost_volumes::bytes::{le16, le32};

const SHOWN_VERSION: u32 = 2;
const DISK_VERSION: u32 = 1;
/// Bytes of an entry as it is shown: what it is for, permission, id.
const SHOWN: usize = 8;
const USER: u16 = 0x02;
const GROUP: u16 = 0x08;
const OTHERS: [u16; 4] = [0x01, 0x04, 0x10, 0x20];

/// The form of the disk.
///
/// # Errors
/// It is no list as the kernel shows it.
pub(super) fn on_disk(shown: &[u8]) -> io::Result<Vec<u8>> {
    let not = || io::Error::new(io::ErrorKind::InvalidData, "it has an ACL that is none");
    let entries = shown.get(4..).filter(|entries| entries.len().is_multiple_of(SHOWN));
    let entries = entries.filter(|_| le32(shown, 0) == SHOWN_VERSION).ok_or_else(not)?;
    let mut disk = DISK_VERSION.to_le_bytes().to_vec();
    for entry in entries.chunks_exact(SHOWN) {
        match le16(entry, 0) {
            USER | GROUP => disk.extend_from_slice(entry),
            tag if OTHERS.contains(&tag) => disk.extend_from_slice(&entry[..4]),
            _ => return Err(not()),
        }
    }
    Ok(disk)
}
