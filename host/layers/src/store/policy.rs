//! What a collection takes, decided without touching anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::{Duration, SystemTime};

use super::digest::{Digest, Key};
use super::graph::Graph;
use super::holders::Holder;

/// What a collection is asked for. Of nothing, it takes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The most bytes that the store may have.
    pub most_bytes: Option<u64>,
    /// How long an entry may be there unused.
    pub oldest: Option<Duration>,
    /// How many bytes the filesystem is to have free.
    pub min_free: Option<u64>,
    /// How long that may be there which nobody can use: broken entries and objects of no entry.
    pub useless: Option<Duration>,
    /// Only tells what it would take.
    pub dry_run: bool,
}

/// Why something is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Nobody used it for so long.
    Unused(Duration),
    /// The store has so many bytes, more than it may.
    Full(u64),
    /// The filesystem has so few bytes left.
    Free(u64),
    /// Nobody can use it: a sentence part.
    Useless(String),
}

/// Why an entry stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// They hold it.
    Held(BTreeSet<Holder>),
    /// This one stands on it, and stays.
    StoodOn(Key),
    /// Nothing that was asked for says that it has to go.
    Within,
}

/// An entry that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Its key.
    pub key: Key,
    /// What that frees: its record, and the objects that no other entry has any more.
    pub bytes: u64,
    /// Why.
    pub why: Why,
}

/// An object of no entry that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedObject {
    /// Its SHA-256.
    pub digest: Digest,
    /// How many bytes it has.
    pub bytes: u64,
    /// Why.
    pub why: Why,
}

/// What a collection took, or would take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// The entries, in their order: the least recently used first, none before one that stands on it.
    pub removed: Vec<Removed>,
    /// Objects that no entry had.
    pub objects: Vec<RemovedObject>,
    /// What stays, by its key.
    pub kept: Vec<(Key, Kept)>,
    /// How many bytes the store had.
    pub before: u64,
    /// How many it has then. It is more than was asked for where all that is left is held.
    pub after: u64,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unused(age) => write!(f, "it was not used for {} s", age.as_secs()),
            Self::Full(bytes) => write!(f, "the store has {bytes} bytes, and it is the oldest"),
            Self::Free(bytes) => write!(f, "{bytes} bytes are free, and it is the oldest"),
            Self::Useless(why) => write!(f, "nobody can use it: {why}"),
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(by) => {
                let by: Vec<String> = by.iter().map(ToString::to_string).collect();
                f.write_str(&by.join(", "))
            }
            Self::StoodOn(key) => write!(f, "{key} stands on it"),
            Self::Within => f.write_str("nothing says that it has to go"),
        }
    }
}

/// The store as it is while it is decided.
pub(crate) struct Plan<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) graph: &'a Graph,
    pub(crate) holders: &'a BTreeMap<Key, BTreeSet<Holder>>,
    pub(crate) now: SystemTime,
    pub(crate) free: u64,
}

/// Bytes as they become fewer.
struct Left<'a> {
    plan: &'a Plan<'a>,
    bytes: u64,
    freed: u64,
    uses: BTreeMap<Digest, usize>,
}

impl Left<'_> {
    /// Why something of that age has to go now.
    fn why(&self, used: SystemTime, useless: Option<&str>) -> Option<Why> {
        let policy = self.plan.policy;
        // What was used in the future was used now.
        let age = self.plan.now.duration_since(used).unwrap_or_default();
        let free = self.plan.free.saturating_add(self.freed);
        if let Some(why) = useless
            && policy.useless.is_some_and(|most| age >= most)
        {
            Some(Why::Useless(why.to_owned()))
        } else if policy.oldest.is_some_and(|most| age > most) {
            Some(Why::Unused(age))
        } else if policy.most_bytes.is_some_and(|most| self.bytes > most) {
            Some(Why::Full(self.bytes))
        } else if policy.min_free.is_some_and(|least| free < least) {
            Some(Why::Free(free))
        } else {
            None
        }
    }

    fn take(&mut self, bytes: u64) -> u64 {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.freed = self.freed.saturating_add(bytes);
        bytes
    }

    /// Takes an entry; how many bytes that frees.
    fn take_entry(&mut self, key: &Key) -> u64 {
        let graph = self.plan.graph;
        let mut bytes = graph.unread.get(key).map_or(0, |unread| unread.bytes);
        if let Some(known) = graph.entries.get(key) {
            bytes += known.bytes;
            for digest in known.record.digests() {
                let left = self.uses.get_mut(&digest).map(|uses| {
                    *uses -= 1;
                    *uses
                });
                if left == Some(0) {
                    let size = graph.objects.objects.get(&digest).map_or(0, |found| found.size);
                    bytes = bytes.saturating_add(size);
                }
            }
        }
        self.take(bytes)
    }
}

impl Plan<'_> {
    /// Decides what goes: first what nobody can use, then the least recently used, and an entry only
    /// after all that stand on it.
    pub(crate) fn decide(&self) -> Collected {
        let graph = self.graph;
        let sizes = graph.objects.objects.values().map(|found| found.size);
        let records = graph.entries.values().map(|known| known.bytes);
        let unread = graph.unread.values().map(|unread| unread.bytes);
        let all = sizes.chain(records).chain(unread);
        let before = all.fold(0, u64::saturating_add);
        let mut left = Left { plan: self, bytes: before, freed: 0, uses: graph.uses() };
        let mut collected = Collected { before, ..Collected::default() };

        let mut orphans: Vec<_> = graph.objects.objects.iter().collect();
        orphans.retain(|(digest, _)| !left.uses.contains_key(digest));
        orphans.sort_by_key(|(_, found)| found.modified);
        for (digest, found) in orphans {
            if let Some(why) = left.why(found.modified, Some("no entry has it")) {
                let bytes = left.take(found.size);
                collected.objects.push(RemovedObject { digest: *digest, bytes, why });
            }
        }
        let wrong = graph.wrong();
        let mut useless: Vec<(SystemTime, Key)> =
            wrong.keys().map(|key| (self.used(key), *key)).collect();
        useless.sort();
        for (used, key) in useless.into_iter().filter(|(_, key)| !self.holders.contains_key(key)) {
            if let Some(why) = left.why(used, wrong.get(&key).map(String::as_str)) {
                let bytes = left.take_entry(&key);
                collected.removed.push(Removed { key, bytes, why });
            }
        }
        self.take_oldest(&wrong, &mut left, &mut collected.removed);
        collected.after = left.bytes;
        collected.kept = self.kept(&collected.removed);
        collected
    }

    /// Takes whole entries that nothing stands on any more, the oldest first.
    fn take_oldest(
        &self,
        wrong: &BTreeMap<Key, String>,
        left: &mut Left<'_>,
        removed: &mut Vec<Removed>,
    ) {
        let mut above = self.graph.above();
        // What cannot be used is in nobody's way.
        above.values_mut().for_each(|keys| keys.retain(|key| !wrong.contains_key(key)));
        let may_go = |key: &Key, above: &BTreeMap<Key, BTreeSet<Key>>| {
            let free = above.get(key).is_none_or(BTreeSet::is_empty);
            free && !wrong.contains_key(key) && !self.holders.contains_key(key)
        };
        let tops = self.graph.entries.keys().filter(|key| may_go(key, &above));
        let mut open: BTreeSet<(SystemTime, Key)> =
            tops.map(|key| (self.used(key), *key)).collect();
        while let Some((used, key)) = open.pop_first() {
            let Some(why) = left.why(used, None) else { break };
            removed.push(Removed { key, bytes: left.take_entry(&key), why });
            let Some(known) = self.graph.entries.get(&key) else { continue };
            for footing in &known.record.stands_on {
                if let Some(keys) = above.get_mut(&footing.key) {
                    keys.remove(&key);
                }
                if may_go(&footing.key, &above) {
                    open.insert((self.used(&footing.key), footing.key));
                }
            }
        }
    }

    fn used(&self, key: &Key) -> SystemTime {
        let known = self.graph.entries.get(key).map(|known| known.used);
        let used = known.or_else(|| self.graph.unread.get(key).map(|unread| unread.used));
        used.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    fn kept(&self, removed: &[Removed]) -> Vec<(Key, Kept)> {
        let removed: BTreeSet<Key> = removed.iter().map(|removed| removed.key).collect();
        let above = self.graph.above();
        let all = self.graph.entries.keys().chain(self.graph.unread.keys());
        let mut kept: Vec<(Key, Kept)> = all
            .filter(|key| !removed.contains(key))
            .map(|key| {
                let upper = above.get(key).into_iter().flatten().find(|k| !removed.contains(k));
                let why = match (self.holders.get(key), upper) {
                    (Some(by), _) => Kept::Held(by.clone()),
                    (None, Some(upper)) => Kept::StoodOn(*upper),
                    (None, None) => Kept::Within,
                };
                (*key, why)
            })
            .collect();
        kept.sort_by_key(|(key, _)| *key);
        kept
    }
}
