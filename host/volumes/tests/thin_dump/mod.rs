//! A pool's map as `thin_dump` reads it: a reading that shares nothing with this crate's.

use std::fs;
use std::process::Command;

use dibhost_volumes::Medium;
use dibhost_volumes::lvm::thin::{DeviceMap, Mapping, PoolMap};

/// The number of an attribute of an element.
fn number(element: &str, attribute: &str) -> u64 {
    let start = format!(" {attribute}=\"");
    let (_, rest) = element.split_once(&start).unwrap_or_else(|| panic!("{attribute}: {element}"));
    rest.split('"').next().unwrap().parse().unwrap()
}

/// Reads a pool's hidden metadata volume.
pub(crate) fn dump(metadata: &dyn Medium) -> PoolMap {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metadata");
    let mut bytes = vec![0; usize::try_from(metadata.size()).unwrap()];
    metadata.read_exact_at(&mut bytes, 0).unwrap();
    fs::write(&path, bytes).unwrap();
    let output = Command::new("thin_dump").arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    parse(&String::from_utf8(output.stdout).unwrap())
}

/// Each element of its XML is a line; there is no text.
fn parse(xml: &str) -> PoolMap {
    let mut map = PoolMap { transaction: 0, chunk_size: 0, chunks: 0, devices: Vec::new() };
    for element in xml.lines().map(str::trim) {
        let of = |attribute| number(element, attribute);
        let mapping = match element.split([' ', '>']).next().unwrap() {
            "<superblock" => {
                map.transaction = of("transaction");
                map.chunk_size = of("data_block_size") * 512;
                map.chunks = of("nr_data_blocks");
                continue;
            }
            "<device" => {
                let (device, mappings) = (of("dev_id").try_into().unwrap(), Vec::new());
                map.devices.push(DeviceMap { device, transaction: of("transaction"), mappings });
                continue;
            }
            "<single_mapping" => {
                Mapping { origin: of("origin_block"), data: of("data_block"), length: 1 }
            }
            "<range_mapping" => {
                Mapping { origin: of("origin_begin"), data: of("data_begin"), length: of("length") }
            }
            "" | "</device" | "</superblock" => continue,
            _ => panic!("`thin_dump` writes {element}"),
        };
        map.devices.last_mut().unwrap().mappings.push(mapping);
    }
    map
}
