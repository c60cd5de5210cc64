//! What the tests of the store have in common.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use dibhost_layers::store::{
    Committed, Digest, Dropped, Entry, Found, Key, Lease, Store, Verified,
};
use dibhost_sys::Cancel;
use serde_json::json;

/// A store that is gone when dropped.
pub(crate) struct Folder {
    pub(crate) top: tempfile::TempDir,
    pub(crate) store: Store,
}

pub(crate) fn folder() -> Folder {
    let top = tempfile::tempdir().unwrap();
    let store = open(&top.path().join("store"));
    Folder { top, store }
}

pub(crate) fn open(path: &Path) -> Store {
    Store::open(path, &Cancel::new()).unwrap()
}

pub(crate) fn key(name: &str) -> Key {
    Key::new(Digest::of(name.as_bytes()))
}

/// Commits an entry with objects of these contents.
pub(crate) fn try_commit(
    lease: &Lease,
    name: &str,
    on: &[&Entry],
    objects: &[(&str, &[u8])],
) -> Committed {
    let mut writing = lease.begin();
    for (name, content) in objects {
        writing.file(name).unwrap().write_all(content).unwrap();
    }
    let took = Duration::from_millis(1500);
    writing.commit(&key(name), on, json!({ "name": name }), took).unwrap()
}

/// Commits an entry whose only object is its own name.
pub(crate) fn commit(lease: &Lease, name: &str, on: &[&Entry]) -> Entry {
    match try_commit(lease, name, on, &[("pack", name.as_bytes())]) {
        Committed::Kept(entry) => entry,
        Committed::Other(_) => panic!("another {name} is there"),
    }
}

impl Folder {
    /// The path of a file of the store.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.store.path().join(name)
    }

    pub(crate) fn record(&self, name: &str) -> PathBuf {
        self.at(&format!("keys/{}", key(name)))
    }

    pub(crate) fn object(&self, content: &[u8]) -> PathBuf {
        let digest = Digest::of(content).to_string();
        self.at(&format!("objects/{}/{}", &digest[..2], &digest[2..]))
    }

    /// Whether there is an entry of a name, looked for by a lease of its own.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.record(name).exists()
    }

    /// The names of those that there are.
    pub(crate) fn having<'a>(&self, names: &[&'a str]) -> Vec<&'a str> {
        names.iter().copied().filter(|name| self.has(name)).collect()
    }

    /// Says that an entry was last used so many seconds ago.
    pub(crate) fn age(&self, name: &str, seconds: u64) {
        set_age(&self.record(name), seconds);
    }

    pub(crate) fn verify(&self) -> Verified {
        self.store.verify(&mut |_| {}, &Cancel::new()).unwrap()
    }

    /// All files with their contents and times, without the lock.
    pub(crate) fn state(&self) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        let mut state = BTreeMap::new();
        let mut open = vec![self.store.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let modified = path.metadata().unwrap().modified().unwrap();
                    state.insert(path.clone(), (fs::read(&path).unwrap(), modified));
                }
            }
        }
        state
    }
}

pub(crate) fn set_age(path: &Path, seconds: u64) {
    let time = SystemTime::now() - Duration::from_secs(seconds);
    File::open(path).unwrap().set_modified(time).unwrap();
}

pub(crate) fn here(found: Found) -> Entry {
    match found {
        Found::Here(entry) => entry,
        other => panic!("it is not here: {other:?}"),
    }
}

pub(crate) fn dropped(found: Found) -> Vec<Dropped> {
    match found {
        Found::Dropped(dropped) => dropped,
        other => panic!("it was not dropped: {other:?}"),
    }
}

pub(crate) fn absent(found: &Found) -> bool {
    matches!(found, Found::Absent)
}
