//! What a running build uses stays; what a dead one used does not.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dibhost_layers::store::{Policy, StoreError};

use crate::common::{commit, folder, here, key, open};

const ALL: Policy =
    Policy { most_bytes: Some(0), oldest: None, min_free: None, useless: None, dry_run: false };
const NAMES: [&str; 4] = ["base", "upper", "top", "other"];

#[test]
fn a_lease_holds_what_was_found_and_made_with_all_that_it_stands_on() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let base = commit(&lease, "base", &[]);
    let upper = commit(&lease, "upper", &[&base]);
    commit(&lease, "top", &[&upper]);
    commit(&lease, "other", &[]);
    // Made.
    folder.store.gc(&ALL).unwrap();
    assert_eq!(folder.having(&NAMES), NAMES);
    drop((lease, base, upper));
    // Found, by another process's store.
    let lease = open(folder.store.path()).lease().unwrap();
    let entry = here(lease.get(&key("upper")).unwrap());
    folder.store.gc(&ALL).unwrap();
    assert_eq!(folder.having(&NAMES), ["base", "upper"]);
    let refused = folder.store.remove(&key("base"));
    assert!(matches!(refused, Err(StoreError::InUse { .. })), "{refused:?}");
    // An entry that somebody has still keeps it.
    drop(lease);
    folder.store.gc(&ALL).unwrap();
    assert_eq!(folder.having(&NAMES), ["base", "upper"]);
    assert_eq!(entry.read("pack", 9).unwrap(), b"upper");
    drop(entry);
    folder.store.gc(&ALL).unwrap();
    assert_eq!(folder.having(&NAMES), [""; 0]);
    assert_eq!(fs::read_dir(folder.at("leases")).unwrap().count(), 0);
}

#[test]
fn a_commit_that_finds_its_key_holds_it() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let base = commit(&lease, "base", &[]);
    commit(&lease, "upper", &[&base]);
    let second = folder.store.lease().unwrap();
    commit(&second, "upper", &[&base]);
    drop((lease, base));
    folder.store.gc(&ALL).unwrap();
    assert_eq!(folder.having(&NAMES), ["base", "upper"]);
    drop(second);
}

#[test]
fn a_collection_takes_nothing_that_is_held_not_even_what_is_broken() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let base = commit(&lease, "base", &[]);
    commit(&lease, "upper", &[&base]);
    fs::remove_file(folder.object(b"base")).unwrap();
    folder.store.gc(&Policy { useless: Some(Duration::ZERO), ..ALL }).unwrap();
    assert_eq!(folder.having(&NAMES), ["base", "upper"]);
    drop((lease, base));
    folder.store.gc(&ALL).unwrap();
    assert_eq!(folder.having(&NAMES), [""; 0]);
}

/// Another process that holds an entry and a claim until it is killed.
fn holder(folder: &crate::common::Folder) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "held::child"]).env("DIBHOST_TEST_HOLD", folder.store.path());
    let child = child.stdout(Stdio::null()).spawn().unwrap();
    let (ready, begun) = (folder.top.path().join("ready"), Instant::now());
    while !ready.exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the child does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn child() {
    let Some(path) = std::env::var_os("DIBHOST_TEST_HOLD") else { return };
    let store = open(path.as_ref());
    let lease = store.lease().unwrap();
    let _entry = here(lease.get(&key("upper")).unwrap());
    let _claim = store.claim(&key("other")).unwrap();
    let mut writing = lease.begin();
    writing.file("pack").unwrap();
    fs::write(store.path().parent().unwrap().join("ready"), "").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_killed_build_holds_nothing() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let base = commit(&lease, "base", &[]);
    commit(&lease, "upper", &[&base]);
    drop((lease, base));
    let mut child = holder(&folder);
    folder.store.gc(&ALL).unwrap();
    open(folder.store.path());
    assert_eq!(folder.having(&NAMES), ["base", "upper"]);
    assert!(folder.store.try_claim(&key("other")).unwrap().is_none());
    let count = |name: &str| fs::read_dir(folder.at(name)).unwrap().count();
    assert_eq!(["leases", "claims", "drafts"].map(count), [1, 1, 1]);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(folder.store.try_claim(&key("other")).unwrap().is_some());
    assert_eq!(["leases", "drafts"].map(count), [1, 1]);
    folder.store.gc(&ALL).unwrap();
    assert_eq!(folder.having(&NAMES), [""; 0]);
    assert_eq!(["leases", "claims", "drafts"].map(count), [0, 0, 0]);
}
