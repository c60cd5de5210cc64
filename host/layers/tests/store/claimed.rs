//! One makes what many want.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dibhost_layers::store::{Found, Store, StoreError};
use dibhost_sys::Cancel;

use crate::common::{commit, folder, here, key, open};

#[test]
fn the_second_waits_and_finds_what_the_first_made() {
    let folder = folder();
    let made = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let store = open(folder.store.path());
                let lease = store.lease().unwrap();
                let claim = store.claim(&key("one")).unwrap();
                assert_eq!(*claim.key(), key("one"));
                if let Found::Here(entry) = lease.get(&key("one")).unwrap() {
                    assert_eq!(entry.read("pack", 9).unwrap(), b"one");
                } else {
                    made.fetch_add(1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(50));
                    commit(&lease, "one", &[]);
                }
            });
        }
    });
    assert_eq!(made.into_inner(), 1);
    assert_eq!(std::fs::read_dir(folder.at("claims")).unwrap().count(), 0);
}

#[test]
fn claims_of_other_keys_are_in_nobodys_way_and_one_that_is_taken_is_told() {
    let folder = folder();
    let first = folder.store.claim(&key("one")).unwrap();
    let _second = folder.store.claim(&key("two")).unwrap();
    assert!(folder.store.try_claim(&key("one")).unwrap().is_none());
    drop(first);
    assert!(folder.store.try_claim(&key("one")).unwrap().is_some());
}

#[test]
fn a_cancelled_build_does_not_wait() {
    let folder = folder();
    let _claim = folder.store.claim(&key("one")).unwrap();
    let cancel = Cancel::new();
    let waiting = Store::open(folder.store.path(), &cancel).unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| waiting.claim(&key("one")));
        std::thread::sleep(Duration::from_millis(100));
        assert!(!waiter.is_finished());
        cancel.cancel();
        assert!(matches!(waiter.join().unwrap(), Err(StoreError::Cancelled)));
    });
    assert!(begun.elapsed() < Duration::from_secs(5));
    // What it need not wait for it does still: a lease is dropped, an entry is read.
    let lease = waiting.lease().unwrap();
    commit(&folder.store.lease().unwrap(), "two", &[]);
    here(lease.get(&key("two")).unwrap());
}
