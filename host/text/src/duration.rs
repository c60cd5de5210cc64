//! Durations as people write them.

use crate::quantity::{self, Wrong};

/// The units, in milliseconds, smallest first.
const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000)];

/// Milliseconds of a duration such as `10 min`, `90s`, `500 ms` or `600` (seconds).
///
/// # Errors
/// A sentence that names the known units.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    quantity::parse(text, &UNITS, 1_000).map_err(|wrong| match wrong {
        Wrong::Unit => format!(
            "`{text}` is no duration: after a whole number comes `ms`, `s`, `min` or `h`, and without a unit it is seconds"
        ),
        Wrong::Number => {
            format!("`{text}` is no duration: it starts with no number, as `10 min` does")
        }
        Wrong::TooMuch => format!("`{text}` is more milliseconds than 64 bits can count"),
    })
}

/// A duration for people: the largest unit that leaves a whole number.
#[must_use]
pub fn format_duration(milliseconds: u64) -> String {
    quantity::format(milliseconds, &UNITS, "ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_and_without_units() {
        for (text, milliseconds) in [
            ("600", Some(600_000)),
            ("90s", Some(90_000)),
            ("10 min", Some(600_000)),
            (" 2 h ", Some(7_200_000)),
            ("500ms", Some(500)),
            ("0", Some(0)),
            ("1.5 h", None),
            ("10 minutes", None),
            ("min", None),
            ("-1", None),
            ("", None),
            ("99999999999999999999", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(parse_duration(text).ok(), milliseconds, "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_they_would_be_read() {
        for milliseconds in [0, 1, 999, 1_000, 90_000, 600_000, 3_600_000, 3_600_001] {
            assert_eq!(parse_duration(&format_duration(milliseconds)), Ok(milliseconds));
        }
        assert_eq!(format_duration(600_000), "10 min");
        assert_eq!(format_duration(90_000), "90 s");
    }
}
