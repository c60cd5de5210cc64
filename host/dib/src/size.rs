//! Sizes as DIB reads them.
//!
//! DIB's `parse_abs_size_spec` (`diskimage_builder/block_device/utils.py`): a decimal number with
//! or without a fraction, one space or none, and a unit whose case counts. **`M` is 1000², as `MB`
//! is, and `MiB` is 1024²**: unlike what LVM's programs and `sgdisk` mean by `M`.

/// Units, what they multiply by, and what a message calls them. The `P` ones are ours.
const UNITS: &[(&str, u64, &str)] = &[
    ("PiB", 1 << 50, "1024⁵"),
    ("TiB", 1 << 40, "1024⁴"),
    ("GiB", 1 << 30, "1024³"),
    ("MiB", 1 << 20, "1024²"),
    ("KiB", 1 << 10, "1024"),
    ("PB", 1_000_000_000_000_000, "1000⁵"),
    ("TB", 1_000_000_000_000, "1000⁴"),
    ("GB", 1_000_000_000, "1000³"),
    ("MB", 1_000_000, "1000²"),
    ("KB", 1000, "1000"),
    ("P", 1_000_000_000_000_000, "1000⁵"),
    ("T", 1_000_000_000_000, "1000⁴"),
    ("G", 1_000_000_000, "1000³"),
    ("M", 1_000_000, "1000²"),
    ("K", 1000, "1000"),
    ("B", 1, "1"),
    ("", 1, "1"),
];

/// 2⁶²: more than any disk has, and far from where a sum of sizes would overflow.
const MOST: f64 = (1_u64 << 62) as f64;

/// A size of a partition: of its own, or a part of what is left of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DibSize {
    /// Bytes.
    Bytes(u64),
    /// Millionths.
    Share(u32),
}

/// Why a text is no size, and what to write.
pub(super) type NoSize = (String, &'static str);

const HELP: &str = "write a number and a unit: `KiB`, `MiB`, `GiB`, `TiB`, `PiB` (powers of 1024), \
                    or `K`, `KB` and so on up to `PB` (powers of 1000)";

fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain { text.parse().ok() } else { None }
}

/// A size of its own. A unit alone is one of it, as to DIB.
pub(crate) fn absolute(text: &str) -> Result<u64, NoSize> {
    let shown = super::yaml::escaped(text);
    if text.is_empty() {
        return Err(("the size is empty".into(), HELP));
    }
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (count, rest) = text.split_at(digits);
    let unit = rest.strip_prefix(' ').unwrap_or(rest);
    if !unit.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err((format!("Invalid size unit spec [{shown}]"), HELP));
    }
    let Some((_, factor, _)) = UNITS.iter().find(|(name, _, _)| *name == unit) else {
        return Err((format!("unit_str [{}] not known", super::yaml::escaped(unit)), HELP));
    };
    let count = if count.is_empty() { Some(1.0) } else { number(count) };
    let Some(count) = count else {
        return Err((format!("`{shown}` is no number"), HELP));
    };
    // In floating point, because DIB's are: `1.2TB` and the bytes it comes to are the same there.
    let bytes = count * (*factor as f64);
    if bytes > MOST {
        return Err((format!("`{shown}` is more than any disk has"), HELP));
    }
    Ok(bytes as u64)
}

/// A size of its own or, with `%` at its end, a part.
pub(crate) fn relative(text: &str) -> Result<DibSize, NoSize> {
    let Some(percent) = text.strip_suffix('%') else { return absolute(text).map(DibSize::Bytes) };
    match number(percent.trim()) {
        Some(percent) if percent <= 100.0 => Ok(DibSize::Share(millionths(percent))),
        _ => {
            let problem = format!("`{}` is no part of a whole", super::yaml::escaped(text));
            Err((problem, "write from `0.0001%` to `100%`"))
        }
    }
}

/// Millionths of a percentage from 0 to 100.
pub(super) fn millionths(percent: f64) -> u32 {
    (percent * 10_000.0).round() as u32
}

/// What a size means, for those who took its unit for another: `1800M is 1800000000 bytes (M is
/// 1000²; MiB is 1024²)`.
pub(crate) fn explained(text: &str, bytes: u64) -> String {
    let shown = super::yaml::escaped(text);
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ' ');
    let power = |unit: &str| UNITS.iter().find(|(name, _, _)| *name == unit).map(|u| u.2);
    let other = match unit.as_bytes() {
        [_, b'i', b'B'] => format!("{}B", &unit[..1]),
        [b'P' | b'T' | b'G' | b'M' | b'K', ..] => format!("{}iB", &unit[..1]),
        _ => return format!("`{shown}` is {bytes} bytes"),
    };
    match (power(unit), power(&other)) {
        (Some(this), Some(that)) => {
            format!("`{shown}` is {bytes} bytes ({unit} is {this}; {other} is {that})")
        }
        _ => format!("`{shown}` is {bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dib_s_vectors() {
        // test_utils.py; the second half stands in a `map` that Python 3 never runs.
        assert_eq!(relative("154MiB"), Ok(DibSize::Bytes(161_480_704)));
        for (text, bytes) in [
            ("198", 198),
            ("20TiB", 20 << 40),
            ("1024KiB", 1 << 20),
            ("1.2TB", 1_200_000_000_000),
            ("2.4T", 2_400_000_000_000),
            ("512B", 512),
            ("364", 364),
            ("1800M", 1_800_000_000),
            ("3G", 3_000_000_000),
            ("5 G", 5_000_000_000),
            ("GiB", 1 << 30),
            ("0.5KiB", 512),
            ("1.0009KB", 1000),
            ("5.", 5),
            ("2PiB", 2 << 50),
            ("2P", 2_000_000_000_000_000),
        ] {
            assert_eq!(absolute(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_says_why() {
        let why = |text: &str| absolute(text).unwrap_err().0;
        assert_eq!(why("747InVaLiDUnIt"), "unit_str [InVaLiDUnIt] not known");
        assert_eq!(why("_+!HuHi+-="), "Invalid size unit spec [_+!HuHi+-=]");
        assert_eq!(why("10gib"), "unit_str [gib] not known");
        assert_eq!(why("1e3"), "unit_str [e3] not known");
        assert_eq!(why(" 5G"), "unit_str [5G] not known");
        assert_eq!(why("-5G"), "Invalid size unit spec [-5G]");
        assert_eq!(why("1.2.3GiB"), "`1.2.3GiB` is no number");
        assert_eq!(why("."), "`.` is no number");
        assert_eq!(why(""), "the size is empty");
        assert_eq!(why("99999999PiB"), "`99999999PiB` is more than any disk has");
    }

    #[test]
    fn parts_of_a_whole() {
        assert_eq!(relative("100%"), Ok(DibSize::Share(1_000_000)));
        assert_eq!(relative("54%"), Ok(DibSize::Share(540_000)));
        assert_eq!(relative("0.5 %"), Ok(DibSize::Share(5_000)));
        for bad in ["101%", "%", "-1%", "x%", "1e1%", "nan%"] {
            assert!(relative(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_message_says_which_unit_is_meant() {
        let text = explained("1800M", 1_800_000_000);
        assert_eq!(text, "`1800M` is 1800000000 bytes (M is 1000²; MiB is 1024²)");
        let text = explained("8MiB", 8 << 20);
        assert_eq!(text, "`8MiB` is 8388608 bytes (MiB is 1024²; MB is 1000²)");
        assert_eq!(explained("512", 512), "`512` is 512 bytes");
    }
}
