//! Our nodes of DIB's files: sizes, types, labels, fstab.

use std::fs;

use dibhost_block_device::{Graph, Node, NodeKind, Size, TableKind};
use dibhost_dib::{DIB_FALLBACK, Dib, DibLayout, DibParameters};
use dibhost_dib::{Syntax, Written};
use dibhost_filesystems::FolderTree;
use dibhost_sys::Cancel;

use crate::case::{case, parse, text};

fn layout(name: &str) -> DibLayout {
    case(name).unwrap().layout().unwrap()
}

pub(crate) fn nodes(name: &str) -> Vec<Node> {
    layout(name).nodes
}

fn element(name: &str) -> DibLayout {
    parse(&text(&format!("elements/block-device-{name}.yaml"))).unwrap().layout().unwrap()
}

fn names(nodes: &[Node]) -> Vec<&str> {
    nodes.iter().map(|node| node.name.as_str()).collect()
}

/// Partitions: label, type, size, attributes.
fn partitions(nodes: &[Node]) -> Vec<(&str, &str, Size, String)> {
    let partition = |node: &&Node| matches!(node.kind, NodeKind::Partition { .. });
    nodes
        .iter()
        .filter(partition)
        .map(|node| match &node.kind {
            NodeKind::Partition { label, type_id, size, attributes, .. } => {
                (label.as_str(), type_id.as_str(), *size, attributes.join(" "))
            }
            _ => unreachable!(),
        })
        .collect()
}

/// Filesystems: kind, label, node below.
fn filesystems(nodes: &[Node]) -> Vec<String> {
    let one = |node: &Node| match &node.kind {
        NodeKind::Filesystem { kind, label, .. } => {
            Some(format!("{kind} {} {}", label.as_deref().unwrap_or("-"), node.on.join(" ")))
        }
        _ => None,
    };
    nodes.iter().filter_map(one).collect()
}

fn fstab(layout: &DibLayout) -> String {
    layout.fstab.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn gpt_efi() {
    let layout = layout("gpt_efi");
    let want = [
        ("ESP", "esp", Size::Bytes(8 << 20), String::new()),
        ("BSP", "bios-boot", Size::Bytes(8 << 20), String::new()),
        ("Root Part", "linux-generic", Size::Rest, String::new()),
    ];
    assert_eq!(partitions(&layout.nodes), want);
    // A name of a node has no blank; labels and partition names do.
    assert_eq!(
        names(&layout.nodes),
        [
            "image0",
            "partitioning_image0",
            "ESP",
            "mkfs_ESP",
            "BSP",
            "Root-Part",
            "mkfs_Root-Part",
            "mount_mkfs_Root-Part",
            "mount_mkfs_ESP",
        ]
    );
    assert_eq!(filesystems(&layout.nodes), ["vfat MKFS_ESP ESP", "ext4 mkfs_Root-Part Root-Part"]);
}

#[test]
fn partitions_of_an_mbr() {
    let layout = layout("multiple_partitions_tree");
    let logical = || "logical".to_owned();
    let want = [
        ("", "linux-generic", Size::ShareOfRest(540_000), "active".to_owned()),
        ("", "linux-generic", Size::ShareOfRest(400_000), logical()),
        ("", "linux-generic", Size::ShareOfRest(50_000), logical()),
        ("", "linux-generic", Size::ShareOfRest(10_000), logical()),
    ];
    assert_eq!(partitions(&layout.nodes), want);
    let want =
        ["xfs img-rootfs root", "xfs mkfs_var var", "vfat VARLOG var_log", "swap mkfs_swap swap"];
    assert_eq!(filesystems(&layout.nodes), want);
    // What is no UUID is no fault of the graph.
    let uuid = |node: &Node| match &node.kind {
        NodeKind::Filesystem { uuid, .. } => uuid.clone(),
        _ => None,
    };
    let uuids: Vec<String> = layout.nodes.iter().filter_map(uuid).collect();
    assert_eq!(uuids, ["root-uuid-1234", "var-uuid-1234", "swap-uuid-1234"]);
    let table = layout.nodes.iter().find(|node| node.name == "mbr").unwrap();
    assert_eq!(table.kind, NodeKind::Table { kind: TableKind::Mbr, alignment: None });
    assert_eq!(table.on, ["image0"]);
    assert_eq!(
        fstab(&layout),
        "LABEL=img-rootfs / xfs defaults 0 1\n\
         LABEL=mkfs_var /var xfs defaults 0 1\n\
         LABEL=VARLOG /var/log vfat defaults 0 1\n\
         LABEL=mkfs_swap none swap sw 0 0\n"
    );
}

/// `test_mount_order_unsorted`: `/`, `/boot`, `/var`, `none`.
#[test]
fn mounts_are_in_order() {
    let layout = layout("lvm_tree_partition_ordering");
    let mount = |node: &Node| match &node.kind {
        NodeKind::Mount { at, .. } => Some(at.clone()),
        _ => None,
    };
    let mounts: Vec<String> = layout.nodes.iter().filter_map(mount).collect();
    // Swap space is in fstab and not mounted.
    assert_eq!(mounts, ["/", "/boot", "/var"]);
    assert_eq!(
        fstab(&layout),
        "LABEL=img-rootfs / ext4 noacl,errors=remount-ro 0 1\n\
         LABEL=mkfs_boot /boot ext3 nodev,nosuid 0 2\n\
         LABEL=mkfs_var /var ext4 noacl 0 2\n\
         LABEL=mkfs_swap none swap sw 0 0\n"
    );
    let disk = layout.nodes.iter().find(|node| node.name == "image0").unwrap();
    assert_eq!(disk.kind, NodeKind::Disk { size: Some(5_000_000_000), sector_size: 512 });
}

#[test]
fn a_gpt_s_type_in_an_mbr_is_translated_with_a_warning() {
    let layout = layout("lvm_tree_multiple_partitions");
    let bytes = |bytes| Size::Bytes(bytes);
    let want = [
        ("", "linux-generic", bytes(3_000_000_000), "active logical".to_owned()),
        ("", "esp", bytes(8 << 20), "logical".to_owned()),
        ("", "da", bytes(8 << 20), "logical".to_owned()),
    ];
    assert_eq!(partitions(&layout.nodes), want);
    let lines: Vec<String> = layout.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "12:15: warning: `EF00` is a type of a GPT, and an MBR has `0xef`: write `'0xef'`, or \
             `label: gpt`",
            "22:15: warning: `EF02` is a type of a GPT, and an MBR has `0xda`: write `'0xda'`, or \
             `label: gpt`",
            "64:13: warning: `fstab` has no key `fck-passno`, so it is left out: did you mean \
             `fsck-passno`?",
        ]
    );
}

/// `test_gpt_efi` on its disk of 1 GiB, and the same of the layouts that DIB ships: MiB of each
/// partition, which DIB tells `sgdisk`.
#[test]
fn partitions_have_the_sizes_that_dib_gives_them() {
    for (file, gib, want) in [
        ("cases/gpt_efi.yaml", 1, [8, 8, 1006].as_slice()),
        ("elements/block-device-gpt-default.yaml", 1, &[8, 1014]),
        ("elements/block-device-gpt-ppc64el.yaml", 1, &[8, 1014]),
        ("elements/block-device-efi-default.yaml", 3, &[550, 8, 2512]),
        ("elements/block-device-efi-4k-default.yaml", 3, &[500, 8, 2562]),
    ] {
        let parameters = DibParameters { image_size: Some(gib << 30), ..DibParameters::default() };
        let dib = Dib::parse(&text(file), &parameters).unwrap();
        let graph = Graph::new(dib.layout().unwrap().nodes).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (root, aside) = (folder.path().join("root"), folder.path().join("aside"));
        fs::create_dir_all(root.join("boot/efi")).unwrap();
        fs::create_dir(&aside).unwrap();
        let mounts: Vec<&str> = graph.mounts().iter().map(|mount| mount.at.as_str()).collect();
        let mut tree = FolderTree::split(&root, &aside, &mounts, Cancel::new()).unwrap();
        let identities = graph.identities(&[7; 32]);
        let made = dibhost_block_device::layout(&graph, &identities, &mut tree).unwrap();
        let mebibytes: Vec<u64> = made.partitions.iter().map(|p| p.extent.size >> 20).collect();
        assert_eq!(mebibytes, want, "{file}");
        assert!(made.partitions.iter().all(|p| p.extent.size % (1 << 20) == 0), "{file}");
    }
}

/// The checks of our graph find their place in the file.
#[test]
fn a_fault_of_our_graph_has_its_place() {
    let layout = layout("multiple_partitions_graph");
    let efi = text("elements/block-device-efi-default.yaml");
    for (from, to, want) in [
        ("type: ext4", "type: zfs", "24:9: node `mkfs_root`: `zfs` is no kind of filesystem"),
        (
            "type: ext4",
            "type: ext4\n          uuid: x",
            "24:9: node `mkfs_root`: `x` is not a UUID",
        ),
        ("mount_point: /boot/efi", "mount_point: /boot/", "13:11: node `mount_mkfs_ESP`: `/boot/`"),
    ] {
        assert!(efi.contains(from));
        let text = efi.replacen(from, to, 1);
        let written = Written::parse(&text, Syntax::DibYaml, &DibParameters::default()).unwrap();
        let why = written.graph().unwrap_err().to_string();
        assert!(why.starts_with(want), "{why}");
    }
    assert_eq!(layout.positions.len(), layout.nodes.len());
}

/// The goldens of the layouts that DIB ships.
#[test]
fn shipped_layouts() {
    let rest = |label, type_id| (label, type_id, Size::Rest, String::new());
    let mib = |label, type_id, mib: u64| (label, type_id, Size::Bytes(mib << 20), String::new());
    let root = "LABEL=cloudimg-rootfs / ext4 defaults 0 1\n";
    let efi = format!("{root}LABEL=MKFS_ESP /boot/efi vfat defaults 0 2\n");

    let mbr = element("mbr-default");
    let want = ("", "linux-generic", Size::Rest, "active".to_owned());
    assert_eq!(partitions(&mbr.nodes), [want]);
    assert_eq!(fstab(&mbr), root);

    let mbr = element("mbr-ppc64el");
    let want = [
        ("", "prep", Size::Bytes(8 << 20), "active".to_owned()),
        ("", "linux-generic", Size::Rest, String::new()),
    ];
    assert_eq!(partitions(&mbr.nodes), want);
    assert_eq!(fstab(&mbr), root);

    let gpt = element("gpt-default");
    assert_eq!(partitions(&gpt.nodes), [mib("BSP", "bios-boot", 8), rest("root", "linux-generic")]);
    assert_eq!(fstab(&gpt), root);
    let gpt = element("gpt-ppc64el");
    assert_eq!(partitions(&gpt.nodes), [mib("boot", "prep", 8), rest("root", "linux-generic")]);
    assert_eq!(fstab(&gpt), root);

    for (name, esp, sector_size) in [("efi-default", 550, 512), ("efi-4k-default", 500, 4096)] {
        let layout = element(name);
        let want =
            [mib("ESP", "esp", esp), mib("BSP", "bios-boot", 8), rest("root", "linux-generic")];
        assert_eq!(partitions(&layout.nodes), want);
        assert_eq!(filesystems(&layout.nodes), ["vfat MKFS_ESP ESP", "ext4 cloudimg-rootfs root"]);
        assert_eq!(layout.nodes[0].kind, NodeKind::Disk { size: None, sector_size });
        assert_eq!(fstab(&layout), efi);
    }

    let lvm = element("efi-lvm-default");
    let want = [
        mib("ESP", "esp", 550),
        mib("BSP", "bios-boot", 8),
        ("root", "linux-generic", Size::Bytes(40_000_000_000), String::new()),
    ];
    assert_eq!(partitions(&lvm.nodes), want);
    let want =
        ["vfat MKFS_ESP ESP", "xfs img-rootfs lv_root", "xfs fs_var lv_var", "xfs fs_home lv_home"];
    assert_eq!(filesystems(&lvm.nodes), want);
    assert_eq!(
        fstab(&lvm),
        "LABEL=img-rootfs / xfs rw,relatime 0 1\n\
         LABEL=MKFS_ESP /boot/efi vfat defaults 0 2\n\
         LABEL=fs_home /home xfs rw,nodev,relatime 0 2\n\
         LABEL=fs_var /var xfs rw,relatime 0 2\n"
    );
}

#[test]
fn without_an_element_s_layout() {
    let dib = parse(DIB_FALLBACK).unwrap();
    let order = ["image0", "mkfs_root", "mount_mkfs_root", "fstab_mount_mkfs_root"];
    assert_eq!(dib.graph().call_order(), order);
    let layout = dib.layout().unwrap();
    assert_eq!(fstab(&layout), "LABEL=cloudimg-rootfs / ext4 defaults 0 1\n");
    assert_eq!(names(&layout.nodes), ["image0", "mkfs_root", "mount_mkfs_root"]);
}

#[test]
fn parameters_go_into_mkfs_root_alone() {
    let parameters = DibParameters {
        image_size: Some(1 << 30),
        block_size: Some(4096),
        root_filesystem: Some("xfs".into()),
        root_options: Some("-K".into()),
        root_label: None,
    };
    let nodes = |parameters: &DibParameters, text: &str| {
        Dib::parse(text, parameters).unwrap().layout().unwrap().nodes
    };
    let made = nodes(&parameters, DIB_FALLBACK);
    assert_eq!(made[0].kind, NodeKind::Disk { size: Some(1 << 30), sector_size: 4096 });
    assert_eq!(filesystems(&made), ["xfs img-rootfs image0"]);
    let labelled = DibParameters { root_label: Some("x".into()), ..parameters };
    assert_eq!(filesystems(&nodes(&labelled, DIB_FALLBACK)), ["xfs x image0"]);
    // What the file says goes first, and other filesystems get nothing.
    let made = nodes(&labelled, &text("cases/lvm_tree_partition_ordering.yaml"));
    assert_eq!(filesystems(&made)[1], "ext4 img-rootfs lv_root");
    assert_eq!(filesystems(&made)[2], "ext4 mkfs_var lv_var");
    assert_eq!(made[0].kind, NodeKind::Disk { size: Some(5_000_000_000), sector_size: 4096 });
}

#[test]
fn options_of_mkfs_become_settings() {
    let parameters = DibParameters {
        root_options: Some("-i 4096 -J size=64 -m 1".into()),
        ..DibParameters::default()
    };
    let layout = Dib::parse(DIB_FALLBACK, &parameters).unwrap().layout().unwrap();
    let NodeKind::Filesystem { tuning, .. } = &layout.nodes[1].kind else { panic!() };
    let want = [("inode-ratio", "4096"), ("reserved-percent", "1")];
    let have: Vec<(&str, &str)> = tuning.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(have, want);
    let lines: Vec<String> = layout.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        ["3:5: warning: the option `-J size=64` of `mkfs -t ext4` is left out: the journal is as \
          large as the filesystem's size asks for"]
    );
    Graph::new(layout.nodes).unwrap();
}

const DISK: &str = "\
- local_loop: {name: d}
- partitioning:
    base: d
    label: mbr
    partitions:
";

#[test]
fn what_dib_finds_late_is_found_by_the_layout() {
    for (more, want) in [
        ("      - {name: p, size: 8Mib}\n", "6:25: unit_str [Mib] not known"),
        ("      - {name: p, size: 101%}\n", "6:25: `101%` is no part of a whole"),
        ("      - {name: p, size: 0MiB}\n", "6:25: the size `0MiB` comes to nothing"),
        (
            "      - {name: p, size: 1MiB, type: esp}\n",
            "6:37: `esp` is no type of a partition of MBR",
        ),
        ("      - {name: p, size: 1MiB, type: beef}\n", "6:37: `beef` is no type"),
        (
            "      - {name: p, size: 1MiB}\n      - {name: q, size: 1MiB, flags: [primary]}\n",
            "7:16: All primary partitions must be given first",
        ),
        (
            "      - {name: p, size: 1MiB}\n- mount: {name: m, base: p, mount_point: /}\n",
            "7:26: `p` is no filesystem to mount",
        ),
        (
            "      - {name: p, size: 1MiB, mkfs: {type: xfs, mount: {mount_point: var}}}\n",
            "6:70: `var` is no mount point",
        ),
        (
            "      - {name: p, size: 1MiB, mkfs: {type: xfs, fstab: {}}}\n",
            "6:49: `mkfs_p` is no mount to be in fstab",
        ),
        (
            "      - {name: p, size: 1MiB, mkfs: {type: xfs, mount: {mount_point: /, fstab: {options: \"a b\"}}}}\n",
            "6:90: `a b` is no field of fstab",
        ),
        (
            "      - {name: p, size: 1MiB, mkfs: {type: xfs, mount: {mount_point: /, fstab: {fsck-passno: x}}}}\n",
            "6:94: `x` is no field of fstab",
        ),
        (
            "      - {name: p, size: 1MiB, mkfs: {type: ext4, opts: '-d /etc'}}\n",
            "6:56: the option `-d` of `mkfs -t ext4` has no meaning here",
        ),
    ] {
        let why = parse(&format!("{DISK}{more}")).unwrap().layout().unwrap_err().to_string();
        assert!(why.starts_with(want), "{more}{why}");
    }
}

#[test]
fn two_swap_spaces_and_several_disks() {
    let two = "\
- local_loop: {name: a, size: 1GiB, mkfs: {type: swap, mount: {mount_point: none, fstab: {}}}}
- local_loop: {name: b, size: 1GiB, mkfs: {type: swap, mount: {mount_point: none, fstab: {}}}}
- local_loop: {name: c, mkfs: {type: ext4, mount: {mount_point: /}}}
";
    let dib = parse(two).unwrap();
    let layout = dib.layout().unwrap();
    assert_eq!(fstab(&layout), "LABEL=mkfs_a none swap sw 0 0\nLABEL=mkfs_b none swap sw 0 0\n");
    let disks = layout.nodes.iter().filter(|node| matches!(node.kind, NodeKind::Disk { .. }));
    assert_eq!(disks.count(), 3);
}

#[test]
fn names_of_nodes_are_unique_when_made_fit() {
    let text = format!(
        "{DISK}      - {{name: 'a b', size: 1MiB}}\n      - {{name: a-b, size: 1MiB}}\n      - {{name: 'a/b', size: 1MiB}}\n      - {{name: {}, size: 1MiB}}\n",
        "ü".repeat(70)
    );
    let layout = parse(&text).unwrap().layout().unwrap();
    let dashes = "-".repeat(64);
    assert_eq!(
        names(&layout.nodes),
        ["d", "partitioning_d", "a-b-2", "a-b", "a-b-3", dashes.as_str()]
    );
}
