//! The entries' records on disk, and whether an entry is whole: its own record and objects, and all
//! that it stands on.

use std::collections::BTreeMap;
use std::io;
use std::time::SystemTime;

use super::digest::{Digest, Key};
use super::folder::Look;
use super::layout::Layout;
use super::objects;
use super::record::Record;
use super::sealed;

/// A record that can be read.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) record: Record,
    /// When the entry was last made or asked for.
    pub(crate) used: SystemTime,
    /// How many bytes the record has.
    pub(crate) bytes: u64,
}

/// An entry with all that it stands on.
#[derive(Debug)]
pub(crate) enum Chain {
    /// Itself first.
    Whole(Vec<(Key, Known)>),
    Absent,
    /// Why, as a sentence part.
    Broken(String),
}

/// How many entries one may stand on: a thousand times what anybody builds.
const LONGEST: usize = 10_000;

/// Reads the record of an entry.
pub(crate) fn read(layout: &Layout, key: &Key) -> io::Result<Look<Known>> {
    let read = match layout.keys.read(&key.to_string(), sealed::MOST)? {
        Look::Here(read) => read,
        Look::Absent => return Ok(Look::Absent),
        Look::Bad(why) => return Ok(Look::Bad(format!("its record is broken: {why}"))),
    };
    Ok(match Record::parse(key, &read.bytes) {
        Ok(record) => {
            Look::Here(Known { record, used: read.modified, bytes: read.bytes.len() as u64 })
        }
        Err(why) => Look::Bad(format!("its record is broken: {why}")),
    })
}

/// What is wrong with an entry's objects, as a sentence part. Their content is not read.
pub(crate) fn wrong_in_objects(layout: &Layout, record: &Record) -> io::Result<Option<String>> {
    for (name, object) in &record.objects {
        match objects::open(&layout.objects, object)? {
            Look::Here(_) => {}
            Look::Absent => return Ok(Some(format!("its object `{name}` is missing"))),
            Look::Bad(why) => return Ok(Some(format!("its object `{name}` is broken: {why}"))),
        }
    }
    Ok(None)
}

/// Reads an entry and all that it stands on.
pub(crate) fn chain(layout: &Layout, key: &Key) -> io::Result<Chain> {
    let mut whole: Vec<(Key, Known)> = Vec::new();
    let mut seen: BTreeMap<Key, Digest> = BTreeMap::new();
    let mut open = vec![(*key, None)];
    while let Some((at, expected)) = open.pop() {
        let below = |why: String| match expected {
            None => Chain::Broken(why),
            Some(_) => Chain::Broken(format!("it stands on {at}: {why}")),
        };
        let identity = match seen.get(&at) {
            Some(identity) => *identity,
            None => {
                let known = match read(layout, &at)? {
                    Look::Here(known) => known,
                    Look::Absent if expected.is_none() => return Ok(Chain::Absent),
                    Look::Absent => return Ok(below("it is not there".to_owned())),
                    Look::Bad(why) => return Ok(below(why)),
                };
                if let Some(why) = wrong_in_objects(layout, &known.record)? {
                    return Ok(below(why));
                }
                let identity = known.record.identity();
                let footings = known.record.stands_on.iter();
                open.extend(footings.map(|footing| (footing.key, Some(footing.identity))));
                seen.insert(at, identity);
                whole.push((at, known));
                identity
            }
        };
        if expected.is_some_and(|expected| expected != identity) {
            return Ok(below("it was made anew, with other contents".to_owned()));
        }
        if whole.len() > LONGEST {
            return Ok(Chain::Broken(format!("it stands on more than {LONGEST} entries")));
        }
    }
    Ok(Chain::Whole(whole))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use dibhost_sys::Cancel;

    use super::*;
    use crate::store::record::Footing;

    fn key(number: u32) -> Key {
        Key::new(Digest::of(&number.to_le_bytes()))
    }

    /// Writes an entry without objects; answers its identity.
    fn write(store: &Path, number: u32, below: &[(u32, Digest)]) -> Digest {
        let footing =
            |(number, identity): &(u32, Digest)| Footing { key: key(*number), identity: *identity };
        let footings = below.iter().map(footing).collect();
        let record =
            Record::new(BTreeMap::new(), footings, serde_json::Value::Null, Duration::ZERO);
        let bytes = record.to_bytes(&key(number)).unwrap();
        fs::write(store.join("keys").join(key(number).to_string()), bytes).unwrap();
        record.identity()
    }

    #[test]
    fn a_chain_is_read_with_all_of_its_branches() {
        let top = tempfile::tempdir().unwrap();
        let layout = Layout::open(top.path(), &Cancel::new()).unwrap();
        let one = write(top.path(), 1, &[]);
        let two = write(top.path(), 2, &[(1, one)]);
        let three = write(top.path(), 3, &[(1, one)]);
        write(top.path(), 4, &[(2, two), (3, three)]);
        let Chain::Whole(chain) = chain(&layout, &key(4)).unwrap() else { panic!() };
        assert_eq!(chain[0].0, key(4));
        assert_eq!(chain.len(), 4);
    }

    #[test]
    fn a_circle_and_another_base_are_broken() {
        let top = tempfile::tempdir().unwrap();
        let layout = Layout::open(top.path(), &Cancel::new()).unwrap();
        let broken = |number| match chain(&layout, &key(number)).unwrap() {
            Chain::Broken(why) => why,
            other => panic!("{other:?}"),
        };
        write(top.path(), 1, &[(1, Digest::of(b"any"))]);
        assert!(broken(1).contains("made anew"));
        write(top.path(), 2, &[(3, Digest::of(b"any"))]);
        let three = write(top.path(), 3, &[(2, Digest::of(b"any"))]);
        write(top.path(), 2, &[(3, three)]);
        assert!(broken(2).contains("made anew"));
        assert!(broken(3).contains("made anew"));
        // The same base under two identities, in either order.
        let four = write(top.path(), 4, &[]);
        write(top.path(), 5, &[(4, four), (4, Digest::of(b"any"))]);
        write(top.path(), 6, &[(4, Digest::of(b"any")), (4, four)]);
        assert!(broken(5).contains("made anew") && broken(6).contains("made anew"));
        assert!(matches!(chain(&layout, &key(7)).unwrap(), Chain::Absent));
    }
}
