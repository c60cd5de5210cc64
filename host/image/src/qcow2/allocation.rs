//! Gives clusters their places in the file, and keeps the tables that say them.

use std::fs::File;
use std::io;

use super::buffered::Buffered;
use super::layout::{
    CLUSTER, CLUSTER_BYTES, Header, L2_ENTRIES, L2_SPAN, REFCOUNTS, compressed, whole,
};
use crate::Qcow2Compression;

/// The image as far as it is written. Beside one L2 table it holds the L1 table (8 bytes of every
/// 512 MiB of the disk) and the refcounts (2 bytes of every 64 KiB of the file).
#[derive(Debug)]
pub(super) struct Allocation<'a> {
    file: &'a File,
    output: Buffered<'a>,
    size: u64,
    l1: Vec<u64>,
    /// The table that clusters are added to now, which is `l1`'s of that index.
    l2: Vec<u64>,
    index: usize,
    /// By host cluster, those that nothing is in yet left out.
    refcounts: Vec<u16>,
    /// Where compressed clusters go on: what is left of this host cluster is free.
    at: u64,
}

impl<'a> Allocation<'a> {
    /// Of a disk of `size` bytes, none of which has a place.
    pub(super) fn new(file: &'a File, size: u64) -> Self {
        Self {
            file,
            output: Buffered::new(file, CLUSTER_BYTES),
            size,
            // One entry of a disk of no bytes too: a table without any would be nobody's.
            l1: vec![0; size.div_ceil(L2_SPAN).max(1) as usize],
            l2: vec![0; L2_ENTRIES as usize],
            index: 0,
            // The header.
            refcounts: vec![1],
            at: CLUSTER_BYTES,
        }
    }

    /// The first byte after all that has a place.
    fn end(&self) -> u64 {
        self.refcounts.len() as u64 * CLUSTER_BYTES
    }

    /// A place for whole clusters.
    fn whole_clusters(&mut self, count: u64) -> u64 {
        let at = self.end();
        self.refcounts.resize(self.refcounts.len() + count as usize, 1);
        at
    }

    /// A place for compressed bytes, at most a cluster: after those before, where there is room, as
    /// in `qcow2_alloc_bytes` of `block/qcow2-refcount.c`.
    fn bytes(&mut self, length: u64) -> io::Result<u64> {
        let room = self.at.next_multiple_of(CLUSTER_BYTES) - self.at;
        let is_last = self.at + room == self.end();
        if length > room && !is_last {
            self.at = self.end();
        }
        let (at, last) = (self.at, (self.at + length - 1) / CLUSTER_BYTES);
        self.at += length;
        if last >= self.refcounts.len() as u64 {
            self.refcounts.resize(last as usize + 1, 0);
        }
        for host in at / CLUSTER_BYTES..=last {
            let count = &mut self.refcounts[host as usize];
            // zstd and zlib make no more than a tenth of it of a cluster.
            *count = count.checked_add(1).ok_or(io::ErrorKind::InvalidData)?;
        }
        Ok(at)
    }

    /// Stores a cluster of the disk; none has been stored after it.
    pub(super) fn store(&mut self, cluster: u64, bytes: &[u8], is_packed: bool) -> io::Result<()> {
        let at = self.place(cluster, bytes.len() as u64, is_packed)?;
        self.output.write(at, bytes)
    }

    /// Gives a cluster of the disk its place and its entry.
    fn place(&mut self, cluster: u64, length: u64, is_packed: bool) -> io::Result<u64> {
        let index = (cluster / L2_ENTRIES) as usize;
        if index != self.index {
            self.end_table()?;
            self.index = index;
        }
        let (at, entry) = if is_packed {
            let at = self.bytes(length)?;
            (at, compressed(at, length))
        } else {
            let at = self.whole_clusters(1);
            (at, whole(at))
        };
        self.l2[(cluster % L2_ENTRIES) as usize] = entry;
        Ok(at)
    }

    /// Writes the L2 table, if anything is in it, and empties it.
    fn end_table(&mut self) -> io::Result<()> {
        if self.l2.iter().any(|entry| *entry != 0) {
            let at = self.whole_clusters(1);
            self.output.write(at, &big_endian(&self.l2))?;
            self.l1[self.index] = whole(at);
            self.l2.fill(0);
        }
        Ok(())
    }

    /// Writes the tables and then the header; answers the bytes of the file.
    pub(super) fn finish(mut self, compression: Qcow2Compression) -> io::Result<u64> {
        self.end_table()?;
        let l1 = big_endian(&self.l1);
        let l1_at = self.whole_clusters((l1.len() / CLUSTER) as u64);
        self.output.write(l1_at, &l1)?;

        let (blocks, clusters) = refcount_clusters(self.refcounts.len() as u64);
        let blocks_at = self.whole_clusters(blocks);
        let table_at = self.whole_clusters(clusters);
        let mut counts: Vec<_> = self.refcounts.iter().flat_map(|c| c.to_be_bytes()).collect();
        counts.resize(counts.len().next_multiple_of(CLUSTER), 0);
        let table: Vec<_> = (0..blocks).map(|block| blocks_at + block * CLUSTER_BYTES).collect();
        self.output.write(blocks_at, &counts)?;
        self.output.write(table_at, &big_endian(&table))?;
        self.output.flush()?;
        let end = self.end();
        // Where the last table is no whole cluster.
        self.file.set_len(end)?;

        let header = Header {
            size: self.size,
            l1: (l1_at, self.l1.len() as u32),
            refcounts: (table_at, clusters as u32),
            compression,
        };
        let mut first = header.to_bytes();
        first.resize(CLUSTER, 0);
        let mut output = Buffered::new(self.file, 0);
        output.write(0, &first)?;
        output.flush()?;
        Ok(end)
    }
}

/// The clusters of refcount blocks, and of the table of those, that are needed when `others`
/// clusters and they themselves are counted.
fn refcount_clusters(others: u64) -> (u64, u64) {
    let (mut blocks, mut table) = (1, 1);
    // Each is at least what is needed of the last, so that it ends.
    loop {
        let needed = (others + blocks + table).div_ceil(REFCOUNTS);
        let pages = needed.div_ceil(CLUSTER_BYTES / 8);
        if (needed, pages) == (blocks, table) {
            return (blocks, table);
        }
        (blocks, table) = (needed, pages);
    }
}

/// The bytes of a table, in whole clusters.
fn big_endian(entries: &[u64]) -> Vec<u8> {
    let mut bytes: Vec<_> = entries.iter().flat_map(|entry| entry.to_be_bytes()).collect();
    bytes.resize(bytes.len().next_multiple_of(CLUSTER), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refcounts_count_themselves_too() {
        assert_eq!(refcount_clusters(1), (1, 1));
        assert_eq!(refcount_clusters(REFCOUNTS - 2), (1, 1));
        assert_eq!(refcount_clusters(REFCOUNTS - 1), (2, 1));
        // A table of one cluster is of 16 TiB.
        let one = CLUSTER_BYTES / 8;
        assert_eq!(refcount_clusters(one * REFCOUNTS - one - 1), (one, 1));
        assert_eq!(refcount_clusters(one * REFCOUNTS - one), (one + 1, 2));
    }

    #[test]
    fn compressed_clusters_go_on_in_what_others_left() {
        let file = tempfile::tempfile().unwrap();
        let mut image = Allocation::new(&file, 1 << 30);
        let k = CLUSTER_BYTES;
        assert_eq!(image.bytes(k - 100).unwrap(), k);
        assert_eq!(image.bytes(200).unwrap(), 2 * k - 100);
        assert_eq!(image.whole_clusters(1), 3 * k);
        assert_eq!(image.bytes(1000).unwrap(), 2 * k + 100);
        // More than there is room for, and the one after is another's.
        assert_eq!(image.bytes(k - 1000).unwrap(), 4 * k);
        assert_eq!(image.bytes(1000).unwrap(), 5 * k - 1000);
        assert_eq!(image.bytes(1).unwrap(), 5 * k);
        assert_eq!(image.refcounts, [1, 2, 2, 1, 2, 1]);
        assert_eq!(image.bytes(1).unwrap(), 5 * k + 1);
    }

    /// Of clusters that are holes in the file: more than two refcount blocks' worth.
    #[test]
    fn several_refcount_blocks_are_exact() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let clusters = 2 * REFCOUNTS + 1000;
        let mut image = Allocation::new(file.as_file(), clusters * CLUSTER_BYTES);
        for cluster in 0..clusters {
            // What is written begins where the last of them ends.
            let at = image.place(cluster, CLUSTER_BYTES, false).unwrap();
            image.output.flush().unwrap();
            image.output = Buffered::new(file.as_file(), at + CLUSTER_BYTES);
        }
        image.finish(Qcow2Compression::None).unwrap();
        let check = std::process::Command::new("qemu-img").arg("check").arg(file.path()).output();
        let check = check.unwrap();
        let said = String::from_utf8_lossy(&check.stdout);
        assert!(check.status.success() && said.contains("No errors"), "{said}");
        assert!(said.contains(&format!("{clusters}/{clusters}")), "{said}");
    }
}
