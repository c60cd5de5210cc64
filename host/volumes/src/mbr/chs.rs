//! Cylinder, head and sector: where a BIOS of old looks for a sector.
//!
//! 255 heads and 63 sectors are what every BIOS came to count with. What lies beyond cylinder 1023
//! is written as its last sector, and found by its number.

const HEADS: u64 = 255;
const SECTORS: u64 = 63;
const LAST: (u64, u64, u64) = (1023, HEADS - 1, SECTORS);

/// The three bytes of an entry for a sector: the head, the sector with the upper two bits of the
/// cylinder, the lower eight bits of the cylinder.
pub(super) fn encode(lba: u64) -> [u8; 3] {
    let (cylinder, head, sector) = match lba / (HEADS * SECTORS) {
        cylinder if cylinder > LAST.0 => LAST,
        cylinder => (cylinder, lba / SECTORS % HEADS, lba % SECTORS + 1),
    };
    let upper = (cylinder >> 2) & 0xc0;
    [head as u8, (sector | upper) as u8, cylinder as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As the field's books decode them.
    fn decode([head, sector, cylinder]: [u8; 3]) -> (u64, u64, u64) {
        let cylinder = u64::from(cylinder) | (u64::from(sector) & 0xc0) << 2;
        (cylinder, head.into(), u64::from(sector) & 0x3f)
    }

    #[test]
    fn known_sectors() {
        assert_eq!(encode(0), [0, 1, 0]);
        assert_eq!(encode(1), [0, 2, 0]);
        assert_eq!(encode(2048), [0x20, 0x21, 0]);
        // The last that can be said, the first that cannot, and a GPT's.
        assert_eq!(encode(1024 * 255 * 63 - 1), [0xfe, 0xff, 0xff]);
        assert_eq!(encode(1024 * 255 * 63), [0xfe, 0xff, 0xff]);
        assert_eq!(encode(u64::from(u32::MAX)), [0xfe, 0xff, 0xff]);
    }

    proptest! {
        #[test]
        fn every_sector_is_found_again(lba in 0u64..1 << 33) {
            let (cylinder, head, sector) = decode(encode(lba));
            let found = (cylinder * HEADS + head) * SECTORS + sector - 1;
            prop_assert_eq!(found, lba.min(1024 * HEADS * SECTORS - 1));
        }
    }
}
