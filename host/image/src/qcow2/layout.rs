//! The numbers of the format, as in `docs/interop/qcow2.txt`. All are big-endian.

use crate::Qcow2Compression;

/// Bits of an offset in a cluster: QEMU's own choice, and what compressed entries are made for.
const CLUSTER_BITS: u32 = 16;
/// Bytes of a cluster, of the disk and of the file.
pub(super) const CLUSTER: usize = 1 << CLUSTER_BITS;
/// The same, of offsets.
pub(super) const CLUSTER_BYTES: u64 = CLUSTER as u64;
/// Entries of an L2 table, which fills a cluster.
pub(super) const L2_ENTRIES: u64 = CLUSTER_BYTES / 8;
/// Bytes of the disk that one L2 table is of.
pub(super) const L2_SPAN: u64 = L2_ENTRIES * CLUSTER_BYTES;
/// Entries of a refcount block, which fills a cluster.
pub(super) const REFCOUNTS: u64 = CLUSTER_BYTES / 2;
/// The most bytes of a disk: QEMU reads no L1 table of more than 32 MiB (`QCOW_MAX_L1_SIZE`).
pub(super) const MOST: u64 = (32 << 20) / 8 * L2_SPAN;
/// QEMU knows disks by sectors, and leaves out what is no whole one.
pub(super) const SECTOR: u64 = 512;

/// That the refcount of what an entry leads to is exactly one.
const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;
/// Where in an entry of a compressed cluster the number of sectors begins.
const SECTORS_FROM: u32 = 62 - (CLUSTER_BITS - 8);

/// The incompatible feature of clusters that are compressed by something else than zlib.
const COMPRESSION_TYPE: u8 = 3;
/// Up to the compression type and its padding.
const HEADER_LENGTH: u32 = 112;
const FEATURE_NAMES: u32 = 0x6803_f857;

/// An entry that leads to a whole cluster or table.
pub(super) fn whole(offset: u64) -> u64 {
    offset | COPIED
}

/// An entry of a compressed cluster: where it is, and how many more sectors than the one in which
/// it begins it touches. `length` is at least one.
pub(super) fn compressed(offset: u64, length: u64) -> u64 {
    let more = (offset + length - 1) / SECTOR - offset / SECTOR;
    offset | more << SECTORS_FROM | COMPRESSED
}

/// What the header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    /// Bytes of the disk.
    pub(super) size: u64,
    /// Where the L1 table is, and its entries.
    pub(super) l1: (u64, u32),
    /// Where the refcount table is, and its clusters.
    pub(super) refcounts: (u64, u32),
    pub(super) compression: Qcow2Compression,
}

impl Header {
    /// Its bytes, with the table of feature names: a QEMU that knows no zstd (before 5.1) says by
    /// it what it lacks.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let zstd = self.compression == Qcow2Compression::Zstd;
        let mut header = Vec::with_capacity(256);
        header.extend(*b"QFI\xfb");
        header.extend(3u32.to_be_bytes());
        // No backing file: its offset, and the length of its name.
        header.extend([0; 12]);
        header.extend(CLUSTER_BITS.to_be_bytes());
        header.extend(self.size.to_be_bytes());
        // Not encrypted.
        header.extend(0u32.to_be_bytes());
        header.extend(self.l1.1.to_be_bytes());
        header.extend(self.l1.0.to_be_bytes());
        header.extend(self.refcounts.0.to_be_bytes());
        header.extend(self.refcounts.1.to_be_bytes());
        // No snapshots: their number, and where they are.
        header.extend([0; 12]);
        // Features: incompatible, compatible, auto-clear.
        header.extend((u64::from(zstd) << COMPRESSION_TYPE).to_be_bytes());
        header.extend([0; 16]);
        // Refcounts have 1 << 4 bits.
        header.extend(4u32.to_be_bytes());
        header.extend(HEADER_LENGTH.to_be_bytes());
        header.push(u8::from(zstd));
        header.resize(HEADER_LENGTH as usize, 0);

        header.extend(FEATURE_NAMES.to_be_bytes());
        header.extend(48u32.to_be_bytes());
        let begun = header.len();
        // An incompatible feature, its bit, and its name.
        header.extend([0, COMPRESSION_TYPE]);
        header.extend(*b"compression type");
        header.resize(begun + 48, 0);
        // The end of the extensions.
        header.extend([0; 8]);
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_count_the_sectors_after_the_first() {
        let more = |offset, length| (compressed(offset, length) & !COMPRESSED) >> SECTORS_FROM;
        assert_eq!(more(0x10000, 1), 0);
        assert_eq!(more(0x10000, 512), 0);
        assert_eq!(more(0x10000, 513), 1);
        assert_eq!(more(0x101ff, 1), 0);
        assert_eq!(more(0x101ff, 2), 1);
        assert_eq!(more(0x1ffff, 65535), 128);
        assert_eq!(compressed(0x1_2345, 1), 0x4000_0000_0001_2345);
    }

    #[test]
    fn the_header_has_its_fields_where_they_belong() {
        let (l1, refcounts) = ((0x30000, 7), (0x50000, 2));
        let compression = Qcow2Compression::Zstd;
        let bytes = Header { size: 0x1234_0000, l1, refcounts, compression }.to_bytes();
        let number = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!(number(0), 0x5146_49fb_0000_0003);
        assert_eq!(number(24), 0x1234_0000);
        assert_eq!(number(40), 0x30000);
        assert_eq!(number(48), 0x50000);
        assert_eq!(number(72), 8);
        assert_eq!((bytes[59], bytes[39], bytes[103], bytes[104]), (2, 7, 112, 1));
        assert_eq!(bytes.len(), 112 + 8 + 48 + 8);
        let zlib = Header { size: 0, l1, refcounts, compression: Qcow2Compression::Zlib };
        assert_eq!(zlib.to_bytes()[72..80], [0; 8]);
        assert_eq!(zlib.to_bytes()[104], 0);
    }
}
