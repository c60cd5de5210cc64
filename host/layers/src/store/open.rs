//! The store itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use dibhost_sys::Cancel;

use super::claim::Claim;
use super::digest::Key;
use super::error::StoreError;
use super::gc;
use super::get::Lease;
use super::layout::Layout;
use super::lease::LeaseFile;
use super::list::{self, Listed};
use super::policy::{Collected, Policy};
use super::roots;
use super::verify::{self, Progress, Verified};

/// A store, open. Clones are the same one; any number of processes may have it open at once.
#[derive(Debug, Clone)]
pub struct Store(Arc<Layout>);

impl Store {
    /// Opens the store in a folder, or makes it for this user alone, and removes what killed builds
    /// left half-made. Where the store makes its caller wait for another build, `cancel` ends that.
    ///
    /// # Errors
    /// `Version`, `Foreign`, `Swappable`, or the operating system refuses.
    pub fn open(folder: &Path, cancel: &Cancel) -> Result<Self, StoreError> {
        Layout::open(folder, cancel).map(|layout| Self(Arc::new(layout)))
    }

    /// Where it is, without links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Begins the lease of a build.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn lease(&self) -> Result<Lease, StoreError> {
        Ok(Lease { file: LeaseFile::new(&self.0)?, layout: Arc::clone(&self.0) })
    }

    /// Waits until nobody else makes that key; then look for it, for the other may have made it.
    ///
    /// Whoever has claims waits only for the key of an entry that is to stand on the entries of all of
    /// them: first the base, then what stands on it. Nobody waits in a circle then. One claim at a time
    /// is always right.
    ///
    /// # Errors
    /// `Cancelled`, or the operating system refuses.
    pub fn claim(&self, key: &Key) -> Result<Claim, StoreError> {
        Claim::wait(&self.0, key)
    }

    /// Claims a key if nobody has it just now.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn try_claim(&self, key: &Key) -> Result<Option<Claim>, StoreError> {
        Claim::attempt(&self.0, key)
    }

    /// Says that the entries of an output of image `name` are to stay, with all that they stand on, until
    /// `keep_last` later outputs of it were set. With 0 the root is removed.
    ///
    /// # Errors
    /// `Name`, `Cancelled`, or the operating system refuses.
    pub fn set_root(
        &self,
        name: &str,
        keys: impl IntoIterator<Item = Key>,
        keep_last: usize,
    ) -> Result<(), StoreError> {
        roots::set(&self.0, name, keys.into_iter().collect(), keep_last)
    }

    /// All entries, by their key.
    ///
    /// # Errors
    /// `Doubt`, `Cancelled`, or the operating system refuses.
    pub fn list(&self) -> Result<Vec<Listed>, StoreError> {
        list::list(&self.0)
    }

    /// Reads everything and drops what is not what it was, with what stands on it.
    ///
    /// # Errors
    /// `Cancelled`, by this `cancel` or by that of the store, or the operating system refuses.
    pub fn verify(
        &self,
        progress: &mut dyn FnMut(Progress),
        cancel: &Cancel,
    ) -> Result<Verified, StoreError> {
        verify::verify(&self.0, progress, cancel)
    }

    /// Takes what the policy says. What roots and running builds hold stays, with all that it stands
    /// on.
    ///
    /// # Errors
    /// `Doubt`, where it cannot be read what has to stay; `Cancelled`, or the operating system refuses.
    pub fn gc(&self, policy: &Policy) -> Result<Collected, StoreError> {
        gc::collect(&self.0, policy)
    }

    /// Removes an entry with all that stand on it, also where a root holds them; answers their keys.
    ///
    /// # Errors
    /// `InUse`, `Cancelled`, or the operating system refuses.
    pub fn remove(&self, key: &Key) -> Result<BTreeSet<Key>, StoreError> {
        gc::remove(&self.0, key)
    }
}
