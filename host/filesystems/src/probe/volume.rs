//! Encryption, physical volumes, members of arrays, hashes.

use std::io;

use super::signature::{Probe, Signature, SignatureKind, text, uuid};
use dibhost_volumes::bytes::{array, le32, le64};
use dibhost_volumes::luks;
use dibhost_volumes::lvm::LvmId;

pub(super) fn luks(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    let first = probe.at::<208>(0)?.filter(|bytes| bytes.starts_with(luks::MAGIC));
    let found = match first {
        Some(bytes) => Some(bytes),
        // The first header may have been overwritten; the second alone opens it.
        None => {
            let mut second = None;
            for offset in luks::SIZES {
                second = probe.at::<208>(offset)?.filter(|b| b.starts_with(luks::SECOND_MAGIC));
                if second.is_some() {
                    break;
                }
            }
            second
        }
    };
    let Some(bytes) = found else { return Ok(None) };
    let version = u16::from_be_bytes(array(&bytes, 6));
    Ok(Some(Signature {
        version: Some(version.to_string()),
        label: if version == 2 { text(&bytes[24..72]) } else { None },
        uuid: text(&bytes[168..208]),
        ..Signature::new(SignatureKind::Luks)
    }))
}

pub(super) fn physical_volume(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    // lvm looks in the first four sectors.
    for sector in 0..4u64 {
        let Some(bytes) = probe.at::<512>(sector * 512)? else { break };
        if bytes.starts_with(b"LABELONE") && &bytes[24..32] == b"LVM2 001" {
            // Where the header of the physical volume begins.
            let at = le32(&bytes, 20) as usize;
            let id = LvmId::from_bytes(array(&bytes, at)).map(|id| id.to_string());
            let size = Some(le64(&bytes, at.saturating_add(32))).filter(|size| *size > 0);
            return Ok(Some(Signature {
                version: Some("LVM2".to_owned()),
                uuid: id,
                size,
                ..Signature::new(SignatureKind::PhysicalVolume)
            }));
        }
    }
    Ok(None)
}

pub(super) fn raid_member(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    const MAGIC: u32 = 0xa92b_4efc;
    let size = probe.0.size();
    let end = size.checked_sub(8192).map(|at| at - at % 4096);
    for (offset, version) in [(Some(4096), "1.2"), (Some(0), "1.1"), (end, "1.0")] {
        let Some(offset) = offset else { continue };
        let Some(bytes) = probe.at::<256>(offset)? else { continue };
        // A superblock says in which sector it lies.
        let sound = le32(&bytes, 0) == MAGIC && le32(&bytes, 4) == 1;
        if sound && le64(&bytes, 144) == offset / 512 {
            return Ok(Some(Signature {
                version: Some(version.to_owned()),
                label: text(&bytes[32..64]),
                uuid: uuid(&bytes, 16),
                ..Signature::new(SignatureKind::RaidMember)
            }));
        }
    }
    let old = (size - size % (64 << 10)).checked_sub(64 << 10);
    if let Some(bytes) = old.map(|at| probe.at::<12>(at)).transpose()?.flatten() {
        let big = u32::from_be_bytes(array(&bytes, 0)) == MAGIC;
        if big || le32(&bytes, 0) == MAGIC {
            return Ok(Some(Signature {
                version: Some("0.90".to_owned()),
                ..Signature::new(SignatureKind::RaidMember)
            }));
        }
    }
    Ok(None)
}

pub(super) fn verity(probe: &Probe<'_>) -> io::Result<Option<Signature>> {
    let Some(bytes) = probe.at::<128>(0)?.filter(|bytes| bytes.starts_with(b"verity\0\0")) else {
        return Ok(None);
    };
    Ok(Some(Signature {
        version: Some(le32(&bytes, 8).to_string()),
        uuid: uuid(&bytes, 16),
        block_size: Some(le32(&bytes, 68)),
        ..Signature::new(SignatureKind::VerityHash)
    }))
}
