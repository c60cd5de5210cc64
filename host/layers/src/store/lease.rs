//! What a running build uses: a locked file with the keys, which no collection takes.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use super::digest::Key;
use super::error::{Doing as _, StoreError};
use super::held_file::HeldFile;
use super::holders;
use super::layout::Layout;

/// The file, and what is written in it.
#[derive(Debug)]
pub(crate) struct LeaseFile {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: HeldFile,
    keys: BTreeSet<Key>,
}

/// A key and the end of its line; where keys come one by one, an empty line before it.
const LINE: u64 = 66;

impl LeaseFile {
    pub(crate) fn new(layout: &Layout) -> Result<Arc<Self>, StoreError> {
        let file = HeldFile::new(&layout.leases).doing(|| "making a lease of the store".to_owned());
        Ok(Arc::new(Self { inner: Mutex::new(Inner { file: file?, keys: BTreeSet::new() }) }))
    }

    /// Adds keys. The store is locked meanwhile, so that no collection goes by the older state.
    pub(crate) fn hold(&self, keys: impl IntoIterator<Item = Key>) -> Result<(), StoreError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let new: BTreeSet<Key> = keys.into_iter().filter(|key| !inner.keys.contains(key)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let doing = || "writing a lease of the store".to_owned();
        if (inner.keys.len() + new.len()) as u64 * LINE > holders::LEASE {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge)).doing(doing);
        }
        let lines: String = new.iter().map(|key| format!("{key}\n")).collect();
        // A line's end before it: after an earlier failure there may be half a line.
        inner.file.file().write_all(format!("\n{lines}").as_bytes()).doing(doing)?;
        inner.keys.extend(new);
        Ok(())
    }
}
