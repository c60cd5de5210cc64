//! A table from its bytes, which may be anybody's.

use std::collections::BTreeSet;

use serde::Serialize;

use super::hybrid::Hybrid;
use super::table::{
    ENTRIES, Extended, FIRST_ENTRY, FIRST_LOGICAL, MARK, MbrError, PROTECTIVE, Partition,
    SIGNATURE, Table, apart, is_extended, within,
};
use crate::extent::Extent;
use crate::medium::Medium;

/// Partitions that a chain of records may have. Linux takes 256 minor numbers for a disk.
const MOST_LOGICAL: usize = 1024;

/// What sector 0 of a disk is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// A partition table.
    Table(Table),
    /// The protective MBR of a GPT.
    Protective,
    /// One that also names partitions of the GPT.
    Hybrid(Hybrid),
}

/// An entry that is in use.
struct Entry {
    number: u32,
    active: bool,
    type_id: u8,
    /// Sectors from where the record counts.
    start: u64,
    sectors: u64,
}

/// The four entries of a record that are in use. As Linux has it, one without sectors is not.
fn entries(record: &[u8; 512]) -> impl Iterator<Item = Entry> {
    let number = |at: &[u8]| u64::from(u32::from_le_bytes([at[0], at[1], at[2], at[3]]));
    (0..ENTRIES)
        .map(move |i| {
            let bytes = &record[FIRST_ENTRY + 16 * i..][..16];
            Entry {
                number: i as u32 + 1,
                active: bytes[0] == 0x80,
                type_id: bytes[4],
                start: number(&bytes[8..]),
                sectors: number(&bytes[12..]),
            }
        })
        .filter(|entry| entry.type_id != 0 && entry.sectors != 0)
}

fn record(disk: &dyn Medium, offset: u64) -> Result<[u8; 512], MbrError> {
    let mut bytes = [0; 512];
    disk.read_exact_at(&mut bytes, offset).map_err(|source| MbrError::Io {
        doing: format!("reading the boot record at byte {offset}"),
        source,
    })?;
    Ok(bytes)
}

/// Whether a boot record is the first sector of a FAT, exFAT or NTFS filesystem.
fn is_filesystem(bytes: &[u8; 512]) -> bool {
    let named = |at: usize, name: &[u8]| bytes[at..].starts_with(name);
    named(3, b"NTFS    ")
        || named(3, b"EXFAT   ")
        || named(54, b"FAT12   ")
        || named(54, b"FAT16   ")
        || named(54, b"FAT     ")
        || named(82, b"FAT32   ")
}

/// Reads the partition table of a disk; none, when its first sector is something else.
///
/// `sector`: what the table's numbers count, 512 or 4096 bytes.
///
/// # Errors
/// When the disk cannot be read; with the partition or the record that cannot be: out of the disk,
/// over another, in a circle.
pub fn read(disk: &dyn Medium, sector: u32) -> Result<Option<Found>, MbrError> {
    let sector = u64::from(sector);
    if disk.size() < 512 {
        return Ok(None);
    }
    let bytes = record(disk, 0)?;
    let flags_are_flags = (0..ENTRIES).all(|i| matches!(bytes[FIRST_ENTRY + 16 * i], 0 | 0x80));
    if bytes[MARK..] != [0x55, 0xaa] || !flags_are_flags || is_filesystem(&bytes) {
        return Ok(None);
    }
    let at = &bytes[SIGNATURE..];
    let signature = u32::from_le_bytes([at[0], at[1], at[2], at[3]]);
    let protected = entries(&bytes).any(|entry| entry.type_id == PROTECTIVE);
    let mut table = Table { signature, partitions: Vec::new(), extended: None };
    for entry in entries(&bytes).filter(|entry| entry.type_id != PROTECTIVE) {
        let extent = Extent { offset: entry.start * sector, size: entry.sectors * sector };
        within(entry.number, extent, disk.size(), sector)?;
        if !is_extended(entry.type_id) {
            table.partitions.push(Partition {
                number: entry.number,
                type_id: entry.type_id,
                active: entry.active,
                extent,
                ebr: None,
            });
        } else if protected {
            return Err(MbrError::partition(entry.number, "it is extended, beside a GPT"));
        } else if let Some(other) =
            table.extended.replace(Extended { number: entry.number, extent })
        {
            let problem = format!("it is extended, and so is partition {}", other.number);
            return Err(MbrError::partition(entry.number, problem));
        }
    }
    let extents = table.partitions.iter().map(|p| (p.number, p.extent));
    apart(extents.chain(table.extended.map(|e| (e.number, e.extent))).collect())?;
    if protected {
        let Table { partitions, .. } = table;
        return Ok(Some(match partitions.is_empty() {
            true => Found::Protective,
            false => Found::Hybrid(Hybrid { signature, partitions }),
        }));
    }
    if let Some(extended) = table.extended {
        table.partitions.extend(chain(disk, extended.extent, sector)?);
    }
    Ok(Some(Found::Table(table)))
}

/// Follows the records of the logical partitions.
fn chain(disk: &dyn Medium, extended: Extent, sector: u64) -> Result<Vec<Partition>, MbrError> {
    let mut partitions: Vec<Partition> = Vec::new();
    let mut seen = BTreeSet::new();
    let mut next = Some(extended.offset);
    while let Some(offset) = next.take() {
        let wrong = |problem: &str| MbrError::Record { offset, problem: problem.to_owned() };
        if !seen.insert(offset) {
            return Err(wrong("the records lead in a circle"));
        }
        if seen.len() > MOST_LOGICAL {
            return Err(wrong("more than 1024 records are not followed"));
        }
        let bytes = record(disk, offset)?;
        if offset == extended.offset && bytes.iter().all(|byte| *byte == 0) {
            // Some programs write no record into an extended partition that is empty.
            break;
        }
        if bytes[MARK..] != [0x55, 0xaa] {
            return Err(wrong("there is no record: its last bytes are not 55 aa"));
        }
        for entry in entries(&bytes) {
            let (base, what) = match is_extended(entry.type_id) {
                true => (extended.offset, "the next record"),
                false => (offset, "its partition"),
            };
            let extent =
                Extent { offset: base + entry.start * sector, size: entry.sectors * sector };
            if is_extended(entry.type_id) {
                // Its size is how far the next slot reaches, which nobody keeps to.
                if extent.offset + sector > extended.end() {
                    return Err(wrong(&format!("{what} lies beyond the extended partition")));
                }
                if next.replace(extent.offset).is_some() {
                    return Err(wrong("it leads to two records"));
                }
                continue;
            }
            if extent.offset < offset + sector || extent.end() > extended.end() {
                return Err(wrong(&format!("{what} lies beyond the extended partition")));
            }
            let number = FIRST_LOGICAL + partitions.len() as u32;
            within(number, extent, disk.size(), sector)?;
            partitions.push(Partition {
                number,
                type_id: entry.type_id,
                active: entry.active,
                extent,
                ebr: Some(offset),
            });
        }
    }
    apart(partitions.iter().map(|p| (p.number, p.extent)).collect())?;
    Ok(partitions)
}
