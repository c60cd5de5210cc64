//! A whole number and its unit, as people write sizes and durations.

/// Why a text is no quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It starts with no number.
    Number,
    /// The unit is none of those known.
    Unit,
    /// More of the smallest unit than 64 bits can count.
    TooMuch,
}

/// `64 MiB` in the smallest unit. `units` are names and what they are worth; a number without a
/// unit is worth `bare` each.
pub(crate) fn parse(text: &str, units: &[(&str, u64)], bare: u64) -> Result<u64, Wrong> {
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim_start();
    let factor = match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => *factor,
        None if unit.is_empty() => bare,
        None => return Err(Wrong::Unit),
    };
    if number.is_empty() {
        return Err(Wrong::Number);
    }
    let product = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor));
    product.ok_or(Wrong::TooMuch)
}

/// A quantity for people: the largest of `units`, smallest first, that leaves a whole number.
pub(crate) fn format(amount: u64, units: &[(&str, u64)], smallest: &str) -> String {
    let whole = |factor: u64| amount >= factor && amount.is_multiple_of(factor);
    units.iter().rev().find(|(_, factor)| whole(*factor)).map_or_else(
        || format!("{amount} {smallest}"),
        |(name, factor)| format!("{} {name}", amount / factor),
    )
}
