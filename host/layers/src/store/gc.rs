//! Taking what nobody needs any more.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::digest::Key;
use super::error::{Doing as _, StoreError};
use super::graph::Graph;
use super::held_file::sweep;
use super::holders::{self, leased};
use super::layout::Layout;
use super::lock::{Alone, Shared};
use super::objects;
use super::policy::{Collected, Plan, Policy};
use super::prune;

/// The lock is held while it is decided and done.
enum Lock {
    Looking(#[expect(dead_code, reason = "held for its drop")] Shared),
    Taking(Alone),
}

/// Collects as the policy says.
pub(crate) fn collect(layout: &Layout, policy: &Policy) -> Result<Collected, StoreError> {
    let lock = if policy.dry_run {
        Lock::Looking(layout.shared()?)
    } else {
        Lock::Taking(layout.alone()?)
    };
    let graph = Graph::load(layout, false)?;
    let holders = holders::all(layout, &graph)?;
    let (now, free) = (SystemTime::now(), layout.free()?);
    let collected = Plan { policy, graph: &graph, holders: &holders, now, free }.decide();
    let Lock::Taking(alone) = lock else { return Ok(collected) };
    let keys: BTreeSet<Key> = collected.removed.iter().map(|removed| removed.key).collect();
    prune::remove(layout, &alone, &graph, &keys)?;
    for object in &collected.objects {
        objects::remove(&layout.objects, &object.digest)
            .doing(|| format!("removing the object {} of the store", object.digest))?;
    }
    for folder in [&layout.drafts, &layout.leases, &layout.claims] {
        sweep(folder).doing(|| "removing what killed builds left in the store".to_owned())?;
    }
    Ok(collected)
}

/// Removes an entry with all that stand on it, also where a root holds them; answers their keys.
pub(crate) fn remove(layout: &Layout, key: &Key) -> Result<BTreeSet<Key>, StoreError> {
    let alone = layout.alone()?;
    let graph = Graph::load(layout, false)?;
    let mut keys = graph.with_dependants([*key]);
    let used = graph.with_chains(leased(layout)?);
    if !keys.is_disjoint(&used) {
        return Err(StoreError::InUse { key: *key });
    }
    keys.retain(|key| graph.entries.contains_key(key) || graph.unread.contains_key(key));
    prune::remove(layout, &alone, &graph, &keys)?;
    Ok(keys)
}
