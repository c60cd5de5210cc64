//! Partition tables.

use std::io;

use uuid::Uuid;

use super::fat;
use super::signature::{Probe, Signature, SignatureKind};
use dibhost_volumes::bytes::{array, le32, le64};

/// A header of either copy, with sectors of 512 or 4096 bytes.
fn gpt_header(probe: &Probe<'_>) -> io::Result<Option<(u32, [u8; 92])>> {
    let size = probe.0.size();
    for sector in [512u32, 4096] {
        let bytes = u64::from(sector);
        let last = (size / bytes).checked_sub(1).filter(|last| *last > 1);
        for lba in [Some(1), last].into_iter().flatten() {
            let header = probe.at::<92>(lba * bytes)?;
            // At the end of a disk may lie that of an array whose last member ends there.
            let own = |header: &[u8; 92]| lba == 1 || le64(header, 24) == lba;
            let is_header = |header: &[u8; 92]| header.starts_with(b"EFI PART") && own(header);
            if let Some(header) = header.filter(is_header) {
                return Ok(Some((sector, header)));
            }
        }
    }
    Ok(None)
}

pub(super) fn gpt(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    let Some((sector, header)) = gpt_header(probe)? else { return Ok(None) };
    let id = Uuid::from_bytes_le(array(&header, 56));
    Ok(Some(Signature {
        uuid: (!id.is_nil()).then(|| id.to_string()),
        block_size: Some(sector),
        ..Signature::new(SignatureKind::Gpt)
    }))
}

/// A boot record with a partition or a disk signature in it. One with neither is a boot loader's.
pub(super) fn mbr(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    let Some(bytes) = probe.at::<512>(0)? else { return Ok(None) };
    let entries = || bytes[446..510].chunks_exact(16);
    let sane = bytes[510..] == [0x55, 0xaa] && entries().all(|entry| matches!(entry[0], 0 | 0x80));
    let is_filesystem = [&b"NTFS    "[..], b"EXFAT   ", b"-FVE-FS-"];
    let is_filesystem = is_filesystem.iter().any(|name| bytes[3..].starts_with(name));
    if !sane || is_filesystem || fat::fat(probe)?.is_some() {
        return Ok(None);
    }
    let id = le32(&bytes, 440);
    let types: Vec<u8> = entries().map(|entry| entry[4]).filter(|kind| *kind != 0).collect();
    if types.is_empty() && id == 0 || types == [0xee] && gpt_header(probe)?.is_some() {
        return Ok(None);
    }
    Ok(Some(Signature {
        uuid: (id != 0).then(|| format!("{id:08x}")),
        ..Signature::new(SignatureKind::Mbr)
    }))
}
