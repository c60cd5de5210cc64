//! FAT, which has no magic that all of its writers keep to: its boot sector has to make sense.
//!
//! Source: Microsoft's *FAT32 File System Specification*, and what `blkid` takes.

use std::io;

use super::signature::{Probe, Signature, SignatureKind, text};
use crate::filesystem::{FatSerial, FilesystemKind};
use dibhost_volumes::bytes::{le16, le32};

/// Entries of the root folder that are looked at for a label, which formatters write first.
const ROOT_ENTRIES: u64 = 512;

/// What the boot sector says.
struct Boot {
    sector: u32,
    /// Bytes.
    cluster: u64,
    /// Where the root folder begins, bytes, and how many entries are looked at.
    root: (u64, u64),
    /// 12, 16 or 32.
    bits: u8,
    sectors: u64,
    serial: Option<u32>,
    label: Option<String>,
}

pub(super) fn fat(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    let Some(bytes) = probe.at::<512>(0)? else { return Ok(None) };
    let Some(boot) = boot(&bytes) else { return Ok(None) };
    // What the root folder says counts; tools that change a label may leave the other as it was.
    let label = root_label(probe, &boot)?.or(boot.label);
    Ok(Some(Signature {
        version: Some(format!("FAT{}", boot.bits)),
        label: label.filter(|label| label != "NO NAME"),
        uuid: boot.serial.map(|serial| FatSerial(serial).to_string()),
        size: boot.sectors.checked_mul(u64::from(boot.sector)),
        block_size: Some(boot.sector),
        ..Signature::new(SignatureKind::Filesystem(FilesystemKind::Vfat))
    }))
}

fn boot(bytes: &[u8; 512]) -> Option<Boot> {
    let named = |at: usize, name: &[u8]| bytes[at..].starts_with(name);
    let named = named(82, b"FAT32   ")
        || named(82, b"MSWIN")
        || [&b"FAT12   "[..], b"FAT16   ", b"FAT     ", b"MSDOS"].iter().any(|n| named(54, n));
    let jumps = matches!(bytes[0], 0xeb | 0xe9) && bytes[510..] == [0x55, 0xaa];
    if !named && !jumps || bytes[3..].starts_with(b"EXFAT") || bytes[3..].starts_with(b"NTFS") {
        return None;
    }
    let sector = u32::from(le16(bytes, 11));
    let (in_cluster, reserved, tables) = (u64::from(bytes[13]), le16(bytes, 14), bytes[16]);
    let sane = matches!(sector, 512 | 1024 | 2048 | 4096)
        && in_cluster.is_power_of_two()
        && reserved != 0
        && matches!(tables, 1..=4)
        && matches!(bytes[21], 0xf0 | 0xf8..);
    if !sane {
        return None;
    }
    let either = |small: u16, large: u32| if small != 0 { u64::from(small) } else { large.into() };
    let sectors = either(le16(bytes, 19), le32(bytes, 32));
    let table = either(le16(bytes, 22), le32(bytes, 36));
    let entries = u64::from(le16(bytes, 17));
    let root = (entries * 32).div_ceil(u64::from(sector));
    let start = u64::from(reserved) + u64::from(tables) * table;
    let clusters = sectors.checked_sub(start + root)? / in_cluster;
    let large = le16(bytes, 22) == 0;
    if table == 0 || clusters == 0 {
        return None;
    }
    let bits = match clusters {
        _ if large => 32,
        0..4085 => 12,
        _ => 16,
    };
    let (extended, at) = if large { (66, 67) } else { (38, 39) };
    // 0x28: a serial number alone. 0x29: a label too.
    let serial = matches!(bytes[extended], 0x28 | 0x29).then(|| le32(bytes, at));
    let label = (bytes[extended] == 0x29).then(|| text(&bytes[at + 4..at + 15])).flatten();
    let cluster = in_cluster * u64::from(sector);
    let root = if large {
        // Clusters are numbered from 2 on.
        let first = u64::from(le32(bytes, 44) & 0x0fff_ffff).checked_sub(2)?;
        (start * u64::from(sector) + first * cluster, cluster / 32)
    } else {
        (start * u64::from(sector), entries)
    };
    Some(Boot { sector, cluster, root, bits, sectors, serial, label })
}

/// The label among the first entries of the root folder. Of FAT32's, its first cluster is read.
fn root_label(probe: &Probe<'_>, boot: &Boot) -> io::Result<Option<String>> {
    let (start, entries) = boot.root;
    debug_assert!(boot.cluster > 0);
    for entry in 0..entries.min(ROOT_ENTRIES) {
        let Some(bytes) = probe.at::<32>(start.saturating_add(entry * 32))? else { break };
        let attributes = bytes[11];
        // 0 ends the folder; 0xe5 was removed; a part of a long name has all four bits.
        match bytes[0] {
            0 => break,
            0xe5 => {}
            _ if attributes & 0x08 != 0 && attributes & 0x0f != 0x0f => {
                return Ok(text(&bytes[..11]));
            }
            _ => {}
        }
    }
    Ok(None)
}
