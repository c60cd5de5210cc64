//! Removing entries for good: what cannot be used any more, and what is told to go.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::Key;
use super::error::{Doing as _, StoreError};
use super::graph::Graph;
use super::layout::Layout;
use super::lock::Alone;
use super::objects;

/// An entry that was removed because it could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Its key.
    pub key: Key,
    /// Why, as a sentence part.
    pub why: String,
}

/// Removes every entry that cannot be used.
pub(crate) fn prune(layout: &Layout, alone: &Alone) -> Result<Vec<Dropped>, StoreError> {
    let graph = Graph::load(layout, false)?;
    drop_all(layout, alone, &graph, graph.wrong())
}

/// Removes entries, and the objects that only they have.
pub(crate) fn drop_all(
    layout: &Layout,
    alone: &Alone,
    graph: &Graph,
    wrong: BTreeMap<Key, String>,
) -> Result<Vec<Dropped>, StoreError> {
    remove(layout, alone, graph, &wrong.keys().copied().collect())?;
    Ok(wrong.into_iter().map(|(key, why)| Dropped { key, why }).collect())
}

/// Removes the records of entries, from the top, so that whoever is killed leaves nothing that stands
/// on nothing; and then the objects that no other entry has.
pub(crate) fn remove(
    layout: &Layout,
    _alone: &Alone,
    graph: &Graph,
    keys: &BTreeSet<Key>,
) -> Result<(), StoreError> {
    let mut uses = graph.uses();
    let mut unused = BTreeSet::new();
    for key in graph.top_down(keys) {
        let name = key.to_string();
        layout.keys.remove(&name).doing(|| format!("removing the entry {key} of the store"))?;
        let Some(known) = graph.entries.get(&key) else { continue };
        for digest in known.record.digests() {
            if let Some(count) = uses.get_mut(&digest) {
                *count -= 1;
                if *count == 0 {
                    unused.insert(digest);
                }
            }
        }
    }
    for digest in unused {
        objects::remove(&layout.objects, &digest)
            .doing(|| format!("removing the object {digest} of the store"))?;
    }
    Ok(())
}
