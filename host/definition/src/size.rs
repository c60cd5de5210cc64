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

/// A size for people: the largest binary unit that leaves a whole number.
#[must_use]
pub fn format_size(bytes: u64) -> String {
    quantity::format(bytes, &UNITS[..5], "B")
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
    fn sizes_are_written_as_they_would_be_read() {
        for bytes in [0, 1, 1023, 1024, 64 << 20, 1 << 50, (1 << 30) + 1] {
            assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
        }
    }
}
