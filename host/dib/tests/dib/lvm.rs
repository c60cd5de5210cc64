//! `test_lvm.py`: what LVM's programs are told by DIB, as sizes of our nodes; and the mutations of
//! `test_lvm_invalid_config` and `test_validate_lvs_type`.

use std::fs;

use dibhost_block_device::{Graph, Node, NodeKind, Size};
use dibhost_filesystems::FolderTree;
use dibhost_sys::Cancel;

use crate::case::{case, parse, text};
use crate::layout::nodes;

/// Each logical volume as `lvcreate` would be told of it.
fn volumes(name: &str) -> Vec<String> {
    let volume = |Node { name, on, kind }: Node| match kind {
        NodeKind::LogicalVolume { size, thin_pool, is_thin_pool, stripes: 1 } => {
            let size = match size {
                Size::Bytes(bytes) => format!("{bytes}B"),
                Size::Share(share) => format!("{}%VG", share / 10_000),
                other => format!("{other:?}"),
            };
            let pool = thin_pool.map(|pool| format!(" in {pool}")).unwrap_or_default();
            let is_pool = if is_thin_pool { " pool" } else { "" };
            Some(format!("{name} {size}{pool}{is_pool} {}", on.join(" ")))
        }
        _ => None,
    };
    nodes(name).into_iter().filter_map(volume).collect()
}

fn groups(name: &str) -> Vec<(String, Vec<String>)> {
    let group = |node: Node| match node.kind {
        NodeKind::VolumeGroup { extent_size } => {
            assert_eq!(extent_size, 4 << 20);
            Some((node.name, node.on))
        }
        _ => None,
    };
    nodes(name).into_iter().filter_map(group).collect()
}

fn group(name: &str, on: &[&str]) -> (String, Vec<String>) {
    (name.into(), on.iter().map(|on| (*on).into()).collect())
}

#[test]
fn several_physical_volumes_in_one_group() {
    let want = [
        "lv_root 1799356416B vg",
        "lv_tmp 96468992B vg",
        "lv_var 499122176B vg",
        "lv_log 96468992B vg",
        "lv_audit 96468992B vg",
        "lv_home 197132288B vg",
    ];
    assert_eq!(volumes("lvm_tree_multiple_pv"), want);
    assert_eq!(volumes("lvm_tree"), want);
    assert_eq!(volumes("lvm_graph"), want);
    assert_eq!(groups("lvm_tree_multiple_pv"), [group("vg", &["pv", "pv1"])]);
    let physical: Vec<(String, Vec<String>)> = nodes("lvm_tree_multiple_pv")
        .into_iter()
        .filter(|node| node.kind == NodeKind::PhysicalVolume)
        .map(|node| (node.name, node.on))
        .collect();
    assert_eq!(physical, [group("pv", &["root"]), group("pv1", &["data"])]);
}

#[test]
fn several_groups() {
    let want = [
        "lv_root 1799356416B vg1",
        "lv_tmp 96468992B vg1",
        "lv_var 499122176B vg2",
        "lv_log 96468992B vg2",
        "lv_audit 96468992B vg2",
        "lv_home 197132288B vg2",
    ];
    assert_eq!(volumes("lvm_tree_multiple_pv_vg"), want);
    let want = [group("vg1", &["pv"]), group("vg2", &["pv1"])];
    assert_eq!(groups("lvm_tree_multiple_pv_vg"), want);
}

#[test]
fn a_group_that_spans_partitions() {
    let want = ["lv_root 1799356416B vg_root", "lv_data 1996488704B vg_data"];
    assert_eq!(volumes("lvm_tree_spanned_vg"), want);
    let want = [group("vg_root", &["pv_root"]), group("vg_data", &["pv_data1", "pv_data2"])];
    assert_eq!(groups("lvm_tree_spanned_vg"), want);
}

#[test]
fn parts_of_a_group() {
    let want = [
        "lv_root 28%VG vg",
        "lv_tmp 4%VG vg",
        "lv_var 40%VG vg",
        "lv_log 23%VG vg",
        "lv_audit 4%VG vg",
        "lv_home 1%VG vg",
    ];
    assert_eq!(volumes("lvm_tree_multiple_partitions"), want);
}

#[test]
fn thin_volumes() {
    let want = [
        "lv_thinpool 2936012800B pool vg",
        "lv_root 1887436800B in lv_thinpool vg",
        "lv_tmp 104857600B in lv_thinpool vg",
        "lv_var 524288000B in lv_thinpool vg",
        "lv_log 104857600B in lv_thinpool vg",
        "lv_audit 104857600B in lv_thinpool vg",
        "lv_home 209715200B in lv_thinpool vg",
    ];
    assert_eq!(volumes("lvm_tree_thin_provision"), want);
}

/// Three of them are to hold an xfs, which none of 100 MiB can.
#[test]
fn volumes_that_no_xfs_fits_into_are_refused_by_the_layout() {
    let graph = Graph::new(nodes("lvm_tree_thin_provision")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (root, aside) = (folder.path().join("root"), folder.path().join("aside"));
    for place in ["tmp", "home", "var/log/audit"] {
        fs::create_dir_all(root.join(place)).unwrap();
    }
    fs::create_dir(&aside).unwrap();
    let mounts: Vec<&str> = graph.mounts().iter().map(|mount| mount.at.as_str()).collect();
    let mut tree = FolderTree::split(&root, &aside, &mounts, Cancel::new()).unwrap();
    let identities = graph.identities(&[7; 32]);
    let error = dibhost_block_device::layout(&graph, &identities, &mut tree).unwrap_err();
    assert_eq!(
        error.to_string(),
        "block device: node `fs_tmp`: xfs cannot be smaller than 300 MiB: make the partition or the disk larger, \
         or use ext4"
    );
}

#[test]
fn a_rounded_size_is_said_with_its_unit() {
    let layout = case("lvm_tree_spanned_vg").unwrap().layout().unwrap();
    let lines: Vec<String> = layout.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "45:15: note: `1800M` is 1800000000 bytes (M is 1000²; MiB is 1024²), rounded down to \
         whole extents: 1799356416 bytes: write `1799356416B` to say so, or another size",
            "49:15: note: `2G` is 2000000000 bytes (G is 1000³; GiB is 1024³), rounded down to whole \
         extents: 1996488704 bytes: write `1996488704B` to say so, or another size",
        ]
    );
    // MiB are whole extents.
    let layout = case("lvm_tree_thin_provision").unwrap().layout().unwrap();
    assert_eq!(layout.diagnostics, []);
}

/// A case with one text replaced, which is there.
fn mutated(name: &str, from: &str, to: &str) -> String {
    let text = text(&format!("cases/{name}.yaml"));
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn invalid_configurations() {
    for (name, from, to, want) in [
        (
            "lvm_graph",
            r#"base: ["pv"]"#,
            "base: [invalid_pv]",
            "24:16: base:invalid_pv in vgs does not match a valid pvs",
        ),
        (
            "lvm_graph",
            "base: vg\n        size: 1800M",
            "base: [invalid_vg]\n        size: 1800M",
            "29:15: base:['invalid_vg'] in lvs does not match a valid vg",
        ),
        (
            "lvm_graph",
            "        size: 1800M\n",
            "",
            "28:15: Missing 'size' or 'extents' in lvs config",
        ),
        (
            "lvm_tree_thin_provision",
            "type: thin-pool",
            "type: thin-pol",
            "28:15: Unsupported type:thin-pol, supported types: thin, thin-pool",
        ),
        ("lvm_graph", "    name: lvm_mbr\n    pvs", "    pws", "14:3: Lvm config requires a 'pvs'"),
        ("lvm_graph", "\n    vgs:", "\n    wgs:", "14:3: Lvm config needs 'vgs'"),
        ("lvm_graph", "\n    lvs:", "\n    lws:", "14:3: Lvm config needs 'lvs'"),
        ("lvm_graph", "        base: root\n\n", "\n", "18:9: Missing 'base' in pvs_config"),
        (
            "lvm_graph",
            "      - name: vg\n        base",
            "      - base",
            "23:9: Missing 'name' in vgs config",
        ),
    ] {
        let why = parse(&mutated(name, from, to)).unwrap_err();
        assert_eq!(format!("{}: {}", why.at, why.problem), want, "{from}");
    }
}

#[test]
fn what_lvm_would_refuse_is_refused_by_the_layout() {
    for (name, from, to, want) in [
        (
            "lvm_tree_thin_provision",
            "        thin-pool: lv_thinpool\n",
            "",
            "32:15: a thin volume needs a pool: name the pool by `thin-pool`",
        ),
        (
            "lvm_tree_thin_provision",
            "thin-pool: lv_thinpool",
            "thin-pool: lv_home",
            "34:20: `lv_home` is no thin pool of `vg`",
        ),
        ("lvm_tree", "size: 1800M", "size: 1M", "29:15: `1M` is 1000000 bytes (M is 1000²;"),
        ("lvm_tree", "size: 1800M", "size: 18 M M", "29:15: Invalid size unit spec [18 M M]"),
        ("lvm_tree", "size: 1800M", "extents: 0%VG", "29:18: `extents` is `0%VG`"),
        ("lvm_tree", "size: 1800M", "extents: 5%ORIGIN", "29:18: `extents` is `5%ORIGIN`"),
        (
            "lvm_tree",
            r#"options: ["--force"]"#,
            r#"options: ["--config", "x"]"#,
            "18:19: the option `--config` of `pvcreate` has no meaning here",
        ),
    ] {
        let dib = parse(&mutated(name, from, to)).unwrap();
        let why = dib.layout().unwrap_err().to_string();
        assert!(why.starts_with(want), "{why}");
    }
}

#[test]
fn extents_and_options_mean_what_lvcreate_takes_them_for() {
    let with = |size: &str| {
        let text = mutated("lvm_tree", "size: 1800M", size).replacen(
            r#"options: ["--force"]

    lvs"#,
            "options: [-s, 8m]\n\n    lvs",
            1,
        );
        let nodes = parse(&text).unwrap().layout().unwrap().nodes;
        let root = nodes.into_iter().find(|node| node.name == "lv_root").unwrap();
        match root.kind {
            NodeKind::LogicalVolume { size, stripes, .. } => (size, stripes),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(with("extents: 100%FREE"), (Size::Rest, 1));
    assert_eq!(with("extents: 50%FREE"), (Size::ShareOfRest(500_000), 1));
    assert_eq!(with("extents: 100%PVS"), (Size::Share(1_000_000), 1));
    // Extents of 8 MiB.
    assert_eq!(with("extents: 100"), (Size::Bytes(800 << 20), 1));
    assert_eq!(with("size: 12MiB"), (Size::Bytes(16 << 20), 1));
    assert_eq!(with("size: 16MiB\n        options: [--stripes=2]"), (Size::Bytes(16 << 20), 2));
}
