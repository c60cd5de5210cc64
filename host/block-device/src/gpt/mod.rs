//! GUID partition tables: identities of the plan, nothing random.

mod read;

pub(crate) use read::primary_is_whole;
pub use read::{Gpt, GptError, GptPartition, read};

use std::io;

use gptman::{GPT, GPTPartitionEntry};

use crate::graph::TypeId;
use crate::layout::{PartitionLayout, TableLayout};
use crate::medium::{Medium, MediumStream};

/// Writes the protective MBR and both copies of the table.
pub(crate) fn write(
    medium: &dyn Medium,
    table: &TableLayout,
    partitions: &[&PartitionLayout],
) -> io::Result<()> {
    let sector = u64::from(table.sector_size);
    let mut image = MediumStream::new(medium);
    let wrong = |error: gptman::Error| io::Error::other(error.to_string());
    let mut gpt = GPT::new_from(&mut image, sector, table.id.to_bytes_le()).map_err(wrong)?;
    for partition in partitions {
        let TypeId::Gpt(type_id) = partition.type_id else {
            return Err(io::Error::other("a partition of a GPT has a type of an MBR"));
        };
        gpt[partition.number] = GPTPartitionEntry {
            partition_type_guid: type_id.to_bytes_le(),
            unique_partition_guid: partition.id.to_bytes_le(),
            starting_lba: partition.extent.offset / sector,
            ending_lba: partition.extent.end() / sector - 1,
            attribute_bits: partition.attributes,
            partition_name: partition.label.as_str().into(),
        };
    }
    gpt.write_into(&mut image).map_err(wrong)?;
    GPT::write_protective_mbr_into(&mut image, sector).map_err(wrong)
}
