//! Streams of modules that a tree has enabled, where dnf 4 and 5 note them.

use std::collections::BTreeMap;

use dibhost_tree::{Attributes, Change, Scope, Target, Walk};

use crate::error::PackageError;
use crate::rpm::database;
use crate::rpm::names::check_module;
use crate::rpm::programs::path;

const FOLDER: &str = "/etc/dnf/modules.d";

/// More than any distribution has.
const MOST: usize = 1000;

/// The tree's notes, by file name.
pub(super) fn read(tree: &mut dyn Target) -> Result<BTreeMap<String, Vec<u8>>, PackageError> {
    let mut found = BTreeMap::new();
    if tree.stat(&Scope::all(), &path(FOLDER)?)?.is_none() {
        return Ok(found);
    }
    for entry in tree.walk(&Scope::all(), &path(FOLDER)?, Walk::default(), None, MOST)? {
        let Some((_, name)) = entry.path.split() else { continue };
        let name = name.to_string();
        if name.ends_with(".module")
            && !name.contains('/')
            && let Some(content) = database::file(tree, entry.path.as_str())?
        {
            found.insert(name, content);
        }
    }
    Ok(found)
}

/// Notes streams as enabled, each the only one of its module.
pub(super) fn write(tree: &mut dyn Target, modules: &[String]) -> Result<(), PackageError> {
    if modules.is_empty() {
        return Ok(());
    }
    let attributes = Attributes::default();
    let mut changes = vec![Change::MakeDirectory { path: path(FOLDER)?, attributes }];
    for module in modules {
        let (name, stream) = check_module(module)?;
        let path = path(&format!("{FOLDER}/{name}.module"))?;
        let content = note(name, stream).into_bytes();
        changes.push(Change::Write { path, content, attributes: Attributes::default() });
    }
    Ok(tree.apply(&Scope::own(), &changes)?)
}

/// As dnf writes it.
fn note(name: &str, stream: &str) -> String {
    format!("[{name}]\nname={name}\nstream={stream}\nprofiles=\nstate=enabled\n\n")
}
