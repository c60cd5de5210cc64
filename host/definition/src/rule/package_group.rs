//! Modules and groups of RPM packages, as dnf has them, and what is asked of RPM packages besides.

use super::characters::{at_most, only, starts};

/// A module's name, or a stream's: `nodejs`, `rhel8`, `5.32`.
///
/// # Errors
/// What is wrong with it.
pub fn module_word(word: &str) -> Result<(), String> {
    only(word, |c| c.is_ascii_alphanumeric() || "._+-".contains(c))?;
    starts(word, |c| c.is_ascii_alphanumeric())?;
    at_most(word, 100)
}

/// The id of a group of packages: `core`; of an environment with `^` in front.
///
/// # Errors
/// What is wrong with it.
pub fn package_group(id: &str) -> Result<(), String> {
    module_word(id.strip_prefix('^').unwrap_or(id))
}

/// What modules are made for: `platform:el9`.
///
/// # Errors
/// What is wrong with it.
pub fn module_platform(platform: &str) -> Result<(), String> {
    match platform.split_once(':') {
        Some((name, stream)) => module_word(name).and_then(|()| module_word(stream)),
        None => Err("is not written `NAME:STREAM`".to_owned()),
    }
}

/// A language, as files of packages are marked with it: `de`, `pt_BR`, `sr@latin`.
///
/// # Errors
/// What is wrong with it.
pub fn language(language: &str) -> Result<(), String> {
    only(language, |c| c.is_ascii_alphanumeric() || "_@.-".contains(c))?;
    starts(language, |c| c.is_ascii_alphanumeric())?;
    at_most(language, 40)
}
