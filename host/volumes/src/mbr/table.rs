//! A partition table and what may stand in it.

use serde::Serialize;

use crate::extent::Extent;
use dibhost_text::rounded_size;

/// The partition that holds the logical ones, as fdisk and DIB write it.
pub const EXTENDED: u8 = 0x0f;
/// An EBR's entry that leads to the next one.
pub(super) const LINK: u8 = 0x05;
/// The entry that keeps a GPT from programs that know none.
pub const PROTECTIVE: u8 = 0xee;
/// The number of the first logical partition.
pub const FIRST_LOGICAL: u32 = 5;
/// Entries of the MBR.
pub const ENTRIES: usize = 4;

/// Offset of the disk signature, which is where a boot loader's code ends.
pub(super) const SIGNATURE: usize = 440;
/// Offset of the first entry.
pub(super) const FIRST_ENTRY: usize = 446;
/// Offset of the mark that makes a sector a boot record.
pub(super) const MARK: usize = 510;

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Table {
    /// What Linux makes PARTUUIDs of.
    pub signature: u32,
    /// The primary partitions, then the logical ones, in the order of their numbers.
    pub partitions: Vec<Partition>,
    /// The partition that holds the logical ones.
    pub extended: Option<Extended>,
}

/// The partition that holds the logical ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Extended {
    /// 1 to 4.
    pub number: u32,
    /// Where it lies.
    pub extent: Extent,
}

/// A primary or a logical partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Partition {
    /// 1 to 4, or from 5 on for a logical one.
    pub number: u32,
    /// What is in it, by the list that everybody keeps.
    pub type_id: u8,
    /// What a BIOS looks for.
    pub active: bool,
    /// Where it lies.
    pub extent: Extent,
    /// Bytes from the start of the disk to its EBR, of a logical one.
    pub ebr: Option<u64>,
}

/// Why there is no such table, or what is wrong with one that was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MbrError {
    /// It could not be read or written.
    #[error("{doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A partition that cannot be.
    #[error("partition {number}: {problem}")]
    Partition {
        /// Its number.
        number: u32,
        /// What is wrong.
        problem: String,
    },
    /// A record that cannot be.
    #[error("the extended boot record at byte {offset}: {problem}")]
    Record {
        /// Bytes from the start of the disk.
        offset: u64,
        /// What is wrong.
        problem: String,
    },
    /// The table as a whole.
    #[error("the partition table: {problem}")]
    Table {
        /// What is wrong.
        problem: String,
    },
}

impl MbrError {
    pub(super) fn partition(number: u32, problem: impl Into<String>) -> Self {
        Self::Partition { number, problem: problem.into() }
    }

    pub(super) fn table(problem: impl Into<String>) -> Self {
        Self::Table { problem: problem.into() }
    }
}

/// Says whether a type is that of an extended partition, which holds partitions and no data.
#[must_use]
pub fn is_extended(type_id: u8) -> bool {
    matches!(type_id, 0x05 | 0x0f | 0x85)
}

/// Bytes that 32 bits of sectors reach.
#[must_use]
pub fn reach(sector: u64) -> u64 {
    sector << 32
}

impl Table {
    /// Checks that a disk can have this table.
    ///
    /// # Errors
    /// With the number of the partition that cannot be.
    pub fn check(&self, disk: u64, sector: u64) -> Result<(), MbrError> {
        if !matches!(sector, 512 | 4096) {
            let problem = format!("sectors of {sector} bytes are none: they have 512 or 4096");
            return Err(MbrError::table(problem));
        }
        if let Some(extended) = self.extended {
            within(extended.number, extended.extent, disk, sector)?;
        }
        let mut entries = 0;
        let mut last: Option<u32> = None;
        for partition in &self.partitions {
            let number = partition.number;
            let wrong = |problem: &str| Err(MbrError::partition(number, problem));
            if last.is_some_and(|last| last >= number) || number == 0 {
                return wrong("numbers start at 1 and rise");
            }
            let next = last.filter(|last| *last >= FIRST_LOGICAL).map_or(FIRST_LOGICAL, |n| n + 1);
            last = Some(number);
            match (number < FIRST_LOGICAL, partition.ebr) {
                (true, None) => entries += 1,
                (false, Some(_)) if self.extended.is_none() => {
                    return wrong("a logical partition needs an extended one around it");
                }
                (false, Some(_)) if next != number => {
                    return wrong("numbers of logical partitions leave none out");
                }
                (false, Some(_)) => {}
                (true, Some(_)) => return wrong("logical partitions are numbered from 5 on"),
                (false, None) => return wrong("primary partitions are numbered from 1 to 4"),
            }
            match partition.type_id {
                0 => return wrong("type 0x00 means that there is no partition"),
                PROTECTIVE => return wrong("type 0xee means that the disk has a GPT"),
                id if is_extended(id) => {
                    return wrong("its type is that of an extended partition, which holds no data");
                }
                _ => {}
            }
        }
        let mut extents = Vec::new();
        if let Some(extended) = self.extended {
            entries += 1;
            if !(1..FIRST_LOGICAL).contains(&extended.number)
                || self.partitions.iter().any(|p| p.number == extended.number)
            {
                return Err(MbrError::partition(
                    extended.number,
                    "the extended partition needs a number of its own from 1 to 4",
                ));
            }
            extents.push((extended.number, extended.extent));
        }
        if entries > ENTRIES {
            return Err(MbrError::table("there is room for four primary partitions"));
        }
        for partition in &self.partitions {
            within(partition.number, partition.extent, disk, sector)?;
            match (partition.ebr, self.extended) {
                (Some(ebr), Some(extended)) => {
                    let (start, end) = (extended.extent.offset, extended.extent.end());
                    let inside = ebr >= start
                        && ebr.checked_add(sector).is_some_and(|e| e <= partition.extent.offset)
                        && partition.extent.end() <= end;
                    if !inside || !ebr.is_multiple_of(sector) {
                        return Err(MbrError::partition(
                            partition.number,
                            "it does not lie in the extended partition with its record before it",
                        ));
                    }
                }
                _ => extents.push((partition.number, partition.extent)),
            }
        }
        apart(extents)?;
        let logical = self.partitions.iter().filter_map(|p| {
            let ebr = p.ebr?;
            Some((p.number, Extent { offset: ebr, size: p.extent.end() - ebr }))
        });
        let logical: Vec<_> = logical.collect();
        // The chain of records starts where the extended partition does.
        match (logical.first(), self.extended) {
            (Some((number, slot)), Some(extended)) if slot.offset != extended.extent.offset => {
                Err(MbrError::partition(
                    *number,
                    "the first record lies at the start of the extended partition",
                ))
            }
            _ => apart(logical),
        }
    }
}

/// Checks that 32 bits of sectors hold an extent, and the disk too.
pub(super) fn within(number: u32, extent: Extent, disk: u64, sector: u64) -> Result<(), MbrError> {
    let wrong = |problem: String| Err(MbrError::partition(number, problem));
    let Some(end) = extent.offset.checked_add(extent.size) else {
        return wrong("it ends beyond what a disk can have".to_owned());
    };
    if extent.offset < sector {
        return wrong("it lies over the table".to_owned());
    }
    if extent.size == 0 || !extent.offset.is_multiple_of(sector) || !end.is_multiple_of(sector) {
        return wrong(format!("it is not made of whole sectors of {sector} bytes"));
    }
    if end > disk {
        return wrong(format!("it ends at byte {end}, and the disk at byte {disk}"));
    }
    if end > reach(sector) {
        let most = rounded_size(reach(sector));
        return wrong(format!("it ends beyond {most}, which is as far as an MBR reaches"));
    }
    Ok(())
}

/// Checks that no two extents share a byte.
pub(super) fn apart(mut extents: Vec<(u32, Extent)>) -> Result<(), MbrError> {
    extents.sort_by_key(|(_, extent)| extent.offset);
    for pair in extents.windows(2) {
        let [(first, one), (second, other)] = pair else { continue };
        if one.end() > other.offset {
            return Err(MbrError::partition(
                *second,
                format!("it lies over partition {first}: both have byte {}", other.offset),
            ));
        }
    }
    Ok(())
}
