//! Shares as people write them.

/// Millionths as people write them.
pub(crate) fn percent(millionths: u32) -> String {
    let (whole, rest) = (millionths / 10_000, millionths % 10_000);
    let decimals = format!("{rest:04}");
    match decimals.trim_end_matches('0') {
        "" => format!("{whole}%"),
        decimals => format!("{whole}.{decimals}%"),
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn shares_are_shown_as_they_are_written() {
        let said = [1, 125_000, 1_000_000, 1_500_000, u32::MAX].map(percent);
        assert_eq!(said, ["0.0001%", "12.5%", "100%", "150%", "429496.7295%"]);
    }
}
