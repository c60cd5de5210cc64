//! GUID partition tables: identities of the plan, nothing random.

use std::fs::File;
use std::io;

use gptman::{GPT, GPTPartitionEntry};

use crate::layout::{PartitionLayout, TableLayout};

/// Writes the protective MBR and both copies of the table. The size of the file is the disk's.
pub(crate) fn write(
    image: &mut File,
    table: &TableLayout,
    partitions: &[PartitionLayout],
    sector: u32,
) -> io::Result<()> {
    let sector = u64::from(sector);
    let wrong = |error: gptman::Error| io::Error::other(error.to_string());
    let mut gpt = GPT::new_from(image, sector, table.id.to_bytes_le()).map_err(wrong)?;
    for partition in partitions {
        gpt[partition.number] = GPTPartitionEntry {
            partition_type_guid: partition.type_id.to_bytes_le(),
            unique_partition_guid: partition.id.to_bytes_le(),
            starting_lba: partition.extent.offset / sector,
            ending_lba: partition.extent.end() / sector - 1,
            attribute_bits: partition.attributes,
            partition_name: partition.label.as_str().into(),
        };
    }
    gpt.write_into(image).map_err(wrong)?;
    GPT::write_protective_mbr_into(image, sector).map_err(wrong)
}
