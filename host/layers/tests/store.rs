//! The store, as whoever builds sees it: what is kept is found whole or not at all.

#[path = "store/claimed.rs"]
mod claimed;
#[path = "store/collected.rs"]
mod collected;
#[path = "store/common.rs"]
mod common;
#[path = "store/held.rs"]
mod held;
#[path = "store/hostile.rs"]
mod hostile;
#[path = "store/killed.rs"]
mod killed;
#[path = "store/spoilt.rs"]
mod spoilt;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};

use dibhost_layers::store::{Committed, Digest, Entry, Lease, StoreError};
use serde_json::{Value, json};

use common::{absent, commit, dropped, folder, here, key, open, try_commit};

#[test]
fn what_was_committed_is_found_by_its_key() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    assert!(absent(&lease.get(&key("upper")).unwrap()));
    let base = commit(&lease, "base", &[]);
    let objects: [(&str, &[u8]); 2] = [("manifest", b"names"), ("pack", &[7; 3_000_000])];
    let Committed::Kept(made) = try_commit(&lease, "upper", &[&base], &objects) else { panic!() };
    drop((lease, base));

    // Another process finds the same.
    let store = open(folder.store.path());
    let found = here(store.lease().unwrap().get(&key("upper")).unwrap());
    for entry in [&made, &found] {
        assert_eq!(*entry.key(), key("upper"));
        assert_eq!(entry.stands_on().collect::<Vec<_>>(), [&key("base")]);
        assert_eq!(entry.note(), &json!({"name": "upper"}));
        assert_eq!(entry.took(), Duration::from_millis(1500));
        assert!(entry.made().elapsed().unwrap() < Duration::from_secs(60));
        let sizes: Vec<_> = entry.objects().collect();
        assert_eq!(sizes, [("manifest", 5), ("pack", 3_000_000)]);
        assert_eq!(entry.digest("manifest").unwrap(), Digest::of(b"names"));
        assert_eq!(entry.read("pack", 3_000_000).unwrap(), [7; 3_000_000]);
        let mut text = String::new();
        let mut file = entry.open("manifest").unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "names");
        assert!(file.write_all(b"x").is_err());
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o444);
        assert!(matches!(entry.read("pack", 2_999_999), Err(StoreError::TooLarge { .. })));
        assert!(matches!(entry.read("none", 1), Err(StoreError::NoObject { .. })));
    }
    assert_eq!(folder.verify().bad, []);
    assert_eq!(fs::read_dir(folder.at("drafts")).unwrap().count(), 0);
}

#[test]
fn what_is_equal_is_kept_once() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let content = [1; 10_000];
    try_commit(&lease, "one", &[], &[("pack", &content), ("copy", &content), ("own", b"1")]);
    try_commit(&lease, "two", &[], &[("pack", &content), ("own", b"22")]);
    let files = |state: Vec<_>| {
        state
            .into_iter()
            .filter(|p: &std::path::PathBuf| p.to_string_lossy().contains("/objects/"))
            .count()
    };
    assert_eq!(files(folder.state().into_keys().collect()), 3);
    let listed = folder.store.list().unwrap();
    for (name, own) in [("one", 1), ("two", 2)] {
        let entry = listed.iter().find(|listed| listed.key == key(name)).unwrap();
        let record = fs::metadata(folder.record(name)).unwrap().len();
        assert_eq!((entry.own, entry.shared), (own + record, 10_000), "{name}");
    }
    // The other's objects stay.
    folder.store.remove(&key("one")).unwrap_err();
    drop(lease);
    folder.store.remove(&key("one")).unwrap();
    assert_eq!(files(folder.state().into_keys().collect()), 2);
    let lease = folder.store.lease().unwrap();
    assert_eq!(here(lease.get(&key("two")).unwrap()).read("pack", 10_000).unwrap(), content);
}

#[test]
fn a_key_that_is_there_keeps_what_it_leads_to() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    commit(&lease, "one", &[]);
    let again = try_commit(&lease, "one", &[], &[("pack", b"one")]);
    assert!(matches!(again, Committed::Kept(_)), "{again:?}");
    let Committed::Other(old) = try_commit(&lease, "one", &[], &[("pack", b"two")]) else {
        panic!("other contents took the place of those that others may stand on")
    };
    assert_eq!(old.read("pack", 9).unwrap(), b"one");
    assert!(!folder.object(b"two").exists());
    // What is broken gives way.
    fs::write(folder.record("one"), "broken").unwrap();
    let Committed::Kept(new) = try_commit(&lease, "one", &[], &[("pack", b"two")]) else {
        panic!("a broken entry stays")
    };
    assert_eq!(new.read("pack", 9).unwrap(), b"two");
    assert_eq!(folder.verify().bad, []);
}

#[test]
fn an_entry_stands_on_the_very_one_that_it_was_made_on() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let base = commit(&lease, "base", &[]);
    let upper = commit(&lease, "upper", &[&base]);
    commit(&lease, "top", &[&upper]);
    // Made anew as it was, it carries them still.
    fs::remove_file(folder.record("base")).unwrap();
    commit(&lease, "base", &[]);
    here(lease.get(&key("top")).unwrap());
    fs::remove_file(folder.record("base")).unwrap();
    try_commit(&lease, "base", &[], &[("pack", b"not as it was")]);
    let dropped = dropped(lease.get(&key("top")).unwrap());
    assert_eq!(dropped[0].key, key("top"));
    assert_eq!(dropped[1].key, key("upper"));
    assert!(dropped[1].why.contains("made anew, with other contents"), "{dropped:?}");
    assert_eq!(folder.having(&["base", "upper", "top"]), ["base"]);
    // Nor is anything committed on what is not there any more.
    let gone = |lease: &Lease, on: &Entry| {
        let result = lease.begin().commit(&key("top"), &[on], Value::Null, Duration::ZERO);
        assert!(matches!(result, Err(StoreError::Gone { .. })), "{result:?}");
        assert!(!folder.has("top"));
    };
    gone(&lease, &base);
    gone(&lease, &upper);
}

#[test]
fn what_is_not_committed_leaves_nothing() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let before = folder.state();
    let mut writing = lease.begin();
    writing.file("pack").unwrap().write_all(b"half").unwrap();
    writing.file("pack").unwrap().write_all(b" and whole").unwrap();
    for name in ["", "..", "a/b", "A", "\0"] {
        let named = writing.file(name);
        assert!(matches!(named, Err(StoreError::Name { .. })), "{name:?}");
    }
    drop(writing);
    let mut deep = Value::Null;
    for _ in 0..200 {
        deep = json!([deep]);
    }
    let refused = lease.begin().commit(&key("deep"), &[], deep, Duration::ZERO);
    assert!(matches!(refused, Err(StoreError::Note { .. })), "{refused:?}");
    assert_eq!(folder.state(), before);
}

#[test]
fn a_list_says_what_there_is_and_who_holds_it() {
    use dibhost_layers::store::Holder;
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let base = commit(&lease, "base", &[]);
    commit(&lease, "upper", &[&base]);
    commit(&lease, "broken", &[&base]);
    drop((base, lease));
    folder.store.set_root("an image / of mine", [key("upper")], 1).unwrap();
    fs::remove_file(folder.object(b"broken")).unwrap();
    folder.age("upper", 3600);
    let lease = folder.store.lease().unwrap();
    lease.get(&key("base")).unwrap();
    let listed = folder.store.list().unwrap();
    let told = |name: &str| listed.iter().find(|listed| listed.key == key(name)).unwrap();
    let root = Holder::Root("an image / of mine".to_owned());
    assert_eq!(told("base").held, [Holder::Build, root.clone()].into());
    assert_eq!(told("upper").held, [root].into());
    assert_eq!(told("broken").held, [].into());
    assert!(told("broken").wrong.as_ref().unwrap().contains("`pack` is missing"));
    assert_eq!(told("upper").stands_on, [key("base")]);
    assert_eq!(told("upper").note, json!({"name": "upper"}));
    let age = SystemTime::now().duration_since(told("upper").used).unwrap().as_secs();
    assert!((3600..3660).contains(&age), "{age}");
    assert_eq!(listed.len(), 3);
}
