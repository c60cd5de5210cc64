//! VirtualBox's disk image, version 1.1, that grows: header, a number for each block, blocks.
//!
//! All numbers are little-endian. (VirtualBox, `src/VBox/Storage/VDICore.h`.)

use super::source::{SECTOR, Source, Target};
use crate::{Format, ImageError};

const BLOCK: u64 = 1 << 20;
const SIGNATURE: u32 = 0xbeda_107f;
const VERSION: u32 = 0x0001_0001;
/// Of the header behind the signature and the version.
const HEADER: u32 = 0x180;
const GROWING: u32 = 1;
const NUMBERS_AT: u64 = 512;
/// A block that is all zeros.
const NONE: u32 = u32::MAX;
/// Blocks that the numbers can tell apart, far above what anybody has.
const MOST: u64 = 0x3fff_ffff * BLOCK;

pub(super) fn write(source: &Source<'_>, to: &Target<'_>) -> Result<(), ImageError> {
    to.has_room_for(source, MOST, Format::Vdi)?;
    let blocks = source.size.div_ceil(BLOCK);
    let data_at = (NUMBERS_AT + blocks * 4).next_multiple_of(BLOCK);
    let mut numbers = vec![NONE; usize::try_from(blocks).unwrap_or(usize::MAX)];
    let mut used = 0;
    let digest = source.each(BLOCK, |number, bytes| {
        to.put(data_at + u64::from(used) * BLOCK, bytes)?;
        numbers[usize::try_from(number).unwrap_or(usize::MAX)] = used;
        used += 1;
        Ok(())
    })?;
    let all: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    to.put(NUMBERS_AT, &all)?;
    to.end_at(data_at + u64::from(used) * BLOCK)?;
    // Last: without it, it is no image.
    to.put(0, &header(source, data_at, (blocks, used), &digest))
}

fn header(
    source: &Source<'_>,
    data_at: u64,
    (blocks, used): (u64, u32),
    digest: &[u8; 32],
) -> [u8; 512] {
    let low = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let size = source.sectors() * SECTOR;
    let fields: [(usize, &[u8]); 14] = [
        (0x00, b"<<< dibhost disk image >>>\n"),
        (0x40, &SIGNATURE.to_le_bytes()),
        (0x44, &VERSION.to_le_bytes()),
        (0x48, &HEADER.to_le_bytes()),
        (0x4c, &GROWING.to_le_bytes()),
        (0x154, &low(NUMBERS_AT)),
        (0x158, &low(data_at)),
        (0x168, &low(SECTOR)),
        (0x170, &size.to_le_bytes()),
        (0x178, &low(BLOCK)),
        (0x180, &low(blocks)),
        (0x184, &used.to_le_bytes()),
        // Of the image, and of its last change.
        (0x188, &digest[..16]),
        (0x198, &digest[16..]),
    ];
    let mut header = [0; 512];
    for (at, bytes) in fields {
        header[at..at + bytes.len()].copy_from_slice(bytes);
    }
    header
}
