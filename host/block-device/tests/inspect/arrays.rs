//! Arrays of which not all is there.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use dibhost_block_device::Size;

use crate::made::{Built, MIB, disk, driver, filesystem, partition, volume};
use crate::{gpt, group, mount, pv};

fn mirror(members: &[&str]) -> Built {
    let mut nodes: Vec<_> = members.iter().map(|name| disk(name, 512)).collect();
    nodes.extend([
        driver("mirror", members, "raid", r#"{"level": 1}"#),
        pv("pv", "mirror"),
        group("vg", &["pv"]),
        volume("root", "vg", Size::Bytes(32 * MIB), 1),
        filesystem("root-fs", "root", "ext4", Some("root")),
        mount("/", "root-fs"),
    ]);
    Built::new(nodes)
}

#[test]
fn a_mirror_is_read_through_the_members_that_are_there() {
    let built = mirror(&["one", "two", "three"]);
    built.reads_back();
    for (disks, note) in [
        (&["one"][..], "of its 3 members, 1 and 2 are not here: it is read through 0"),
        (&["three"], "of its 3 members, 0 and 1 are not here: it is read through 2"),
        (&["three", "one"], "of its 3 members, 1 is not here: it is read through 0 and 2"),
    ] {
        let given: Vec<_> = disks.iter().map(|disk| (*disk, Some(512))).collect();
        let found = built.inspect(&given, &[]);
        let text = found.to_text();
        assert!(!found.has_problems(), "{text}");
        assert_eq!(found.node("mirror").unwrap().notes[0], note);
        let root = &found.node("ext4-root").unwrap().facts;
        assert_eq!(root.label.as_deref(), Some("root"), "{text}");
        // A graph has mirrors of two or more.
        assert_eq!(found.graph().is_ok(), disks.len() > 1, "{text}");
    }
    // A disk and its copy: which of them counts?
    let found = built.inspect(&[("one", None), ("one", None)], &[]);
    let text = found.to_text();
    assert!(text.contains("a member is here twice: give each disk once"), "{text}");
    assert!(found.node("mirror").is_none(), "{text}");
}

/// What the kernel leaves when a member was away: its count of events is lower.
#[test]
fn a_member_that_was_left_behind_is_not_read() {
    let built = mirror(&["one", "two"]);
    let file = File::options().read(true).write(true).open(built.path("two")).unwrap();
    let mut block = vec![0; 4096];
    file.read_exact_at(&mut block, 4096).unwrap();
    // Two events more, and the sum with them.
    for at in [200, 216] {
        let word = u32::from_le_bytes(block[at..at + 4].try_into().unwrap());
        block[at..at + 4].copy_from_slice(&(word + 2).to_le_bytes());
    }
    file.write_all_at(&block, 4096).unwrap();
    let left = File::options().write(true).open(built.path("one")).unwrap();
    left.write_all_at(&vec![0; 16 << 20], MIB).unwrap();
    let found = built.inspect(&[("one", Some(512)), ("two", Some(512))], &[]);
    let text = found.to_text();
    assert!(text.contains("note: member 0 was left behind"), "{text}");
    assert!(found.node("ext4-root").is_some() && found.graph().is_ok(), "{text}");
}

#[test]
fn what_misses_of_a_stripe_is_said_and_the_rest_is_found() {
    let built = Built::new(vec![
        disk("one", 512),
        disk("two", 512),
        disk("three", 512),
        gpt("table-one", "one"),
        gpt("table-two", "two"),
        partition("a", "table-one", 26 * MIB, &[]),
        partition("other", "table-one", 26 * MIB, &[]),
        partition("b", "table-two", 26 * MIB, &[]),
        driver("stripe", &["a", "b", "three"], "raid", r#"{"level": 0}"#),
        filesystem("root-fs", "stripe", "ext4", Some("root")),
        filesystem("other-fs", "other", "ext4", Some("other")),
        mount("/", "root-fs"),
    ]);
    built.reads_back();
    let found = built.inspect(&[("one", None), ("three", None)], &[]);
    let text = found.to_text();
    assert!(!found.has_problems(), "{text}");
    for (node, role) in [("a", 0), ("three", 2)] {
        let note = &found.node(node).unwrap().notes[0];
        assert!(
            note.starts_with(&format!("it is member {role} of the 3 of array `stripe`")),
            "{note}"
        );
        assert!(
            note.contains("of them, 1 is not here, and a RAID 0 has nothing whole without all"),
            "{note}"
        );
    }
    assert!(found.node("stripe").is_none() && found.node("ext4-root").is_none(), "{text}");
    assert!(found.node("ext4-other").is_some(), "{text}");
}
