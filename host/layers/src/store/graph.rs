//! All entries at once: who stands on whom, and who is of no use any more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use serde_json::Value;

use super::digest::{Digest, Key};
use super::error::{Doing as _, StoreError};
use super::folder::Look;
use super::layout::Layout;
use super::objects::{self, Listing};
use super::record::{Object, Record};
use super::records::{self, Known};

/// A record that cannot be read.
#[derive(Debug, Clone)]
pub(crate) struct Unread {
    pub(crate) why: String,
    pub(crate) used: SystemTime,
    pub(crate) bytes: u64,
}

/// The store as it is now.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    pub(crate) entries: BTreeMap<Key, Known>,
    pub(crate) unread: BTreeMap<Key, Unread>,
    /// Names in `keys/` that are no keys.
    pub(crate) strays: Vec<String>,
    pub(crate) objects: Listing,
}

impl Graph {
    /// Reads all records and the sizes of all objects. Notes are read where they are wanted: they may be
    /// large.
    pub(crate) fn load(layout: &Layout, notes: bool) -> Result<Self, StoreError> {
        let doing = || "reading the entries of the store".to_owned();
        let mut graph =
            Self { objects: objects::list(&layout.objects).doing(doing)?, ..Self::default() };
        for name in layout.keys.names().doing(doing)? {
            let name = name.to_string_lossy();
            let Ok(key) = name.parse() else {
                graph.strays.push(name.into_owned());
                continue;
            };
            match records::read(layout, &key).doing(doing)? {
                Look::Absent => {}
                Look::Here(mut known) => {
                    if !notes {
                        known.record.note = Value::Null;
                    }
                    graph.entries.insert(key, known);
                }
                Look::Bad(why) => {
                    let stat = match layout.keys.file(&name).doing(doing)? {
                        Look::Here(file) => file.metadata().ok(),
                        Look::Absent | Look::Bad(_) => None,
                    };
                    let used = stat.as_ref().and_then(|stat| stat.modified().ok());
                    graph.unread.insert(
                        key,
                        Unread {
                            why,
                            used: used.unwrap_or(SystemTime::UNIX_EPOCH),
                            bytes: stat.map_or(0, |stat| stat.len()),
                        },
                    );
                }
            }
        }
        Ok(graph)
    }

    /// Why the entry of a key cannot be used, for all of which that is so: what is broken, and what
    /// stands on it.
    pub(crate) fn wrong(&self) -> BTreeMap<Key, String> {
        let mut wrong: BTreeMap<Key, String> =
            self.unread.iter().map(|(key, unread)| (*key, unread.why.clone())).collect();
        for (key, known) in &self.entries {
            if let Some(why) = self.wrong_in(&known.record) {
                wrong.insert(*key, why);
            }
        }
        let above = self.above();
        let mut open: Vec<Key> = wrong.keys().copied().collect();
        while let Some(key) = open.pop() {
            for upper in above.get(&key).into_iter().flatten() {
                if !wrong.contains_key(upper) {
                    let why = format!("it stands on {key}, which cannot be used");
                    wrong.insert(*upper, why);
                    open.push(*upper);
                }
            }
        }
        wrong
    }

    /// What is wrong with an entry itself, and with what it stands on directly.
    fn wrong_in(&self, record: &Record) -> Option<String> {
        let in_object =
            |(name, object): (&String, &Object)| match self.objects.objects.get(&object.digest) {
                None => Some(format!("its object `{name}` is missing")),
                Some(found) if found.size != object.size => Some(format!(
                    "its object `{name}` has {} bytes instead of {}",
                    found.size, object.size
                )),
                Some(_) => None,
            };
        record.objects.iter().find_map(in_object).or_else(|| {
            record.stands_on.iter().find_map(|footing| {
                let key = footing.key;
                match self.entries.get(&key) {
                    None if self.unread.contains_key(&key) => None,
                    None => Some(format!("it stands on {key}, which is not there")),
                    Some(known) if known.record.identity() != footing.identity => Some(format!(
                        "it stands on {key}, which was made anew, with other contents"
                    )),
                    Some(_) => None,
                }
            })
        })
    }

    /// Who stands on a key, directly.
    pub(crate) fn above(&self) -> BTreeMap<Key, BTreeSet<Key>> {
        let mut above: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
        for (key, known) in &self.entries {
            for footing in &known.record.stands_on {
                above.entry(footing.key).or_default().insert(*key);
            }
        }
        above
    }

    /// The keys with all that stands on them.
    pub(crate) fn with_dependants(&self, keys: impl IntoIterator<Item = Key>) -> BTreeSet<Key> {
        let above = self.above();
        closure(keys, |key| above.get(key).into_iter().flatten().copied())
    }

    /// The keys with all that they stand on.
    pub(crate) fn with_chains(&self, keys: impl IntoIterator<Item = Key>) -> BTreeSet<Key> {
        closure(keys, |key| {
            let known = self.entries.get(key).into_iter();
            known.flat_map(|known| known.record.stands_on.iter().map(|footing| footing.key))
        })
    }

    /// The same keys, none before one that stands on it.
    pub(crate) fn top_down(&self, keys: &BTreeSet<Key>) -> Vec<Key> {
        let mut above = self.above();
        above.values_mut().for_each(|uppers| uppers.retain(|upper| keys.contains(upper)));
        let is_top = |key: &Key, above: &BTreeMap<Key, BTreeSet<Key>>| {
            above.get(key).is_none_or(BTreeSet::is_empty)
        };
        let mut order: Vec<Key> = keys.iter().copied().filter(|k| is_top(k, &above)).collect();
        let mut at = 0;
        while let Some(key) = order.get(at).copied() {
            at += 1;
            let known = self.entries.get(&key).into_iter();
            for footing in known.flat_map(|known| &known.record.stands_on) {
                let Some(uppers) = above.get_mut(&footing.key) else { continue };
                if uppers.remove(&key) && uppers.is_empty() && keys.contains(&footing.key) {
                    order.push(footing.key);
                }
            }
        }
        // In a circle, which only somebody else can have written, nobody is first.
        let placed: BTreeSet<Key> = order.iter().copied().collect();
        order.extend(keys.difference(&placed));
        order
    }

    /// How many entries use an object.
    pub(crate) fn uses(&self) -> BTreeMap<Digest, usize> {
        let mut uses = BTreeMap::new();
        for known in self.entries.values() {
            for digest in known.record.digests() {
                *uses.entry(digest).or_default() += 1;
            }
        }
        uses
    }
}

fn closure<I: Iterator<Item = Key>>(
    keys: impl IntoIterator<Item = Key>,
    next: impl Fn(&Key) -> I,
) -> BTreeSet<Key> {
    let mut found = BTreeSet::new();
    let mut open: Vec<Key> = keys.into_iter().collect();
    while let Some(key) = open.pop() {
        if found.insert(key) {
            open.extend(next(&key));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::record::Footing;

    fn key(number: u32) -> Key {
        Key::new(Digest::of(&number.to_le_bytes()))
    }

    /// Entries without objects, each on those that are given; as they are made, or with another's
    /// identity.
    fn graph(entries: &[(u32, &[u32])]) -> Graph {
        let mut graph = Graph::default();
        for (number, below) in entries {
            let footing = |number: &u32| {
                let known = graph.entries.get(&key(*number));
                let identity = known.map(|known| known.record.identity());
                Footing { key: key(*number), identity: identity.unwrap_or(Digest::of(b"later")) }
            };
            let footings = below.iter().map(footing).collect();
            let record = Record::new(BTreeMap::new(), footings, Value::Null, Duration::ZERO);
            let used = SystemTime::UNIX_EPOCH;
            graph.entries.insert(key(*number), Known { record, used, bytes: 100 });
        }
        graph
    }

    fn keys(numbers: &[u32]) -> BTreeSet<Key> {
        numbers.iter().copied().map(key).collect()
    }

    #[test]
    fn who_stands_on_whom_is_known_both_ways() {
        // A diamond, and one beside it.
        let graph = graph(&[(1, &[]), (2, &[1]), (3, &[1]), (4, &[2, 3]), (5, &[])]);
        assert_eq!(graph.with_chains([key(4)]), keys(&[1, 2, 3, 4]));
        assert_eq!(graph.with_chains([key(2), key(9)]), keys(&[1, 2, 9]));
        assert_eq!(graph.with_dependants([key(1)]), keys(&[1, 2, 3, 4]));
        assert_eq!(graph.with_dependants([key(3), key(5)]), keys(&[3, 4, 5]));
        assert!(graph.wrong().is_empty());
        let order = graph.top_down(&keys(&[1, 2, 3, 4, 5, 9]));
        assert_eq!(order.len(), 6);
        let at = |number| order.iter().position(|other| *other == key(number)).unwrap();
        assert!(at(4) < at(2) && at(4) < at(3) && at(2) < at(1) && at(3) < at(1), "{order:?}");
        // Those that stay are in nobody's way.
        assert_eq!(graph.top_down(&keys(&[2])), [key(2)]);
    }

    #[test]
    fn what_is_broken_takes_all_with_it_that_stands_on_it() {
        let mut graph = graph(&[(1, &[]), (2, &[1]), (3, &[2]), (4, &[1])]);
        let object = Object { digest: Digest::of(b"not there"), size: 1 };
        let two = graph.entries.get_mut(&key(2)).unwrap();
        two.record.objects.insert("pack".to_owned(), object);
        let wrong = graph.wrong();
        assert_eq!(wrong.keys().copied().collect::<BTreeSet<_>>(), keys(&[2, 3]));
        assert_eq!(wrong[&key(2)], "its object `pack` is missing");
        assert!(wrong[&key(3)].contains("made anew"), "{wrong:?}");
    }

    #[test]
    fn a_circle_is_no_chain_and_ends_nothing() {
        let graph = graph(&[(1, &[2]), (2, &[1]), (3, &[1]), (4, &[4])]);
        let wrong: BTreeSet<Key> = graph.wrong().into_keys().collect();
        assert_eq!(wrong, keys(&[1, 2, 3, 4]));
        assert_eq!(graph.with_chains([key(3)]), keys(&[1, 2, 3]));
        let order = graph.top_down(&wrong);
        assert_eq!(order.len(), 4);
        assert_eq!(order[0], key(3));
    }

    #[test]
    fn a_chain_of_any_length_is_walked() {
        let below: Vec<[u32; 1]> = (0..5000).map(|number| [number]).collect();
        let mut entries: Vec<(u32, &[u32])> = vec![(0, &[])];
        entries.extend(below.iter().map(|on| (on[0] + 1, &on[..])));
        let graph = graph(&entries);
        assert!(graph.wrong().is_empty());
        assert_eq!(graph.with_dependants([key(0)]).len(), 5001);
        let all = graph.with_chains([key(5000)]);
        let order = graph.top_down(&all);
        assert_eq!((order[0], order[5000]), (key(5000), key(0)));
    }
}
