//! A folder in which somebody put what no store has.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::time::Duration;

use dibhost_layers::store::{Policy, StoreError, What};

use crate::common::{commit, dropped, folder, here, key};

#[test]
fn what_no_store_has_is_told_of_and_nothing_outside_is_touched() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    commit(&lease, "good", &[]);
    let outside = folder.top.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("letter"), "dear").unwrap();
    fs::write(outside.join(key("linked").to_string()), "dear").unwrap();

    File::create(folder.record("huge")).unwrap().set_len(1 << 30).unwrap();
    symlink(outside.join("letter"), folder.record("linked")).unwrap();
    symlink(&outside, folder.record("folder-link")).unwrap();
    fs::create_dir_all(folder.record("folder").join("full")).unwrap();
    fs::write(folder.record("text"), [0xff; 100]).unwrap();
    fs::write(folder.at("keys/no key"), "").unwrap();
    fs::create_dir(folder.at("keys/..no-key")).unwrap();
    symlink(&outside, folder.at("objects/ee")).unwrap();
    fs::write(folder.at("objects/file"), "").unwrap();
    fs::create_dir(folder.at("objects/ff")).unwrap();
    fs::write(folder.at("objects/ff/short"), "").unwrap();
    symlink(&outside, folder.at("leases/link")).unwrap();
    fs::create_dir(folder.at("leases/folder")).unwrap();
    symlink(&outside, folder.at("drafts/link")).unwrap();
    fs::create_dir(folder.at("claims").join(key("claimed").to_string())).unwrap();

    let bad = ["huge", "linked", "folder-link", "folder", "text"];
    assert_eq!(folder.store.list().unwrap().len(), 1);
    for name in bad {
        let dropped = dropped(lease.get(&key(name)).unwrap());
        assert_eq!(dropped[0].key, key(name));
        assert!(fs::symlink_metadata(folder.record(name)).is_err(), "{name} stays");
        // All were dropped with the first: each comes again.
        File::create(folder.record(name)).unwrap().set_len(1 << 30).unwrap();
        let next = bad.iter().position(|other| *other == name).unwrap() + 1;
        for again in bad.iter().skip(next) {
            fs::create_dir_all(folder.record(again)).unwrap();
        }
    }
    drop(folder.store.claim(&key("claimed")).unwrap());
    let verified = folder.verify();
    let strays: Vec<_> = verified
        .bad
        .iter()
        .filter_map(|bad| match &bad.what {
            What::Stray(path) => Some(path.as_str()),
            _ => None,
        })
        .collect();
    let expected =
        ["keys/..no-key", "keys/no key", "objects/ee", "objects/ff/short", "objects/file"];
    assert_eq!(strays, expected);
    let all = Policy {
        most_bytes: Some(0),
        oldest: Some(Duration::ZERO),
        min_free: Some(u64::MAX),
        useless: Some(Duration::ZERO),
        dry_run: false,
    };
    folder.store.gc(&all).unwrap();
    folder.store.remove(&key("folder")).unwrap();
    here(lease.get(&key("good")).unwrap());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 2);
    assert_eq!(fs::read_to_string(outside.join("letter")).unwrap(), "dear");
}

#[test]
fn a_root_that_cannot_be_read_makes_nothing_garbage() {
    let folder = folder();
    commit(&folder.store.lease().unwrap(), "one", &[]);
    folder.store.set_root("image", [key("one")], 1).unwrap();
    let root = fs::read_dir(folder.at("roots")).unwrap().next().unwrap().unwrap().path();
    let good = fs::read(&root).unwrap();
    let all = Policy { most_bytes: Some(0), ..Policy::default() };
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&root, bad).unwrap();
        let error = folder.store.gc(&all).unwrap_err();
        assert!(matches!(error, StoreError::Doubt { .. }), "{at}: {error}");
        assert!(error.help().unwrap().contains("verify"));
    }
    // It is whole again when the image is built again.
    folder.store.set_root("image", [key("one")], 1).unwrap();
    assert_eq!(folder.store.gc(&all).unwrap().removed, []);
    fs::write(&root, "broken").unwrap();
    let bad = folder.verify().bad;
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0].what, What::Root("image".to_owned()));
    assert_eq!(folder.store.gc(&all).unwrap().removed.len(), 1);
}

#[test]
fn a_name_of_a_root_leads_nowhere_else() {
    let folder = folder();
    for name in ["..", "/etc/passwd", ".", "a\nb", "ü", &"x".repeat(100)] {
        folder.store.set_root(name, [key(name)], 1).unwrap();
    }
    assert_eq!(fs::read_dir(folder.at("roots")).unwrap().count(), 6);
    for name in ["", &"x".repeat(101)] {
        let error = folder.store.set_root(name, [], 1).unwrap_err();
        assert!(matches!(error, StoreError::Name { .. }), "{error}");
    }
}
