//! How large a node is, as TOML says it.

use dibhost_text::{format_size, parse_size};

use crate::node::Size;

/// What a size may be, for help.
pub const SIZES: &str = "write bytes such as `200 MiB` (KiB … PiB are powers of 1024, KB … PB \
    powers of 1000), `40%`, `40% of rest`, `rest`, `content` or `content + 64 MiB`";

/// `10 GiB`, `40%`, `12.5% of rest`, `rest`, `content`, `content + 64 MiB`; none: it is none of
/// these.
#[must_use]
pub fn size_of(text: &str) -> Option<Size> {
    let text = text.trim();
    if text == "rest" {
        return Some(Size::Rest);
    }
    if let Some(more) = text.strip_prefix("content") {
        let more = more.trim_start();
        return match more.strip_prefix('+') {
            Some(bytes) => parse_size(bytes).ok().map(Size::Content),
            None => more.is_empty().then_some(Size::Content(0)),
        };
    }
    if let Some((number, of)) = text.split_once('%') {
        let share = millionths(number.trim_end())?;
        return match of.split_whitespace().collect::<Vec<_>>().as_slice() {
            [] => Some(Size::Share(share)),
            ["of", "rest"] => Some(Size::ShareOfRest(share)),
            _ => None,
        };
    }
    parse_size(text).ok().map(Size::Bytes)
}

/// As it is written.
pub(super) fn written(size: Size) -> String {
    let percent = |millionths: u32| {
        let (whole, decimals) = (millionths / 10_000, millionths % 10_000);
        match format!("{decimals:04}").trim_end_matches('0') {
            "" => format!("{whole}%"),
            decimals => format!("{whole}.{decimals}%"),
        }
    };
    match size {
        Size::Bytes(bytes) => format_size(bytes),
        Size::Share(share) => percent(share),
        Size::ShareOfRest(share) => format!("{} of rest", percent(share)),
        Size::Rest => "rest".to_owned(),
        Size::Content(0) => "content".to_owned(),
        Size::Content(more) => format!("content + {}", format_size(more)),
    }
}

/// Per cent with up to four decimals, in millionths of the whole.
fn millionths(percent: &str) -> Option<u32> {
    let (whole, decimals) = percent.split_once('.').unwrap_or((percent, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > 4 {
        return None;
    }
    if decimals.is_empty() && percent.contains('.') {
        return None;
    }
    let whole: u32 = whole.parse().ok()?;
    let decimals: u32 = format!("{decimals:0<4}").parse().ok()?;
    whole.checked_mul(10_000)?.checked_add(decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_shares_the_rest_or_what_is_in_it() {
        for (text, size) in [
            ("4096", Some(Size::Bytes(4096))),
            ("200 MiB", Some(Size::Bytes(200 << 20))),
            ("200MB", Some(Size::Bytes(200_000_000))),
            ("1 KB", Some(Size::Bytes(1000))),
            ("40%", Some(Size::Share(400_000))),
            ("12.5 %", Some(Size::Share(125_000))),
            ("0.0001%", Some(Size::Share(1))),
            ("50% of rest", Some(Size::ShareOfRest(500_000))),
            ("rest", Some(Size::Rest)),
            ("content", Some(Size::Content(0))),
            ("content + 64 MiB", Some(Size::Content(64 << 20))),
            ("content+1KiB", Some(Size::Content(1024))),
            ("", None),
            ("200M", None),
            ("-1", None),
            ("1.5 GiB", None),
            ("%", None),
            ("1.%", None),
            ("1.00001%", None),
            ("99999999999%", None),
            ("40% of it", None),
            ("contents", None),
            ("content + ", None),
        ] {
            assert_eq!(size_of(text), size, "{text}");
        }
    }
}
