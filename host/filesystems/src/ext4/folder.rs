//! The blocks of a folder: names one after the other where they fit into a block, else sorted by their
//! hashes below an index ([`htree`](super::htree)), so that a name is found without reading all.
//!
//! ```text
//! inode u32 │ length of the record u16 │ of the name u8 │ kind u8 │ name, to a multiple of 4
//! ```
//!
//! Format: Linux `Documentation/filesystems/ext4/directory.rst`.

use std::io;

use dibhost_volumes::bytes::{le16, le32};
use dibhost_volumes::crc32c::crc32c;

use super::field::{low16, put16, put32};
use super::hash::Hasher;
use super::htree;
use super::superblock::{Superblock, broken};

/// Of an inode: its folder has an index.
const INDEXED: u32 = 0x1000;
/// Bytes of a record before its name.
pub(super) const HEAD: usize = 8;
/// Bytes at the end of a block that hold its checksum.
const TAIL: usize = 12;
const TAIL_KIND: u8 = 0xde;
/// As a folder says of an entry that it is one.
const FOLDER: u8 = 2;

/// A name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: Box<[u8]>,
    pub(super) inode: u32,
    /// As the format numbers kinds.
    pub(super) kind: u8,
}

impl Entry {
    fn record(&self) -> usize {
        record(self.name.len())
    }
}

/// Bytes of the record of a name.
pub(super) fn record(name: usize) -> usize {
    (HEAD + name).next_multiple_of(4)
}

/// A folder that is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Folder<'a> {
    pub(super) superblock: &'a Superblock,
    pub(super) inode: u32,
    pub(super) parent: u32,
    /// Blocks that it has at least.
    pub(super) least: usize,
}

/// Its blocks, one after the other, and the flags of its inode.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) bytes: Vec<u8>,
    pub(super) flags: u32,
}

impl Folder<'_> {
    fn block(&self) -> usize {
        self.superblock.block
    }

    /// Bytes of a block for records.
    pub(super) fn room(&self) -> usize {
        self.block() - if self.superblock.seed.is_some() { TAIL } else { 0 }
    }

    /// What its blocks hold.
    pub(super) fn blocks(&self, entries: &[Entry]) -> Blocks {
        let linear = self.linear(entries);
        if linear.len() <= self.block() * self.least.max(1) || !self.superblock.has_index() {
            return Blocks { bytes: linear, flags: 0 };
        }
        drop(linear);
        match self.indexed(entries) {
            Some(bytes) => Blocks { bytes, flags: INDEXED },
            // More than an index is for.
            None => Blocks { bytes: self.linear(entries), flags: 0 },
        }
    }

    fn put(&self, bytes: &mut [u8], at: usize, length: usize, inode: u32, name: &[u8], kind: u8) {
        put32(bytes, at, inode);
        put16(bytes, at + 4, low16(length as u64));
        bytes[at + 6] = u8::try_from(name.len()).unwrap_or_default();
        bytes[at + 7] = if self.superblock.has_file_types() { kind } else { 0 };
        bytes[at + HEAD..at + HEAD + name.len()].copy_from_slice(name);
    }

    /// `.` and `..`, the second of so many bytes.
    fn dots(&self, block: &mut [u8], length: usize) {
        self.put(block, 0, 12, self.inode, b".", FOLDER);
        self.put(block, 12, length, self.parent, b"..", FOLDER);
    }

    /// Ends a block whose last record begins at `last` and is as long as the place that is left.
    fn close(&self, block: &mut [u8], last: usize) {
        let length = low16((self.room() - last) as u64);
        put16(block, last + 4, length);
        if let Some(seed) = self.superblock.inode_seed(self.inode) {
            let at = self.room();
            put16(block, at + 4, low16(TAIL as u64));
            block[at + 7] = TAIL_KIND;
            let sum = crc32c(seed, &block[..at]);
            put32(block, at + 8, sum);
        }
    }

    fn linear(&self, entries: &[Entry]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut block = vec![0; self.block()];
        self.dots(&mut block, 12);
        let (mut last, mut used) = (12, 24);
        for entry in entries {
            let length = entry.record();
            if used + length > self.room() {
                self.close(&mut block, last);
                bytes.extend_from_slice(&block);
                block.fill(0);
                used = 0;
            }
            self.put(&mut block, used, length, entry.inode, &entry.name, entry.kind);
            (last, used) = (used, used + length);
        }
        self.close(&mut block, last);
        bytes.extend_from_slice(&block);
        while bytes.len() < self.least * self.block() {
            block.fill(0);
            self.close(&mut block, 0);
            bytes.extend_from_slice(&block);
        }
        bytes
    }

    /// None: there are more names than an index is for.
    fn indexed(&self, entries: &[Entry]) -> Option<Vec<u8>> {
        let hasher = Hasher {
            seed: self.superblock.hash_seed,
            unsigned: self.superblock.has_unsigned_hash(),
        };
        let mut sorted: Vec<(u32, u32, &Entry)> = entries
            .iter()
            .map(|entry| {
                let (hash, minor) = hasher.hash(&entry.name);
                (hash, minor, entry)
            })
            .collect();
        sorted.sort_unstable_by(|a, b| (a.0, a.1, &a.2.name).cmp(&(b.0, b.1, &b.2.name)));
        let (mut leaves, mut first) = (Vec::new(), Vec::new());
        let mut block = vec![0; self.block()];
        let (mut last, mut used) = (0, 0);
        let mut before = None;
        for (hash, _, entry) in &sorted {
            let length = entry.record();
            if used + length > self.room() {
                self.close(&mut block, last);
                leaves.extend_from_slice(&block);
                block.fill(0);
                used = 0;
            }
            if used == 0 {
                // An odd number: the leaf before has names of the same hash, too.
                first.push(hash | u32::from(before == Some(*hash)));
            }
            before = Some(*hash);
            self.put(&mut block, used, length, entry.inode, &entry.name, entry.kind);
            (last, used) = (used, used + length);
        }
        self.close(&mut block, last);
        leaves.extend_from_slice(&block);
        let mut root = vec![0; self.block()];
        self.dots(&mut root, self.block() - 12);
        let seed = self.superblock.inode_seed(self.inode);
        let mut bytes = htree::index(root, &first, seed, self.superblock.has_large_folders())?;
        bytes.append(&mut leaves);
        Some(bytes)
    }
}

/// The inode that a block of a folder has for a name.
///
/// # Errors
/// It is no block of a folder.
pub(super) fn find(block: &[u8], name: &[u8]) -> io::Result<Option<u32>> {
    let mut left = block;
    while left.len() >= HEAD {
        let (length, end) = (usize::from(le16(left, 4)), HEAD + usize::from(left[6]));
        if length < HEAD || length > left.len() || end > length {
            return Err(broken("a folder that it made is none"));
        }
        if le32(left, 0) != 0 && &left[HEAD..end] == name {
            return Ok(Some(le32(left, 0)));
        }
        left = &left[length..];
    }
    Ok(None)
}
