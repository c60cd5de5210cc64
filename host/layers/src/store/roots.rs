//! What stays although nobody builds: the entries of the last outputs of each image.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::digest::Key;
use super::error::{Doing as _, StoreError};
use super::folder::{Content, Look};
use super::held_file::HeldFile;
use super::layout::Layout;
use super::sealed::{self, seal, unseal};

/// A root as it is written in `roots/NAME`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Root {
    name: String,
    /// The entries of each output, the last one first.
    outputs: Vec<BTreeSet<Key>>,
}

/// The most bytes of a root's name: as a file's name it is twice as long.
const LONGEST: usize = 100;

/// Any text can be the name of an image; its file's is made of its digits.
fn file_name(name: &str) -> Result<String, StoreError> {
    if name.is_empty() || name.len() > LONGEST {
        let why = "it has to have from 1 to 100 bytes";
        return Err(StoreError::Name { name: name.to_owned(), of: "a root", why });
    }
    Ok(HEXLOWER.encode(name.as_bytes()))
}

fn shown(file_name: &str) -> String {
    let bytes = HEXLOWER.decode(file_name.as_bytes()).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| file_name.to_owned())
}

fn parse(file_name: &str, look: Look<Content>) -> Result<Option<Root>, String> {
    match look {
        Look::Here(read) => {
            let root: Root = unseal(file_name, &read.bytes)?;
            if HEXLOWER.encode(root.name.as_bytes()) == file_name {
                Ok(Some(root))
            } else {
                Err("it has another's name".to_owned())
            }
        }
        Look::Absent => Ok(None),
        Look::Bad(why) => Err(why),
    }
}

/// Adds the entries of an output to a root and keeps its last `last` outputs; none: removes the root.
pub(crate) fn set(
    layout: &Layout,
    name: &str,
    keys: BTreeSet<Key>,
    last: usize,
) -> Result<(), StoreError> {
    let file = file_name(name)?;
    let doing = || format!("setting the root {name:?} of the store");
    // Alone: what another build sets meanwhile is not lost.
    let _alone = layout.alone()?;
    // What cannot be read held nothing that is known any more.
    let read = layout.roots.read(&file, sealed::MOST).doing(doing)?;
    let mut root = parse(&file, read).ok().flatten().unwrap_or_default();
    name.clone_into(&mut root.name);
    root.outputs.retain(|output| *output != keys);
    root.outputs.insert(0, keys);
    root.outputs.truncate(last);
    if root.outputs.is_empty() {
        layout.roots.remove(&file).doing(doing)?;
    } else {
        let text = seal(&file, &root).map_err(std::io::Error::other).doing(doing)?;
        let mut draft = HeldFile::new(&layout.drafts).doing(doing)?;
        draft.file().write_all(&text).doing(doing)?;
        draft.file().sync_all().doing(doing)?;
        draft.keep(&layout.roots, &file).doing(doing)?;
    }
    layout.roots.sync().doing(doing)
}

/// What each root has; or what is wrong with it, as a sentence part.
pub(crate) fn all(
    layout: &Layout,
) -> Result<BTreeMap<String, Result<BTreeSet<Key>, String>>, StoreError> {
    let doing = || "reading the roots of the store".to_owned();
    let mut roots = BTreeMap::new();
    for file in layout.roots.names().doing(doing)? {
        let file = file.to_string_lossy();
        let read = layout.roots.read(&file, sealed::MOST).doing(doing)?;
        match parse(&file, read) {
            Ok(None) => {}
            Ok(Some(root)) => {
                let keys = root.outputs.into_iter().flatten().collect();
                roots.insert(root.name, Ok(keys));
            }
            Err(why) => {
                roots.insert(shown(&file), Err(why));
            }
        }
    }
    Ok(roots)
}

/// Removes what is broken in `roots/`; the names, and what was wrong.
pub(crate) fn drop_broken(layout: &Layout) -> Result<Vec<(String, String)>, StoreError> {
    let doing = || "removing broken roots of the store".to_owned();
    let mut dropped = Vec::new();
    for file in layout.roots.names().doing(doing)? {
        let Some(file) = file.to_str() else { continue };
        let read = layout.roots.read(file, sealed::MOST).doing(doing)?;
        if let Err(why) = parse(file, read) {
            layout.roots.remove(file).doing(doing)?;
            dropped.push((shown(file), why));
        }
    }
    Ok(dropped)
}
