//! Hyper-V's disk image that grows, which its machines of the second generation (UEFI) want.
//!
//! Microsoft's \[MS-VHDX\], version 1; all numbers are little-endian.
//!
//! ```text
//! 0 name │ 64 KiB header, header │ 192 KiB regions, regions │ 1 MiB log │ 2 MiB metadata │ 3 MiB table │ blocks
//! ```

use crc::{CRC_32_ISCSI, Crc};
use uuid::{Uuid, uuid};

use super::source::{SECTOR, Source, Target};
use crate::{Format, ImageError};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Of Hyper-V's own it is 32 MiB; the smallest is what Microsoft advises for Linux' filesystems.
const BLOCK: u64 = MIB;
/// What readers take: 64 TiB.
const MOST: u64 = 64 << 40;

const HEADERS_AT: [u64; 2] = [64 * KIB, 128 * KIB];
const REGIONS_AT: [u64; 2] = [192 * KIB, 256 * KIB];
const LOG_AT: u64 = MIB;
const METADATA_AT: u64 = 2 * MIB;
/// In the metadata: behind its table.
const ITEMS_AT: u32 = 64 << 10;
const TABLE_AT: u64 = 3 * MIB;

const TABLE: Uuid = uuid!("2dc27766-f623-4200-9d64-115e9bfd4a08");
const METADATA: Uuid = uuid!("8b7ca206-4790-4b9a-b8fe-575f050f886e");

const PARAMETERS: Uuid = uuid!("caa16737-fa36-4d43-b3b6-33f0aa44e76b");
const SIZE: Uuid = uuid!("2fa54224-cd1b-4876-b211-5dbed83bf4b8");
const IDENTITY: Uuid = uuid!("beca12ab-b2e6-4523-93ef-c309e000c746");
const LOGICAL_SECTOR: Uuid = uuid!("8141bf1d-a96f-4709-ba47-f233a8faab5f");
const PHYSICAL_SECTOR: Uuid = uuid!("cda348c7-445d-4471-9cc9-e9885251c556");

const REQUIRED: u32 = 4;
const OF_THE_DISK: u32 = 2;

/// A block is there, whole.
const PRESENT: u64 = 6;
/// Behind so many blocks the table has a place for a map of their sectors, which only disks that stand
/// on others have.
const CHUNK: u64 = (SECTOR << 23) / BLOCK;

pub(super) fn write(source: &Source<'_>, to: &Target<'_>) -> Result<(), ImageError> {
    to.has_room_for(source, MOST, Format::Vhdx)?;
    let blocks = source.size.div_ceil(BLOCK);
    let place = |block: u64| block + block / CHUNK;
    let entries = if blocks == 0 { 0 } else { place(blocks - 1) + 1 };
    let table_bytes = (entries * 8).next_multiple_of(MIB).max(MIB);
    let data_at = TABLE_AT + table_bytes;
    let mut table = vec![0u64; usize::try_from(entries).unwrap_or(usize::MAX)];
    let mut end = data_at;
    let digest = source.each(BLOCK, |number, bytes| {
        to.put(end, bytes)?;
        // Places are whole MiB, from the 20th bit on.
        table[usize::try_from(place(number)).unwrap_or(usize::MAX)] = end | PRESENT;
        end += BLOCK;
        Ok(())
    })?;
    let table: Vec<u8> = table.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    to.put(TABLE_AT, &table)?;
    to.put(METADATA_AT, &metadata(source, &digest))?;
    let regions = regions(table_bytes);
    for at in REGIONS_AT {
        to.put(at, &regions)?;
    }
    for (at, turn) in HEADERS_AT.into_iter().zip(1..) {
        to.put(at, &header(turn, &digest))?;
    }
    to.end_at(end)?;
    // Last: without it, it is no image.
    let name: Vec<u8> = "dibhost".encode_utf16().flat_map(u16::to_le_bytes).collect();
    to.put(0, &[b"vhdxfile".as_slice(), &name].concat())
}

fn set(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// Sets the checksum of a structure, which lies behind its signature.
fn summed(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = Crc::<u32>::new(&CRC_32_ISCSI).checksum(&bytes);
    set(&mut bytes, 4, &sum.to_le_bytes());
    bytes
}

fn header(turn: u64, digest: &[u8; 32]) -> Vec<u8> {
    let mut header = vec![0; 4096];
    set(&mut header, 0, b"head");
    set(&mut header, 8, &turn.to_le_bytes());
    // Of the file, and of the disk's content.
    set(&mut header, 16, &digest[..16]);
    set(&mut header, 32, &digest[16..]);
    // Without an identity of a log there is nothing in it.
    set(&mut header, 66, &1u16.to_le_bytes());
    let log = u32::try_from(METADATA_AT - LOG_AT).unwrap_or(u32::MAX);
    set(&mut header, 68, &log.to_le_bytes());
    set(&mut header, 72, &LOG_AT.to_le_bytes());
    summed(header)
}

fn regions(table_bytes: u64) -> Vec<u8> {
    let mut regions = vec![0; 64 << 10];
    set(&mut regions, 0, b"regi");
    set(&mut regions, 8, &2u32.to_le_bytes());
    let all = [(TABLE, TABLE_AT, table_bytes), (METADATA, METADATA_AT, TABLE_AT - METADATA_AT)];
    for (index, (kind, at, length)) in all.into_iter().enumerate() {
        let entry = 16 + index * 32;
        set(&mut regions, entry, &kind.to_bytes_le());
        set(&mut regions, entry + 16, &at.to_le_bytes());
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        set(&mut regions, entry + 24, &length.to_le_bytes());
        set(&mut regions, entry + 28, &1u32.to_le_bytes());
    }
    summed(regions)
}

fn metadata(source: &Source<'_>, digest: &[u8; 32]) -> Vec<u8> {
    let size = source.sectors() * SECTOR;
    let block = u32::try_from(BLOCK).unwrap_or(u32::MAX);
    let of_the_disk = OF_THE_DISK | REQUIRED;
    let items: [(Uuid, u32, Vec<u8>); 5] = [
        // No block has to be there, and there is no disk below.
        (PARAMETERS, REQUIRED, [block.to_le_bytes(), [0; 4]].concat()),
        (SIZE, of_the_disk, size.to_le_bytes().to_vec()),
        (IDENTITY, of_the_disk, digest[8..24].to_vec()),
        (LOGICAL_SECTOR, of_the_disk, 512u32.to_le_bytes().to_vec()),
        (PHYSICAL_SECTOR, of_the_disk, 4096u32.to_le_bytes().to_vec()),
    ];
    let mut metadata = vec![0; (64 << 10) + 4096];
    set(&mut metadata, 0, b"metadata");
    set(&mut metadata, 10, &5u16.to_le_bytes());
    let mut at = ITEMS_AT;
    for (index, (kind, flags, value)) in items.into_iter().enumerate() {
        let entry = 32 + index * 32;
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        set(&mut metadata, entry, &kind.to_bytes_le());
        set(&mut metadata, entry + 16, &at.to_le_bytes());
        set(&mut metadata, entry + 20, &length.to_le_bytes());
        set(&mut metadata, entry + 24, &flags.to_le_bytes());
        set(&mut metadata, usize::try_from(at).unwrap_or(usize::MAX), &value);
        at += length;
    }
    metadata
}
