//! Virtual Hard Disk of a fixed size: the disk as it is, and a footer behind it.
//!
//! Microsoft's "Virtual Hard Disk Image Format Specification", version 1.0; all numbers are big-endian.

use super::source::{SECTOR, Source, Target};
use crate::{Format, ImageError};

/// What is copied at a time.
const BLOCK: u64 = 1 << 16;

/// What readers take: 2040 GiB.
const MOST: u64 = 2040 << 30;

const FIXED: u32 = 2;

pub(super) fn write(source: &Source<'_>, to: &Target<'_>) -> Result<(), ImageError> {
    to.has_room_for(source, MOST, Format::Vhd)?;
    let size = source.sectors() * SECTOR;
    let digest = source.each(BLOCK, |number, bytes| {
        let at = number * BLOCK;
        let have = usize::try_from((size - at).min(BLOCK)).unwrap_or(bytes.len());
        to.put(at, &bytes[..have])
    })?;
    to.put(size, &footer(size, &digest))?;
    to.end_at(size + SECTOR)
}

fn footer(size: u64, digest: &[u8; 32]) -> [u8; 512] {
    let mut footer = [0; 512];
    let (cylinders, heads, sectors) = geometry(size / SECTOR);
    let fields: [(usize, &[u8]); 12] = [
        (0, b"conectix"),
        // Reserved, and always set.
        (8, &2u32.to_be_bytes()),
        (12, &0x0001_0000u32.to_be_bytes()),
        // There is no other header.
        (16, &u64::MAX.to_be_bytes()),
        // The time, since 2000, is 0. By this creator readers take the size below, and not what
        // cylinders, heads and sectors come to, which is less.
        (28, b"qem2"),
        (32, &0x0005_0003u32.to_be_bytes()),
        (36, b"Wi2k"),
        (40, &size.to_be_bytes()),
        (48, &size.to_be_bytes()),
        (56, &cylinders.to_be_bytes()),
        (58, &[heads, sectors]),
        (60, &FIXED.to_be_bytes()),
    ];
    for (at, bytes) in fields {
        footer[at..at + bytes.len()].copy_from_slice(bytes);
    }
    footer[68..84].copy_from_slice(&digest[..16]);
    let sum = footer.iter().fold(0u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
    footer[64..68].copy_from_slice(&(!sum).to_be_bytes());
    footer
}

/// Cylinders, heads and sectors of a track, as the specification's appendix reckons them.
fn geometry(sectors: u64) -> (u16, u8, u8) {
    let total = sectors.min(65_535 * 16 * 255);
    let (mut track, mut heads, mut tracks);
    if total >= 65_535 * 16 * 63 {
        (track, heads) = (255, 16);
        tracks = total / track;
    } else {
        track = 17;
        tracks = total / track;
        heads = tracks.div_ceil(1024).max(4);
        if tracks >= heads * 1024 || heads > 16 {
            (track, heads) = (31, 16);
            tracks = total / track;
        }
        if tracks >= heads * 1024 {
            (track, heads) = (63, 16);
            tracks = total / track;
        }
    }
    let byte = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
    (u16::try_from(tracks / heads).unwrap_or(u16::MAX), byte(heads), byte(track))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_geometry_is_no_larger_than_the_disk() {
        // The first three are of the specification's own algorithm, reckoned by hand.
        for (sectors, geometry_of_it) in [
            (2_097_152, (2080, 16, 63)),
            (65_535 * 16 * 63, (16191, 16, 255)),
            (u64::MAX, (65_535, 16, 255)),
            (0, (0, 4, 17)),
        ] {
            assert_eq!(geometry(sectors), geometry_of_it, "{sectors}");
        }
        for sectors in (0..40_000_000).step_by(77_777) {
            let (cylinders, heads, track) = geometry(sectors);
            assert!(u64::from(cylinders) * u64::from(heads) * u64::from(track) <= sectors);
        }
    }
}
