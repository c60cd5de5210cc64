//! How much of what is free a volume takes: `80%`, or `20GiB`.

/// What a volume takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Hundredths of what is left when all sizes are taken.
    Percent(u8),
    /// MiB.
    Size(u64),
}

/// Units, and how many MiB or MB they are in bytes; diskimage-builder knows those of ten.
const UNITS: [(&str, u64); 6] = [
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

impl Share {
    /// # Errors
    /// It is none: a sentence without a full stop.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no share", text.escape_debug());
        if let Some(number) = text.strip_suffix('%') {
            let percent: u8 = number.parse().map_err(|_| wrong())?;
            return if (1..=100).contains(&percent) {
                Ok(Self::Percent(percent))
            } else {
                Err(wrong())
            };
        }
        let sized = UNITS
            .iter()
            .find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?.trim_end(), bytes)));
        let (number, bytes) = sized.ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let size = number.checked_mul(*bytes).map(|bytes| bytes >> 20);
        size.filter(|mib| *mib > 0).map(Self::Size).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read() {
        for (text, share) in [
            ("80%", Share::Percent(80)),
            ("100%", Share::Percent(100)),
            ("20GiB", Share::Size(20 << 10)),
            ("20 GiB", Share::Size(20 << 10)),
            ("20GB", Share::Size(19_073)),
        ] {
            assert_eq!(Share::parse(text), Ok(share), "{text}");
        }
        for text in ["", "%", "0%", "101%", "20", "GiB", "-1GiB", "0GiB", "1KiB", "1GiB; reboot"] {
            assert!(Share::parse(text).is_err(), "{text}");
        }
    }
}
