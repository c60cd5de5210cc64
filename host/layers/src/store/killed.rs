//! A process that is killed before any one of the changes that it makes to a store.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dibhost_sys::Cancel;
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;

use super::{Committed, Digest, Entry, Found, Key, Lease, Policy, Store};

/// Where the child works, and how many changes it lives for.
const STORE: &str = "DIBHOST_TEST_STORE";
const CHANGES: &str = "DIBHOST_TEST_CHANGES";

/// Kills the process before the change that a test asks for.
pub(super) fn before_change() {
    let left = LEFT.load(Ordering::SeqCst);
    if left > 0 && LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
        kill_process(getpid(), Signal::KILL).unwrap();
    }
}

static LEFT: AtomicU64 = AtomicU64::new(0);

/// By its key the base comes before what stands on it, and has to go after it.
fn key(name: &str) -> Key {
    Key::new(Digest::new([name.as_bytes()[0]; 32]))
}

fn commit(lease: &Lease, name: &str, on: &[&Entry]) -> Entry {
    let mut writing = lease.begin();
    writing.file("manifest").unwrap().write_all(name.as_bytes()).unwrap();
    writing.file("pack").unwrap().write_all(b"the same in all").unwrap();
    match writing.commit(&key(name), on, Value::Null, Duration::ZERO).unwrap() {
        Committed::Kept(entry) => entry,
        Committed::Other(_) => panic!("another one is there"),
    }
}

/// Everything that changes a store, once.
fn work(store: &Store) {
    let lease = store.lease().unwrap();
    let base = commit(&lease, "base", &[]);
    let upper = commit(&lease, "upper", &[&base]);
    store.set_root("image", [*upper.key()], 1).unwrap();
    drop(store.claim(&key("upper")).unwrap());
    drop((lease, base, upper));
    store.set_root("image", [], 0).unwrap();
    let all = Policy { most_bytes: Some(0), ..Policy::default() };
    assert_eq!(store.gc(&all).unwrap().removed.len(), 2);
    let lease = store.lease().unwrap();
    let base = commit(&lease, "base", &[]);
    commit(&lease, "upper", &[&base]).spoilt("manifest", "a test says so").unwrap();
}

#[test]
fn child() {
    let Ok(path) = std::env::var(STORE) else { return };
    LEFT.store(std::env::var(CHANGES).unwrap().parse().unwrap(), Ordering::SeqCst);
    work(&Store::open(Path::new(&path), &Cancel::new()).unwrap());
    LEFT.store(0, Ordering::SeqCst);
}

/// Lets a child live for so many changes; whether it came to its end.
fn live(path: &Path, changes: u64) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "store::killed::child"]).env(STORE, path);
    let output = child.env(CHANGES, changes.to_string()).output().unwrap();
    let killed = output.status.to_string().contains("signal: 9");
    assert!(killed || output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    !killed
}

#[test]
fn a_process_can_be_killed_before_any_change_and_nothing_is_half_there() {
    // In memory, where there is some: nothing is waited for.
    let memory = Some(Path::new("/dev/shm")).filter(|path| path.is_dir());
    let top = memory.map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
    let (mut changes, mut seen, mut orphans) = (1, [0; 3], 0);
    loop {
        let path = top.path().join(changes.to_string());
        if live(&path, changes) {
            break;
        }
        let store = Store::open(&path, &Cancel::new()).unwrap();
        for folder in ["drafts", "leases", "claims"] {
            let left = fs::read_dir(path.join(folder)).unwrap().count();
            assert_eq!(left, 0, "{folder} after {changes} changes");
        }
        let verified = store.verify(&mut |_| {}, &Cancel::new()).unwrap();
        assert_eq!(verified.bad, [], "after {changes} changes");
        orphans += verified.orphans.len();
        let lease = store.lease().unwrap();
        let mut there = 0;
        for name in ["base", "upper"] {
            match lease.get(&key(name)).unwrap() {
                Found::Here(entry) => {
                    assert_eq!(entry.read("manifest", 99).unwrap(), name.as_bytes());
                    assert_eq!(entry.read("pack", 99).unwrap(), b"the same in all");
                    there += 1;
                }
                Found::Absent => {}
                Found::Dropped(dropped) => panic!("after {changes} changes: {dropped:?}"),
            }
        }
        seen[there] += 1;
        // What was left is in nobody's way.
        drop(lease);
        store.set_root("image", [], 0).unwrap();
        let useless = Some(Duration::ZERO);
        store.gc(&Policy { most_bytes: Some(0), useless, ..Policy::default() }).unwrap();
        assert_eq!(store.verify(&mut |_| {}, &Cancel::new()).unwrap().orphans, []);
        changes += 1;
    }
    assert!(seen.iter().all(|seen| *seen > 3) && orphans > 3, "{changes} {seen:?} {orphans}");
}
