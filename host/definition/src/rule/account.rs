//! Users and groups.

use super::characters::{at_most, is_lower_or_digit, only, starts};

/// A user's or group's name: what `useradd` of Debian takes.
///
/// # Errors
/// What is wrong with it.
pub fn account_name(name: &str) -> Result<(), String> {
    only(name, |c| is_lower_or_digit(c) || "_-".contains(c))?;
    starts(name, |c| c.is_ascii_lowercase() || c == '_')?;
    at_most(name, 32)
}

/// Whose an account is: the GECOS field of `/etc/passwd`.
///
/// # Errors
/// What is wrong with it.
pub fn account_comment(comment: &str) -> Result<(), String> {
    only(comment, |c| !c.is_control() && c != ':')?;
    at_most(comment, 200)
}
