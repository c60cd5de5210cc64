//! What a collection takes, in which order, and what it does not.

use std::fs;
use std::time::Duration;

use dibhost_layers::store::{Kept, Policy, Why};

use crate::common::{Folder, commit, folder, key, set_age, try_commit};

const ALL: Policy =
    Policy { most_bytes: Some(0), oldest: None, min_free: None, useless: None, dry_run: false };

fn removed(folder: &Folder, policy: &Policy, names: &[&'static str]) -> Vec<&'static str> {
    let collected = folder.store.gc(policy).unwrap();
    let name = |key_of| names.iter().copied().find(|name| key(name) == key_of).unwrap();
    collected.removed.iter().map(|removed| name(removed.key)).collect()
}

/// Two chains on one base, and one alone.
fn forest() -> Folder {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let base = commit(&lease, "base", &[]);
    let left = commit(&lease, "left", &[&base]);
    commit(&lease, "right", &[&base]);
    commit(&lease, "top", &[&left]);
    commit(&lease, "alone", &[]);
    for (name, age) in [("base", 900), ("left", 800), ("alone", 600), ("top", 500), ("right", 100)]
    {
        folder.age(name, age);
    }
    folder
}

const NAMES: [&str; 5] = ["base", "left", "right", "top", "alone"];

#[test]
fn nothing_is_taken_that_was_not_asked_for() {
    let folder = forest();
    // Not even what nobody can use.
    fs::write(folder.record("alone"), "broken").unwrap();
    let before = folder.state();
    let collected = folder.store.gc(&Policy::default()).unwrap();
    assert_eq!((collected.removed, collected.objects), (vec![], vec![]));
    assert_eq!(folder.state(), before);
    assert_eq!(collected.before, collected.after);
    let kept = |name: &str| &collected.kept.iter().find(|(k, _)| *k == key(name)).unwrap().1;
    assert_eq!(*kept("top"), Kept::Within);
    assert_eq!(*kept("left"), Kept::StoodOn(key("top")));
}

#[test]
fn the_least_recently_used_goes_first_and_a_base_after_all_that_stand_on_it() {
    let order = ["alone", "top", "left", "right", "base"];
    let folder = forest();
    assert_eq!(removed(&folder, &ALL, &NAMES), order);
    assert_eq!(folder.having(&NAMES), [""; 0]);
    assert_eq!(folder.verify().orphans, []);
    assert!(fs::read_dir(folder.at("keys")).unwrap().next().is_none());

    // No more than has to.
    for taken in 0..=order.len() {
        let folder = forest();
        let listed = folder.store.list().unwrap();
        let bytes = |names: &[&str]| {
            let of = |name: &&str| listed.iter().find(|l| l.key == key(name)).unwrap().own;
            names.iter().map(of).sum::<u64>()
        };
        let policy = Policy { most_bytes: Some(bytes(&order[taken..])), ..ALL };
        let collected = folder.store.gc(&policy).unwrap();
        assert_eq!(collected.removed.len(), taken);
        assert_eq!(collected.after, bytes(&order[taken..]));
        let freed: u64 = collected.removed.iter().map(|removed| removed.bytes).sum();
        assert_eq!(freed, bytes(&order[..taken]));
        let mut left = folder.having(&NAMES);
        left.retain(|name| order[..taken].contains(name));
        assert_eq!(left, [""; 0]);
    }
}

#[test]
fn what_is_asked_for_is_used() {
    let folder = forest();
    let lease = folder.store.lease().unwrap();
    // With what it stands on.
    lease.get(&key("top")).unwrap();
    drop(lease);
    let used = |name: &str| fs::metadata(folder.record(name)).unwrap().modified().unwrap();
    for name in ["base", "left", "top"] {
        assert!(used(name).elapsed().unwrap() < Duration::from_secs(50), "{name}");
    }
    assert_eq!(removed(&folder, &ALL, &NAMES), ["alone", "right", "top", "left", "base"]);
}

#[test]
fn what_is_too_old_goes_but_not_what_younger_ones_stand_on() {
    let folder = forest();
    let policy = Policy { most_bytes: None, oldest: Some(Duration::from_secs(550)), ..ALL };
    let collected = folder.store.gc(&policy).unwrap();
    assert_eq!(collected.removed.len(), 1);
    assert_eq!(collected.removed[0].key, key("alone"));
    assert!(matches!(collected.removed[0].why, Why::Unused(age) if age.as_secs() / 10 == 60));
    assert_eq!(folder.having(&NAMES), ["base", "left", "right", "top"]);
    folder.age("top", 560);
    assert_eq!(removed(&folder, &policy, &NAMES), ["top", "left"]);
}

#[test]
fn room_is_made_where_there_is_none() {
    let folder = forest();
    let none = Policy { most_bytes: None, min_free: Some(1), ..ALL };
    assert_eq!(removed(&folder, &none, &NAMES), [""; 0]);
    let much = Policy { most_bytes: None, min_free: Some(u64::MAX), ..ALL };
    let collected = folder.store.gc(&much).unwrap();
    assert_eq!(collected.removed.len(), 5);
    assert!(matches!(collected.removed[0].why, Why::Free(_)));
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let folder = forest();
    fs::write(folder.at("drafts/left"), "half").unwrap();
    fs::write(folder.at("leases/left"), "").unwrap();
    let before = folder.state();
    let dry = folder.store.gc(&Policy { dry_run: true, ..ALL }).unwrap();
    assert_eq!(folder.state(), before);
    assert_eq!(dry.after, 0);
    assert_eq!(folder.store.gc(&ALL).unwrap(), dry);
    // What killed builds left goes with the rest.
    assert_eq!(folder.state().len(), 2, "the lock and the version");
}

#[test]
fn roots_hold_the_last_outputs_with_all_that_they_stand_on() {
    let folder = forest();
    let held = || {
        let collected = folder.store.gc(&Policy { dry_run: true, ..ALL }).unwrap();
        let mut held: Vec<&str> = NAMES.to_vec();
        held.retain(|name| !collected.removed.iter().any(|removed| removed.key == key(name)));
        held
    };
    folder.store.set_root("image", [key("top")], 2).unwrap();
    assert_eq!(held(), ["base", "left", "top"]);
    folder.store.set_root("image", [key("right")], 2).unwrap();
    assert_eq!(held(), ["base", "left", "right", "top"]);
    // The same again is no other output.
    folder.store.set_root("image", [key("right")], 2).unwrap();
    assert_eq!(held(), ["base", "left", "right", "top"]);
    folder.store.set_root("image", [key("alone"), key("not there")], 2).unwrap();
    assert_eq!(held(), ["base", "right", "alone"]);
    folder.store.set_root("other", [key("top")], 1).unwrap();
    assert_eq!(held(), NAMES);
    folder.store.set_root("image", [], 0).unwrap();
    assert_eq!(held(), ["base", "left", "top"]);
    assert!(matches!(
        &folder.store.gc(&ALL).unwrap().kept[..],
        [(_, Kept::Held(_)), (_, Kept::Held(_)), (_, Kept::Held(_))]
    ));
    assert_eq!(folder.having(&NAMES), ["base", "left", "top"]);
    // By hand it goes all the same.
    assert_eq!(folder.store.remove(&key("base")).unwrap().len(), 3);
    assert_eq!(folder.having(&NAMES), [""; 0]);
}

#[test]
fn outputs_that_are_set_at_once_are_all_held() {
    let folder = forest();
    std::thread::scope(|scope| {
        for name in NAMES {
            let folder = &folder;
            scope.spawn(move || {
                for n in 0..10 {
                    let keys = [key(name), key(&n.to_string())];
                    folder.store.set_root("image", keys, 50).unwrap();
                }
            });
        }
    });
    let root = fs::read_dir(folder.at("roots")).unwrap().next().unwrap().unwrap();
    let text = fs::read_to_string(root.path()).unwrap();
    for name in NAMES {
        assert_eq!(text.matches(&key(name).to_string()).count(), 10, "{name}");
    }
}

#[test]
fn what_nobody_can_use_goes_first() {
    let folder = forest();
    // Two entries that are broken, one of them by its object, and an object of no entry.
    fs::write(folder.record("top"), "broken").unwrap();
    fs::remove_file(folder.object(b"alone")).unwrap();
    folder.age("top", 10);
    set_age(&folder.object(b"top"), 10);
    let useless =
        |seconds| Policy { most_bytes: None, useless: Some(Duration::from_secs(seconds)), ..ALL };
    assert_eq!(removed(&folder, &useless(60), &NAMES), ["alone"]);
    let collected = folder.store.gc(&useless(5)).unwrap();
    assert_eq!(collected.removed.len(), 1);
    assert_eq!(collected.objects.len(), 1);
    assert_eq!(collected.objects[0].bytes, 3);
    assert!(matches!(collected.objects[0].why, Why::Useless(_)));
    assert!(!folder.object(b"top").exists());
    assert_eq!(folder.having(&NAMES), ["base", "left", "right"]);
    let verified = folder.verify();
    assert_eq!((verified.bad, verified.orphans), (vec![], vec![]));
    // Where there is too much, it goes before what can be used.
    fs::write(folder.record("right"), "broken").unwrap();
    let before = folder.store.gc(&Policy::default()).unwrap().before;
    let fewer = Policy { most_bytes: Some(before - 1), ..ALL };
    let collected = folder.store.gc(&fewer).unwrap();
    assert_eq!((collected.removed.len(), collected.objects.len()), (0, 1), "{collected:?}");
    assert_eq!(
        removed(&folder, &Policy { most_bytes: Some(before - 6), ..ALL }, &NAMES),
        ["right"]
    );
}

#[test]
fn entries_that_others_share_objects_with_free_only_their_own() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let shared: &[u8] = &[1; 5000];
    let objects = |own: &'static [u8]| [("pack", shared), ("own", own)];
    try_commit(&lease, "one", &[], &objects(b"1"));
    try_commit(&lease, "two", &[], &objects(b"2"));
    drop(lease);
    folder.age("one", 100);
    let policy = Policy { most_bytes: Some(5500), ..ALL };
    let collected = folder.store.gc(&policy).unwrap();
    assert_eq!(collected.removed.len(), 1);
    assert!(collected.removed[0].bytes < 1000, "{collected:?}");
    assert!(folder.object(shared).exists());
    assert!(folder.store.gc(&ALL).unwrap().removed[0].bytes > 5000);
    assert!(!folder.object(shared).exists());
}
