//! What only btrfs has: subvolumes, and compression while the kernel fills it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use dibhost_block_device::{Backend, NodeKind, Size};
use dibhost_filesystems::Listing;

use crate::mounted::{EPOCH, full_tree, listing, output};
use crate::{MIB, build, disk, filesystem, mount, node, partition, plain, subvolume, tree};

/// Bytes of the image that are no hole, of a btrfs of 40 MB that compress well.
fn allocated(options: &[&str]) -> u64 {
    let root = tree(|root| fs::write(root.join("text"), "words ".repeat(7_000_000)).unwrap());
    let mut nodes = plain("btrfs", 512);
    nodes.pop();
    // `mkfs.btrfs` takes no UUID that a loop device still has: each of these has its own.
    let seed = options.join(",");
    let options = options.iter().map(|option| (*option).to_owned()).collect();
    let kind = NodeKind::Mount { at: "/".into(), options, in_fstab: true };
    nodes.push(node("mount", &["fs"], kind));
    let built = build(Backend::Loop, nodes, root.path(), &seed).unwrap();
    built.checked();
    let attached = built.attached();
    let mounted = attached.mount(built.filesystem(), "ro");
    assert_eq!(fs::metadata(mounted.0.path().join("text")).unwrap().len(), 42_000_000);
    fs::metadata(built.disk()).unwrap().blocks() * 512
}

#[test]
fn what_btrfs_is_mounted_with_compresses_what_it_is_filled_with() {
    assert!(allocated(&["noatime"]) > 40_000_000);
    for options in [&["noatime", "compress=zstd:9"][..], &["compress-force=lzo"], &["compress"]] {
        let bytes = allocated(options);
        assert!(bytes < 20_000_000, "{options:?}: {bytes}");
    }
}

#[test]
fn subvolumes_hold_what_lies_below_their_mount_points() {
    let root = tree(full_tree);
    let mut nodes = disk(512);
    nodes.extend([
        partition("root", Size::Content(64 * MIB)),
        filesystem("fs", "root", "btrfs"),
        subvolume("home", "a/@home", false),
        subvolume("system", "@", true),
        subvolume("spare", "a/spare", false),
        mount("/", "system"),
        mount("/home", "home"),
    ]);
    let error = build(Backend::File, nodes.clone(), root.path(), "x").err().unwrap();
    assert!(error.contains("node `fs`") && error.contains("`loop`"), "{error}");
    assert!(error.contains("subvolume `system`"), "{error}");
    let built = build(Backend::Loop, nodes, root.path(), "subvolumes").unwrap();
    built.checked();
    let mut want = listing(root.path());
    want.clamp(EPOCH, false);
    let is_home = |path: &[u8]| path.starts_with(b"home/");
    let split = |home: bool| {
        let mut part = want.clone();
        part.entries.retain(|path, _| is_home(path) == home || (home && path == b"home"));
        part
    };

    // The default is what is mounted where none is named.
    let attached = built.attached();
    let system = attached.mount(built.filesystem(), "ro");
    let differences = split(false).differences(&listing(system.0.path()));
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let said = output("btrfs", &["subvolume", "list", system.0.path().to_str().unwrap()]);
    for path in ["path @\n", "path a/@home\n", "path a/spare\n"] {
        assert!(said.contains(path), "{path}: {said}");
    }
    let home = attached.mount(built.filesystem(), "ro,subvol=a/@home");
    let have = listing(home.0.path());
    let mut expected = Listing::default();
    for (path, listed) in &split(true).entries {
        let path = path.strip_prefix(b"home").unwrap();
        let path = path.strip_prefix(b"/").unwrap_or(path);
        expected.entries.insert(path.to_vec(), listed.clone());
    }
    let differences = expected.differences(&have);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    let top = attached.mount(built.filesystem(), "ro,subvolid=5");
    for made in ["a", "a/spare"] {
        let stat = fs::metadata(top.0.path().join(made)).unwrap();
        assert_eq!((stat.mtime(), stat.mode() & 0o7777), (EPOCH, 0o755), "{made}");
    }
}
