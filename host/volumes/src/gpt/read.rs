//! A GUID partition table from its bytes, which may be anybody's.

use std::collections::BTreeSet;
use std::io;

use gptman::{GPTHeader, GPTPartitionEntry};
use serde::Serialize;
use uuid::Uuid;

use crate::extent::Extent;
use crate::medium::Medium;

/// Entries that a table may have; all tools write 128.
const MOST_ENTRIES: u32 = 1024;
/// Bytes of an entry. UEFI allows more, and Linux reads no other.
const ENTRY: u32 = 128;
/// Bytes of a header and more: gptman reads as many as its values have in memory, then takes those
/// it needs.
const HEADER: usize = 512;

/// A GUID partition table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Gpt {
    /// Bytes of a sector, which is what the table counts: 512 or 4096.
    pub sector: u32,
    /// The disk's GUID.
    pub id: Uuid,
    /// In the order of their numbers.
    pub partitions: Vec<GptPartition>,
    /// What is wrong with it, and yet lets it be read: a copy that is broken or not at its place.
    pub damage: Vec<String>,
}

/// A partition of a GUID partition table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GptPartition {
    /// From 1.
    pub number: u32,
    /// Its type.
    pub type_id: Uuid,
    /// Its PARTUUID.
    pub id: Uuid,
    /// Its name.
    pub label: String,
    /// Attribute bits.
    pub attributes: u64,
    /// Where it lies.
    pub extent: Extent,
}

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GptError {
    /// The disk cannot be read.
    #[error("reading the disk")]
    Io(#[from] io::Error),
    /// Both copies are broken.
    #[error("the GPT: {primary}; and its backup: {backup}")]
    Broken {
        /// What is wrong with the first copy.
        primary: String,
        /// What is wrong with the second.
        backup: String,
    },
}

/// Reads the GPT of a disk, of its backup if the first copy is broken; none, when there is none.
///
/// # Errors
/// When the disk cannot be read, or neither copy is whole.
pub fn read(disk: &dyn Medium) -> Result<Option<Gpt>, GptError> {
    let mut broken = None;
    for sector in [512u32, 4096] {
        let Some(last) = (disk.size() / u64::from(sector)).checked_sub(1).filter(|last| *last > 1)
        else {
            continue;
        };
        let primary = copy(disk, sector, 1)?;
        let at = match &primary {
            Copy::Whole(copy) => copy.other,
            Copy::None | Copy::Broken(_) => last,
        };
        let backup = copy(disk, sector, at)?;
        match (primary, backup) {
            (Copy::None, Copy::None) => {}
            (Copy::Whole(primary), backup) => {
                let mut table = primary.table;
                if at != last {
                    table.damage.push(format!(
                        "the backup lies in sector {at}, and the disk's last is {last}"
                    ));
                }
                match backup {
                    Copy::Whole(backup) if same(&backup.table, &table) => {}
                    Copy::Whole(_) => {
                        table.damage.push("the backup is another table".to_owned());
                    }
                    backup => table.damage.push(format!("the backup: {}", backup.problem())),
                }
                return Ok(Some(table));
            }
            (primary, Copy::Whole(backup)) => {
                let mut table = backup.table;
                table.damage.push(format!("the first copy: {}", primary.problem()));
                return Ok(Some(table));
            }
            (primary, backup) => {
                let (primary, backup) = (primary.problem(), backup.problem());
                broken.get_or_insert(GptError::Broken { primary, backup });
            }
        }
    }
    broken.map_or(Ok(None), Err)
}

/// Whether the first copy is one that can be read.
pub fn primary_is_whole(disk: &dyn Medium, sector: u32) -> io::Result<bool> {
    Ok(matches!(copy(disk, sector, 1)?, Copy::Whole(_)))
}

fn same(one: &Gpt, other: &Gpt) -> bool {
    one.id == other.id && one.partitions == other.partitions
}

/// What a sector that should hold a header holds.
enum Copy {
    /// Something else.
    None,
    /// A header, and what is wrong with it or its entries.
    Broken(String),
    Whole(Box<Whole>),
}

struct Whole {
    table: Gpt,
    /// The sector of the other copy.
    other: u64,
}

impl Copy {
    fn problem(&self) -> String {
        match self {
            Self::Broken(problem) => problem.clone(),
            Self::None | Self::Whole(_) => "there is none".to_owned(),
        }
    }
}

fn copy(disk: &dyn Medium, sector: u32, lba: u64) -> io::Result<Copy> {
    let mut bytes = [0; HEADER];
    let size = u64::from(sector);
    match lba.checked_mul(size).filter(|offset| offset + size <= disk.size()) {
        Some(offset) => disk.read_exact_at(&mut bytes, offset)?,
        None => return Ok(Copy::Broken(format!("sector {lba} lies beyond the disk"))),
    }
    if !bytes.starts_with(b"EFI PART") {
        return Ok(Copy::None);
    }
    let header = match GPTHeader::read_from(&mut io::Cursor::new(&bytes)) {
        Ok(header) => header,
        Err(error) => return Ok(Copy::Broken(error.to_string())),
    };
    let problem = if header.primary_lba != lba {
        format!("it says to lie in sector {}, and lies in {lba}", header.primary_lba)
    } else if header.size_of_partition_entry != ENTRY {
        format!("its entries have {} bytes, and not {ENTRY}", header.size_of_partition_entry)
    } else if !(1..=MOST_ENTRIES).contains(&header.number_of_partition_entries) {
        format!("{} entries are no number for a table", header.number_of_partition_entries)
    } else {
        return entries(disk, sector, &header);
    };
    Ok(Copy::Broken(problem))
}

fn entries(disk: &dyn Medium, sector: u32, header: &GPTHeader) -> io::Result<Copy> {
    let size = u64::from(sector);
    let mut bytes = vec![0; (header.number_of_partition_entries * ENTRY) as usize];
    let start = header.partition_entry_lba.checked_mul(size);
    match start.filter(|s| s.checked_add(bytes.len() as u64).is_some_and(|e| e <= disk.size())) {
        Some(offset) => disk.read_exact_at(&mut bytes, offset)?,
        None => return Ok(Copy::Broken("its entries lie beyond the disk".to_owned())),
    }
    let mut all = Vec::new();
    for entry in bytes.chunks_exact(ENTRY as usize) {
        // As with the header.
        let mut padded = [0; HEADER];
        padded[..entry.len()].copy_from_slice(entry);
        match GPTPartitionEntry::read_from(&mut &padded[..]) {
            Ok(entry) => all.push(entry),
            Err(error) => return Ok(Copy::Broken(format!("an entry: {error}"))),
        }
    }
    if header.generate_partition_entry_array_crc32(&all) != header.partition_entry_array_crc32 {
        return Ok(Copy::Broken("the checksum of its entries is wrong".to_owned()));
    }
    let (first, last) = (header.first_usable_lba, header.last_usable_lba);
    if first > last || last >= disk.size() / size {
        let problem = format!("partitions would lie in sectors {first} to {last}");
        return Ok(Copy::Broken(problem));
    }
    let mut table = Gpt {
        sector,
        id: Uuid::from_bytes_le(header.disk_guid),
        partitions: Vec::new(),
        damage: Vec::new(),
    };
    let used = (1..).zip(&all).filter(|(_, entry)| entry.is_used());
    for (number, entry) in used {
        let (start, end) = (entry.starting_lba, entry.ending_lba);
        if start > end || start < first || end > last {
            return Ok(Copy::Broken(format!(
                "partition {number} lies in sectors {start} to {end}, of which {first} to {last} \
                 are for partitions"
            )));
        }
        table.partitions.push(GptPartition {
            number,
            type_id: Uuid::from_bytes_le(entry.partition_type_guid),
            id: Uuid::from_bytes_le(entry.unique_partition_guid),
            label: entry.partition_name.as_str().to_owned(),
            attributes: entry.attribute_bits,
            extent: Extent { offset: start * size, size: (end - start + 1) * size },
        });
    }
    Ok(match clash(&table.partitions) {
        Some(problem) => Copy::Broken(problem),
        None => Copy::Whole(Box::new(Whole { table, other: header.backup_lba })),
    })
}

/// Two partitions that share a byte or a GUID.
fn clash(partitions: &[GptPartition]) -> Option<String> {
    let mut by_place: Vec<_> = partitions.iter().collect();
    by_place.sort_by_key(|partition| partition.extent.offset);
    for pair in by_place.windows(2) {
        if pair[0].extent.end() > pair[1].extent.offset {
            let (one, other) = (pair[0].number, pair[1].number);
            return Some(format!("partitions {one} and {other} lie over each other"));
        }
    }
    let mut seen = BTreeSet::new();
    let twice = partitions.iter().find(|partition| !seen.insert(partition.id))?;
    Some(format!("partition {} has the GUID of another", twice.number))
}
