//! Sizes as people write them.

use crate::quantity::{self, Wrong};

/// The units: binary ones first, smallest first.
const UNITS: [(&str, u64); 12] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
    ("KB", 1_000),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("B", 1),
];

/// Bytes of a size such as `64MiB`, `1 PB` or `4096` (bytes).
///
/// # Errors
/// A sentence that names the known units.
pub fn parse_size(text: &str) -> Result<u64, String> {
    quantity::parse(text, &UNITS, 1).map_err(|wrong| match wrong {
        Wrong::Unit => {
            let binary = "`KiB`, `MiB`, `GiB`, `TiB`, `PiB` (powers of 1024)";
            let decimal = "`KB`, `MB`, `GB`, `TB`, `PB` (powers of 1000)";
            format!("`{text}` is no size: after a whole number come {binary}, {decimal} or `B`")
        }
        Wrong::Number => {
            format!("`{text}` is no size: it starts with no number, as `64MiB` does")
        }
        Wrong::TooMuch => format!("`{text}` is more bytes than 64 bits can count"),
    })
}

/// A size for people: the largest binary unit that leaves a whole number, or the decimal one where
/// that was meant (`20 GB` is no whole number of MiB). Reads back as what it is.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    let binary = quantity::format(bytes, &UNITS[..5], "B");
    let decimal = quantity::format(bytes, &UNITS[7..11], "B");
    if decimal.ends_with(" B") || decimal.len() >= binary.len() { binary } else { decimal }
}

/// The same where a person reads it: one whose whole number has more digits than anybody reads is
/// said in tenths, and then to the byte.
#[must_use]
pub fn readable_size(bytes: u64) -> String {
    let exact = format_size(bytes);
    if exact.find(' ').is_some_and(|digits| digits <= 4) {
        return exact;
    }
    format!("{} ({bytes} bytes)", short_size(bytes))
}

/// The same in three digits or four, tenths where there is room for them, rounded: for pictures.
#[must_use]
pub fn short_size(bytes: u64) -> String {
    let mut unit = "B";
    let mut one = 1;
    for (larger, factor) in &UNITS[..5] {
        if bytes >= *factor {
            (unit, one) = (larger, *factor);
        }
    }
    let tenths = (u128::from(bytes) * 10 + u128::from(one / 2)) / u128::from(one);
    if tenths.is_multiple_of(10) || tenths >= 1000 {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

/// To the byte while it is small, then in MiB, rounded up: for sentences.
#[must_use]
pub fn rounded_size(bytes: u64) -> String {
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
    fn sizes_are_read_with_both_kinds_of_units() {
        for (text, bytes) in [
            ("4096", Some(4096)),
            ("1KiB", Some(1024)),
            ("1 KB", Some(1000)),
            ("1kB", Some(1000)),
            ("64MiB", Some(64 << 20)),
            ("1PiB", Some(1 << 50)),
            ("2PB", Some(2_000_000_000_000_000)),
            ("7B", Some(7)),
            ("16384PiB", None),
            ("1.5GiB", None),
            ("MiB", None),
            ("-1", None),
            ("1mib", None),
            ("", None),
        ] {
            assert_eq!(parse_size(text).ok(), bytes, "{text}");
        }
    }

    #[test]
    fn the_error_says_which_units_are_known() {
        insta::assert_snapshot!(
            parse_size("64 mb").unwrap_err(),
            @"`64 mb` is no size: after a whole number come `KiB`, `MiB`, `GiB`, `TiB`, `PiB` (powers of 1024), `KB`, `MB`, `GB`, `TB`, `PB` (powers of 1000) or `B`"
        );
    }

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
            assert_eq!([format_size(bytes), short_size(bytes), rounded_size(bytes)], wanted);
        }
    }

    #[test]
    fn a_person_reads_no_more_than_four_digits() {
        for (bytes, exact, read) in [
            (1186, "1186 B", "1186 B"),
            (20_000_000_000, "20 GB", "20 GB"),
            (4_000_000, "4 MB", "4 MB"),
            (20 << 30, "20 GiB", "20 GiB"),
            (2000, "2000 B", "2000 B"),
            (1_288_490_188, "1288490188 B", "1.2 GiB (1288490188 bytes)"),
            (12_345, "12345 B", "12.1 KiB (12345 bytes)"),
        ] {
            assert_eq!((format_size(bytes).as_str(), readable_size(bytes).as_str()), (exact, read));
        }
    }

    #[test]
    fn sizes_are_written_as_they_would_be_read() {
        for bytes in [0, 1, 1023, 1024, 64 << 20, 1 << 50, (1 << 30) + 1, 20_000_000_000] {
            assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }
    }
}
