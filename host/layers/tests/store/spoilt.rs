//! What was changed behind the store's back is never taken for good.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use dibhost_layers::store::{Committed, Found, StoreError, What};

use crate::common::{absent, commit, dropped, folder, here, key, try_commit};

fn overwrite(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn no_byte_of_a_record_can_be_another() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    commit(&lease, "one", &[]);
    let good = fs::read(folder.record("one")).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(folder.record("one"), &bad).unwrap();
        let dropped = dropped(lease.get(&key("one")).unwrap());
        assert_eq!(dropped.len(), 1);
        assert!(dropped[0].why.contains("its record is broken"), "{at}: {dropped:?}");
        assert!(!folder.has("one"), "{at}: it stays");
    }
    assert!(absent(&lease.get(&key("one")).unwrap()));
}

#[test]
fn no_byte_of_an_object_can_be_another() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let content = b"forty bytes that are what they have been";
    for at in 0..content.len() {
        let base = commit(&lease, "base", &[]);
        let objects: [(&str, &[u8]); 2] = [("manifest", b"m"), ("pack", content)];
        let Committed::Kept(_) = try_commit(&lease, "one", &[&base], &objects) else { panic!() };
        let one = here(lease.get(&key("one")).unwrap());
        commit(&lease, "upper", &[&one]);
        let mut bad = content.to_vec();
        bad[at] ^= 1 << (at % 8);
        overwrite(&folder.object(content), &bad);
        // Half of the times it is noticed when it is read, half of the times when all is verified.
        if at % 2 == 0 {
            let one = here(lease.get(&key("one")).unwrap());
            let error = one.read("pack", 99).unwrap_err();
            assert!(matches!(error, StoreError::Spoilt { .. }), "{error}");
        } else {
            let bad = folder.verify().bad;
            assert!(matches!(bad[0].what, What::Object(_)), "{bad:?}");
            assert!(bad[0].why.contains("its SHA-256 is"), "{bad:?}");
            assert_eq!(bad.len(), 3);
        }
        assert_eq!(folder.having(&["base", "one", "upper"]), ["base"], "{at}");
        assert!(!folder.object(content).exists(), "{at}: the object stays");
        assert!(folder.object(b"base").exists());
        assert_eq!(folder.verify().bad, []);
    }
}

#[test]
fn an_object_that_is_not_what_it_was_drops_its_entry_and_what_stands_on_it() {
    type Spoil<'a> = &'a dyn Fn(&Path);
    let spoil: [(Spoil<'_>, &str); 6] = [
        (&|path| fs::remove_file(path).unwrap(), "is missing"),
        (&|path| overwrite(path, b"bas"), "has 3 bytes instead of 4"),
        (&|path| overwrite(path, b"based"), "has 5 bytes instead of 4"),
        (&|path| overwrite(path, b""), "has 0 bytes instead of 4"),
        (
            &|path| {
                fs::remove_file(path).unwrap();
                fs::create_dir_all(path.join("full")).unwrap();
            },
            "no regular file",
        ),
        (
            &|path| {
                fs::remove_file(path).unwrap();
                symlink("/etc/passwd", path).unwrap();
            },
            "no regular file",
        ),
    ];
    for (spoil, told) in spoil {
        let folder = folder();
        let lease = folder.store.lease().unwrap();
        let base = commit(&lease, "base", &[]);
        let upper = commit(&lease, "upper", &[&base]);
        commit(&lease, "other", &[]);
        spoil(&folder.object(b"base"));
        let error = base.open("pack");
        assert!(matches!(error, Err(StoreError::Spoilt { .. })), "{error:?}");
        assert_eq!(folder.having(&["base", "upper", "other"]), ["other"], "{told}");

        let base = commit(&lease, "base", &[]);
        commit(&lease, "upper", &[&base]);
        spoil(&folder.object(b"base"));
        let dropped = dropped(lease.get(&key("upper")).unwrap());
        assert_eq!(dropped[0].key, key("upper"));
        assert!(dropped[0].why.contains("it stands on"), "{dropped:?}");
        let why = &dropped[1].why;
        // What is no file is missing where all objects are looked at.
        assert!(why.contains(told) || why.contains("is missing"), "{told}: {dropped:?}");
        assert_eq!(folder.having(&["base", "upper", "other"]), ["other"], "{told}");
        // It can be made again, whatever lies there.
        let base = commit(&lease, "base", &[]);
        assert_eq!(base.read("pack", 9).unwrap(), b"base");
        assert!(upper.read("pack", 9).is_err() || folder.object(b"upper").exists());
        let strays = folder.verify().bad;
        assert_eq!(strays, [], "{told}");
    }
}

#[test]
fn a_reader_that_found_something_wrong_has_it_dropped() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let one = commit(&lease, "one", &[]);
    commit(&lease, "upper", &[&one]);
    let again = here(lease.get(&key("one")).unwrap());
    let dropped = one.spoilt("pack", "it has no end").unwrap();
    assert_eq!(dropped.len(), 2);
    let why = &dropped.iter().find(|dropped| dropped.key == key("one")).unwrap().why;
    assert_eq!(why, "its object `pack` is spoilt: it has no end");
    assert_eq!(folder.having(&["one", "upper"]), [""; 0]);
    assert!(!folder.object(b"one").exists());
    // What was made in its place meanwhile is another one.
    try_commit(&lease, "one", &[], &[("pack", b"another")]);
    assert_eq!(again.spoilt("pack", "it has no end").unwrap(), []);
    assert!(folder.has("one"));
}

#[test]
fn who_shares_a_spoilt_object_is_dropped_too_and_a_commit_puts_it_right() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let content: &[u8] = b"shared";
    try_commit(&lease, "one", &[], &[("pack", content)]);
    try_commit(&lease, "two", &[], &[("pack", content)]);
    overwrite(&folder.object(content), b"sharec");
    // The same contents again.
    let Committed::Kept(three) = try_commit(&lease, "three", &[], &[("pack", content)]) else {
        panic!()
    };
    assert_eq!(three.read("pack", 9).unwrap(), content);
    overwrite(&folder.object(content), b"sharec");
    let Committed::Kept(one) = try_commit(&lease, "one", &[], &[("pack", content)]) else {
        panic!()
    };
    assert_eq!(one.read("pack", 9).unwrap(), content);
    overwrite(&folder.object(content), b"sharec");
    assert!(one.read("pack", 9).is_err());
    assert_eq!(folder.having(&["one", "two", "three"]), [""; 0]);
}

#[test]
fn a_missing_base_drops_what_stands_on_it() {
    let folder = folder();
    let lease = folder.store.lease().unwrap();
    let base = commit(&lease, "base", &[]);
    let middle = commit(&lease, "middle", &[&base]);
    commit(&lease, "top", &[&middle]);
    fs::remove_file(folder.record("base")).unwrap();
    let Found::Dropped(dropped) = lease.get(&key("top")).unwrap() else { panic!() };
    let keys: Vec<_> = dropped.iter().map(|dropped| dropped.key).collect();
    assert_eq!(keys, [key("top"), key("middle")]);
    assert!(dropped[1].why.contains("which is not there"), "{dropped:?}");
    assert!(!folder.object(b"top").exists() && !folder.object(b"middle").exists());
    // The base's is an object of no entry: the record that named it is gone.
    assert_eq!(folder.verify().orphans.len(), 1);
}
