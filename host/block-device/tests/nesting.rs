//! Filesystems on volumes on volumes, made without the kernel and looked at by the tools of others
//! and by our own readers.

mod built;

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use built::*;
use dibhost_block_device::{Graph, NodeKind, Realise, Size, TableKind, layout, realise};
use dibhost_filesystems::FolderTree;
use dibhost_sys::Cancel;
use dibhost_volumes::md;
use tempfile::TempDir;

#[test]
fn a_logical_volume_is_made_in_place_and_lvm_finds_nothing_wrong() {
    let built = build(vec![
        disk("disk"),
        gpt("table", "disk"),
        partition("lvm", "table", "linux-lvm", Size::Content(0)),
        node("pv", &["lvm"], NodeKind::PhysicalVolume),
        node("vg", &["pv"], NodeKind::VolumeGroup { extent_size: 4 * MIB }),
        volume("lv-root", "vg", Size::Content(0), 1),
        volume("lv-home", "vg", Size::Bytes(40 * MIB), 1),
        ext4("root", "lv-root"),
        ext4("home", "lv-home"),
        mount("/", "root"),
        mount("/home", "home"),
    ]);
    let root = built.layout.filesystems.iter().find(|f| f.node == "root").unwrap();
    let offset = root.place.as_ref().unwrap().extent.offset;
    holds_the_files(&format!("{}?offset={offset}", built.path("disk").display()));
    let lvm = built.extract("lvm");
    let config = format!(
        "devices {{ dir=\"{0}\" scan=[\"{0}\"] use_devicesfile=0 filter=[\"r|.*|\"] }}",
        built.folder.path().display()
    );
    let said = run("pvck", &["--config", &config, "--dump", "metadata", lvm.to_str().unwrap()]);
    assert!(said.contains("lv-root") && said.contains("lv-home"), "{said}");
}

#[test]
fn an_encrypted_filesystem_is_whole_once_decrypted() {
    let built = build(vec![
        disk("disk"),
        gpt("table", "disk"),
        partition("crypt", "table", "luks", Size::Content(0)),
        luks_on("cryptroot", "crypt"),
        ext4("root", "cryptroot"),
        mount("/", "root"),
    ]);
    let crypt = built.extract("crypt");
    run("cryptsetup", &["luksDump", crypt.to_str().unwrap()]);
    let plain = built.folder.path().join("plain");
    fs::write(&plain, decrypted(&crypt)).unwrap();
    holds_the_files(plain.to_str().unwrap());
}

#[test]
fn both_members_of_a_mirror_hold_everything() {
    let built = build(vec![
        disk("one"),
        disk("two"),
        gpt("table-one", "one"),
        gpt("table-two", "two"),
        partition("a", "table-one", "linux-raid", Size::Content(0)),
        partition("b", "table-two", "linux-raid", Size::Content(0)),
        driver("mirror", &["a", "b"], "raid", r#"{"level": 1, "name": "root"}"#),
        ext4("root", "mirror"),
        mount("/", "root"),
    ]);
    for member in ["a", "b"] {
        let file = built.extract(member);
        let said = run("mdadm", &["--examine", file.to_str().unwrap()]);
        assert!(said.contains("Raid Level : raid1") && said.contains("correct"), "{said}");
        holds_the_files(&format!("{}?offset={}", file.display(), md::DEFAULT_DATA_OFFSET));
    }
}

#[test]
fn a_verity_device_is_verified_by_its_root_hash() {
    let built = build(vec![
        disk("disk"),
        gpt("table", "disk"),
        partition("data", "table", "root-x86-64", Size::Content(0)),
        partition("hash", "table", "root-x86-64-verity", Size::Content(0)),
        driver("verity-root", &["data", "hash"], "verity", "{}"),
        ext4("root", "verity-root"),
        mount("/", "root"),
    ]);
    let (data, hash) = (built.extract("data"), built.extract("hash"));
    let root = &built.realised.root_hashes["verity-root"];
    let paths = [data.to_str().unwrap(), hash.to_str().unwrap()];
    run("veritysetup", &["verify", paths[0], paths[1], root]);
    holds_the_files(paths[0]);
    let wrong = format!("00{}", &root[2..]);
    let output = Command::new("veritysetup").arg("verify").args(paths).arg(&wrong).output();
    assert!(!output.unwrap().status.success() || root.starts_with("00"));
}

#[test]
fn six_deep() {
    // GPT, RAID 0, LUKS, PV, VG, a volume, a filesystem.
    let built = build(vec![
        disk("one"),
        disk("two"),
        gpt("table-one", "one"),
        gpt("table-two", "two"),
        partition("a", "table-one", "linux-raid", Size::Content(0)),
        partition("b", "table-two", "linux-raid", Size::Content(0)),
        driver("stripe", &["a", "b"], "raid", r#"{"level": 0, "chunk": 65536}"#),
        luks_on("crypt", "stripe"),
        node("pv", &["crypt"], NodeKind::PhysicalVolume),
        node("vg", &["pv"], NodeKind::VolumeGroup { extent_size: MIB }),
        volume("lv", "vg", Size::Content(8 * MIB), 1),
        ext4("root", "lv"),
        mount("/", "root"),
    ]);
    let (a, b) = (fs::read(built.extract("a")).unwrap(), fs::read(built.extract("b")).unwrap());
    let start = usize::try_from(md::DEFAULT_DATA_OFFSET).unwrap();
    let size = usize::try_from(built.layout.size_of("stripe").unwrap()).unwrap();
    let mut array = Vec::new();
    for (a, b) in a[start..].chunks(65536).zip(b[start..].chunks(65536)) {
        array.extend_from_slice(a);
        array.extend_from_slice(b);
    }
    array.truncate(size);
    let path = built.folder.path().join("array");
    fs::write(&path, &array).unwrap();
    let plain = decrypted(&path);
    // The volume group's only volume starts with its first extent.
    let root = built.folder.path().join("root");
    fs::write(&root, &plain[1 << 20..]).unwrap();
    holds_the_files(root.to_str().unwrap());
}

#[test]
fn a_striped_volume_and_one_over_two_disks() {
    let built = build(vec![
        disk("one"),
        disk("two"),
        gpt("table-one", "one"),
        gpt("table-two", "two"),
        partition("a", "table-one", "linux-lvm", Size::Bytes(101 * MIB)),
        partition("b", "table-two", "linux-lvm", Size::Bytes(101 * MIB)),
        node("pv-a", &["a"], NodeKind::PhysicalVolume),
        node("pv-b", &["b"], NodeKind::PhysicalVolume),
        node("vg", &["pv-a", "pv-b"], NodeKind::VolumeGroup { extent_size: 4 * MIB }),
        volume("striped", "vg", Size::Share(500_000), 2),
        volume("linear", "vg", Size::Rest, 1),
        ext4("root", "striped"),
        ext4("home", "linear"),
        mount("/", "root"),
        mount("/home", "home"),
    ]);
    assert_eq!(built.layout.size_of("striped"), Some(96 * MIB));
    assert_eq!(built.layout.size_of("linear"), Some(104 * MIB));
    let (a, b) = (fs::read(built.extract("a")).unwrap(), fs::read(built.extract("b")).unwrap());
    let mut striped = Vec::new();
    for (a, b) in a[1 << 20..][..48 << 20].chunks(65536).zip(b[1 << 20..].chunks(65536)) {
        striped.extend_from_slice(a);
        striped.extend_from_slice(b);
    }
    let path = built.folder.path().join("striped");
    fs::write(&path, &striped).unwrap();
    holds_the_files(path.to_str().unwrap());
}

#[test]
fn an_mbr_with_logical_partitions() {
    let graph = || {
        vec![
            disk("disk"),
            node("mbr", &["disk"], NodeKind::Table { kind: TableKind::Mbr, alignment: None }),
            marked(partition("root", "mbr", "83", Size::Content(0)), &["active"]),
            marked(partition("home", "mbr", "linux-lvm", Size::Bytes(20 * MIB)), &["logical"]),
            marked(partition("var", "mbr", "83", Size::Bytes(30 * MIB)), &["logical"]),
            node("pv", &["home"], NodeKind::PhysicalVolume),
            node("vg", &["pv"], NodeKind::VolumeGroup { extent_size: MIB }),
            volume("lv", "vg", Size::Rest, 1),
            ext4("root-fs", "root"),
            ext4("home-fs", "lv"),
            mount("/", "root-fs"),
            mount("/home", "home-fs"),
        ]
    };
    let built = build(graph());
    let path = built.path("disk");
    let path = path.to_str().unwrap();
    let said = run("partx", &["--raw", "--output", "NR,TYPE,FLAGS", "-g", "-b", path]);
    let rows: Vec<&str> = said.lines().collect();
    assert_eq!(rows, ["1 0x83 0x80", "2 0xf 0x0", "5 0x8e 0x0", "6 0x83 0x0"]);
    run("sfdisk", &["--verify", path]);
    let graph = Graph::new(graph()).unwrap();
    let identities = graph.identities(&[5; 32]);
    let partuuid = graph.partuuid(&identities, &graph.partitions()[2]).unwrap();
    let said = run("partx", &["--raw", "--output", "UUID", "-g", "--nr", "6", path]);
    assert_eq!(said.trim(), partuuid);
    let root = built.layout.filesystems.iter().find(|f| f.node == "root-fs").unwrap();
    let offset = root.place.as_ref().unwrap().extent.offset;
    holds_the_files(&format!("{path}?offset={offset}"));
}

#[test]
fn a_hybrid_mbr_names_what_is_marked() {
    let built = build(vec![
        disk("disk"),
        gpt("table", "disk"),
        marked(partition("boot", "table", "esp", Size::Bytes(8 * MIB)), &["hybrid"]),
        partition("root", "table", "root-x86-64", Size::Content(0)),
        ext4("root-fs", "root"),
        mount("/", "root-fs"),
    ]);
    let path = built.path("disk");
    let path = path.to_str().unwrap();
    assert!(run("sgdisk", &["-v", path]).contains("No problems found"));
    let bytes = fs::read(path).unwrap();
    let types: Vec<u8> = (0..4).map(|i| bytes[446 + 16 * i + 4]).collect();
    assert_eq!(types, [0xee, 0xef, 0, 0]);
}

#[test]
fn equal_plans_give_equal_disks_but_for_keys() {
    let nodes = || {
        vec![
            disk("disk"),
            gpt("table", "disk"),
            partition("lvm", "table", "linux-lvm", Size::Content(0)),
            node("pv", &["lvm"], NodeKind::PhysicalVolume),
            node("vg", &["pv"], NodeKind::VolumeGroup { extent_size: 4 * MIB }),
            volume("lv", "vg", Size::Content(0), 1),
            ext4("root", "lv"),
            mount("/", "root"),
        ]
    };
    let (one, two) = (build(nodes()), build(nodes()));
    assert!(fs::read(one.path("disk")).unwrap() == fs::read(two.path("disk")).unwrap());
}

#[test]
fn a_secret_that_is_not_there_leaves_nothing() {
    let graph = Graph::new(vec![
        disk("disk"),
        node(
            "crypt",
            &["disk"],
            NodeKind::Encryption { secrets: vec!["lost".into()], label: None },
        ),
        ext4("root", "crypt"),
        mount("/", "root"),
    ])
    .unwrap();
    let folder = TempDir::new().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    let mut tree = FolderTree::of_parts([("/", tree.as_path())], Cancel::new()).unwrap();
    let layout = layout(&graph, &graph.identities(&[5; 32]), &mut tree).unwrap();
    let out = folder.path().join("disk.raw");
    let disks = BTreeMap::from([("disk".to_owned(), out.clone())]);
    let cancel = Cancel::new();
    let to = Realise { disks: &disks, secrets: &Known, time: 0, cancel: &cancel };
    let said = realise(&layout, &mut tree, &to).unwrap_err().to_string();
    assert!(said.contains("`crypt`") && said.contains("`lost`"), "{said}");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(left, [folder.path().join("tree")]);
}
