//! No filesystem makes the readers of names panic, run on or give more names than they may; what they
//! give are paths, each below a folder that came before it, and the same again.
//!
//! The first byte says of which kind, and whether a superblock of that kind lies below the rest, without
//! which nothing behind it is reached. The rest are pieces: where each begins, in steps of 512 bytes (two
//! bytes) and in bytes (two), how long it is (two).

use std::collections::{BTreeMap, HashSet};
use std::io;

use dibhost_arbitrary::crc32c;
use dibhost_filesystems::readback::{ReadbackError, names};
use dibhost_filesystems::{EntryKind, FilesystemKind};
use dibhost_volumes::Medium;

const SECTOR: usize = 512;
/// As many sectors as a piece can name.
const SECTORS: u64 = 1 << 16;
const MOST: u64 = 200;
const KINDS: [FilesystemKind; 5] = [
    FilesystemKind::Ext4,
    FilesystemKind::Erofs,
    FilesystemKind::Xfs,
    FilesystemKind::Vfat,
    FilesystemKind::Btrfs,
];

/// Sectors of which some are not zeros.
struct Sectors(BTreeMap<u64, Vec<u8>>);

impl Sectors {
    fn put(&mut self, bytes: &[u8], at: u64) {
        for (byte, at) in bytes.iter().zip(at..) {
            if at < self.size() {
                let sector = self.0.entry(at / SECTOR as u64).or_insert_with(|| vec![0; SECTOR]);
                sector[at as usize % SECTOR] = *byte;
            }
        }
    }

    /// Numbers that the reader asks for: what the pieces say of the rest is on top of them.
    fn superblock(&mut self, kind: FilesystemKind) {
        match kind {
            FilesystemKind::Ext4 => {
                for (at, bytes) in [
                    (0, &1024u32.to_le_bytes()[..]),
                    (0x14, &[1, 0, 0, 0]),
                    (0x28, &1024u32.to_le_bytes()),
                    (0x38, &[0x53, 0xef]),
                    (0x58, &[0, 1]),
                    (0x60, &[0x42]),
                ] {
                    self.put(bytes, 1024 + at);
                }
                // Its inode table begins in block 5: the root is a folder, by extents.
                self.put(&[5], 2048 + 8);
                self.put(&[0xed, 0x41], 5 * 1024 + 256);
                self.put(&[0, 4], 5 * 1024 + 256 + 4);
                self.put(&[0, 0, 8], 5 * 1024 + 256 + 32);
                self.put(&[0x0a, 0xf3, 1, 0, 4, 0, 0, 0], 5 * 1024 + 256 + 40);
                self.put(&[1, 0, 0, 0, 200], 5 * 1024 + 256 + 40 + 16);
            }
            FilesystemKind::Erofs => {
                self.put(&[0xe2, 0xe1, 0xf5, 0xe0], 1024);
                self.put(&[12, 0, 36], 1024 + 12);
                self.put(&[4, 0, 0, 0, 0xed, 0x41, 1, 0, 100], 36 * 32);
            }
            FilesystemKind::Xfs => {
                self.put(b"XFSB\0\0\x10\0", 0);
                self.put(&[64], 63);
                self.put(&[0, 0, 0x10, 0], 84);
                self.put(&[0, 5, 0, 0, 2, 0], 100);
                self.put(&[9, 3, 12], 122);
                self.put(&[1], 219);
                self.put(b"IN\x41\xed\x03\x01", 32768);
            }
            FilesystemKind::Vfat => {
                self.put(&[0, 2, 1, 1, 0, 1, 16], 11);
                self.put(&[0xff, 0xff], 19);
                self.put(&[255, 0], 22);
            }
            _ => {}
        }
    }

    /// Blocks of btrfs have a sum, which no fuzzer finds by itself.
    fn seal(&mut self) {
        let starts: Vec<u64> = self.0.keys().map(|sector| sector / 8 * 4096).collect();
        for start in starts {
            let mut bytes = vec![0; 4096];
            if self.read_exact_at(&mut bytes, start).is_ok() {
                self.put(&(!crc32c(&bytes[32..])).to_le_bytes(), start);
            }
        }
    }
}

impl Medium for Sectors {
    fn size(&self) -> u64 {
        SECTORS * SECTOR as u64
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > self.size()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        assert!(bytes.len() <= 64 << 10, "no block is larger");
        for (byte, at) in bytes.iter_mut().zip(offset..) {
            let sector = self.0.get(&(at / SECTOR as u64));
            *byte = sector.map_or(0, |sector| sector[at as usize % SECTOR]);
        }
        Ok(())
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        panic!("a reader writes")
    }
}

type Found = Vec<(Vec<u8>, u64, EntryKind)>;

fn read(kind: FilesystemKind, medium: &dyn Medium) -> (Found, Result<(), ReadbackError>) {
    let mut found = Found::new();
    let read = names(kind, medium, MOST, &mut |name| {
        found.push((name.path.to_vec(), name.number, name.inode.kind));
        Ok(())
    });
    (found, read)
}

pub(crate) fn readback(data: &[u8]) {
    whole(data);
}

/// The same; how many names there are, if all were read.
pub(crate) fn whole(data: &[u8]) -> Option<usize> {
    let (kind, mut left) = data.split_first()?;
    let number = usize::from(*kind);
    let kind = KINDS[number % KINDS.len()];
    let mut sectors = Sectors(BTreeMap::new());
    if (number / KINDS.len()).is_multiple_of(2) {
        sectors.superblock(kind);
    }
    while let [sector, high_sector, low, high, short, long, rest @ ..] = left {
        let sector = u64::from(u16::from_le_bytes([*sector, *high_sector]));
        let at = sector * SECTOR as u64 + u64::from(u16::from_le_bytes([*low, *high]));
        let length = usize::from(u16::from_le_bytes([*short, *long]));
        let (piece, rest) = rest.split_at(rest.len().min(length));
        sectors.put(piece, at);
        left = rest;
    }
    if kind == FilesystemKind::Btrfs {
        sectors.seal();
    }
    let (found, ended) = read(kind, &sectors);
    let (again, ended_again) = read(kind, &sectors);
    assert_eq!(found, again);
    assert_eq!(ended.is_ok(), ended_again.is_ok());
    if let Err(wrong) = &ended {
        assert!(!wrong.to_string().is_empty());
    }
    assert!(found.len() as u64 <= MOST + 1);
    let mut folders = HashSet::new();
    for (at, (path, _, kind)) in found.iter().enumerate() {
        assert_eq!(path.is_empty(), at == 0, "the root alone has no name, and comes first");
        if let Some(end) = path.iter().rposition(|byte| *byte == b'/') {
            assert!(folders.contains(&path[..end]), "{path:?}");
        }
        assert!(path.is_empty() || path.split(|byte| *byte == b'/').all(|name| !name.is_empty()));
        if *kind == EntryKind::Folder {
            folders.insert(&path[..]);
        }
    }
    ended.ok().map(|()| found.len())
}
