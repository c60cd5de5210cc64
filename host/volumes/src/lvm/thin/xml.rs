//! The XML that `thin_restore` reads: elements with attributes, no text. Source:
//! thin-provisioning-tools, `thin-provisioning/xml_format.cc`.

use std::fmt::Write as _;

use super::map::{Mapping, PoolMap};
use crate::lvm::group::SECTOR;

/// The version of the pool's metadata that the kernel writes.
const VERSION: u64 = 2;

/// A map as XML. All times are 0: they tell snapshots from what they were taken of.
pub(super) fn print(map: &PoolMap) -> String {
    let mut out = String::new();
    // Writing to a `String` does not fail.
    let _ = write_map(map, &mut out);
    out
}

fn write_map(map: &PoolMap, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "<superblock uuid=\"\" time=\"0\" transaction=\"{}\" flags=\"0\" version=\"{VERSION}\" data_block_size=\"{}\" nr_data_blocks=\"{}\">",
        map.transaction,
        map.chunk_size / SECTOR,
        map.chunks
    )?;
    for device in &map.devices {
        let mapped: u64 = device.mappings.iter().map(|mapping| mapping.length).sum();
        writeln!(
            out,
            "<device dev_id=\"{}\" mapped_blocks=\"{mapped}\" transaction=\"{}\" creation_time=\"0\" snap_time=\"0\">",
            device.device, device.transaction
        )?;
        for Mapping { origin, data, length } in &device.mappings {
            writeln!(
                out,
                "<range_mapping origin_begin=\"{origin}\" data_begin=\"{data}\" length=\"{length}\" time=\"0\"/>"
            )?;
        }
        out.push_str("</device>\n");
    }
    out.push_str("</superblock>\n");
    Ok(())
}
