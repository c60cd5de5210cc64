//! Little-endian numbers put into structures whose size is known.

/// Puts 16 bits at `at`.
pub(super) fn put16(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

/// Puts 32 bits at `at`.
pub(super) fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// The lower 16 bits.
pub(super) fn low16(value: u64) -> u16 {
    u16::try_from(value & 0xffff).unwrap_or_default()
}

/// The lower 32 bits.
pub(super) fn low32(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or_default()
}
