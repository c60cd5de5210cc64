//! What must not be removed, and because of whom: running builds and roots.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::digest::Key;
use super::error::{Doing as _, StoreError};
use super::folder::Look;
use super::graph::Graph;
use super::held_file::is_held;
use super::layout::Layout;
use super::roots;

/// Because of whom an entry is not removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A running build uses it, or what stands on it.
    Build,
    /// It belongs to a root, or what stands on it does.
    Root(String),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build => f.write_str("a running build uses it"),
            Self::Root(name) => write!(f, "it belongs to {name:?}"),
        }
    }
}

/// The most bytes of a lease: what a build uses is some dozens of keys.
pub(crate) const LEASE: u64 = 4 << 20;

/// Who holds which entries, with all that those stand on.
pub(crate) fn all(
    layout: &Layout,
    graph: &Graph,
) -> Result<BTreeMap<Key, BTreeSet<Holder>>, StoreError> {
    let mut holders: BTreeMap<Key, BTreeSet<Holder>> = BTreeMap::new();
    let mut hold = |keys: BTreeSet<Key>, holder: &Holder| {
        for key in graph.with_chains(keys) {
            holders.entry(key).or_default().insert(holder.clone());
        }
    };
    hold(leased(layout)?, &Holder::Build);
    for (name, root) in roots::all(layout)? {
        match root {
            Ok(keys) => hold(keys, &Holder::Root(name)),
            Err(why) => return Err(StoreError::Doubt { what: format!("the root {name:?}"), why }),
        }
    }
    Ok(holders)
}

/// What running builds use.
pub(crate) fn leased(layout: &Layout) -> Result<BTreeSet<Key>, StoreError> {
    let doing = || "reading the leases of the store".to_owned();
    let mut keys = BTreeSet::new();
    for name in layout.leases.names().doing(doing)? {
        let Some(name) = name.to_str() else { continue };
        if !is_held(&layout.leases, name).doing(doing)? {
            continue;
        }
        match layout.leases.read(name, LEASE).doing(doing)? {
            Look::Absent => {}
            Look::Bad(why) => {
                return Err(StoreError::Doubt { what: format!("the lease {name}"), why });
            }
            // A line that is not whole is of an entry that its build does not have yet.
            Look::Here(read) => {
                let text = String::from_utf8_lossy(&read.bytes);
                keys.extend(text.lines().filter_map(|line| line.parse::<Key>().ok()));
            }
        }
    }
    Ok(keys)
}
