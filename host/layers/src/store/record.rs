//! What is written of an entry: which objects it has, and what it stands on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest::{Digest, Key};
use super::sealed::{seal, unseal};

/// An entry as it is written in `keys/KEY`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    pub(crate) objects: BTreeMap<String, Object>,
    pub(crate) stands_on: Vec<Footing>,
    pub(crate) note: Value,
    /// How long the action took, in milliseconds.
    took: u64,
    /// When, in seconds since the epoch.
    made: u64,
}

/// A file of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Object {
    pub(crate) digest: Digest,
    /// In bytes.
    pub(crate) size: u64,
}

/// An entry below this one. It has to be that very one: made anew with other contents, it carries
/// nothing that was made on the old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Footing {
    pub(crate) key: Key,
    /// [`Record::identity`] of it.
    pub(crate) identity: Digest,
}

impl Record {
    pub(crate) fn new(
        objects: BTreeMap<String, Object>,
        stands_on: Vec<Footing>,
        note: Value,
        took: Duration,
    ) -> Self {
        let made = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { objects, stands_on, note, took, made: made.as_secs() }
    }

    pub(crate) fn took(&self) -> Duration {
        Duration::from_millis(self.took)
    }

    pub(crate) fn made(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(self.made))
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// Its objects, each once: two names may have the same content.
    pub(crate) fn digests(&self) -> BTreeSet<Digest> {
        self.objects.values().map(|object| object.digest).collect()
    }

    /// The SHA-256 of its objects and of all below it: what is the same whoever made it. Nothing
    /// stands on itself, for no SHA-256 can be found that is made of itself.
    pub(crate) fn identity(&self) -> Digest {
        let mut text = String::from("entry 1\n");
        for (name, object) in &self.objects {
            let _ = writeln!(text, "object {name} {} {}", object.digest, object.size);
        }
        for footing in &self.stands_on {
            let _ = writeln!(text, "stands on {} {}", footing.key, footing.identity);
        }
        Digest::of(text.as_bytes())
    }

    /// What is written of it; why it cannot be, as a sentence part.
    pub(crate) fn to_bytes(&self, key: &Key) -> Result<Vec<u8>, String> {
        seal(&key.to_string(), self)
    }

    /// What was written; why it is not that, as a sentence part.
    pub(crate) fn parse(key: &Key, bytes: &[u8]) -> Result<Self, String> {
        let record: Self = unseal(&key.to_string(), bytes)?;
        match record.objects.keys().find_map(|name| wrong_in_name(name)) {
            Some(why) => Err(format!("an object of it has no name: {why}")),
            None => Ok(record),
        }
    }
}

/// The most bytes of an object's name.
const LONGEST: usize = 64;

/// Why no object can have that name, as a sentence part.
pub(crate) fn wrong_in_name(name: &str) -> Option<&'static str> {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    if name.is_empty() || name.len() > LONGEST {
        Some("it has to have from 1 to 64 characters")
    } else if name.starts_with('.') {
        Some("it cannot begin with `.`")
    } else if !name.bytes().all(known) {
        Some("only `a` to `z`, digits, `-`, `_` and `.` can be in it")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> (Key, Record) {
        let object = Object { digest: Digest::of(b"content"), size: 7 };
        let footing = Footing { key: Key::new(Digest::of(b"below")), identity: Digest::of(b"it") };
        let note = serde_json::json!({"packages": ["bash"], "epoch": 1});
        let objects = [("pack".to_owned(), object)].into();
        let record = Record::new(objects, vec![footing], note, Duration::from_millis(1234));
        (Key::new(Digest::of(b"key")), record)
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_belongs_to_its_key() {
        let (key, record) = record();
        let bytes = record.to_bytes(&key).unwrap();
        assert_eq!(Record::parse(&key, &bytes).unwrap(), record);
        assert!(Record::parse(&Key::new(Digest::of(b"other")), &bytes).is_err());
        assert_eq!(record.took(), Duration::from_millis(1234));
        assert!(record.made() > SystemTime::UNIX_EPOCH);
    }

    #[test]
    fn the_identity_is_of_what_it_holds_and_of_what_is_below() {
        let (_, record) = record();
        let mut other = record.clone();
        other.note = Value::Null;
        other.took = 1;
        other.made = 1;
        assert_eq!(other.identity(), record.identity());
        let changes: [fn(&mut Record); 4] = [
            |record| record.objects.clear(),
            |record| record.stands_on.clear(),
            |record| record.stands_on[0].identity = Digest::of(b"another"),
            |record| record.objects.get_mut("pack").unwrap().digest = Digest::of(b"another"),
        ];
        for change in changes {
            let mut other = record.clone();
            change(&mut other);
            assert_ne!(other.identity(), record.identity(), "{other:?}");
        }
        // Pinned: with another one no entry of an old store has anything to stand on.
        let empty = Record::new(BTreeMap::new(), vec![], Value::Null, Duration::ZERO);
        assert_eq!(empty.identity(), Digest::of(b"entry 1\n"));
    }

    #[test]
    fn a_record_with_a_name_that_leads_elsewhere_is_none() {
        let (key, mut record) = record();
        for name in ["", "..", "../up", "A", "a/b", &"x".repeat(65)] {
            let object = Object { digest: Digest::of(b""), size: 0 };
            record.objects = [(name.to_owned(), object)].into();
            let bytes = record.to_bytes(&key).unwrap();
            assert!(Record::parse(&key, &bytes).unwrap_err().contains("no name"), "{name:?}");
        }
    }

    #[test]
    fn whatever_is_in_a_record_is_read_or_refused() {
        let key = Key::new(Digest::of(b"key"));
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"objects":{},"stands_on":[],"note":null,"took":1}"#,
            r#"{"objects":{},"stands_on":[],"note":null,"took":-1,"made":1}"#,
            r#"{"objects":{},"stands_on":["x"],"note":null,"took":1,"made":1}"#,
            r#"{"objects":{},"stands_on":[],"note":null,"took":1,"made":1,"more":1}"#,
            &"[".repeat(100_000),
        ] {
            let sealed = Digest::of(format!("{key}\n{body}").as_bytes());
            let bytes = format!("{sealed}\n{body}");
            let why = Record::parse(&key, bytes.as_bytes()).unwrap_err();
            assert!(why.contains("cannot be read"), "{body}: {why}");
        }
        // The largest number of seconds is no time, and breaks nothing.
        let body = format!(
            r#"{{"objects":{{}},"stands_on":[],"note":null,"took":{0},"made":{0}}}"#,
            u64::MAX
        );
        let sealed = Digest::of(format!("{key}\n{body}").as_bytes());
        let record = Record::parse(&key, format!("{sealed}\n{body}").as_bytes()).unwrap();
        assert_eq!(record.made(), SystemTime::UNIX_EPOCH);
        assert_eq!(record.took(), Duration::from_millis(u64::MAX));
    }
}
