//! Versions as `sort -V` and dpkg order them.

use std::cmp::Ordering;

/// Compares versions: runs of digits as numbers, `~` before all else, the rest as text.
pub(crate) fn by_version(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (text_a, rest_a) = split(a, |c| !c.is_ascii_digit());
        let (text_b, rest_b) = split(b, |c| !c.is_ascii_digit());
        let order = weights(text_a).cmp(weights(text_b));
        if order != Ordering::Equal {
            return order;
        }
        let (number_a, next_a) = split(rest_a, |c| c.is_ascii_digit());
        let (number_b, next_b) = split(rest_b, |c| c.is_ascii_digit());
        let (digits_a, digits_b) =
            (number_a.trim_start_matches('0'), number_b.trim_start_matches('0'));
        let order = digits_a.len().cmp(&digits_b.len()).then_with(|| digits_a.cmp(digits_b));
        if order != Ordering::Equal || (next_a.is_empty() && next_b.is_empty()) {
            return order;
        }
        (a, b) = (next_a, next_b);
    }
}

fn split(text: &str, of: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !of(c)).unwrap_or(text.len()))
}

/// The end of the text is less than anything but `~`.
fn weights(text: &str) -> impl Iterator<Item = u32> {
    let weight = |c: char| if c == '~' { 0 } else { u32::from(c) + 1 };
    text.chars().map(weight).chain([1])
}

#[cfg(test)]
mod tests {
    use crate::slots::Kernel;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let kernel = |v: &str| Kernel { version: v.into(), image: v.into(), initramfs: None };
        let versions =
            ["6.1.0-9-amd64", "6.1.0-40-amd64", "6.12~rc1-amd64", "6.12-amd64", "5.10.0-40-amd64"];
        let sorted = Kernel::newest_first(versions.map(kernel));
        let names: Vec<&str> = sorted.iter().map(|k| &*k.version).collect();
        assert_eq!(
            names,
            ["6.12-amd64", "6.12~rc1-amd64", "6.1.0-40-amd64", "6.1.0-9-amd64", "5.10.0-40-amd64"]
        );
    }
}
