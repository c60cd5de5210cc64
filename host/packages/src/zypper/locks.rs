//! Packages that stay at their version: `/etc/zypp/locks` of the tree.

use std::collections::BTreeSet;

use dibhost_tree::{Attributes, Change, Scope, Target};

use crate::error::PackageError;
use crate::rpm::database;
use crate::rpm::programs::path;

const FOLDER: &str = "/etc/zypp";
const FILE: &str = "/etc/zypp/locks";

/// What the tree has locked, as zypper reads it.
pub(super) fn read(tree: &mut dyn Target) -> Result<Vec<u8>, PackageError> {
    Ok(database::file(tree, FILE)?.unwrap_or_default())
}

/// Names that are locked; patterns are not looked at.
pub(super) fn names(locks: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(locks);
    let names = text.lines().filter_map(|line| line.strip_prefix("solvable_name:"));
    names.map(|name| name.trim().to_owned()).collect()
}

/// Locks these too.
pub(super) fn add(tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError> {
    let mut content = read(tree)?;
    if !content.is_empty() && !content.ends_with(b"\n") {
        content.push(b'\n');
    }
    for name in names {
        content.extend(lock(name).into_bytes());
    }
    let folder = Change::MakeDirectory { path: path(FOLDER)?, attributes: Attributes::default() };
    let attributes = Attributes::default();
    let file = Change::Write { path: path(FILE)?, content, attributes };
    Ok(tree.apply(&Scope::own(), &[folder, file])?)
}

/// As zypper writes it.
fn lock(name: &str) -> String {
    format!("\ntype: package\nmatch_type: glob\ncase_sensitive: on\nsolvable_name: {name}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_locked_is_read_as_it_is_written() {
        let text = format!("{}{}", lock("a"), lock("b"));
        assert_eq!(names(text.as_bytes()), ["a".to_owned(), "b".to_owned()].into());
    }
}
