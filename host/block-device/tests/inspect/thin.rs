//! Thin volumes: what is in them is found through the pool's metadata.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use dibhost_block_device::{Node, NodeKind, Size};
use dibhost_volumes::FileMedium;
use dibhost_volumes::lvm::{self, LogicalVolumeKind};

use crate::made::{Built, MIB, disk, filesystem, luks, volume};
use crate::{gpt, group, mount, pv};

pub(crate) fn pool(name: &str, group: &str, size: Size, stripes: u32) -> Node {
    let kind = NodeKind::LogicalVolume { size, thin_pool: None, is_thin_pool: true, stripes };
    crate::node(name, &[group], kind)
}

pub(crate) fn thin(name: &str, group: &str, pool: &str, size: Size) -> Node {
    let thin_pool = Some(pool.to_owned());
    let kind = NodeKind::LogicalVolume { size, thin_pool, is_thin_pool: false, stripes: 1 };
    crate::node(name, &[group], kind)
}

/// Two pools, one of them striped, volumes that claim more than there is, encryption and LVM in them.
#[test]
fn whatever_stands_on_thin_volumes() {
    let built = Built::new(vec![
        disk("one", 512),
        disk("two", 512),
        gpt("table", "one"),
        crate::partition("a", "table", 160 * MIB, &[]),
        crate::partition("b", "table", 160 * MIB, &[]),
        pv("pv-a", "a"),
        pv("pv-b", "b"),
        pv("pv-two", "two"),
        group("vg", &["pv-a", "pv-b"]),
        pool("pool", "vg", Size::Bytes(200 * MIB), 2),
        thin("root", "vg", "pool", Size::Bytes(3 << 30)),
        thin("unused", "vg", "pool", Size::Bytes(1 << 40)),
        thin("closed", "vg", "pool", Size::Bytes(40 * MIB)),
        luks("crypt", "closed", &["passphrase"]),
        filesystem("root-fs", "root", "ext4", Some("root")),
        filesystem("closed-fs", "crypt", "ext4", Some("closed")),
        group("other", &["pv-two"]),
        pool("lower", "other", Size::Bytes(100 * MIB), 1),
        thin("middle", "other", "lower", Size::Bytes(90 * MIB)),
        volume("plain", "other", Size::Bytes(12 * MIB), 1),
        filesystem("plain-fs", "plain", "ext4", None),
        pv("pv-middle", "middle"),
        group("upper", &["pv-middle"]),
        pool("pool-upper", "upper", Size::Bytes(40 * MIB), 1),
        thin("top", "upper", "pool-upper", Size::Bytes(1 << 30)),
        filesystem("top-fs", "top", "ext4", Some("top")),
        mount("/", "root-fs"),
        mount("/top", "top-fs"),
    ]);
    let found = built.reads_back();
    let place = |name: &str| found.node(name).unwrap().facts.place.clone();
    assert!(place("ext4-plain").is_some() && place("ext4-top").is_none());
}

fn small() -> Built {
    Built::new(vec![
        disk("disk", 512),
        pv("pv", "disk"),
        group("vg", &["pv"]),
        pool("pool", "vg", Size::Bytes(64 * MIB), 1),
        thin("root", "vg", "pool", Size::Bytes(1 << 30)),
        thin("home", "vg", "pool", Size::Bytes(1 << 30)),
        volume("plain", "vg", Size::Bytes(12 * MIB), 1),
        filesystem("root-fs", "root", "ext4", Some("root")),
        filesystem("home-fs", "home", "ext4", Some("home")),
        filesystem("plain-fs", "plain", "ext4", Some("plain")),
        mount("/", "root-fs"),
    ])
}

/// Where the pool's metadata begins on the disk.
fn metadata(built: &Built) -> u64 {
    let file = File::open(built.path("disk")).unwrap();
    let label = lvm::read(&FileMedium::whole(&file).unwrap()).unwrap().unwrap();
    let (group, _) = label.volume_group.unwrap();
    let metadata = group.logical_volume("pool_tmeta").unwrap();
    let LogicalVolumeKind::Extents(segments) = &metadata.kind else { panic!("{metadata:?}") };
    let physical = &group.physical_volumes[0];
    physical.data_start + segments[0].stripes[0].start * group.extent_size
}

#[test]
fn broken_metadata_is_told_and_the_rest_is_found() {
    let built = small();
    built.reads_back();
    let at = metadata(&built);
    let file = File::options().read(true).write(true).open(built.path("disk")).unwrap();
    let mut before = vec![0; 64 << 10];
    file.read_exact_at(&mut before, at).unwrap();
    let said = |offset: u64, bytes: &[u8]| {
        file.write_all_at(bytes, at + offset).unwrap();
        let found = built.inspect_all();
        file.write_all_at(&before, at).unwrap();
        let text = found.to_text();
        assert!(found.has_problems() && found.node("ext4-plain").is_some(), "{text}");
        (found, text)
    };
    let (found, text) = said(0, &[1]);
    assert!(text.contains("problem: what is in it cannot be read: the LVM metadata at byte 0"));
    assert!(text.contains("its superblock has the checksum"), "{text}");
    assert!(found.node("ext4-root").is_none() && found.node("ext4-home").is_none());
    let (_, text) = said(0, &[0; 4096]);
    assert!(text.contains("it does not begin with a superblock"), "{text}");
    // Each tree's nodes: one of them is broken, the other volume is found.
    let used = (1..16).filter(|block| before[block * 4096..][..4] != [0; 4]);
    let mut lost = Vec::new();
    for block in used {
        let number = block as u64 * 4096;
        let sum = before[block * 4096] ^ 1;
        file.write_all_at(&[sum], at + number).unwrap();
        let found = built.inspect_all();
        file.write_all_at(&before, at).unwrap();
        let without = ["root", "home"].map(|name| found.node(&format!("ext4-{name}")).is_none());
        assert_eq!(found.has_problems(), without.contains(&true), "{}", found.to_text());
        lost.push(without);
    }
    for want in [[true, false], [false, true], [true, true]] {
        assert!(lost.contains(&want), "{lost:?}");
    }
}
