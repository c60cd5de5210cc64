//! Trees that nobody thought of: what is reckoned must hold, whatever is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, symlink};
use std::path::Path;
use std::process::Command;

use dibhost_block_device::{
    Graph, Layout, NoSecrets, Node, NodeKind, Realise, Size, TableKind, layout, realise,
};
use dibhost_filesystems::FolderTree;
use dibhost_sys::Cancel;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

const MIB: u64 = 1 << 20;

fn node(name: &str, on: &[&str], kind: NodeKind) -> Node {
    Node { name: name.into(), on: on.iter().map(|n| (*n).into()).collect(), kind }
}

fn filesystem(name: &str, on: &str, kind: &str, tuning: &[(&str, &str)]) -> Node {
    let kind = NodeKind::Filesystem {
        kind: kind.into(),
        label: None,
        uuid: None,
        tuning: tuning.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
    };
    node(name, &[on], kind)
}

fn partition(name: &str, size: Size) -> Node {
    let kind = NodeKind::Partition {
        label: String::new(),
        type_id: "linux-generic".into(),
        size,
        attributes: vec![],
        preserve: false,
    };
    node(name, &["table"], kind)
}

fn mount(on: &str, at: &str) -> Node {
    let kind = NodeKind::Mount { at: at.into(), options: vec![], in_fstab: true };
    node(&format!("{on}-mount"), &[on], kind)
}

fn run(program: &str, args: &[&str]) -> Result<String, TestCaseError> {
    let output = Command::new(program)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .args(args)
        .output()
        .map_err(|e| TestCaseError::fail(format!("{program}: {e}")))?;
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    prop_assert!(output.status.success(), "{program} {args:?}:\n{said}");
    Ok(said)
}

fn build(nodes: Vec<Node>, parts: &[(&str, &Path)], out: &Path) -> Result<Layout, TestCaseError> {
    let graph = Graph::new(nodes).unwrap();
    let mut tree = FolderTree::of_parts(parts.iter().copied(), Cancel::new()).unwrap();
    let fail = |e: &dyn std::error::Error| TestCaseError::fail(e.to_string());
    let layout = layout(&graph, &graph.identities(&[9; 32]), &mut tree).map_err(|e| fail(&e))?;
    let disks = BTreeMap::from([("disk".to_owned(), out.to_owned())]);
    let cancel = Cancel::new();
    let to = Realise { disks: &disks, secrets: &NoSecrets, time: 1_700_000_000, cancel: &cancel };
    realise(&layout, &mut tree, &to).map_err(|e| fail(&e))?;
    Ok(layout)
}

fn free_blocks(image: &Path) -> Result<(u64, u64), TestCaseError> {
    let said = run("dumpe2fs", &["-h", image.to_str().unwrap()])?;
    let number = |key: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    Ok((number("Block count:"), number("Free blocks:")))
}

#[derive(Debug, Clone)]
enum Thing {
    File { size: usize, zeros: bool },
    Sparse { data: Vec<u16> },
    Link(usize),
    HardLink,
    Attributes { count: usize, size: usize },
    Many { count: usize, name: usize },
}

fn thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        4 => (0usize..3_000_000, any::<bool>()).prop_map(|(size, zeros)| Thing::File { size, zeros }),
        1 => proptest::collection::vec(any::<u16>(), 0..400).prop_map(|data| Thing::Sparse { data }),
        2 => (1usize..1000).prop_map(Thing::Link),
        1 => Just(Thing::HardLink),
        1 => (1usize..4, 0usize..600).prop_map(|(count, size)| Thing::Attributes { count, size }),
        2 => (0usize..600, 1usize..240).prop_map(|(count, name)| Thing::Many { count, name }),
    ]
}

fn make(folder: &Path, index: usize, thing: &Thing) {
    let path = folder.join(format!("thing-{index}"));
    match thing {
        Thing::File { size, zeros } => fs::write(&path, vec![u8::from(!zeros); *size]).unwrap(),
        Thing::Sparse { data } => {
            let file = File::create(&path).unwrap();
            for at in data {
                file.write_all_at(b"x", u64::from(*at) * 8192).unwrap();
            }
        }
        Thing::Link(length) => symlink("l".repeat(*length), &path).unwrap(),
        Thing::HardLink => {
            fs::write(&path, vec![7; 50_000]).unwrap();
            fs::hard_link(&path, path.with_extension("too")).unwrap();
        }
        Thing::Attributes { count, size } => {
            fs::write(&path, "x").unwrap();
            for i in 0..*count {
                let (name, value) = (format!("user.name{i}"), vec![b'v'; *size]);
                let set = rustix::fs::setxattr(&path, name, &value, rustix::fs::XattrFlags::CREATE);
                set.expect("the folder for temporary files must take user attributes");
            }
        }
        Thing::Many { count, name } => {
            fs::create_dir(&path).unwrap();
            for i in 0..*count {
                let name = format!("{:0width$}", i, width = (*name).max(4));
                fs::write(path.join(name), "").unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_filesystem_never_runs_out(things in proptest::collection::vec(thing(), 0..40), ratio in 0usize..3) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir(&root).unwrap();
        for (index, thing) in things.iter().enumerate() {
            make(&root, index, thing);
        }
        let image = folder.path().join("disk.raw");
        // A large ratio makes inodes the scarce thing.
        let ratio = ["4096", "16384", "262144"][ratio];
        let nodes = vec![
            node("disk", &[], NodeKind::Disk { size: None, sector_size: 512 }),
            filesystem("fs", "disk", "ext4", &[("reserved-percent", "0"), ("inode-ratio", ratio)]),
            mount("fs", "/"),
        ];
        build(nodes, &[("/", &root)], &image)?;
        run("e2fsck", &["-fn", image.to_str().unwrap()])?;
        let (_, free) = free_blocks(&image)?;
        prop_assert!(free >= 16 * MIB / 4096, "{} blocks are free", free);
    }

    #[test]
    fn fsck_finds_nothing_on_fat(
        names in proptest::collection::btree_set("[A-Za-z0-9 äß_.~+-]{1,60}", 0..80),
        sizes in proptest::collection::vec(0usize..100_000, 80),
        deep in 0usize..8,
        sixteen in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (root, esp) = (folder.path().join("root"), folder.path().join("esp"));
        let below = (0..deep).fold(esp.clone(), |path, i| path.join(format!("Folder {i}")));
        fs::create_dir_all(&below).unwrap();
        fs::create_dir(&root).unwrap();
        // Of an empty volume `mdir` says that it is not there.
        fs::write(below.join("one"), "x").unwrap();
        let mut seen = BTreeSet::from(["ONE".to_owned()]);
        let mut files = 1;
        for (name, size) in names.iter().zip(sizes) {
            // `.` and `..` are no names, what ends with a dot or a blank is none to FAT.
            let fine = !name.ends_with(['.', ' ']) && seen.insert(name.to_uppercase());
            if fine {
                fs::write(below.join(name), vec![b'x'; size]).unwrap();
                files += 1;
            }
        }
        let bits = if sixteen { "16" } else { "32" };
        let nodes = vec![
            node("disk", &[], NodeKind::Disk { size: None, sector_size: 512 }),
            node("table", &["disk"], NodeKind::Table { kind: TableKind::Gpt, alignment: None }),
            partition("esp", Size::Content(0)),
            partition("root", Size::Rest),
            filesystem("esp-fs", "esp", "vfat", &[("fat-bits", bits)]),
            filesystem("root-fs", "root", "ext4", &[]),
            mount("esp-fs", "/boot/efi"),
            mount("root-fs", "/"),
        ];
        let image = folder.path().join("disk.raw");
        let layout = build(nodes, &[("/", &root), ("/boot/efi", &esp)], &image)?;
        let extent = layout.partitions[0].extent;
        let part = folder.path().join("part.raw");
        let mut bytes = vec![0; usize::try_from(extent.size).unwrap()];
        File::open(&image).unwrap().read_exact_at(&mut bytes, extent.offset).unwrap();
        fs::write(&part, bytes).unwrap();
        let said = run("fsck.fat", &["-n", part.to_str().unwrap()])?;
        // It counts folders, and a label if there is one.
        let want = format!(" {} files, ", files + deep);
        prop_assert!(said.contains(&want), "{} in {}", want, said);
        let all = run("mdir", &["-i", part.to_str().unwrap(), "-/", "-b", "-a", "::"])?;
        let listed = all.lines().filter(|line| !line.ends_with('/')).count();
        prop_assert_eq!(listed, files, "{}", all);
    }
}

/// The measure of the issue: no more than 1.15 times what `resize2fs -M` would leave.
#[test]
fn the_filesystem_is_not_much_larger_than_the_smallest() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    for i in 0..150u8 {
        let mut content = vec![i | 1; 1 << 20];
        content[..8].copy_from_slice(&u64::from(i).to_le_bytes());
        fs::write(root.join(format!("file-{i}")), content).unwrap();
    }
    let image = folder.path().join("disk.raw");
    let nodes = vec![
        node("disk", &[], NodeKind::Disk { size: None, sector_size: 512 }),
        filesystem("fs", "disk", "ext4", &[("max-online-resize", "1PB")]),
        mount("fs", "/"),
    ];
    let layout = build(nodes, &[("/", &root)], &image).unwrap();
    run("e2fsck", &["-fp", image.to_str().unwrap()]).unwrap();
    run("resize2fs", &["-M", image.to_str().unwrap()]).unwrap();
    let (blocks, _) = free_blocks(&image).unwrap();
    let ratio = layout.disk().unwrap().size as f64 / (blocks * 4096) as f64;
    assert!((1.0..1.15).contains(&ratio), "{ratio}");
}
