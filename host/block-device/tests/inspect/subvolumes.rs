//! Subvolumes of btrfs. The kernel makes them: this needs root.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::Command;

use dibhost_block_device::{Backend, Node, Size};

use crate::made::{Built, MIB, disk, driver, filesystem, luks, partition, volume};
use crate::{gpt, group, mount, pv};

fn subvolume(name: &str, path: &str, default: bool) -> Node {
    let settings = format!(r#"{{"path": "{path}", "default": {default}}}"#);
    driver(name, &["fs"], "subvolume", &settings)
}

fn several() -> Vec<Node> {
    vec![
        filesystem("fs", "root", "btrfs", Some("root")),
        subvolume("system", "@", true),
        subvolume("home", "a/folder/@home", false),
        subvolume("deep", "@/var/lib/x", false),
        subvolume("deeper", "@/var/lib/x/y", false),
        subvolume("spare", "a/spare", false),
        mount("/", "system"),
        mount("/home", "home"),
        mount("/srv", "deeper"),
    ]
}

#[test]
fn subvolumes_in_folders_and_in_one_another() {
    let mut nodes =
        vec![disk("disk", 512), gpt("table", "disk"), partition("root", "table", 300 * MIB, &[])];
    nodes.extend(several());
    let found = Built::by(Backend::Loop, nodes).reads_back();
    let names: Vec<_> = found.nodes.iter().map(|found| found.node.name.as_str()).collect();
    assert_eq!(
        names[4..],
        [
            "btrfs-root--",
            "btrfs-root---var-lib-x",
            "btrfs-root---var-lib-x-y",
            "btrfs-root-a-folder--home",
            "btrfs-root-a-spare",
        ]
    );
    let said = found.to_text();
    assert!(said.contains("btrfs-root-a-spare: subvolume `a/spare`, UUID "), "{said}");
    assert!(said.contains("btrfs-root--: subvolume `@`, the default, UUID "), "{said}");
}

#[test]
fn subvolumes_on_lvm_on_an_encryption() {
    let mut nodes = vec![
        disk("disk", 4096),
        gpt("table", "disk"),
        partition("crypt", "table", 150 * MIB, &[]),
        luks("opened", "crypt", &["passphrase"]),
        pv("pv", "opened"),
        group("vg", &["pv"]),
        volume("root", "vg", Size::Rest, 1),
    ];
    nodes.extend(several());
    Built::by(Backend::Loop, nodes).reads_back();
}

/// What people make beside that, as the kernel's own tools do.
#[test]
fn snapshots_and_names_that_no_graph_has() {
    let built = Built::by(Backend::Loop, [vec![disk("root", 512)], several()].concat());
    let file = built.path("root");
    let at = tempfile::tempdir().unwrap();
    let script = "set -e; mount -t btrfs -o loop,subvolid=5 \"$1\" \"$2\"; cd \"$2\"
        trap 'cd /; umount \"$2\"' EXIT
        btrfs subvolume snapshot -r @ frozen
        btrfs subvolume create 'a b'
        btrfs subvolume create 'a b/inner'
        btrfs subvolume delete a/spare
        mkdir -p x/y/z; btrfs subvolume create x/y/z/moved; mv x/y a/y
        for i in $(seq 300); do btrfs subvolume create a/many-$i; done
        sync -f .";
    let done =
        Command::new("sh").args(["-c", script, "sh"]).arg(&file).arg(at.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let found = built.inspect_all();
    let said = found.to_text();
    assert!(!found.has_problems() && found.graph().is_ok(), "{said}");
    for line in [
        "note: it has a subvolume `a b`, a path that a graph cannot have",
        "note: it has a subvolume `a b/inner`, a path that a graph cannot have",
        "btrfs-root-frozen: subvolume `frozen`, UUID ",
        "note: it is a snapshot, which a graph cannot say",
        "note: nothing may be written to it, which a graph cannot say",
        "btrfs-root-a-y-z-moved: subvolume `a/y/z/moved`, UUID ",
        "btrfs-root-a-many-300: subvolume `a/many-300`, UUID ",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("a/spare"), "{said}");
    assert_eq!(said.matches(": subvolume `").count(), 4 + 2 + 300, "{said}");
}

#[test]
fn a_broken_block_is_read_from_its_copy() {
    let built = Built::by(Backend::Loop, [vec![disk("root", 512)], several()].concat());
    let path = built.path("root");
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let said = Command::new("btrfs").args(["inspect-internal", "dump-super"]).arg(&path).output();
    let said = String::from_utf8(said.unwrap().stdout).unwrap();
    let root = said.lines().find_map(|line| line.strip_prefix("root\t")).unwrap().trim();
    let map = Command::new("btrfs-map-logical").args(["-l", root]).arg(&path).output().unwrap();
    let map = String::from_utf8(map.stdout).unwrap();
    let places: Vec<u64> = map
        .lines()
        .filter_map(|line| line.split("physical ").nth(1)?.split(' ').next()?.parse().ok())
        .collect();
    assert_eq!(places.len(), 2, "{map}");
    file.write_all_at(&[0; 4], places[0]).unwrap();
    let found = built.inspect_all();
    let text = found.to_text();
    assert!(found.has_problems(), "{text}");
    let problem =
        format!("problem: copy 1 of its block at {root}, byte {}: its checksum", places[0]);
    assert!(text.contains(&problem), "{text}");
    assert_eq!(text.matches(": subvolume `").count(), 5, "{text}");
    file.write_all_at(&[0; 4], places[1]).unwrap();
    let found = built.inspect_all();
    let text = found.to_text();
    assert!(text.contains("problem: its subvolumes cannot be read: copy 1 of"), "{text}");
    assert!(text.contains("; copy 2 of"), "{text}");
    assert!(text.contains("\n  its subvolumes: btrfs-root\n"), "{text}");
}
