//! The XML that `thin_restore` reads and `thin_dump` writes: elements with attributes, no text. Source:
//! thin-provisioning-tools, `thin-provisioning/xml_format.cc`.

use std::fmt::Write as _;

use super::{DeviceMap, Mapping, PoolMap};
use crate::lvm::SECTOR;

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

/// An element's name and what is behind it.
struct Element<'a> {
    name: &'a str,
    attributes: &'a str,
}

impl Element<'_> {
    fn number(&self, wanted: &str) -> Result<u64, String> {
        let mut rest = self.attributes.trim_start();
        while let Some((name, after)) = rest.split_once("=\"") {
            let Some((value, after)) = after.split_once('"') else { break };
            if name == wanted {
                let wrong = |_| format!("`{wanted}` of `{}` is no number", self.name);
                return value.parse().map_err(wrong);
            }
            rest = after.trim_start();
        }
        Err(format!("`{}` has no `{wanted}`", self.name.escape_debug()))
    }
}

/// XML as a map.
pub(super) fn parse(text: &str) -> Result<PoolMap, String> {
    let mut map: Option<PoolMap> = None;
    let mut open = false;
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let element = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let (element, after) = element.ok_or("its dump is no XML")?;
        rest = after.trim_start();
        let closed = element.ends_with('/');
        let element = element.strip_suffix('/').unwrap_or(element).trim_end();
        let (name, attributes) = element.split_once(char::is_whitespace).unwrap_or((element, ""));
        let element = Element { name, attributes };
        match (name, &mut map) {
            ("superblock", None) => map = Some(superblock(&element)?),
            ("device", Some(map)) if !open => {
                open = !closed;
                map.devices.push(device(&element)?);
            }
            ("range_mapping" | "single_mapping", Some(map)) if open => {
                let chunks = map.chunks;
                let device = map.devices.last_mut().ok_or("a mapping belongs to no device")?;
                add(device, mapping(&element)?, chunks)?;
            }
            ("/device", Some(_)) if open => open = false,
            ("/superblock", Some(_)) if !open && rest.is_empty() => {}
            _ => {
                let name: String = name.chars().take(40).collect();
                return Err(format!("its dump has an unexpected `{}`", name.escape_debug()));
            }
        }
    }
    let map = map.ok_or("its dump is empty")?;
    if map.devices.windows(2).any(|pair| pair[0].device >= pair[1].device) {
        return Err("its devices do not rise".to_owned());
    }
    Ok(map)
}

fn superblock(element: &Element<'_>) -> Result<PoolMap, String> {
    let chunk_size = element.number("data_block_size")?.checked_mul(SECTOR);
    let chunk_size = chunk_size.filter(|size| (1..=1 << 30).contains(size));
    let chunk_size = chunk_size.ok_or("its chunks have a size that no pool has")?;
    let chunks = element.number("nr_data_blocks")?;
    if chunks.checked_mul(chunk_size).is_none() {
        return Err("it has more chunks than any disk".to_owned());
    }
    let transaction = element.number("transaction")?;
    Ok(PoolMap { transaction, chunk_size, chunks, devices: Vec::new() })
}

fn device(element: &Element<'_>) -> Result<DeviceMap, String> {
    let number = element.number("dev_id")?;
    let device = u32::try_from(number).map_err(|_| format!("there is no device {number}"))?;
    let transaction = element.number("transaction")?;
    Ok(DeviceMap { device, transaction, mappings: Vec::new() })
}

fn mapping(element: &Element<'_>) -> Result<Mapping, String> {
    Ok(match element.name {
        "single_mapping" => Mapping {
            origin: element.number("origin_block")?,
            data: element.number("data_block")?,
            length: 1,
        },
        _ => Mapping {
            origin: element.number("origin_begin")?,
            data: element.number("data_begin")?,
            length: element.number("length")?,
        },
    })
}

fn add(device: &mut DeviceMap, mapping: Mapping, chunks: u64) -> Result<(), String> {
    let end = mapping.data.checked_add(mapping.length);
    if mapping.length == 0
        || end.is_none_or(|end| end > chunks)
        || mapping.origin.checked_add(mapping.length).is_none()
    {
        return Err(format!(
            "device {} is mapped beyond the pool's {chunks} chunks",
            device.device
        ));
    }
    match device.mappings.last_mut() {
        Some(last) if mapping.origin < last.origin + last.length => {
            Err(format!("the mappings of device {} do not rise", device.device))
        }
        // What changes its time in the middle is two mappings of one row.
        Some(last)
            if mapping.origin == last.origin + last.length
                && mapping.data == last.data + last.length =>
        {
            last.length += mapping.length;
            Ok(())
        }
        _ => {
            device.mappings.push(mapping);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "<superblock transaction=\"2\" data_block_size=\"128\" nr_data_blocks=\"9\">";

    #[test]
    fn what_is_printed_is_parsed() {
        let mappings = vec![
            Mapping { origin: 0, data: 3, length: 2 },
            Mapping { origin: 7, data: 0, length: 1 },
        ];
        let devices = vec![
            DeviceMap { device: 1, transaction: 0, mappings },
            DeviceMap { device: 2, transaction: 1, mappings: Vec::new() },
        ];
        let map = PoolMap { transaction: 2, chunk_size: 64 << 10, chunks: 9, devices };
        assert_eq!(parse(&print(&map)), Ok(map));
    }

    #[test]
    fn a_dump_that_cannot_be_is_refused() {
        let device = "<device dev_id=\"1\" transaction=\"0\">";
        let range = |o: u64, d: u64, l: u64| {
            format!("<range_mapping origin_begin=\"{o}\" data_begin=\"{d}\" length=\"{l}\"/>")
        };
        for (body, why) in [
            (String::new(), "its dump is empty"),
            ("x".to_owned(), "its dump is no XML"),
            (format!("{HEAD}<ref name=\"1\"/>"), "its dump has an unexpected `ref`"),
            (format!("{HEAD}{}", range(0, 0, 1)), "its dump has an unexpected `range_mapping`"),
            (
                format!("{HEAD}{device}{}", range(0, 8, 2)),
                "device 1 is mapped beyond the pool's 9 chunks",
            ),
            (
                format!("{HEAD}{device}{}", range(0, u64::MAX, 2)),
                "device 1 is mapped beyond the pool's 9 chunks",
            ),
            (
                format!("{HEAD}{device}{}{}", range(4, 0, 2), range(5, 3, 1)),
                "the mappings of device 1 do not rise",
            ),
            (format!("{HEAD}{device}</device>{device}"), "its devices do not rise"),
        ] {
            assert_eq!(parse(&body).unwrap_err(), why, "{body}");
        }
    }
}
