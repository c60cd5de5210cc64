//! Words of definitions, before they get into a configuration of ours: each is what it says, or nothing.

use crate::error::PackageError;
use crate::manager::PackageSource;

pub(crate) fn invalid(said: String) -> PackageError {
    PackageError::Invalid(said)
}

/// An address that packages may come from.
pub(crate) fn check_url(url: &str) -> Result<(), PackageError> {
    let known = ["http://", "https://", "file:/", "copy:/"].iter().any(|s| url.starts_with(s));
    let plain = url.bytes().all(|b| b.is_ascii_graphic() && !b"\"'`[]<>{}|\\^;".contains(&b));
    if known && plain && url.len() > 7 {
        return Ok(());
    }
    Err(invalid(format!(
        "`{}` is no address of an archive; it must begin with `http://`, `https://`, `file:/` or `copy:/` and have no spaces, quotes or brackets in it",
        url.escape_debug()
    )))
}

/// Letters and digits, and more of them after the first; no `..` in it.
pub(crate) fn word(text: &str, more: &[u8]) -> bool {
    text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
        && !text.contains("..")
}

/// A source's name and that it has a key.
pub(crate) fn check_source(source: &PackageSource) -> Result<(), PackageError> {
    check_source_name(&source.name)?;
    if !source.key.trim().is_empty() {
        return Ok(());
    }
    Err(invalid(format!(
        "the repository `{}` has no key; unsigned repositories are not used",
        source.name
    )))
}

/// Letters, digits, `-` and `_`.
pub(crate) fn check_source_name(name: &str) -> Result<(), PackageError> {
    if word(name, b"-_") {
        return Ok(());
    }
    Err(invalid(format!("`{}` is no name of a repository", name.escape_debug())))
}

/// An armoured key, as it is written into a file.
pub(crate) fn check_key(key: &str) -> Result<String, PackageError> {
    let key = key.trim();
    let begins = key.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----");
    if begins && key.ends_with("-----END PGP PUBLIC KEY BLOCK-----") {
        return Ok(format!("{key}\n"));
    }
    Err(invalid("a key of an archive is no armoured OpenPGP public key (`-----BEGIN PGP PUBLIC KEY BLOCK-----` … `-----END PGP PUBLIC KEY BLOCK-----`)".to_owned()))
}

/// A file name that is nothing else.
pub(crate) fn is_file_name(file: &str) -> bool {
    !file.starts_with(['.', '-'])
        && file.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+~^%-".contains(&b))
}
