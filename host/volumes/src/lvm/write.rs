//! Label, metadata area and text, onto a physical volume.

use super::crc::crc;
use super::error::LvmError;
use super::group::{PhysicalVolume, VolumeGroup};
use super::text::text;
use crate::medium::Medium;

/// Where the metadata area begins, bytes: a multiple of every sector size.
pub(super) const AREA_START: u64 = 4096;
/// The label, and the header of the metadata area, end at the 512th byte on every disk.
pub(super) const HEADER: usize = 512;
/// Where the label lies: the second 512 bytes, on a disk of 4096 byte sectors too.
const LABEL: usize = 512;
/// What begins the header of a metadata area.
pub(super) const AREA_MAGIC: &[u8; 16] = b" LVM2 x[5A%r0N*>";
/// The version of the header's extension, and its flag for a physical volume that belongs to a group.
const EXTENSION_VERSION: u32 = 2;
const EXTENSION_USED: u32 = 1;
/// How much is looked at at a time for something to wipe, bytes.
const WIPED_AT_A_TIME: usize = 64 << 10;

/// Writes the label and the metadata of one physical volume of a group; what else stands before its
/// first extent is wiped, what comes after is left alone.
///
/// # Errors
/// When the group does not hold what [`VolumeGroup::validate`] checks, the medium is smaller than
/// the physical volume, or cannot be written.
pub fn write(group: &VolumeGroup, index: usize, medium: &dyn Medium) -> Result<(), LvmError> {
    group.validate()?;
    let wrong = |why: String| LvmError::PhysicalVolume { group: group.name.clone(), index, why };
    let volume = group.physical_volumes.get(index);
    let volume = volume.ok_or_else(|| wrong("the group has no such physical volume".to_owned()))?;
    if medium.size() < volume.size {
        let why = format!("its {} bytes are more than the medium's {}", volume.size, medium.size());
        return Err(wrong(why));
    }
    let text = text(group)?;
    let area_size = volume.data_start.saturating_sub(AREA_START);
    // lvm writes a change beside what is in force, so half of the area must stay free.
    let most = area_size.saturating_sub(HEADER as u64) / 2;
    if text.len() as u64 > most {
        let why = format!(
            "the metadata has {} bytes of text, and there is room for {most}: it needs fewer logical volumes or segments",
            text.len()
        );
        return Err(wrong(why));
    }
    let mut area = area_header(area_size, &text);
    area.extend_from_slice(&text);
    // Whole sectors, whatever the disk's are.
    area.resize(area.len().next_multiple_of(4096), 0);

    let io = |what: &str| LvmError::io(format!("writing the {what} of `{}`", volume.name));
    let written = AREA_START + area.len() as u64;
    wipe(medium, written, volume.data_start).map_err(io("metadata area"))?;
    medium.write_all_at(&area, AREA_START).map_err(io("metadata area"))?;
    // The label last: without it nothing before counts.
    medium.write_all_at(&label(volume, area_size), 0).map_err(io("label"))
}

/// The first 4096 bytes, the label among them. Source: `struct label_header`, `struct pv_header` and
/// `struct pv_header_extension`.
fn label(volume: &PhysicalVolume, area_size: u64) -> Vec<u8> {
    let mut contents = Vec::with_capacity(HEADER);
    let mut put = |bytes: &[u8]| contents.extend_from_slice(bytes);
    put(&32_u32.to_le_bytes());
    put(b"LVM2 001");
    put(volume.id.as_bytes());
    put(&volume.size.to_le_bytes());
    // Lists of offset and size, each ended by zeros: data, to the medium's end; metadata.
    for number in [volume.data_start, 0, 0, 0, AREA_START, area_size, 0, 0] {
        put(&number.to_le_bytes());
    }
    put(&EXTENSION_VERSION.to_le_bytes());
    put(&EXTENSION_USED.to_le_bytes());
    contents.resize(HEADER - 20, 0);

    let mut bytes = vec![0; AREA_START as usize];
    let label = &mut bytes[LABEL..LABEL + HEADER];
    label[..8].copy_from_slice(b"LABELONE");
    label[8..16].copy_from_slice(&1_u64.to_le_bytes());
    label[16..20].copy_from_slice(&crc(&contents).to_le_bytes());
    label[20..].copy_from_slice(&contents);
    bytes
}

/// The header of the metadata area, with the text right behind it. Source: `struct mda_header` and
/// `struct raw_locn`.
fn area_header(area_size: u64, text: &[u8]) -> Vec<u8> {
    let mut contents = Vec::with_capacity(HEADER);
    let mut put = |bytes: &[u8]| contents.extend_from_slice(bytes);
    put(AREA_MAGIC);
    put(&1_u32.to_le_bytes());
    put(&AREA_START.to_le_bytes());
    put(&area_size.to_le_bytes());
    put(&(HEADER as u64).to_le_bytes());
    put(&(text.len() as u64).to_le_bytes());
    put(&crc(text).to_le_bytes());
    contents.resize(HEADER - 4, 0);
    let mut bytes = crc(&contents).to_le_bytes().to_vec();
    bytes.extend_from_slice(&contents);
    bytes
}

/// Makes a range zeros without filling the holes that it has.
fn wipe(medium: &dyn Medium, start: u64, end: u64) -> std::io::Result<()> {
    let mut bytes = vec![0; WIPED_AT_A_TIME];
    let mut at = start;
    while at < end {
        let length = (end - at).min(WIPED_AT_A_TIME as u64) as usize;
        let bytes = &mut bytes[..length];
        medium.read_exact_at(bytes, at)?;
        if bytes.iter().any(|byte| *byte != 0) {
            bytes.fill(0);
            medium.write_all_at(bytes, at)?;
        }
        at += length as u64;
    }
    Ok(())
}
