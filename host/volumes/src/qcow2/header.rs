//! The header: where the first table lies, and what else a reader has to know.

use std::io;

use super::error::Qcow2Error;
use crate::medium::Medium;

const MAGIC: &[u8; 4] = b"QFI\xfb";

/// Bytes of a header of version 2; version 3 has more.
const BYTES: usize = 72;
const BYTES_3: usize = 104;

/// What QEMU takes, and makes: clusters of 512 bytes to 2 MiB.
const CLUSTER_BITS: std::ops::RangeInclusive<u32> = 9..=21;

/// As QEMU has it: 32 MiB of first table are 2 EiB of disk in the usual clusters.
const MOST_L1: u32 = 4 << 20;

/// Features without which it is not understood. Dirty and corrupt ones are read all the same, as
/// QEMU does: what they say is of reference counts.
const DIRTY: u64 = 1;
const EXTERNAL: u64 = 1 << 2;
const COMPRESSION: u64 = 1 << 3;
const EXTENDED: u64 = 1 << 4;
const CORRUPT: u64 = 1 << 1;

/// How clusters are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Deflate,
    Zstd,
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) cluster_bits: u32,
    /// Bytes of the disk.
    pub(super) size: u64,
    /// Where the first table lies, and its entries.
    pub(super) l1_offset: u64,
    pub(super) l1_entries: u32,
    pub(super) compression: Compression,
    /// Whether entries say that a cluster is zeros.
    pub(super) has_zeros: bool,
}

/// Whether it begins as a qcow2.
///
/// # Errors
/// When it cannot be read.
pub fn is_qcow2(medium: &dyn Medium) -> io::Result<bool> {
    let mut magic = [0; 4];
    if medium.size() < BYTES as u64 {
        return Ok(false);
    }
    medium.read_exact_at(&mut magic, 0)?;
    Ok(&magic == MAGIC)
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

pub(super) fn be64(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

impl Header {
    pub(super) fn read(medium: &dyn Medium) -> Result<Self, Qcow2Error> {
        let unread = |why: &str| Err(Qcow2Error::Unread(why.to_owned()));
        let damaged = |why: String| Err(Qcow2Error::Damaged(why));
        let mut bytes = [0; BYTES_3 + 8];
        let there = usize::try_from(medium.size()).unwrap_or(usize::MAX).min(bytes.len());
        if there < BYTES {
            return damaged(format!("its header has {there} bytes"));
        }
        medium.read_exact_at(&mut bytes[..there], 0)?;
        if &bytes[..4] != MAGIC {
            return damaged("it does not begin as one".to_owned());
        }
        let version = be32(&bytes, 4);
        if !matches!(version, 2 | 3) {
            return damaged(format!("it is of version {version}; 2 and 3 are known"));
        }
        if be64(&bytes, 8) != 0 {
            return unread(
                "has a backing file, and is only what differs from it: `qemu-img convert` makes a whole one",
            );
        }
        if be32(&bytes, 32) != 0 {
            return unread("is encrypted");
        }
        let (cluster_bits, size) = (be32(&bytes, 20), be64(&bytes, 24));
        if !CLUSTER_BITS.contains(&cluster_bits) {
            return damaged(format!("its clusters have 2^{cluster_bits} bytes"));
        }
        let mut compression = Compression::Deflate;
        if version == 3 {
            let features = be64(&bytes, 72);
            if features & EXTERNAL != 0 {
                return unread("has its data in another file");
            }
            if features & EXTENDED != 0 {
                return unread("has subclusters, which are not read here");
            }
            let known = DIRTY | CORRUPT | COMPRESSION;
            if features & !known != 0 {
                return unread(&format!("has features not known here ({:#x})", features & !known));
            }
            let header = be32(&bytes, 100) as usize;
            if features & COMPRESSION != 0 && header > BYTES_3 {
                compression = match bytes[BYTES_3] {
                    0 => Compression::Deflate,
                    1 => Compression::Zstd,
                    other => {
                        return unread(&format!("is compressed in a way not known here ({other})"));
                    }
                };
            }
        }
        let header = Self {
            cluster_bits,
            size,
            l1_offset: be64(&bytes, 40),
            l1_entries: be32(&bytes, 36),
            compression,
            has_zeros: version == 3,
        };
        let needed = size.div_ceil(header.covered());
        if header.l1_entries > MOST_L1 || needed > u64::from(header.l1_entries) {
            let entries = header.l1_entries;
            return damaged(format!(
                "its first table has {entries} entries, and {needed} are needed"
            ));
        }
        Ok(header)
    }

    /// Bytes of a cluster.
    pub(super) fn cluster(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Bytes of the disk that an entry of the first table stands for: a second table is a cluster of
    /// entries of eight bytes.
    pub(super) fn covered(&self) -> u64 {
        1 << (2 * self.cluster_bits - 3)
    }
}
