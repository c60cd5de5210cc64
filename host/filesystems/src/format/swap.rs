//! Swap space: a header of one page, and room.
//!
//! Format: Linux `include/linux/swap.h`, `union swap_header`.

use std::io;
use std::os::unix::fs::FileExt as _;

use uuid::Uuid;

use crate::site::Site;

/// Bytes of a page, on every machine that images are made for.
pub(super) const PAGE: u64 = 4096;
/// What `mkswap` and the kernel take at least.
pub(super) const LEAST_PAGES: u64 = 10;
/// The kernel reads 32 bits.
pub(super) const MOST_PAGES: u64 = u32::MAX as u64;

const INFO: usize = 1024;
const LABEL: usize = INFO + 28;
const MAGIC: &[u8; 10] = b"SWAPSPACE2";

fn header(uuid: Uuid, label: Option<&str>, pages: u32) -> Vec<u8> {
    let mut header = vec![0; PAGE as usize];
    header[INFO..INFO + 4].copy_from_slice(&1u32.to_le_bytes());
    header[INFO + 4..INFO + 8].copy_from_slice(&(pages - 1).to_le_bytes());
    header[INFO + 12..INFO + 28].copy_from_slice(uuid.as_bytes());
    for (at, byte) in header[LABEL..LABEL + 16].iter_mut().zip(label.unwrap_or("").bytes()) {
        *at = byte;
    }
    let end = header.len() - MAGIC.len();
    header[end..].copy_from_slice(MAGIC);
    header
}

/// Writes the header. The rest may hold anything.
pub(super) fn write(site: &Site<'_>, uuid: Uuid, pages: u32) -> io::Result<()> {
    site.file.write_all_at(&header(uuid, site.label, pages), site.offset)
}
