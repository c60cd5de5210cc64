//! Every kind of filesystem, made without the kernel's help, looked at by the tools of others and
//! by the kernel: mounted, it holds what the tree holds.

#[path = "../../filesystems/tests/mounted/mod.rs"]
mod mounted;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use dibhost_block_device::{
    Graph, Layout, NoSecrets, Node, NodeKind, Realise, Size, TableKind, layout, realise,
};
use dibhost_filesystems::{FolderTree, Listing};
use dibhost_sys::Cancel;
use mounted::{EPOCH, Mounted, full_tree, listing, noise, plain_tree, run};

const MIB: u64 = 1 << 20;

fn node(name: &str, on: &[&str], kind: NodeKind) -> Node {
    Node { name: name.into(), on: on.iter().map(|n| (*n).into()).collect(), kind }
}

fn nodes(kind: &str, label: Option<&str>, tuning: &[(&str, &str)], size: Option<u64>) -> Vec<Node> {
    let filesystem = NodeKind::Filesystem {
        kind: kind.into(),
        label: label.map(str::to_owned),
        uuid: None,
        tuning: tuning.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
    };
    let mount = NodeKind::Mount { at: "/".into(), options: vec![], in_fstab: true };
    vec![
        node("disk", &[], NodeKind::Disk { size, sector_size: 512 }),
        node("fs", &["disk"], filesystem),
        node("mount", &["fs"], mount),
    ]
}

fn build(nodes: Vec<Node>, tree: &Path, out: &Path) -> Result<Layout, String> {
    let graph = Graph::new(nodes).map_err(|e| e.to_string())?;
    // The kernel mounts no two filesystems of one UUID, and tests run side by side: each folder
    // has its own, and what is built of one folder twice is the same twice.
    let mut seed = [0; 32];
    for (at, byte) in seed.iter_mut().zip(tree.to_str().unwrap().bytes().rev()) {
        *at = byte;
    }
    let identities = graph.identities(&seed);
    let mut tree = FolderTree::of_parts([("/", tree)], Cancel::new()).unwrap();
    let laid_out = layout(&graph, &identities, &mut tree).map_err(|e| e.to_string())?;
    let disks = BTreeMap::from([("disk".to_owned(), out.to_owned())]);
    let cancel = Cancel::new();
    let to = Realise { disks: &disks, secrets: &NoSecrets, time: EPOCH, cancel: &cancel };
    realise(&laid_out, &mut tree, &to).map_err(|e| e.to_string())?;
    Ok(laid_out)
}

/// Builds it twice, checks it, mounts it and compares all of it with the tree.
fn proved(kind: &str, tuning: &[(&str, &str)], tree: fn(&Path), check: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    tree(&root);
    let label = ["ext2", "ext3", "ext4", "xfs", "btrfs"].contains(&kind).then_some("a-label");
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    build(nodes(kind, label, tuning, None), &root, &one).unwrap();
    let (program, args) = check.split_first().unwrap();
    let one_text = one.to_str().unwrap();
    run(program, &[args, &[one_text]].concat());
    if !["xfs", "btrfs"].contains(&kind) {
        build(nodes(kind, label, tuning, None), &root, &two).unwrap();
        assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap(), "{kind} is not the same twice");
    }
    let mut want = listing(&root);
    let mounted = Mounted::new(&one, kind, "ro");
    let mut have = listing(mounted.path());
    have.entries.remove(&b"lost+found"[..]);
    // None of the tools keeps nanoseconds.
    want.clamp(EPOCH, true);
    have.clamp(EPOCH, true);
    if ["xfs", "btrfs"].contains(&kind) {
        without_times(&mut want);
        without_times(&mut have);
    }
    let differences = want.differences(&have);
    assert!(differences.is_empty(), "{kind}:\n{}", differences.join("\n"));
}

fn without_times(listing: &mut Listing) {
    for listed in listing.entries.values_mut() {
        listed.mtime = (0, 0);
    }
}

#[test]
fn ext2_holds_the_tree() {
    proved("ext2", &[], full_tree, &["e2fsck", "-fn"]);
}

#[test]
fn ext3_holds_the_tree() {
    proved("ext3", &[("max-online-resize", "1PB")], full_tree, &["e2fsck", "-fn"]);
}

#[test]
fn ext4_holds_the_tree() {
    proved("ext4", &[], full_tree, &["e2fsck", "-fn"]);
}

fn no_acl(root: &Path) {
    full_tree(root);
    let folder = root.join("etc/empty");
    run("setfattr", &["-x", "system.posix_acl_access", folder.to_str().unwrap()]);
}

#[test]
fn squashfs_holds_no_acl() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    full_tree(&root);
    let out = folder.path().join("out");
    let error = build(nodes("squashfs", None, &[], None), &root, &out).unwrap_err();
    assert!(error.contains("etc/empty") && error.contains("ACL"), "{error}");
    assert!(!out.exists());
}

#[test]
fn squashfs_holds_the_tree() {
    proved("squashfs", &[], no_acl, &["unsquashfs", "-stat"]);
    proved("squashfs", &[("compression", "xz")], no_acl, &["unsquashfs", "-lln"]);
}

#[test]
fn erofs_holds_the_tree() {
    proved("erofs", &[], full_tree, &["fsck.erofs"]);
    proved("erofs", &[("compression", "lz4hc")], full_tree, &["dump.erofs", "-S"]);
}

#[test]
fn xfs_holds_a_plain_tree() {
    proved("xfs", &[], plain_tree, &["xfs_repair", "-n", "-f"]);
}

fn btrfs_tree(root: &Path) {
    plain_tree(root);
    run("chmod", &["0755", root.to_str().unwrap()]);
}

#[test]
fn btrfs_holds_a_tree_without_devices() {
    proved("btrfs", &[], btrfs_tree, &["btrfs", "check"]);
}

#[test]
fn what_needs_the_kernel_is_said_with_the_path_and_the_back_end() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let refused = |kind: &str, name: &str, make: &dyn Fn(&Path)| {
        let root = folder.path().join(format!("{kind}-{name}"));
        fs::create_dir(&root).unwrap();
        make(&root);
        let error = build(nodes(kind, None, &[], None), &root, &out).unwrap_err();
        assert!(error.contains("node `fs`") && error.contains("`loop`"), "{error}");
        assert!(error.contains(name), "{error}");
        assert!(!out.exists());
    };
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    refused("xfs", "with-xattr", &|root| {
        fs::write(root.join("with-xattr"), "").unwrap();
        run("setfattr", &["-n", "user.a", "-v", "b", &text(&root.join("with-xattr"))]);
    });
    refused("xfs", "linked", &|root| {
        fs::write(root.join("linked"), "").unwrap();
        fs::hard_link(root.join("linked"), root.join("other-linked")).unwrap();
    });
    refused("xfs", "sticky", &|root| {
        fs::create_dir(root.join("sticky")).unwrap();
        run("chmod", &["1777", &text(&root.join("sticky"))]);
    });
    refused("xfs", "a blank", &|root| fs::write(root.join("a blank"), "").unwrap());
    refused("xfs", "to-blank", &|root| {
        std::os::unix::fs::symlink("a b", root.join("to-blank")).unwrap();
    });
    refused("xfs", "pipe", &|root| run("mkfifo", &[&text(&root.join("pipe"))]));
    refused("btrfs", "0751", &|root| run("chmod", &["0751", &text(root)]));
    refused("btrfs", "null", &|root| run("mknod", &[&text(&root.join("null")), "c", "1", "3"]));
}

#[test]
fn a_name_that_erofs_tools_cut_is_refused_by_the_layout() {
    let folder = tempfile::tempdir().unwrap();
    let (root, out) = (folder.path().join("root"), folder.path().join("out"));
    let name = |bytes| "n".repeat(bytes);
    fs::create_dir_all(root.join("usr").join(name(254))).unwrap();
    build(nodes("erofs", None, &[], None), &root, &out).unwrap();
    fs::remove_file(&out).unwrap();
    fs::write(root.join("usr").join(name(255)), "").unwrap();
    let error = build(nodes("erofs", None, &[], None), &root, &out).unwrap_err();
    let path = format!("`/usr/{}` has a name of 255 bytes", name(255));
    assert!(error.contains(&path) && error.contains("node `fs`"), "{error}");
    assert!(error.contains("use ext4 here") && !out.exists(), "{error}");
    // Others take it.
    build(nodes("squashfs", None, &[], None), &root, &out).unwrap();
}

#[test]
fn no_kind_is_smaller_than_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    for (kind, least) in [("xfs", 300 * MIB), ("btrfs", 109 * MIB)] {
        let out = folder.path().join(kind);
        let error = build(nodes(kind, None, &[], Some(least - MIB)), &root, &out).unwrap_err();
        assert!(error.contains(kind) && error.contains("smaller than"), "{error}");
        assert!(!out.exists());
        build(nodes(kind, None, &[], Some(least)), &root, &out).unwrap();
        let _mounted = Mounted::new(&out, kind, "ro");
    }
}

#[test]
fn what_the_layout_takes_for_ext_is_made_and_else_nothing_is_tried() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let mut made = 0;
    for kind in ["ext2", "ext3", "ext4"] {
        for size in [1, 2, 4, 7, 8, 9, 10, 12, 16, 127, 128, 129] {
            let out = folder.path().join(format!("{kind}-{size}"));
            match build(nodes(kind, None, &[], Some(size * MIB)), &root, &out) {
                Ok(_) => made += 1,
                Err(error) => {
                    assert!(error.contains("do not fit"), "{kind} of {size} MiB: {error}")
                }
            }
        }
    }
    assert!(made >= 20, "{made} were made");
}

#[test]
fn what_is_too_large_for_a_packed_filesystem_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("noise"), noise(3 << 20, 1)).unwrap();
    for kind in ["squashfs", "erofs"] {
        let out = folder.path().join(kind);
        let error = build(nodes(kind, None, &[], Some(2 * MIB)), &root, &out).unwrap_err();
        assert!(error.contains("its volume has 2097152 bytes"), "{error}");
        assert!(!out.exists());
    }
}

/// Without compression or what can be compressed, a packed filesystem is at most an eighth and
/// 2 MiB smaller than its volume.
#[test]
fn the_volume_of_a_packed_filesystem_is_its_content() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    for i in 0..40 {
        fs::write(root.join(format!("noise-{i}")), noise(i * 40_000, i as u64)).unwrap();
    }
    for kind in ["squashfs", "erofs"] {
        let out = folder.path().join(kind);
        let laid_out = build(nodes(kind, None, &[], None), &root, &out).unwrap();
        let used = match kind {
            "squashfs" => number(&out, 40, 8),
            _ => number(&out, 1024 + 36, 4) * 4096,
        };
        let size = laid_out.disk().unwrap().size;
        assert!(used <= size && size <= used + used / 8 + 2 * MIB, "{kind}: {used} of {size}");
    }
}

/// A little-endian number of a superblock.
fn number(file: &Path, at: u64, bytes: usize) -> u64 {
    let mut number = [0; 8];
    fs::File::open(file).unwrap().read_exact_at(&mut number[..bytes], at).unwrap();
    u64::from_le_bytes(number)
}

#[test]
fn swap_is_what_blkid_and_swaplabel_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let mut all = nodes("ext4", Some("root"), &[], None);
    let partition = |name: &str, size| NodeKind::Partition {
        label: name.into(),
        type_id: "linux-generic".into(),
        size,
        attributes: vec![],
        preserve: false,
    };
    let table = NodeKind::Table { kind: TableKind::Gpt, alignment: None };
    all[1].on = vec!["root".into()];
    let swap = NodeKind::Filesystem {
        kind: "swap".into(),
        label: Some("swap-space".into()),
        uuid: Some("0fc63daf-8483-4772-8e79-3d69d8477de4".into()),
        tuning: vec![],
    };
    all.push(node("table", &["disk"], table));
    all.push(node("swap", &["table"], partition("swap", Size::Bytes(64 * MIB))));
    all.push(node("root", &["table"], partition("root", Size::Content(0))));
    all.push(node("swap-fs", &["swap"], swap));
    let out = folder.path().join("out");
    let laid_out = build(all, &root, &out).unwrap();
    let swap = laid_out.filesystems.iter().find(|f| f.node == "swap-fs").unwrap();
    assert_eq!(swap.size, 64 * MIB);
    let own = folder.path().join("swap");
    let mut bytes = vec![0; usize::try_from(swap.size).unwrap()];
    fs::File::open(&out)
        .unwrap()
        .read_exact_at(&mut bytes, swap.place.as_ref().unwrap().extent.offset)
        .unwrap();
    fs::write(&own, bytes).unwrap();
    let own = own.to_str().unwrap();
    let said = mounted::output("blkid", &["-p", "-o", "export", own]);
    for want in
        ["TYPE=swap", "LABEL=swap-space", "UUID=0fc63daf-8483-4772-8e79-3d69d8477de4", "VERSION=1"]
    {
        assert!(said.contains(want), "{want}: {said}");
    }
    assert!(mounted::output("swaplabel", &[own]).contains("swap-space"));
}
