//! No bytes of a physical volume and no text of a volume group make the readers panic; what they
//! accept is mapped within its bounds, and is read again when it is written.

use std::cell::RefCell;
use std::io;

use dibhost_volumes::Medium;
use dibhost_volumes::lvm::{LogicalVolumeKind, VolumeGroup, read, write};

/// Where the first extent begins at the latest, of what is written again.
const START_MOST: u64 = 1 << 20;
const AREA: usize = 4096;

/// As long as it says; what is behind the bytes that are kept reads as zeros.
struct Bytes {
    size: u64,
    kept: RefCell<Vec<u8>>,
}

impl Medium for Bytes {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let kept = self.kept.borrow();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(kept.len());
        let there = &kept[start..][..bytes.len().min(kept.len() - start)];
        bytes.fill(0);
        bytes[..there.len()].copy_from_slice(there);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.kept.borrow_mut()[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xf597_a6cf, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

/// A physical volume with this text, and with checksums that are right.
fn physical_volume(text: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; AREA + 512 + text.len()];
    let size = (512 + text.len()) as u64;
    bytes[512..520].copy_from_slice(b"LABELONE");
    bytes[520] = 1;
    bytes[532] = 32;
    bytes[536..544].copy_from_slice(b"LVM2 001");
    bytes[544..576].fill(b'a');
    bytes[584..592].copy_from_slice(&START_MOST.to_le_bytes());
    bytes[616..624].copy_from_slice(&(AREA as u64).to_le_bytes());
    bytes[624..632].copy_from_slice(&size.to_le_bytes());
    let sum = crc(&bytes[532..1024]);
    bytes[528..532].copy_from_slice(&sum.to_le_bytes());
    let area = &mut bytes[AREA..];
    area[4..20].copy_from_slice(b" LVM2 x[5A%r0N*>");
    area[20] = 1;
    area[24..32].copy_from_slice(&(AREA as u64).to_le_bytes());
    area[32..40].copy_from_slice(&size.to_le_bytes());
    area[40..48].copy_from_slice(&512_u64.to_le_bytes());
    area[48..56].copy_from_slice(&(text.len() as u64).to_le_bytes());
    area[56..60].copy_from_slice(&crc(text).to_le_bytes());
    area[512..].copy_from_slice(text);
    let sum = crc(&area[4..512]);
    area[..4].copy_from_slice(&sum.to_le_bytes());
    bytes
}

pub(crate) fn volume_group(data: &[u8]) {
    for bytes in [data.to_vec(), physical_volume(data)] {
        let medium = Bytes { size: bytes.len() as u64, kept: RefCell::new(bytes) };
        match read(&medium) {
            Ok(Some(label)) => {
                if let Some((group, index)) = label.volume_group {
                    sound(&group, index);
                }
            }
            Ok(None) => {}
            Err(wrong) => assert!(!wrong.to_string().is_empty()),
        }
    }
}

fn sound(group: &VolumeGroup, index: usize) {
    group.validate().expect("what is read is valid");
    for volume in &group.logical_volumes {
        let size = group.size_of(volume);
        if !matches!(volume.kind, LogicalVolumeKind::Extents(_)) {
            continue;
        }
        // A few stripes at both ends, for a volume may have a great many.
        let part = size.min(64 << 10);
        for offset in [0, size - part] {
            let ranges = group.map(volume, offset, part).expect("it is within the volume");
            assert_eq!(ranges.iter().map(|range| range.length).sum::<u64>(), part);
            for range in ranges {
                let physical = &group.physical_volumes[range.physical_volume];
                assert!(range.physical_offset >= physical.data_start);
                assert!(range.physical_offset + range.length <= physical.size);
            }
        }
    }
    let physical = &group.physical_volumes[index];
    if physical.data_start > START_MOST {
        return;
    }
    let kept = RefCell::new(vec![0; START_MOST as usize]);
    let medium = Bytes { size: physical.size, kept };
    if write(group, index, &medium).is_ok() {
        let label = read(&medium).expect("what is written is read").expect("there is a label");
        assert_eq!(label.volume_group, Some((group.clone(), index)));
    }
}
