//! Writes the partition table of a device, in steps of which each can be the last.
//!
//! ```text
//!             nothing is preserved                 something is preserved
//! first       no table, no signature               a table of what is preserved
//! then        what the partitions hold             what the other partitions hold
//! at the end  the table                            the table
//! ```
//!
//! Each line is on the device before the next begins, so that a device that is half written is not
//! taken for a whole one. From one table to the next there is always one that has what is preserved:
//! a GPT's copies are written one after the other, and of an MBR it is the first sector that counts.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;

use crate::identity::signature;
use crate::layout::{PartitionLayout, TableLayout};
use crate::node::TableKind;
use crate::realise::{of_mbr, write_table};
use dibhost_volumes::gpt;
use dibhost_volumes::mbr;
use dibhost_volumes::{Medium, within};

/// Bytes written at a time.
const PIECE: usize = 1 << 20;
/// Entries that an MBR's first sector has.
const ENTRIES: u32 = 4;

/// Makes a medium's bytes last.
pub(super) type Flush<'a> = &'a dyn Fn() -> io::Result<()>;

/// What is written to a medium, kept in memory instead, in whole sectors.
struct Draft<'a> {
    below: &'a dyn Medium,
    sector: u64,
    sectors: RefCell<BTreeMap<u64, Vec<u8>>>,
}

impl<'a> Draft<'a> {
    fn new(below: &'a dyn Medium, sector: u32) -> Self {
        Self { below, sector: u64::from(sector), sectors: RefCell::default() }
    }

    /// Calls for each sector that a range of bytes touches: its start, and where its bytes lie in
    /// it and in the range.
    fn each(
        &self,
        length: usize,
        offset: u64,
        mut act: impl FnMut(u64, Range<usize>, Range<usize>) -> io::Result<()>,
    ) -> io::Result<()> {
        within(self.below.size(), length, offset)?;
        let mut done = 0;
        while done < length {
            let at = offset + done as u64;
            let inside = usize::try_from(at % self.sector).map_err(io::Error::other)?;
            let sector = usize::try_from(self.sector).map_err(io::Error::other)?;
            let count = (sector - inside).min(length - done);
            act(at - at % self.sector, inside..inside + count, done..done + count)?;
            done += count;
        }
        Ok(())
    }

    /// A sector as it is now.
    fn sector(&self, start: u64) -> io::Result<Vec<u8>> {
        if let Some(bytes) = self.sectors.borrow().get(&start) {
            return Ok(bytes.clone());
        }
        let mut bytes = vec![0; usize::try_from(self.sector).map_err(io::Error::other)?];
        self.below.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    }

    /// Writes what was kept, a stretch after the other, and flushes each.
    fn put(self, stretches: &[Range<u64>], flush: Flush<'_>) -> io::Result<()> {
        let sectors = self.sectors.into_inner();
        for stretch in stretches {
            let mut piece = Vec::new();
            let mut start = stretch.start;
            for (at, bytes) in sectors.range(stretch.clone()) {
                if start + piece.len() as u64 != *at || piece.len() >= PIECE {
                    self.below.write_all_at(&piece, start)?;
                    piece.clear();
                    start = *at;
                }
                piece.extend_from_slice(bytes);
            }
            self.below.write_all_at(&piece, start)?;
            flush()?;
        }
        Ok(())
    }
}

impl Medium for Draft<'_> {
    fn size(&self) -> u64 {
        self.below.size()
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.each(bytes.len(), offset, |start, inside, of_bytes| {
            bytes[of_bytes].copy_from_slice(&self.sector(start)?[inside]);
            Ok(())
        })
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.each(bytes.len(), offset, |start, inside, of_bytes| {
            let mut sector = self.sector(start)?;
            sector[inside].copy_from_slice(&bytes[of_bytes]);
            self.sectors.borrow_mut().insert(start, sector);
            Ok(())
        })
    }
}

/// Writes the whole table.
pub(super) fn write_whole(
    disk: &dyn Medium,
    table: &TableLayout,
    partitions: &[&PartitionLayout],
    flush: Flush<'_>,
) -> io::Result<()> {
    let draft = Draft::new(disk, table.sector_size);
    write_table(&draft, table, partitions)?;
    draft.put(&stretches(disk, table)?, flush)
}

/// Writes a table of what is preserved alone, in the place of one that has it too. Logical partitions
/// are primary ones in it, for an extended partition that is about to change holds nothing safely.
///
/// An MBR of which more is preserved than its first sector holds gets its whole table now.
pub(super) fn write_kept(
    disk: &dyn Medium,
    table: &TableLayout,
    partitions: &[&PartitionLayout],
    kept: &BTreeSet<String>,
    flush: Flush<'_>,
) -> io::Result<()> {
    let stay: Vec<_> = partitions.iter().copied().filter(|p| kept.contains(&p.node)).collect();
    match table.kind {
        TableKind::Gpt => write_whole(disk, table, &stay, flush),
        TableKind::Mbr => match primaries(&stay) {
            Some(partitions) => {
                let mbr = mbr::Table { signature: signature(table.id), partitions, extended: None };
                let draft = Draft::new(disk, table.sector_size);
                mbr.write(&draft, table.sector_size).map_err(io::Error::other)?;
                draft.put(&stretches(disk, table)?, flush)
            }
            None => write_whole(disk, table, partitions, flush),
        },
    }
}

/// The entries of an MBR's first sector: primary partitions with their numbers, logical ones with
/// those that are free.
fn primaries(partitions: &[&PartitionLayout]) -> Option<Vec<mbr::Partition>> {
    let taken: BTreeSet<u32> = partitions.iter().map(|partition| partition.number).collect();
    let mut free = (1..=ENTRIES).filter(|number| !taken.contains(number));
    let mut entries = Vec::new();
    for partition in partitions {
        let primary = partition.number <= ENTRIES;
        entries.push(mbr::Partition {
            number: if primary { partition.number } else { free.next()? },
            type_id: of_mbr(partition.type_id),
            active: partition.active,
            extent: partition.extent,
            ebr: None,
        });
    }
    entries.sort_by_key(|entry| entry.number);
    Some(entries)
}

/// The order in which a table's sectors are written. The first sector is the last: without it there
/// is no table to the kernel, and of an MBR it leads to all others.
fn stretches(disk: &dyn Medium, table: &TableLayout) -> io::Result<Vec<Range<u64>>> {
    let (sector, size) = (u64::from(table.sector_size), disk.size());
    let first = 0..sector;
    if table.kind == TableKind::Mbr {
        return Ok(vec![sector..size, first]);
    }
    // Of the copies that are there, the one that counts is replaced when the other can.
    let middle = size / 2;
    let (primary, backup) = (sector..middle, middle..size);
    let by_backup = !gpt::primary_is_whole(disk, table.sector_size)?;
    let (one, other) = if by_backup { (primary, backup) } else { (backup, primary) };
    Ok(vec![one, other, first])
}

#[cfg(test)]
mod tests;
