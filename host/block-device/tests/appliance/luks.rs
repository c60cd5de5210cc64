//! Volume keys of encryptions, read by the host's `cryptsetup` with a secret.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use dibhost_block_device::{Layout, VolumeMap};

use super::case::{CaseDisk, KEYS};
use super::{output, text};

/// What a LUKS2 header starts with; its UUID is a text at byte 168
/// (LUKS2 On-Disk Format Specification, 2.1).
const MAGIC: &[u8; 8] = b"LUKS\xba\xbe\x00\x02";
const UUID: std::ops::Range<usize> = 168..204;
/// Whatever a volume stands on starts at a multiple of this.
const STEP: u64 = 64 << 10;
/// Bytes of the header with its key slots.
const HEADER: usize = 16 << 20;

/// Reads the keys of those whose header lies in one piece on a disk: not in a stripe, not in a
/// thin pool, not in another encryption.
pub(crate) fn volume_keys(
    layout: &Layout,
    disks: &[CaseDisk],
    folder: &Path,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut keys = BTreeMap::new();
    for volume in &layout.volumes {
        let VolumeMap::Luks { secrets, .. } = &volume.map else { continue };
        // A chunk of a stripe or of a thin pool is smaller than a header.
        let in_pieces = layout.volumes.iter().any(|volume| match &volume.map {
            VolumeMap::Raid { level, .. } => *level == dibhost_block_device::RaidLevel::Stripe,
            VolumeMap::Thin { .. } => true,
            _ => false,
        });
        if in_pieces {
            continue;
        }
        let Some(header) = header(&volume.id.to_string(), disks)? else { continue };
        let (copy, secret) = (folder.join("luks-header"), folder.join("luks-secret"));
        let key = folder.join("luks-volume-key");
        fs::write(&copy, header)?;
        // The data begins where the header ends, and there has to be some.
        File::options().write(true).open(&copy)?.set_len(2 * HEADER as u64)?;
        let known = KEYS.iter().find(|(name, _)| *name == secrets[0]);
        fs::write(&secret, known.context("an unknown secret")?.1)?;
        let (copy, secret) = (text(&copy)?.to_owned(), text(&secret)?.to_owned());
        let args = ["luksDump", "--batch-mode", "--dump-volume-key", "--key-file", &secret];
        output("cryptsetup", &[&args[..], &["--volume-key-file", text(&key)?, &copy]].concat())?;
        keys.insert(volume.node.clone(), fs::read(&key)?);
        fs::remove_file(&key)?;
    }
    Ok(keys)
}

fn header(uuid: &str, disks: &[CaseDisk]) -> io::Result<Option<Vec<u8>>> {
    for disk in disks {
        let file = File::open(&disk.path)?;
        let size = file.metadata()?.len();
        let mut start = [0; 204];
        for at in (0..size.saturating_sub(HEADER as u64)).step_by(STEP as usize) {
            file.read_exact_at(&mut start, at)?;
            if start.starts_with(MAGIC) && start[UUID] == *uuid.as_bytes() {
                let mut header = vec![0; HEADER];
                file.read_exact_at(&mut header, at)?;
                return Ok(Some(header));
            }
        }
    }
    Ok(None)
}
