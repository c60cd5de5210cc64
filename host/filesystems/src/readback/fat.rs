//! FAT16 and FAT32, as far as their names.
//!
//! Format: Microsoft's "FAT: General Overview of On-Disk Format", 1.03.

use super::blocks::Blocks;
use super::types::{EachChild, Inode, ReadbackError, Volume, broken};
use crate::tree::EntryKind;
use dibhost_volumes::bytes::{le16, le32};

/// Bytes of an entry.
const ENTRY: u64 = 32;
const VOLUME_LABEL: u8 = 0x08;
const FOLDER: u8 = 0x10;
/// The attributes of an entry with a piece of a long name.
const LONG: u8 = 0x0f;
/// Pieces that a long name has at the most.
const PIECES: usize = 20;
/// What has as many clusters is FAT32.
const THIRTY_TWO: u64 = 65525;
const SIXTEEN: u64 = 4085;

/// A file or folder has no number but the place of its entry; the root's is 0.
pub(super) struct Fat<'a> {
    blocks: Blocks<'a>,
    table: u64,
    is_thirty_two: bool,
    /// Where FAT16 has its root, and how many entries it has; of FAT32, the root's cluster.
    root: (u64, u64),
    data: u64,
    cluster: u64,
    clusters: u64,
}

impl<'a> Fat<'a> {
    pub(super) fn new(mut blocks: Blocks<'a>) -> Result<Self, ReadbackError> {
        let bytes = blocks.bytes(0, 512)?;
        let (sector, per_cluster) = (u64::from(le16(&bytes, 11)), u64::from(bytes[13]));
        if !matches!(sector, 512 | 1024 | 2048 | 4096) || !per_cluster.is_power_of_two() {
            return Err(broken("the numbers of its boot sector cannot be"));
        }
        let (reserved, tables) = (u64::from(le16(&bytes, 14)), u64::from(bytes[16]));
        let root_entries = u64::from(le16(&bytes, 17));
        let either = |short: u64, long: u64| if short != 0 { short } else { long };
        let sectors = either(u64::from(le16(&bytes, 19)), u64::from(le32(&bytes, 32)));
        let table = either(u64::from(le16(&bytes, 22)), u64::from(le32(&bytes, 36)));
        let root_at = reserved + tables * table;
        let data = root_at + (root_entries * ENTRY).div_ceil(sector);
        let clusters = sectors.saturating_sub(data) / per_cluster;
        if clusters < SIXTEEN {
            return Err(ReadbackError::Unknown("it is FAT12, or nothing".to_owned()));
        }
        let is_thirty_two = clusters >= THIRTY_TWO;
        let root = match is_thirty_two {
            true => (u64::from(le32(&bytes, 44)), 0),
            false => (root_at * sector, root_entries),
        };
        Ok(Self {
            blocks,
            table: reserved * sector,
            is_thirty_two,
            root,
            data: data * sector,
            cluster: per_cluster * sector,
            clusters,
        })
    }

    /// What follows a cluster; none: nothing.
    fn next(&mut self, cluster: u64) -> Result<Option<u64>, ReadbackError> {
        let mut bytes = [0; 4];
        let (next, end) = if self.is_thirty_two {
            self.blocks.fill(&mut bytes, self.table + cluster * 4)?;
            (u64::from(le32(&bytes, 0) & 0x0fff_ffff), 0x0fff_fff8)
        } else {
            self.blocks.fill(&mut bytes[..2], self.table + cluster * 2)?;
            (u64::from(le16(&bytes, 0)), 0xfff8)
        };
        Ok((next < end).then_some(next))
    }

    /// The stretches of a folder, by where each begins and how many entries it has.
    fn stretches(&mut self, number: u64) -> Result<Vec<(u64, u64)>, ReadbackError> {
        let first = match (number, self.is_thirty_two) {
            (0, false) => return Ok(vec![self.root]),
            (0, true) => self.root.0,
            _ => {
                let bytes = self.blocks.bytes(number, ENTRY)?;
                u64::from(le16(&bytes, 20)) << 16 | u64::from(le16(&bytes, 26))
            }
        };
        let mut found = Vec::new();
        let mut next = Some(first);
        while let Some(cluster) = next {
            if !(2..self.clusters + 2).contains(&cluster) || found.len() as u64 > self.clusters {
                return Err(broken("the clusters of a folder lead nowhere"));
            }
            found.push((self.data + (cluster - 2) * self.cluster, self.cluster / ENTRY));
            next = self.next(cluster)?;
        }
        Ok(found)
    }
}

impl Volume for Fat<'_> {
    fn root(&self) -> u64 {
        0
    }

    fn inode(&mut self, number: u64) -> Result<Inode, ReadbackError> {
        if number == 0 {
            return Ok(Inode { kind: EntryKind::Folder, size: 0, links: None });
        }
        let bytes = self.blocks.bytes(number, ENTRY)?;
        let kind = if bytes[11] & FOLDER != 0 { EntryKind::Folder } else { EntryKind::File };
        Ok(Inode { kind, size: u64::from(le32(&bytes, 28)), links: None })
    }

    fn folder(&mut self, number: u64, each: EachChild<'_>) -> Result<(), ReadbackError> {
        // Pieces come before the entry that they are of, the last one first.
        let mut pieces: Vec<[u16; 13]> = Vec::new();
        for (start, count) in self.stretches(number)? {
            for at in (0..count).map(|index| start + index * ENTRY) {
                let bytes = self.blocks.bytes(at, ENTRY)?;
                match (bytes[0], bytes[11]) {
                    (0, _) => return Ok(()),
                    (0xe5, _) => pieces.clear(),
                    (_, LONG) if pieces.len() == PIECES => {
                        return Err(broken("a name has more pieces than one can have"));
                    }
                    (_, LONG) => pieces.push(piece(&bytes)),
                    (_, attributes) if attributes & VOLUME_LABEL != 0 => pieces.clear(),
                    (b'.', _) => pieces.clear(),
                    _ => {
                        let name = match pieces.is_empty() {
                            true => short(&bytes),
                            false => long(&pieces)?,
                        };
                        pieces.clear();
                        each(name.as_bytes(), at)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn piece(bytes: &[u8]) -> [u16; 13] {
    let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
    let mut piece = [0; 13];
    for (unit, at) in piece.iter_mut().zip(places) {
        *unit = le16(bytes, at);
    }
    piece
}

fn long(pieces: &[[u16; 13]]) -> Result<String, ReadbackError> {
    let units = pieces.iter().rev().flatten().copied().take_while(|unit| *unit != 0);
    let units: Vec<u16> = units.collect();
    String::from_utf16(&units).map_err(|_| broken("a name is no UTF-16"))
}

/// Eleven characters, of which blanks at either end are none.
fn short(bytes: &[u8]) -> String {
    let part = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    let (name, extension) = (part(&bytes[..8]), part(&bytes[8..11]));
    if extension.is_empty() { name } else { format!("{name}.{extension}") }
}
