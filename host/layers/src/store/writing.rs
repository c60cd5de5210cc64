//! An entry on its way into the store: nothing of it is seen before all of it is there.

use std::collections::{BTreeMap, btree_map};
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::digest::Key;
use super::entry::{Entry, touch};
use super::error::{Doing as _, StoreError};
use super::get::Lease;
use super::held_file::HeldFile;
use super::layout::Layout;
use super::lease::LeaseFile;
use super::objects;
use super::record::{Footing, Object, Record, wrong_in_name};
use super::records::{self, Chain};

/// Files that become an entry; gone when dropped before.
#[derive(Debug)]
pub struct Writing {
    layout: Arc<Layout>,
    lease: Arc<LeaseFile>,
    drafts: BTreeMap<String, HeldFile>,
}

/// What a key leads to after a commit.
#[derive(Debug)]
pub enum Committed {
    /// What was committed, or what is equal to it and was there before.
    Kept(Entry),
    /// Another build made the same key before, with other contents, on which others may stand: its
    /// entry stays. Nothing that is made of one's own contents can stand on it.
    Other(Entry),
}

impl Lease {
    /// Begins an entry.
    #[must_use]
    pub fn begin(&self) -> Writing {
        let (layout, lease) = (Arc::clone(&self.layout), Arc::clone(&self.file));
        Writing { layout, lease, drafts: BTreeMap::new() }
    }
}

impl Writing {
    /// The file of an object, empty where it is asked for first. It is on the store's filesystem.
    /// Nobody may write to it once the entry is committed, also not through a clone.
    ///
    /// # Errors
    /// `Name`: no object can be called so; the file cannot be made.
    pub fn file(&mut self, name: &str) -> Result<&mut File, StoreError> {
        if let Some(why) = wrong_in_name(name) {
            return Err(StoreError::Name { name: name.to_owned(), of: "an object", why });
        }
        let draft = match self.drafts.entry(name.to_owned()) {
            btree_map::Entry::Occupied(there) => there.into_mut(),
            btree_map::Entry::Vacant(empty) => {
                let draft = HeldFile::new(&self.layout.drafts);
                empty.insert(draft.doing(|| format!("making the object `{name}` of the store"))?)
            }
        };
        Ok(draft.file())
    }

    /// Makes the files an entry: all of it or, if the process is killed, nothing. `stands_on` is what
    /// the entry is useless without; the key's own inputs and whatever is to be told of it go into
    /// `note`; `took` is how long its action took. The lease holds it.
    ///
    /// # Errors
    /// `Gone` where something below it is not there any more, `Note`, the operating system refuses, or
    /// the build was cancelled. Nothing of it is kept then.
    pub fn commit(
        mut self,
        key: &Key,
        stands_on: &[&Entry],
        note: Value,
        took: Duration,
    ) -> Result<Committed, StoreError> {
        let mut objects = BTreeMap::new();
        for (name, draft) in &mut self.drafts {
            let doing = || format!("finishing `{name}` of the entry {key}");
            objects::finish(draft).doing(doing)?;
            let (digest, size) = objects::hash(draft.file(), &self.layout.cancel, |_| {})?;
            objects.insert(name.clone(), Object { digest, size });
        }
        let footing =
            |entry: &&Entry| Footing { key: *entry.key(), identity: entry.record().identity() };
        let record = Record::new(objects, stands_on.iter().map(footing).collect(), note, took);
        let bytes = record.to_bytes(key).map_err(|why| StoreError::Note { key: *key, why })?;
        let doing = || format!("keeping the entry {key}");
        let mut draft = HeldFile::new(&self.layout.drafts).doing(doing)?;
        draft.file().write_all(&bytes).doing(doing)?;
        draft.file().sync_all().doing(doing)?;

        // From the first object's place to the record's nobody takes objects for unused.
        let _shared = self.layout.shared()?;
        if let Some(there) = self.there(key)? {
            if there.record().identity() != record.identity() {
                return Ok(Committed::Other(there));
            }
            // What is there may be spoilt; these are not.
            self.keep_objects(&record)?;
            return Ok(Committed::Kept(there));
        }
        self.lease.hold([*key])?;
        for footing in &record.stands_on {
            self.hold_below(key, footing)?;
        }
        self.keep_objects(&record)?;
        draft.keep(&self.layout.keys, &key.to_string()).doing(doing)?;
        self.layout.keys.sync().doing(doing)?;
        Ok(Committed::Kept(Entry::new(&self.layout, &self.lease, *key, record)))
    }

    /// The entry that has the key already, if it is whole.
    fn there(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let chain = records::chain(&self.layout, key);
        let chain = chain.doing(|| format!("reading the entry {key} of the store"))?;
        let Chain::Whole(chain) = chain else { return Ok(None) };
        self.lease.hold(chain.iter().map(|(key, _)| *key))?;
        touch(&self.layout, &chain);
        let entry = chain.into_iter().next();
        Ok(entry.map(|(key, known)| Entry::new(&self.layout, &self.lease, key, known.record)))
    }

    /// Makes sure that what is below is there as it was, and stays.
    fn hold_below(&self, key: &Key, footing: &Footing) -> Result<(), StoreError> {
        let chain = records::chain(&self.layout, &footing.key);
        let chain = chain.doing(|| format!("reading the entry {} of the store", footing.key))?;
        match chain {
            Chain::Whole(chain)
                if chain.first().map(|(_, known)| known.record.identity())
                    == Some(footing.identity) =>
            {
                self.lease.hold(chain.iter().map(|(key, _)| *key))
            }
            _ => Err(StoreError::Gone { key: *key, on: footing.key }),
        }
    }

    fn keep_objects(&mut self, record: &Record) -> Result<(), StoreError> {
        for (name, draft) in std::mem::take(&mut self.drafts) {
            if let Some(object) = record.objects.get(&name) {
                objects::keep(&self.layout.objects, draft, &object.digest)
                    .doing(|| format!("keeping the object `{name}` in the store"))?;
            }
        }
        Ok(())
    }
}
