//! One build's way into the store.

use std::sync::Arc;

use super::digest::Key;
use super::entry::{Entry, touch};
use super::error::{Doing as _, StoreError};
use super::layout::Layout;
use super::lease::LeaseFile;
use super::prune::{Dropped, prune};
use super::records::{self, Chain};

/// A build's lease: what it finds and makes by it, no collection takes until it and all its entries
/// are dropped. A build that is killed holds nothing.
#[derive(Debug)]
pub struct Lease {
    pub(crate) layout: Arc<Layout>,
    pub(crate) file: Arc<LeaseFile>,
}

/// What there is of a key.
#[derive(Debug)]
pub enum Found {
    /// An entry that is whole, with all that it stands on.
    Here(Entry),
    /// There was one that could not be used. What was dropped: that entry first.
    Dropped(Vec<Dropped>),
    /// Nothing.
    Absent,
}

impl Found {
    /// The entry, if there is one.
    #[must_use]
    pub fn entry(self) -> Option<Entry> {
        match self {
            Self::Here(entry) => Some(entry),
            Self::Dropped(_) | Self::Absent => None,
        }
    }
}

impl Lease {
    /// Looks for an entry, and holds it with all that it stands on. They count as used now. One that
    /// cannot be used is dropped, with what stands on it.
    ///
    /// # Errors
    /// The build was cancelled while it waited, or the operating system refuses. What is wrong with an
    /// entry is no error.
    pub fn get(&self, key: &Key) -> Result<Found, StoreError> {
        let why = match self.look(key)? {
            Ok(found) => return Ok(found),
            Err(why) => why,
        };
        let broken = |why| Found::Dropped(vec![Dropped { key: *key, why }]);
        let alone = self.layout.alone()?;
        let mut dropped = match prune(&self.layout, &alone) {
            Ok(dropped) => dropped,
            Err(StoreError::Cancelled) => return Err(StoreError::Cancelled),
            Err(error) => return Ok(broken(format!("{why} (and it stays: {error})"))),
        };
        drop(alone);
        if dropped.iter().any(|dropped| dropped.key == *key) {
            dropped.sort_by_key(|dropped| dropped.key != *key);
            return Ok(Found::Dropped(dropped));
        }
        // Somebody else dropped it, and perhaps made it anew.
        Ok(self.look(key)?.unwrap_or_else(broken))
    }

    /// What there is; or what is wrong with it.
    fn look(&self, key: &Key) -> Result<Result<Found, String>, StoreError> {
        let _shared = self.layout.shared()?;
        let chain = records::chain(&self.layout, key);
        let chain = chain.doing(|| format!("reading the entry {key} of the store"))?;
        let chain = match chain {
            Chain::Whole(chain) => chain,
            Chain::Absent => return Ok(Ok(Found::Absent)),
            Chain::Broken(why) => return Ok(Err(why)),
        };
        self.file.hold(chain.iter().map(|(key, _)| *key))?;
        touch(&self.layout, &chain);
        let entry = chain.into_iter().next().map(|(key, known)| {
            Found::Here(Entry::new(&self.layout, &self.file, key, known.record))
        });
        Ok(Ok(entry.unwrap_or(Found::Absent)))
    }
}
