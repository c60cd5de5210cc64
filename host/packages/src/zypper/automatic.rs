//! What came as a dependency only, where the tree's own zypper notes it: `/var/lib/zypp/AutoInstalled`.

use std::collections::BTreeSet;

use dibhost_tree::{Attributes, Change, Scope, Target};

use crate::error::PackageError;
use crate::rpm::programs::path;

const FOLDER: &str = "/var/lib/zypp";

/// Names, a line each, as zypper reads them.
pub(super) fn text(names: &BTreeSet<String>) -> String {
    names.iter().fold(String::new(), |text, name| text + name + "\n")
}

/// Writes it where the tree has a zypper.
pub(super) fn write(tree: &mut dyn Target, names: &BTreeSet<String>) -> Result<(), PackageError> {
    if tree.stat(&Scope::all(), &path(FOLDER)?)?.is_none() {
        return Ok(());
    }
    let (path, content) = (path(&format!("{FOLDER}/AutoInstalled"))?, text(names).into_bytes());
    let file = Change::Write { path, content, attributes: Attributes::default() };
    Ok(tree.apply(&Scope::own(), &[file])?)
}
