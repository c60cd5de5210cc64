//! What is in the store, for people.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::digest::Key;
use super::error::StoreError;
use super::graph::Graph;
use super::holders::{self, Holder};
use super::layout::Layout;

/// An entry as it is told of.
#[derive(Debug, Clone)]
pub struct Listed {
    /// What it is found by.
    pub key: Key,
    /// The bytes that only it needs: its record, and objects that no other entry has.
    pub own: u64,
    /// The bytes of objects that other entries have too.
    pub shared: u64,
    /// When it was made, to the second.
    pub made: SystemTime,
    /// When it was last made or asked for.
    pub used: SystemTime,
    /// How long its action took.
    pub took: Duration,
    /// What it stands on directly.
    pub stands_on: Vec<Key>,
    /// What was noted of it.
    pub note: Value,
    /// Who holds it; empty: nobody, and a collection may take it.
    pub held: BTreeSet<Holder>,
    /// Why it cannot be used, as a sentence part; none: it is whole, as far as is known without reading
    /// its objects.
    pub wrong: Option<String>,
}

/// All entries whose record can be read, by their key.
pub(crate) fn list(layout: &Layout) -> Result<Vec<Listed>, StoreError> {
    let _shared = layout.shared()?;
    let mut graph = Graph::load(layout, true)?;
    let (uses, mut wrong) = (graph.uses(), graph.wrong());
    let mut held = holders::all(layout, &graph)?;
    let entries = std::mem::take(&mut graph.entries);
    let listed = entries.into_iter().map(|(key, known)| {
        let sizes = known.record.digests().into_iter().filter_map(|digest| {
            Some((uses.get(&digest).copied()?, graph.objects.objects.get(&digest)?.size))
        });
        let (own, shared): (Vec<_>, Vec<_>) = sizes.partition(|(uses, _)| *uses == 1);
        let sum = |sizes: Vec<(usize, u64)>| {
            sizes.into_iter().fold(0_u64, |sum, (_, size)| sum.saturating_add(size))
        };
        Listed {
            key,
            own: sum(own).saturating_add(known.bytes),
            shared: sum(shared),
            made: known.record.made(),
            used: known.used,
            took: known.record.took(),
            stands_on: known.record.stands_on.iter().map(|footing| footing.key).collect(),
            held: held.remove(&key).unwrap_or_default(),
            wrong: wrong.remove(&key),
            note: known.record.note,
        }
    });
    Ok(listed.collect())
}
