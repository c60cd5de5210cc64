//! Bytes as people read them.

const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/// For tables: to the byte, in the largest binary unit that leaves a whole number.
pub(crate) fn exact(bytes: u64) -> String {
    let mut unit = 0;
    let mut rest = bytes;
    while rest >= 1024 && unit + 1 < UNITS.len() && rest.is_multiple_of(1024) {
        rest /= 1024;
        unit += 1;
    }
    format!("{rest} {}", UNITS[unit])
}

/// For pictures: in three digits or four, tenths where there is room for them, rounded.
pub(crate) fn short(bytes: u64) -> String {
    let mut unit = 0;
    let mut one = 1u64;
    while bytes / one >= 1024 && unit + 1 < UNITS.len() {
        one <<= 10;
        unit += 1;
    }
    let tenths = (u128::from(bytes) * 10 + u128::from(one / 2)) / u128::from(one);
    if tenths.is_multiple_of(10) || tenths >= 1000 {
        format!("{} {}", tenths / 10, UNITS[unit])
    } else {
        format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

/// For sentences: to the byte while it is small, then in MiB, rounded up.
pub(crate) fn human(bytes: u64) -> String {
    if bytes < 10 << 20 {
        format!("{bytes} bytes")
    } else {
        format!("{} MiB", bytes.div_ceil(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_in_three_ways() {
        for (bytes, wanted) in [
            (0, ["0 B", "0 B", "0 bytes"]),
            (4096, ["4 KiB", "4 KiB", "4096 bytes"]),
            (1 << 20, ["1 MiB", "1 MiB", "1048576 bytes"]),
            ((3 << 30) + 1, ["3221225473 B", "3 GiB", "3073 MiB"]),
            (1_288_490_188, ["1288490188 B", "1.2 GiB", "1229 MiB"]),
            (1023 << 20, ["1023 MiB", "1023 MiB", "1023 MiB"]),
            (u64::MAX, ["18446744073709551615 B", "16384 PiB", "17592186044416 MiB"]),
        ] {
            assert_eq!([exact(bytes), short(bytes), human(bytes)], wanted);
        }
    }
}
