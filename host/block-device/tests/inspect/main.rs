//! Disks that are made and read back: the same graph, the same places and identities.

mod arrays;
mod layouts;
mod made;
mod random;
mod same;
mod subvolumes;
mod thin;

use dibhost_block_device::{Node, NodeKind, Size, TableKind};
use made::{Built, MIB, disk, driver, filesystem, luks, node, partition, table, volume};

fn gpt(name: &str, on: &str) -> Node {
    table(name, on, TableKind::Gpt)
}

fn mount(at: &str, on: &str) -> Node {
    let options = vec!["noatime".to_owned()];
    node(&format!("mount-{on}"), &[on], NodeKind::Mount { at: at.into(), options, in_fstab: true })
}

fn group(name: &str, on: &[&str]) -> Node {
    node(name, on, NodeKind::VolumeGroup { extent_size: 4 * MIB })
}

fn pv(name: &str, on: &str) -> Node {
    node(name, &[on], NodeKind::PhysicalVolume)
}

#[test]
fn filesystems_of_every_kind() {
    let mut nodes = vec![disk("disk", 512), gpt("table", "disk")];
    for kind in ["ext2", "ext3", "ext4", "vfat", "xfs", "btrfs", "swap", "squashfs", "erofs"] {
        let size = if kind == "xfs" { 320 } else { 120 };
        nodes.push(partition(kind, "table", size * MIB, &[]));
        let label = match kind {
            "squashfs" | "erofs" => None,
            _ => Some(format!("LABEL-{}", kind.to_uppercase())),
        };
        nodes.push(filesystem(&format!("fs-{kind}"), kind, kind, label.as_deref()));
    }
    nodes.push(mount("/", "fs-ext4"));
    nodes.push(mount("/boot", "fs-xfs"));
    let found = Built::new(nodes).reads_back();
    let fat = found.node("vfat-vfat").unwrap();
    assert_eq!(fat.facts.version.as_deref(), Some("FAT32"));
    let said = found.to_text();
    assert!(said.contains("\n  where it is mounted: ext2-ext2, ext3-ext3, ext4-ext4, "), "{said}");
}

#[test]
fn six_deep_with_two_secrets() {
    let built = Built::new(vec![
        disk("one", 512),
        disk("two", 512),
        gpt("table-one", "one"),
        gpt("table-two", "two"),
        partition("a", "table-one", 26 * MIB, &[]),
        partition("b", "table-two", 26 * MIB, &[]),
        driver("stripe", &["a", "b"], "raid", r#"{"level": 0, "chunk": 65536}"#),
        luks("crypt", "stripe", &["passphrase", "spare"]),
        pv("pv", "crypt"),
        group("vg", &["pv"]),
        volume("lv-root", "vg", Size::Bytes(12 * MIB), 1),
        volume("lv-swap", "vg", Size::Rest, 1),
        filesystem("root", "lv-root", "ext4", Some("root")),
        filesystem("swap", "lv-swap", "swap", None),
        mount("/", "root"),
    ]);
    built.reads_back();

    // The second secret alone opens it too; the first has a name that nobody knows.
    let disks = [("one", None), ("two", None)];
    let found = built.inspect(&disks, &["spare"]);
    let crypt = found.node("luks-stripe").unwrap();
    let NodeKind::Encryption { secrets, .. } = &crypt.node.kind else { panic!("{crypt:?}") };
    assert_eq!(secrets[..], ["unknown-0", "spare"]);
    assert_eq!(crypt.unknown, ["the secret of key slot 0, here called `unknown-0`"]);
    assert!(found.node("lv-root").is_some());

    // Without one, all ends there, and it is a graph still.
    let found = built.inspect(&disks, &[]);
    let crypt = found.node("luks-stripe").unwrap();
    assert_eq!(crypt.notes, ["what is in it is not known: no secret was given"]);
    assert!(found.node("vg").is_none() && found.graph().is_ok() && !found.has_problems());

    // One disk of two says what is missing.
    let found = built.inspect(&disks[1..], &[]);
    let note = &found.node("b").unwrap().notes[0];
    assert!(note.contains("member 1 of the 2 of array `stripe`"), "{note}");
    assert_eq!(found.nodes.len(), 3);
}

#[test]
fn groups_over_several_disks() {
    let built = Built::new(vec![
        disk("one", 4096),
        disk("two", 4096),
        gpt("table-one", "one"),
        gpt("table-two", "two"),
        partition("a", "table-one", 101 * MIB, &[]),
        partition("b", "table-two", 101 * MIB, &["required", "no-auto"]),
        pv("pv-a", "a"),
        pv("pv-b", "b"),
        group("vg", &["pv-b", "pv-a"]),
        volume("striped", "vg", Size::Share(500_000), 2),
        volume("linear", "vg", Size::Rest, 1),
        filesystem("root", "striped", "ext4", Some("root")),
        filesystem("home", "linear", "ext4", Some("home")),
        mount("/", "root"),
    ]);
    built.reads_back();
    let found = built.inspect(&[("one", None)], &[]);
    let note = &found.node("pv-a").unwrap().notes[0];
    assert!(note.contains("volume group `vg`, of which"), "{note}");
}

#[test]
fn a_verity_device_is_found_by_what_its_hashes_are_of() {
    let built = Built::new(vec![
        disk("disk", 512),
        gpt("table", "disk"),
        partition("other", "table", 40 * MIB, &[]),
        partition("hash", "table", MIB, &[]),
        partition("data", "table", 40 * MIB, &[]),
        driver("verity-root", &["data", "hash"], "verity", "{}"),
        filesystem("root", "verity-root", "ext4", None),
        filesystem("twin", "other", "ext4", None),
        mount("/", "root"),
    ]);
    built.reads_back();
    // A block that is another one: the hashes are not of it.
    let extent = built.layout.partitions[2].extent;
    let file = std::fs::File::options().write(true).open(built.path("disk")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[1], extent.offset + 10).unwrap();
    let found = built.inspect(&[("disk", None)], &[]);
    let note = &found.node("hash").unwrap().notes[0];
    assert!(note.contains("no volume that was found holds the data"), "{note}");
    assert!(found.node("ext4-data").is_some());
}

#[test]
fn tables_of_all_kinds() {
    let built = Built::new(vec![
        disk("hybrid", 512),
        disk("mbr", 512),
        gpt("table-hybrid", "hybrid"),
        table("table-mbr", "mbr", TableKind::Mbr),
        partition("boot", "table-hybrid", 12 * MIB, &["hybrid", "legacy-bios-bootable"]),
        partition("rest", "table-hybrid", 20 * MIB, &[]),
        partition("first", "table-mbr", 12 * MIB, &["active"]),
        partition("second", "table-mbr", 12 * MIB, &["logical"]),
        partition("third", "table-mbr", 12 * MIB, &["logical"]),
        filesystem("fs", "third", "ext4", None),
    ]);
    built.reads_back();
}

/// A table in an MBR does not say what it counts; what lies where it points to does.
#[test]
fn sectors_of_4096_bytes_of_an_mbr() {
    let built = Built::new(vec![
        disk("disk", 4096),
        table("table", "disk", TableKind::Mbr),
        partition("a", "table", 24 * MIB, &[]),
        partition("b", "table", 24 * MIB, &[]),
        filesystem("fs", "b", "ext4", None),
    ]);
    built.reads_back();
    let found = built.inspect(&[("disk", None)], &[]);
    let NodeKind::Disk { sector_size, .. } = found.node("disk").unwrap().node.kind else {
        panic!()
    };
    assert_eq!(sector_size, 4096);
    assert_eq!(found.nodes.len(), 5, "{}", found.to_text());
    assert!(found.node("disk").unwrap().unknown.is_empty());
}

#[test]
fn what_nobody_can_know_is_said() {
    let built = Built::new(vec![disk("disk", 512), filesystem("fs", "disk", "ext4", None)]);
    let found = built.inspect(&[("disk", None)], &[]);
    let unknown = &found.node("disk").unwrap().unknown;
    assert_eq!(unknown[..], ["the size of a sector, taken as 512 bytes"]);
    let unknown = &found.node("ext4-disk").unwrap().unknown;
    assert_eq!(unknown[..], ["its settings", "where it is mounted"]);
}

#[test]
fn names_on_the_disk_come_before_labels() {
    let built = Built::new(vec![
        disk("disk", 512),
        gpt("table", "disk"),
        partition("root", "table", 34 * MIB, &[]),
        pv("pv", "root"),
        group("vg", &["pv"]),
        volume("lv", "vg", Size::Rest, 1),
        luks("crypt", "lv", &["passphrase"]),
        filesystem("fs", "crypt", "ext2", None),
    ]);
    let found = built.reads_back();
    let names: Vec<&str> = found.nodes.iter().map(|found| found.node.name.as_str()).collect();
    let want = ["disk", "gpt-disk", "root", "pv-root", "vg", "lv", "luks-lv", "ext2-luks-lv"];
    assert_eq!(names, want);
}

#[test]
fn damage_is_told_and_the_rest_is_found() {
    use std::os::unix::fs::FileExt as _;
    let built = Built::new(vec![
        disk("disk", 512),
        gpt("table", "disk"),
        partition("a", "table", 40 * MIB, &[]),
        partition("b", "table", 12 * MIB, &[]),
        pv("pv", "a"),
        group("vg", &["pv"]),
        volume("lv", "vg", Size::Rest, 1),
        filesystem("fs", "lv", "ext4", None),
        filesystem("other", "b", "ext4", None),
    ]);
    let file = std::fs::File::options().write(true).open(built.path("disk")).unwrap();
    // The text of the volume group, and the first header of the GPT.
    file.write_all_at(b"{{{{", built.layout.partitions[0].extent.offset + 4700).unwrap();
    file.write_all_at(&[1], 512 + 60).unwrap();
    let found = built.inspect(&[("disk", None)], &[]);
    let said = found.to_text();
    assert!(found.has_problems() && found.node("ext4-b").is_some(), "{said}");
    assert!(said.contains("problem: the first copy: "), "{said}");
    assert!(said.contains("problem: its physical volume: the LVM metadata at byte"), "{said}");
    // Cut off behind the table.
    file.set_len(2 * MIB).unwrap();
    let found = built.inspect(&[("disk", None)], &[]);
    assert!(found.has_problems(), "{}", found.to_text());
}
