//! What the rules of fields are made of: which characters a text may have, and how many.

/// The longest text of a unit, debconf answer or key: far more than any is, and little enough
/// that a plan stays small.
const TEXT_LIMIT: usize = 1 << 20;

pub(super) fn only(text: &str, fits: impl Fn(char) -> bool) -> Result<(), String> {
    match text.chars().find(|c| !fits(*c)) {
        None if text.is_empty() => Err("is empty".to_owned()),
        None => Ok(()),
        Some(odd) => Err(format!("has {odd:?} in it")),
    }
}

pub(super) fn starts(text: &str, fits: impl Fn(char) -> bool) -> Result<(), String> {
    match text.chars().next() {
        Some(first) if !fits(first) => Err(format!("starts with {first:?}")),
        _ => Ok(()),
    }
}

pub(super) fn at_most(text: &str, bytes: usize) -> Result<(), String> {
    if text.len() > bytes { Err(format!("is longer than {bytes} bytes")) } else { Ok(()) }
}

pub(super) fn is_lower_or_digit(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// One line: no control characters, a newline among them. May be empty.
///
/// # Errors
/// What is wrong with it.
pub fn line(text: &str) -> Result<(), String> {
    at_most(text, TEXT_LIMIT)?;
    match text.chars().find(|c| c.is_control() && *c != '\t') {
        Some(odd) => Err(format!("has {odd:?} in it")),
        None => Ok(()),
    }
}

/// Lines of text: no control characters but tabs and newlines.
///
/// # Errors
/// What is wrong with it.
pub fn text(text: &str) -> Result<(), String> {
    at_most(text, TEXT_LIMIT)?;
    match text.chars().find(|c| c.is_control() && !"\t\n\r".contains(*c)) {
        Some(odd) => Err(format!("has {odd:?} in it")),
        None => Ok(()),
    }
}
