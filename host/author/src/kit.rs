//! What the program carries for authors: the contract, the SDKs, the templates.
//!
//! ```text
//! wit/                     the contract, and the schemas of the slots of `dib:`
//! rust/element-sdk/        a crate, with that of its derive macros in `derive/`
//! python/                  a package of PyPI's kind
//! javascript/              a package of npm's kind
//! c/                       dibhost.h, dibhost.c, and a host in memory
//! ```

use std::fs;
use std::path::Path;

use crate::error::AuthorError;

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The version of the SDKs in it: that of the contract.
pub const VERSION: &str = "0.1.0";

/// Files below a folder of the kit, their paths without it.
pub(crate) fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    let within = format!("{folder}/");
    KIT.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(&within)?, *bytes)))
}

/// Files of the templates below a folder, their paths without it.
pub(crate) fn templates(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    let within = format!("{folder}/");
    TEMPLATES.iter().filter_map(move |(path, bytes)| Some((path.strip_prefix(&within)?, *bytes)))
}

/// Writes a folder of the kit into a folder, which is made; an empty name: all of it.
///
/// # Errors
/// When a file cannot be written.
pub fn unpack(folder: &str, into: &Path) -> Result<(), AuthorError> {
    for (path, bytes) in KIT {
        let path = match folder {
            "" => Some(*path),
            folder => path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')),
        };
        if let Some(path) = path {
            write(&into.join(path), bytes)?;
        }
    }
    Ok(())
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), AuthorError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|e| AuthorError::io("making", parent, &e))?;
    }
    fs::write(path, bytes).map_err(|e| AuthorError::io("writing", path, &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kit_has_every_language_and_no_left_over() {
        for file in [
            "wit/types.wit",
            "wit/slots/os-distribution@1.json",
            "rust/element-sdk/Cargo.toml",
            "rust/element-sdk/src/lib.rs",
            "rust/element-sdk/derive/src/lib.rs",
            "rust/element-sdk/wit/host.wit",
            "python/dibhost_element/__init__.py",
            "javascript/index.js",
            "c/dibhost.h",
        ] {
            assert!(KIT.iter().any(|(path, _)| *path == file), "{file}");
        }
        let stale = |path: &str| {
            ["__pycache__", "node_modules", "/target/"].iter().any(|s| path.contains(s))
        };
        assert!(!KIT.iter().chain(TEMPLATES).any(|(path, _)| stale(path)));
    }

    #[test]
    fn its_version_is_that_of_every_package_in_it() {
        let text = |file: &str| {
            let (_, bytes) = KIT.iter().find(|(path, _)| *path == file).unwrap();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        for file in [
            "rust/element-sdk/Cargo.toml",
            "rust/element-sdk/derive/Cargo.toml",
            "python/pyproject.toml",
        ] {
            assert!(text(file).contains(&format!("version = \"{VERSION}\"")), "{file}");
        }
        assert!(text("javascript/package.json").contains(&format!("\"version\": \"{VERSION}\"")));
        assert!(text("wit/types.wit").contains(&format!("package dib:element@{VERSION};")));
    }
}
