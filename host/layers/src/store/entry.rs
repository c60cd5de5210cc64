//! An entry that was found or made: its objects are there as long as it is.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::digest::{Digest, Key};
use super::error::{Doing as _, StoreError};
use super::folder::Look;
use super::graph::Graph;
use super::layout::Layout;
use super::lease::LeaseFile;
use super::objects;
use super::prune::{Dropped, drop_all};
use super::record::{Object, Record};
use super::records;

/// An entry of the store, whole when it was found. It keeps its lease: as long as it lives, no
/// collection takes it or what it stands on.
#[derive(Debug, Clone)]
pub struct Entry {
    layout: Arc<Layout>,
    _lease: Arc<LeaseFile>,
    key: Key,
    record: Arc<Record>,
}

impl Entry {
    pub(crate) fn new(
        layout: &Arc<Layout>,
        lease: &Arc<LeaseFile>,
        key: Key,
        record: Record,
    ) -> Self {
        let (layout, lease) = (Arc::clone(layout), Arc::clone(lease));
        Self { layout, _lease: lease, key, record: Arc::new(record) }
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// What it is found by.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The names and sizes of its objects, sorted.
    pub fn objects(&self) -> impl Iterator<Item = (&str, u64)> {
        self.record.objects.iter().map(|(name, object)| (name.as_str(), object.size))
    }

    /// The keys of what it stands on directly, as they were given.
    pub fn stands_on(&self) -> impl Iterator<Item = &Key> {
        self.record.stands_on.iter().map(|footing| &footing.key)
    }

    /// What was noted of it.
    #[must_use]
    pub fn note(&self) -> &Value {
        &self.record.note
    }

    /// How long its action took, to the millisecond.
    #[must_use]
    pub fn took(&self) -> Duration {
        self.record.took()
    }

    /// When it was made, to the second.
    #[must_use]
    pub fn made(&self) -> SystemTime {
        self.record.made()
    }

    /// The SHA-256 of one of its objects.
    ///
    /// # Errors
    /// `NoObject`.
    pub fn digest(&self, name: &str) -> Result<Digest, StoreError> {
        Ok(self.object(name)?.digest)
    }

    /// Opens one of its objects for reading. It has the right size; whether it has the right bytes is
    /// for the reader to see, by [`Entry::digest`] or by digests of its own, and to say by
    /// [`Entry::spoilt`].
    ///
    /// # Errors
    /// `NoObject`; `Spoilt` where it is not there any more as it was; the operating system refuses.
    pub fn open(&self, name: &str) -> Result<File, StoreError> {
        let object = self.object(name)?;
        let opened = objects::open(&self.layout.objects, object);
        match opened.doing(|| format!("opening `{name}` of the entry {}", self.key))? {
            Look::Here(file) => Ok(file),
            Look::Absent => Err(self.found_spoilt(name, "it is missing".to_owned())),
            Look::Bad(why) => Err(self.found_spoilt(name, why)),
        }
    }

    /// The bytes of one of its objects of at most `most` bytes, verified.
    ///
    /// # Errors
    /// `NoObject`; `TooLarge`; `Spoilt` where they are not what was kept, and then the entry is gone;
    /// the operating system refuses.
    pub fn read(&self, name: &str, most: u64) -> Result<Vec<u8>, StoreError> {
        let Object { digest, size } = *self.object(name)?;
        if size > most {
            return Err(StoreError::TooLarge { key: self.key, name: name.to_owned(), size, most });
        }
        let file = self.open(name)?;
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        let keep = |piece: &[u8]| bytes.extend_from_slice(piece);
        match objects::wrong_in(&file, &digest, &self.layout.cancel, keep)? {
            None => Ok(bytes),
            Some(why) => Err(self.found_spoilt(name, why)),
        }
    }

    /// Drops the entry because a reader found that an object is not what it has to be, with all that
    /// stands on it; answers what was dropped. An object with other bytes than were kept goes too.
    ///
    /// # Errors
    /// Something cannot be removed, or the build was cancelled.
    pub fn spoilt(&self, name: &str, why: &str) -> Result<Vec<Dropped>, StoreError> {
        let object = self.object(name)?;
        let alone = self.layout.alone()?;
        let doing = || format!("dropping the entry {}", self.key);
        let bad = match objects::open(&self.layout.objects, object).doing(doing)? {
            Look::Here(file) => {
                objects::wrong_in(&file, &object.digest, &self.layout.cancel, |_| {})?.is_some()
            }
            Look::Absent => false,
            Look::Bad(_) => true,
        };
        if bad {
            objects::remove(&self.layout.objects, &object.digest).doing(doing)?;
        }
        // Not what somebody else made in its place meanwhile.
        let mut wrong = BTreeMap::new();
        let graph = Graph::load(&self.layout, false)?;
        let identity = self.record.identity();
        if graph.entries.get(&self.key).is_some_and(|now| now.record.identity() == identity) {
            for key in graph.with_dependants([self.key]) {
                wrong.insert(key, format!("it stands on {}, which is spoilt", self.key));
            }
            wrong.insert(self.key, format!("its object `{name}` is spoilt: {why}"));
        }
        // Others have the same object.
        for (key, why) in graph.wrong() {
            wrong.entry(key).or_insert(why);
        }
        drop_all(&self.layout, &alone, &graph, wrong)
    }

    fn object(&self, name: &str) -> Result<&Object, StoreError> {
        let found = self.record.objects.get(name);
        found.ok_or_else(|| StoreError::NoObject { key: self.key, name: name.to_owned() })
    }

    fn found_spoilt(&self, name: &str, why: String) -> StoreError {
        let why = match self.spoilt(name, &why) {
            Ok(_) => why,
            Err(StoreError::Cancelled) => return StoreError::Cancelled,
            Err(error) => format!("{why} (and it stays: {error})"),
        };
        StoreError::Spoilt { key: self.key, name: name.to_owned(), why }
    }
}

/// Says that the entries of a chain were used now. Where that cannot be written, they are older.
pub(crate) fn touch(layout: &Layout, chain: &[(Key, records::Known)]) {
    for (key, _) in chain {
        let _ = layout.keys.touch(&key.to_string());
    }
}
