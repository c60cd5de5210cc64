//! What a graph may be, and what is known of it before it is made.

use dibhost_block_device::{Graph, Node, NodeKind, Size, TableKind, partition_type};
use dibhost_volumes::md::MdMetadata;
use proptest::prelude::*;
use serde_json::json;

fn node(name: &str, on: &[&str], kind: NodeKind) -> Node {
    Node { name: name.into(), on: on.iter().map(|n| (*n).into()).collect(), kind }
}

fn filesystem(kind: &str, label: Option<&str>) -> NodeKind {
    NodeKind::Filesystem {
        kind: kind.into(),
        label: label.map(Into::into),
        uuid: None,
        tuning: vec![],
    }
}

fn mount(at: &str, options: &[&str]) -> NodeKind {
    let options = options.iter().map(|o| (*o).into()).collect();
    NodeKind::Mount { at: at.into(), options, in_fstab: true }
}

fn partition(type_id: &str) -> NodeKind {
    NodeKind::Partition {
        label: "a label".into(),
        type_id: type_id.into(),
        size: Size::Bytes(8 << 20),
        attributes: vec![],
        preserve: false,
    }
}

fn grub() -> NodeKind {
    NodeKind::GrubBios { boot_image: "/boot/boot.img".into(), core_image: "/boot/core.img".into() }
}

/// Valid, and with something of every kind the first back-end makes.
fn valid() -> Vec<Node> {
    vec![
        node("disk", &[], NodeKind::Disk { size: None, sector_size: 512 }),
        node("table", &["disk"], NodeKind::Table { kind: TableKind::Gpt, alignment: None }),
        node("bsp", &["table"], partition("bios-boot")),
        node("esp", &["table"], partition("esp")),
        node("root", &["table"], partition("root-x86-64")),
        node("data", &["table"], partition("933ac7e1-2eb4-4f13-b844-0e14e2aef915")),
        node("data-fs", &["data"], filesystem("ext4", None)),
        node("esp-fs", &["esp"], filesystem("vfat", Some("MKFS_ESP"))),
        node("root-fs", &["root"], filesystem("ext4", Some("cloudimg-rootfs"))),
        node("data-mount", &["data-fs"], mount("/home", &["rw", "nodev", "relatime"])),
        node("esp-mount", &["esp-fs"], mount("/boot/efi", &[])),
        node("root-mount", &["root-fs"], mount("/", &[])),
        node("grub", &["disk", "bsp"], grub()),
    ]
}

/// A disk with an MBR.
fn dos(sector_size: u32) -> Vec<Node> {
    vec![
        node("dos", &[], NodeKind::Disk { size: None, sector_size }),
        node("mbr", &["dos"], NodeKind::Table { kind: TableKind::Mbr, alignment: None }),
        node("old", &["mbr"], partition("83")),
    ]
}

#[test]
fn grub_stands_on_a_disk_with_an_mbr_alone() {
    let mut nodes = valid();
    nodes.extend(dos(512));
    nodes.push(node("other", &["dos"], grub()));
    let graph = Graph::new(nodes).unwrap();
    let on = graph.grub().iter().map(|g| (g.disk.as_str(), g.partition.as_deref()));
    assert_eq!(on.collect::<Vec<_>>(), [("disk", Some("bsp")), ("dos", None)]);
}

fn driver(name: &str, settings: &str) -> NodeKind {
    NodeKind::Driver { name: name.into(), settings: settings.into() }
}

/// A second EFI system partition, and the two as an array.
fn mirrored_esp(settings: &str) -> Vec<Node> {
    vec![
        node("esp2", &["table"], partition("esp")),
        node("esp3", &["table"], partition("esp")),
        node("array", &["esp2", "esp3"], driver("raid", settings)),
        node("array-fs", &["array"], filesystem("vfat", None)),
    ]
}

/// A volume group with one volume.
fn group(group: &str, volume: &str) -> Vec<Node> {
    let kind = NodeKind::LogicalVolume {
        size: Size::Bytes(4 << 20),
        thin_pool: None,
        is_thin_pool: false,
        stripes: 1,
    };
    vec![
        node("lvm", &["table"], partition("linux-lvm")),
        node("pv", &["lvm"], NodeKind::PhysicalVolume),
        node(group, &["pv"], NodeKind::VolumeGroup { extent_size: 4 << 20 }),
        node(volume, &[group], kind),
    ]
}

/// Where nothing else is said, the metadata of a mirror that firmware reads lies at the end.
#[test]
fn the_metadata_of_a_mirror_is_where_its_members_are_read() {
    let of = |settings: &str| {
        let mut nodes = valid();
        nodes.extend(mirrored_esp(settings));
        Graph::new(nodes).unwrap().raids()[0].metadata
    };
    assert_eq!(of(r#"{"level": 1}"#), MdMetadata::End);
    assert_eq!(of(r#"{"level": 1, "metadata": "1.0"}"#), MdMetadata::End);
    let mut nodes = valid();
    nodes.push(node("spare", &["table"], partition("linux-raid")));
    nodes.push(node("other", &["table"], partition("linux-raid")));
    nodes.push(node("array", &["spare", "other"], driver("raid", r#"{"level": 1}"#)));
    assert_eq!(Graph::new(nodes).unwrap().raids()[0].metadata, MdMetadata::Start);
}

#[test]
fn what_is_hardly_meant_is_a_doubt_and_no_refusal() {
    let mut nodes = valid();
    nodes.retain(|node| node.name != "grub");
    nodes.push(node("boot-fs", &["bsp"], filesystem("ext4", None)));
    nodes.extend(group("vg", "lv"));
    nodes.push(node("inner", &["lv"], NodeKind::PhysicalVolume));
    let doubts = Graph::new(nodes).unwrap().doubts();
    let said: Vec<_> = doubts.iter().map(|d| (d.node.as_str(), d.problem.as_str())).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].0 == "boot-fs" && said[0].1.contains("`bsp` is a BIOS boot partition"));
    assert!(said[1].0 == "inner" && said[1].1.contains("lvm looks for no physical volumes"));
    assert!(Graph::new(valid()).unwrap().doubts().is_empty());
}

/// Whatever names a filesystem, the fact says it as fstab does, for the boot menu to say it too.
#[test]
fn the_fact_names_filesystems_as_fstab_does() {
    for by in ["label", "uuid", "partuuid", "path", ""] {
        let mut nodes = valid();
        let by = if by.is_empty() { vec![] } else { vec![format!("x-dibhost.by={by}")] };
        if by == ["x-dibhost.by=path"] {
            nodes.extend(group("vg", "lv"));
            nodes[8].on = vec!["lv".into()];
        }
        let options = by.iter().map(String::as_str).collect::<Vec<_>>();
        *kind_of(&mut nodes, "root-mount") = mount("/", &options);
        let graph = Graph::new(nodes).unwrap();
        let identities = graph.identities(&[1; 32]);
        let fstab = graph.fstab(&identities);
        let first = fstab.split(' ').next().unwrap();
        assert_eq!(graph.layout_fact(&identities)["mounts"][0]["source"], first, "{by:?}");
    }
}

type Change = Box<dyn FnOnce(&mut Vec<Node>)>;

fn refused(change: impl FnOnce(&mut Vec<Node>)) -> String {
    let mut nodes = valid();
    change(&mut nodes);
    Graph::of_image(nodes).unwrap_err().to_string()
}

fn kind_of<'a>(nodes: &'a mut [Node], name: &str) -> &'a mut NodeKind {
    &mut nodes.iter_mut().find(|n| n.name == name).unwrap().kind
}

#[test]
fn fstab_is_by_label_else_uuid_and_the_root_is_first() {
    let graph = Graph::new(valid()).unwrap();
    let identities = graph.identities(&[1; 32]);
    let uuid = identities.filesystems["data-fs"].uuid;
    let want = format!(
        "LABEL=cloudimg-rootfs / ext4 defaults 0 1\n\
         LABEL=MKFS_ESP /boot/efi vfat defaults 0 2\n\
         UUID={uuid} /home ext4 rw,nodev,relatime 0 2\n"
    );
    assert_eq!(graph.fstab(&identities), want);
}

#[test]
fn the_layout_fact() {
    let graph = Graph::new(valid()).unwrap();
    let identities = graph.identities(&[1; 32]);
    let fact = graph.layout_fact(&identities);
    assert_eq!(fact["table"], "gpt");
    assert_eq!(
        fact["mounts"][0],
        json!({
            "at": "/",
            "on": graph.filesystem("root-fs").unwrap().on,
            "filesystem": "ext4",
            "label": "cloudimg-rootfs",
            "uuid": identities.filesystems["root-fs"].uuid.to_string(),
            "options": [],
            "source": "LABEL=cloudimg-rootfs",
        })
    );
    let kinds: Vec<_> = fact["partitions"].as_array().unwrap().iter().map(|p| &p["type"]).collect();
    assert_eq!(kinds, ["bios-boot", "esp", "root-x86-64", "home"]);
    assert_eq!(fact["partitions"][1]["number"], 2);
    assert_eq!(fact["partitions"][1]["name"], "esp");
    assert_eq!(fact["volumes"], json!([]));
    let partuuid = identities.partitions["esp"].to_string();
    assert_eq!(fact["partitions"][1]["partuuid"], partuuid);
    assert_eq!(fact["mounts"][1]["uuid"].as_str().unwrap().len(), "1A2B-3C4D".len());
}

#[test]
fn identities_come_from_the_seed_and_the_names_alone() {
    let graph = Graph::new(valid()).unwrap();
    let one = graph.identities(&[1; 32]);
    let mut turned = valid();
    turned.reverse();
    assert_eq!(one, Graph::new(turned).unwrap().identities(&[1; 32]));
    let other = graph.identities(&[2; 32]);
    assert!(one.partitions.iter().all(|(node, id)| other.partitions[node] != *id));
    let mut all: Vec<_> = one.partitions.values().chain(one.tables.values()).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5);
    // For ever: images that were built must come out the same.
    assert_eq!(one.partitions["root"].to_string(), "b47bc09c-7270-5af6-9a9b-e61ec67ebb41");
    assert_eq!(one.filesystems["esp-fs"].uuid.to_string(), "9988-C568");
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    use NodeKind as N;
    let cases: Vec<(&str, &str, Change)> = vec![
        ("two nodes", "node `esp`", Box::new(|n| n[4].name = "esp".into())),
        ("is no node", "node `table`", Box::new(|n| n[1].on = vec!["disc".into()])),
        (
            "cannot stand on filesystem",
            "node `esp`",
            Box::new(|n| n[3].on = vec!["root-fs".into()]),
        ),
        ("stands on 0 nodes", "node `table`", Box::new(|n| n[1].on.clear())),
        (
            "stands on 2 nodes",
            "node `table`",
            Box::new(|n| {
                n.push(node("second", &[], N::Disk { size: None, sector_size: 512 }));
                n[1].on.push("second".into());
            }),
        ),
        ("already carries", "node `root-fs`", Box::new(|n| n[8].on = vec!["esp".into()])),
        (
            "is where `esp-mount`",
            "node `other`",
            Box::new(|n| {
                n[10].name = "esp-mount".into();
                n.push(node("spare", &["table"], partition("linux-generic")));
                n.push(node("spare-fs", &["spare"], filesystem("ext4", None)));
                n.push(node("other", &["spare-fs"], mount("/boot/efi", &[])));
            }),
        ),
        (
            "nothing is mounted at `/`",
            "add a mount node",
            Box::new(|n| {
                *kind_of(n, "root-mount") = mount("/srv", &[]);
            }),
        ),
        (
            "37 UTF-16 units",
            "node `root`",
            Box::new(|n| {
                let N::Partition { label, .. } = kind_of(n, "root") else { panic!() };
                *label = "x".repeat(37);
            }),
        ),
        (
            "is no partition type",
            "`bios-boot`",
            Box::new(|n| *kind_of(n, "root") = partition("8300")),
        ),
        (
            "takes 16",
            "node `root-fs`",
            Box::new(|n| {
                *kind_of(n, "root-fs") = filesystem("ext4", Some("seventeen-bytes-x"));
            }),
        ),
        (
            "also that of",
            "node `root-fs`",
            Box::new(|n| {
                *kind_of(n, "root-fs") = filesystem("ext4", Some("MKFS_ESP"));
            }),
        ),
        (
            "no kind of filesystem",
            "`vfat`",
            Box::new(|n| *kind_of(n, "esp-fs") = filesystem("fat", None)),
        ),
        (
            "has no setting `raw`",
            "`inode-ratio`",
            Box::new(|n| {
                let N::Filesystem { tuning, .. } = kind_of(n, "root-fs") else { panic!() };
                tuning.push(("raw".into(), "-d /etc".into()));
            }),
        ),
        (
            "no mount point",
            "node `esp-mount`",
            Box::new(|n| *kind_of(n, "esp-mount") = mount("/a/../b", &[])),
        ),
        (
            "no mount point",
            "node `esp-mount`",
            Box::new(|n| *kind_of(n, "esp-mount") = mount("/a b", &[])),
        ),
        (
            "no mount option",
            "node `esp-mount`",
            Box::new(|n| {
                *kind_of(n, "esp-mount") = mount("/x", &["rw,suid"]);
            }),
        ),
        (
            "contradict",
            "node `esp-mount`",
            Box::new(|n| {
                *kind_of(n, "esp-mount") = mount("/x", &["rw", "ro"]);
            }),
        ),
        (
            "a sector of 520 bytes",
            "node `disk`",
            Box::new(|n| {
                *kind_of(n, "disk") = N::Disk { size: None, sector_size: 520 };
            }),
        ),
        (
            "not whole sectors",
            "write 1049088",
            Box::new(|n| {
                *kind_of(n, "disk") = N::Disk { size: Some((1 << 20) + 1), sector_size: 512 };
            }),
        ),
        (
            "an alignment",
            "node `table`",
            Box::new(|n| {
                *kind_of(n, "table") = N::Table { kind: TableKind::Gpt, alignment: Some(3 << 20) };
            }),
        ),
        (
            "stands on no disk",
            "first sector",
            Box::new(|n| n[12].on = vec!["bsp".into(), "esp".into()]),
        ),
        ("no gap for GRUB", "to `table`", Box::new(|n| n[12].on = vec!["disk".into()])),
        (
            "`bare` has no partition table",
            "an MBR",
            Box::new(|n| {
                n.push(node("bare", &[], N::Disk { size: None, sector_size: 512 }));
                n[12].on = vec!["bare".into()];
            }),
        ),
        (
            "stands on two disks",
            "one of its own",
            Box::new(|n| {
                n.push(node("bare", &[], N::Disk { size: None, sector_size: 512 }));
                n[12].on = vec!["disk".into(), "bare".into()];
            }),
        ),
        (
            "`old` is one of an MBR",
            "`dos` alone",
            Box::new(|n| {
                n.extend(dos(512));
                n[12].on = vec!["dos".into(), "old".into()];
            }),
        ),
        (
            "sectors of 4096",
            "node `grub`",
            Box::new(|n| {
                n.extend(dos(4096));
                n[12].on = vec!["dos".into()];
            }),
        ),
        (
            "`dos` starts `one`",
            "node `two`",
            Box::new(|n| {
                n.extend(dos(512));
                n.extend(["one", "two"].map(|name| node(name, &["dos"], grub())));
            }),
        ),
        (
            "of type `esp`",
            "`bios-boot`",
            Box::new(|n| n[12].on = vec!["disk".into(), "esp".into()]),
        ),
        (
            "sectors of 4096",
            "UEFI",
            Box::new(|n| {
                *kind_of(n, "disk") = N::Disk { size: None, sector_size: 4096 };
            }),
        ),
        (
            "`boot-image` is",
            "absolute path",
            Box::new(|n| {
                let N::GrubBios { boot_image, .. } = kind_of(n, "grub") else { panic!() };
                *boot_image = "/boot/../etc/shadow".into();
            }),
        ),
        (
            "second partition takes the rest",
            "node `root`",
            Box::new(|n| {
                for name in ["esp", "root"] {
                    let N::Partition { size, .. } = kind_of(n, name) else { panic!() };
                    *size = Size::Rest;
                }
            }),
        ),
        (
            "is no attribute",
            "`read-only`",
            Box::new(|n| {
                let N::Partition { attributes, .. } = kind_of(n, "root") else { panic!() };
                attributes.push("boot".into());
            }),
        ),
        (
            "stands on itself",
            "node `a`",
            Box::new(|n| {
                let driver = || N::Encryption { secrets: vec!["k".into()], label: None };
                n.push(node("a", &["b"], driver()));
                n.push(node("b", &["a"], driver()));
            }),
        ),
        ("that is not a name", "letters", Box::new(|n| n[0].name = "a b".into())),
        (
            "core image of `grub` is written into, over this filesystem",
            "node `boot-fs`",
            Box::new(|n| n.push(node("boot-fs", &["bsp"], filesystem("ext4", None)))),
        ),
        (
            "core image of `grub`",
            "over this physical volume",
            Box::new(|n| n.push(node("pv", &["bsp"], N::PhysicalVolume))),
        ),
        (
            "holds a boot loader from its first byte on",
            "no filesystem",
            Box::new(|n| *kind_of(n, "data") = partition("prep")),
        ),
        (
            "the EFI system partition `data`, and no ext4",
            "`vfat`",
            Box::new(|n| *kind_of(n, "data") = partition("esp")),
        ),
        (
            "nothing through this encryption",
            "node `crypt`",
            Box::new(|n| {
                n.push(node("esp2", &["table"], partition("esp")));
                let kind = N::Encryption { secrets: vec!["k".into()], label: None };
                n.push(node("crypt", &["esp2"], kind));
            }),
        ),
        (
            "metadata 1.2 lies at the start of the EFI system partition `esp2`",
            "`metadata = \"1.0\"`",
            Box::new(|n| n.extend(mirrored_esp(r#"{"level": 1, "metadata": "1.2"}"#))),
        ),
        (
            "this spreads over several",
            "level 1, with metadata 1.0",
            Box::new(|n| n.extend(mirrored_esp(r#"{"level": 0}"#))),
        ),
        (
            "says that swap space is in it",
            "this is ext4",
            Box::new(|n| *kind_of(n, "data") = partition("swap")),
        ),
        (
            "its UUID is also that of `data-fs`",
            "node `spare-fs`",
            Box::new(|n| {
                let same = |name: &str, on: &str| {
                    let kind = N::Filesystem {
                        kind: "ext4".into(),
                        label: None,
                        uuid: Some("0fc63daf-8483-4772-8e79-3d69d8477de4".into()),
                        tuning: vec![],
                    };
                    node(name, &[on], kind)
                };
                n[6] = same("data-fs", "data");
                n.push(node("spare", &["table"], partition("linux-generic")));
                n.push(same("spare-fs", "spare"));
            }),
        ),
        (
            "`/proc/own` is within `/proc`",
            "node `esp-mount`",
            Box::new(|n| *kind_of(n, "esp-mount") = mount("/proc/own", &[])),
        ),
        (
            "`/run` is within `/run`",
            "mount it elsewhere",
            Box::new(|n| *kind_of(n, "esp-mount") = mount("/run", &[])),
        ),
        (
            "is of a format that is only read",
            "write `ro`",
            Box::new(|n| {
                *kind_of(n, "data-fs") = filesystem("squashfs", None);
                *kind_of(n, "data-mount") = mount("/home", &["rw"]);
            }),
        ),
        (
            "stands on verity, which takes no writes",
            "node `usr-mount`",
            Box::new(|n| {
                for name in ["usr", "hash"] {
                    n.push(node(name, &["table"], partition("linux-generic")));
                }
                n.push(node("verity", &["usr", "hash"], driver("verity", "{}")));
                n.push(node("usr-fs", &["verity"], filesystem("ext4", None)));
                n.push(node("usr-mount", &["usr-fs"], mount("/usr", &["rw"])));
            }),
        ),
        (
            "it names `half` twice",
            "two volumes or more",
            Box::new(|n| {
                n.push(node("half", &["table"], partition("raid")));
                n.push(node("mirror", &["half", "half"], driver("raid", r#"{"level": 1}"#)));
            }),
        ),
        (
            "its name can be no volume group's: it is the name of a device in `/dev`",
            "give the node another name",
            Box::new(|n| n.extend(group("sda", "lv"))),
        ),
        (
            "its name can be no logical volume's: lvm keeps names",
            "node `snapshot1`",
            Box::new(|n| n.extend(group("vg", "snapshot1"))),
        ),
        (
            "`/dev/mapper/vg-lv` would be `lv` too",
            "node `vg-lv`",
            Box::new(|n| {
                n.extend(group("vg", "lv"));
                let kind = N::Encryption { secrets: vec!["k".into()], label: None };
                n.push(node("vg-lv", &["lv"], kind));
            }),
        ),
        (
            "`/dev/mapper/control` is device-mapper's own",
            "node `control`",
            Box::new(|n| {
                n.push(node("spare", &["table"], partition("luks")));
                let kind = N::Encryption { secrets: vec!["k".into()], label: None };
                n.push(node("control", &["spare"], kind));
            }),
        ),
        (
            "its size is 150%",
            "from 0.0001% to 100%",
            Box::new(|n| {
                let N::Partition { size, .. } = kind_of(n, "root") else { panic!() };
                *size = Size::Share(1_500_000);
            }),
        ),
        (
            "a path that is the same on every machine",
            "`by = \"uuid\"`",
            Box::new(|n| *kind_of(n, "root-mount") = mount("/", &["x-dibhost.by=path"])),
        ),
    ];
    for (problem, also, change) in cases {
        let said = refused(change);
        assert!(said.contains(problem) && said.contains(also), "{problem}: {said}");
        assert!(said.starts_with("block device: "), "{said}");
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("disk".to_owned()),
        Just("table".to_owned()),
        Just("root".to_owned()),
        Just("/".to_owned()),
        Just("ext4".to_owned()),
        "[a-z/.,-]{0,12}",
        ".{0,12}",
    ]
}

fn any_kind() -> impl Strategy<Value = NodeKind> {
    let texts = || proptest::collection::vec(text(), 0..3);
    prop_oneof![
        (any::<Option<u64>>(), any::<u32>())
            .prop_map(|(size, sector_size)| NodeKind::Disk { size, sector_size }),
        Just(NodeKind::Disk { size: None, sector_size: 512 }),
        any::<Option<u64>>()
            .prop_map(|alignment| NodeKind::Table { kind: TableKind::Gpt, alignment }),
        (text(), text(), any::<u64>(), texts()).prop_map(|(label, type_id, bytes, attributes)| {
            NodeKind::Partition {
                label,
                type_id,
                size: Size::Bytes(bytes),
                attributes,
                preserve: false,
            }
        }),
        (text(), proptest::option::of(text()), proptest::option::of(text()), text(), text())
            .prop_map(|(kind, label, uuid, key, value)| NodeKind::Filesystem {
                kind,
                label,
                uuid,
                tuning: vec![(key, value)],
            }),
        (text(), texts(), any::<bool>()).prop_map(|(at, options, in_fstab)| NodeKind::Mount {
            at,
            options,
            in_fstab
        }),
        (text(), text())
            .prop_map(|(boot_image, core_image)| NodeKind::GrubBios { boot_image, core_image }),
        (text(), text()).prop_map(|(name, settings)| NodeKind::Driver { name, settings }),
    ]
}

proptest! {
    #[test]
    fn any_nodes_are_a_graph_or_refused(
        nodes in proptest::collection::vec((text(), proptest::collection::vec(text(), 0..3), any_kind()), 0..8),
        after_valid in any::<bool>(),
    ) {
        let mut all = if after_valid { valid() } else { vec![] };
        all.extend(nodes.into_iter().map(|(name, on, kind)| Node { name, on, kind }));
        if let Ok(graph) = Graph::new(all) {
            let identities = graph.identities(&[3; 32]);
            let fact = graph.layout_fact(&identities);
            prop_assert_eq!(fact["mounts"].as_array().unwrap().len(), graph.mounts().len());
            for line in graph.fstab(&identities).lines() {
                prop_assert_eq!(line.split(' ').count(), 6, "{}", line);
            }
        }
    }

    #[test]
    fn any_text_is_a_partition_type_or_not(text in ".{0,40}") {
        let _ = partition_type(&text);
    }
}

#[test]
fn key_slots_are_bounded_in_all() {
    let with = |encryptions: usize| {
        let mut nodes = vec![
            node("disk", &[], NodeKind::Disk { size: None, sector_size: 512 }),
            node("table", &["disk"], NodeKind::Table { kind: TableKind::Gpt, alignment: None }),
        ];
        for number in 0..encryptions {
            let (partition_node, name) = (format!("p{number}"), format!("e{number}"));
            nodes.push(node(&partition_node, &["table"], partition("luks")));
            let secrets = (0..32).map(|slot| format!("k{slot}")).collect();
            let kind = NodeKind::Encryption { secrets, label: None };
            nodes.push(node(&name, &[&partition_node], kind));
        }
        Graph::new(nodes)
    };
    with(2).unwrap();
    let error = with(3).unwrap_err().to_string();
    assert!(error.contains("`e2`") && error.contains("96 secrets open encryptions"), "{error}");
}
