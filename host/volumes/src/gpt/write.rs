//! Writes a GUID partition table.

use std::io;

use gptman::{GPT, GPTPartitionEntry};
use uuid::Uuid;

use super::GptPartition;
use crate::medium::{Medium, MediumStream};

/// Writes the protective MBR and both copies of the table of a disk with sectors of `sector` bytes
/// and the GUID `id`.
///
/// # Errors
/// When the disk is too small for it, or cannot be written.
pub fn write(
    medium: &dyn Medium,
    sector: u32,
    id: Uuid,
    partitions: &[GptPartition],
) -> io::Result<()> {
    let sector = u64::from(sector);
    let mut image = MediumStream::new(medium);
    let wrong = |error: gptman::Error| io::Error::other(error.to_string());
    let mut gpt = GPT::new_from(&mut image, sector, id.to_bytes_le()).map_err(wrong)?;
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
    gpt.write_into(&mut image).map_err(wrong)?;
    GPT::write_protective_mbr_into(&mut image, sector).map_err(wrong)
}
