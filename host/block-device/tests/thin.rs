//! Thin pools of layouts: what is written to their volumes is found again by the pool's metadata,
//! as `thin_check` and `thin_dump` read it, and lvm2 finds nothing wrong.

mod built;
mod found;
#[path = "../../volumes/tests/thin_dump/mod.rs"]
mod thin_dump;

use std::fs::{self, File};
use std::process::Command;

use built::*;
use dibhost_block_device::{Graph, LayoutError, Node, NodeKind, Size, VolumeMap, layout};
use dibhost_filesystems::FolderTree;
use dibhost_sys::Cancel;
use dibhost_volumes::FileMedium;
use found::Found;
use tempfile::TempDir;

const GIB: u64 = 1 << 30;

fn pool(name: &str, group: &str, size: Size, stripes: u32) -> Node {
    let kind = NodeKind::LogicalVolume { size, thin_pool: None, is_thin_pool: true, stripes };
    node(name, &[group], kind)
}

fn thin(name: &str, group: &str, pool: &str, size: Size) -> Node {
    let thin_pool = Some(pool.to_owned());
    let kind = NodeKind::LogicalVolume { size, thin_pool, is_thin_pool: false, stripes: 1 };
    node(name, &[group], kind)
}

/// GPT, partition, physical volume, volume group `vg`.
fn in_a_group(above: Vec<Node>) -> Vec<Node> {
    let mut nodes = vec![
        disk("disk"),
        gpt("table", "disk"),
        partition("lvm", "table", "linux-lvm", Size::Content(0)),
        node("pv", &["lvm"], NodeKind::PhysicalVolume),
        node("vg", &["pv"], NodeKind::VolumeGroup { extent_size: 4 * MIB }),
    ];
    nodes.extend(above);
    nodes
}

/// What lvm2 says of a physical volume on a loop device of the test's own.
fn lvm_finds_nothing_wrong(physical: &std::path::Path, group: &str) -> String {
    struct Loop(String);
    impl Drop for Loop {
        fn drop(&mut self) {
            let _ = Command::new("losetup").args(["--detach", &self.0]).status();
        }
    }
    let said = run("losetup", &["--find", "--show", "--read-only", physical.to_str().unwrap()]);
    let device = Loop(said.trim().to_owned());
    let config = format!(
        "devices {{ use_devicesfile=0 hints=\"none\" obtain_device_list_from_udev=0 \
         global_filter=[\"a|^{}$|\", \"r|.*|\"] }} global {{ locking_type=4 }} \
         activation {{ udev_sync=0 udev_rules=0 monitoring=0 }}",
        device.0
    );
    let common = ["--config", &config, "--driverloaded", "n"];
    run("lvm", &[&["vgck"], &common[..], &[group]].concat());
    let fields = "lv_name,lv_size,segtype,pool_lv,chunk_size";
    let list = ["lvs", "-a", "--noheadings", "--separator", "|", "-o", fields];
    run("lvm", &[&list[..], &common, &[group]].concat())
}

#[test]
fn a_pool_holds_what_is_written_and_its_volumes_claim_more() {
    let built = build(in_a_group(vec![
        // Nodes have no order: volumes may come before their pool.
        thin("lv-root", "vg", "pool", Size::Bytes(3 * GIB)),
        pool("pool", "vg", Size::Content(16 * MIB), 1),
        volume("plain", "vg", Size::Bytes(8 * MIB), 1),
        thin("lv-home", "vg", "pool", Size::Content(100 * MIB)),
        thin("unused", "vg", "pool", Size::Bytes(1 << 40)),
        ext4("root", "lv-root"),
        ext4("home", "lv-home"),
        mount("/", "root"),
        mount("/home", "home"),
    ]));
    let group = &built.layout.groups[0];
    let [laid_out] = group.pools.as_slice() else { panic!("{:?}", group.pools) };
    assert_eq!((laid_out.chunk_size, laid_out.metadata_size), (64 << 10, 4 * MIB));
    assert!(laid_out.size < 200 * MIB && laid_out.virtual_size > 3 * GIB + (1 << 40));
    let map = &built.layout.volume("lv-root").unwrap().map;
    let want = VolumeMap::Thin { group: "vg".into(), pool: "pool".into(), device: 1 };
    assert_eq!((map, built.layout.size_of("lv-root")), (&want, Some(3 * GIB)));
    let said = built.layout.to_text();
    assert!(
        said.contains("  thin pool pool: ") && said.contains(" in chunks of 64 KiB, "),
        "{said}"
    );
    assert!(said.contains("lv-root: thin volume of vg in pool, 3 GiB\n"), "{said}");

    let physical = built.extract("lvm");
    let rows = lvm_finds_nothing_wrong(&physical, "vg");
    for row in
        ["unused|1.00t|thin|pool|0", "lv-root|3.00g|thin|pool|0", "[lvol0_pmspare]|4.00m|linear"]
    {
        assert!(rows.contains(row), "{row} in {rows}");
    }
    let file = File::open(&physical).unwrap();
    let medium = FileMedium::whole(&file).unwrap();
    let found = Found::on(&medium, "pool");
    for name in ["lv-root", "lv-home"] {
        let path = found.extract(name, &built.folder);
        run("e2fsck", &["-fn", path.to_str().unwrap()]);
    }
    let root = built.folder.path().join("thin-lv-root");
    holds_the_files(root.to_str().unwrap());
    // 3 MiB of a file, and tables.
    let taken = found.chunks() * found.map.chunk_size;
    assert!((3 * MIB..12 * MIB).contains(&taken), "{taken}");
    assert!(found.with("unused", |medium| {
        let mut bytes = [1; 4096];
        medium.read_exact_at(&mut bytes, 1 << 39).unwrap();
        bytes == [0; 4096]
    }));
}

#[test]
fn equal_plans_give_equal_pools() {
    let nodes = || {
        in_a_group(vec![
            pool("pool", "vg", Size::Bytes(60 * MIB), 1),
            thin("lv", "vg", "pool", Size::Bytes(GIB)),
            ext4("root", "lv"),
            mount("/", "root"),
        ])
    };
    let (one, two) = (build(nodes()), build(nodes()));
    assert!(fs::read(one.path("disk")).unwrap() == fs::read(two.path("disk")).unwrap());
}

#[test]
fn an_encryption_in_a_pool_and_a_pool_in_an_encryption() {
    let built = build(vec![
        disk("disk"),
        luks_on("outer", "disk"),
        node("pv", &["outer"], NodeKind::PhysicalVolume),
        node("vg", &["pv"], NodeKind::VolumeGroup { extent_size: MIB }),
        pool("pool", "vg", Size::Content(0), 1),
        thin("open", "vg", "pool", Size::Bytes(500 * MIB)),
        thin("closed", "vg", "pool", Size::Content(0)),
        luks_on("inner", "closed"),
        ext4("root", "open"),
        ext4("home", "inner"),
        mount("/", "root"),
        mount("/home", "home"),
    ]);
    let plain = built.folder.path().join("plain");
    fs::write(&plain, decrypted(&built.path("disk"))).unwrap();
    let file = File::open(&plain).unwrap();
    let medium = FileMedium::whole(&file).unwrap();
    let found = Found::on(&medium, "pool");
    // What lies below decrypts to anything, and yet nothing but data takes a chunk.
    holds_the_files(found.extract("open", &built.folder).to_str().unwrap());
    let inner = found.extract("closed", &built.folder);
    let path = built.folder.path().join("home");
    fs::write(&path, decrypted(&inner)).unwrap();
    run("e2fsck", &["-fn", path.to_str().unwrap()]);
    let said = run("debugfs", &["-R", "stat /someone/large", path.to_str().unwrap()]);
    assert!(said.contains("Size: 3145728"), "{said}");
}

#[test]
fn a_pool_in_a_volume_of_a_pool() {
    let built = build(in_a_group(vec![
        pool("lower", "vg", Size::Content(0), 1),
        thin("middle", "vg", "lower", Size::Content(0)),
        node("pv-upper", &["middle"], NodeKind::PhysicalVolume),
        node("vg-upper", &["pv-upper"], NodeKind::VolumeGroup { extent_size: MIB }),
        pool("upper", "vg-upper", Size::Content(0), 1),
        thin("lv", "vg-upper", "upper", Size::Bytes(GIB)),
        ext4("root", "lv"),
        mount("/", "root"),
    ]));
    let physical = built.extract("lvm");
    let file = File::open(&physical).unwrap();
    let medium = FileMedium::whole(&file).unwrap();
    let lower = Found::on(&medium, "lower");
    lower.with("middle", |middle| {
        let upper = Found::on(middle, "upper");
        holds_the_files(upper.extract("lv", &built.folder).to_str().unwrap());
    });
}

#[test]
fn a_pool_takes_shares_and_leaves_room_for_its_metadata() {
    let pools = |first, second, stripes| {
        let folder = TempDir::new().unwrap();
        let graph = Graph::new(vec![
            node("one", &[], NodeKind::Disk { size: Some(401 * MIB), sector_size: 512 }),
            node("two", &[], NodeKind::Disk { size: Some(401 * MIB), sector_size: 512 }),
            node("pv-one", &["one"], NodeKind::PhysicalVolume),
            node("pv-two", &["two"], NodeKind::PhysicalVolume),
            node("vg", &["pv-one", "pv-two"], NodeKind::VolumeGroup { extent_size: 4 * MIB }),
            pool("first", "vg", first, stripes),
            pool("second", "vg", second, 1),
        ])
        .unwrap();
        let root = [("/", folder.path())];
        let mut tree = FolderTree::of_parts(root, Cancel::new()).unwrap();
        let layout = layout(&graph, &graph.identities(&[5; 32]), &mut tree);
        layout.map(|layout| layout.groups[0].pools.iter().map(|p| p.size / MIB).collect::<Vec<_>>())
    };
    // 800 MiB: metadata of 4 MiB each, and a spare of 4 MiB.
    assert_eq!(pools(Size::Bytes(100 * MIB), Size::Rest, 1).unwrap(), [100, 688]);
    assert_eq!(pools(Size::Share(250_000), Size::ShareOfRest(1_000_000), 2).unwrap(), [200, 588]);
    let error = pools(Size::Share(1_000_000), Size::Rest, 1).unwrap_err();
    assert!(matches!(error, LayoutError::Refused { node, .. } if node == "second"));
}

#[test]
fn a_pool_that_is_too_small_is_refused_before_anything_is_written() {
    let graph = Graph::new(in_a_group(vec![
        pool("pool", "vg", Size::Bytes(60 * MIB), 1),
        thin("one", "vg", "pool", Size::Bytes(50 * MIB)),
        thin("two", "vg", "pool", Size::Bytes(50 * MIB)),
        luks_on("crypt", "two"),
        ext4("root", "one"),
        ext4("home", "crypt"),
        mount("/", "root"),
        mount("/home", "home"),
    ]))
    .unwrap();
    let folder = TempDir::new().unwrap();
    let parts = [("/", folder.path()), ("/home", folder.path())];
    let mut tree = FolderTree::of_parts(parts, Cancel::new()).unwrap();
    let error = layout(&graph, &graph.identities(&[5; 32]), &mut tree).unwrap_err().to_string();
    assert!(error.contains("node `pool`: what is on its volumes takes up to "), "{error}");
    assert!(error.contains("make the pool larger"), "{error}");
}
