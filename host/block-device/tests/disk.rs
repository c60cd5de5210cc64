//! Whole disks from folders, without root, looked at by the tools of others: `sgdisk`, `e2fsck`,
//! `dumpe2fs`, `debugfs`, `fsck.fat`, `mtools`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use dibhost_block_device::{
    Graph, Layout, NoSecrets, Node, NodeKind, Realise, RealiseError, Size, TableKind, layout,
};
use dibhost_filesystems::{FolderTree, FormatLayout};
use dibhost_sys::Cancel;
use tempfile::TempDir;

const MIB: u64 = 1 << 20;
const EPOCH: i64 = 1_700_000_000;
const SEED: [u8; 32] = [7; 32];

fn node(name: &str, on: &[&str], kind: NodeKind) -> Node {
    Node { name: name.into(), on: on.iter().map(|n| (*n).into()).collect(), kind }
}

fn disk(size: Option<u64>, sector_size: u32) -> Node {
    node("image", &[], NodeKind::Disk { size, sector_size })
}

fn table() -> Node {
    node("table", &["image"], NodeKind::Table { kind: TableKind::Gpt, alignment: None })
}

fn partition(name: &str, type_id: &str, size: Size) -> Node {
    let kind = NodeKind::Partition {
        label: name.into(),
        type_id: type_id.into(),
        size,
        attributes: vec![],
        preserve: false,
    };
    node(name, &["table"], kind)
}

fn filesystem(name: &str, on: &str, kind: &str, label: &str, tuning: &[(&str, &str)]) -> Node {
    let kind = NodeKind::Filesystem {
        kind: kind.into(),
        label: Some(label.into()),
        uuid: None,
        tuning: tuning.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
    };
    node(name, &[on], kind)
}

fn mount(name: &str, on: &str, at: &str) -> Node {
    node(name, &[on], NodeKind::Mount { at: at.into(), options: vec![], in_fstab: true })
}

fn vm(size: Option<u64>, root: Size) -> Graph {
    let grub = NodeKind::GrubBios {
        boot_image: "/boot/grub/i386-pc/boot.img".into(),
        core_image: "/boot/grub/i386-pc/core.img".into(),
    };
    Graph::new(vec![
        disk(size, 512),
        table(),
        partition("bsp", "bios-boot", Size::Bytes(8 * MIB)),
        partition("esp", "esp", Size::Content(0)),
        partition("root", "root-x86-64", root),
        filesystem("esp-fs", "esp", "vfat", "ESP", &[]),
        filesystem("root-fs", "root", "ext4", "cloudimg-rootfs", &[("max-online-resize", "1PB")]),
        mount("esp-mount", "esp-fs", "/boot/efi"),
        mount("root-mount", "root-fs", "/"),
        node("grub", &["image", "bsp"], grub),
    ])
    .unwrap()
}

/// Bytes that no tool can leave away as zeros, equal every time.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let step = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8 | 1
    };
    std::iter::repeat_with(step).take(length).collect()
}

fn grub_images() -> (Vec<u8>, Vec<u8>) {
    let mut boot = noise(512, 1);
    boot[0x66..0x68].copy_from_slice(&[0xeb, 0x05]);
    boot[510..].copy_from_slice(&[0x55, 0xaa]);
    let mut core = noise(30_000, 2);
    core[0x1f4..0x200].copy_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0x08]);
    (boot, core)
}

/// A tree with one of everything, made in the order `order` says.
fn tree(folder: &Path, backwards: bool) {
    let (boot, core) = grub_images();
    let mut files: Vec<(String, Vec<u8>)> = vec![
        ("boot/grub/i386-pc/boot.img".into(), boot),
        ("boot/grub/i386-pc/core.img".into(), core),
        ("boot/efi/EFI/BOOT/BOOTX64.EFI".into(), noise(123_456, 3)),
        ("boot/efi/EFI/debian/grub.cfg".into(), b"configfile\n".to_vec()),
        ("boot/efi/a rather long name, with blanks.conf".into(), vec![]),
        ("usr/bin/tool".into(), noise(3_000_000, 4)),
        ("etc/hostname".into(), b"image\n".to_vec()),
    ];
    for i in 0..700 {
        files.push((format!("usr/share/many/file-with-a-long-name-{i:04}"), noise(i * 11, 5)));
    }
    if backwards {
        files.reverse();
    }
    for (path, content) in &files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let sparse = File::create(folder.join("usr/sparse")).unwrap();
    sparse.set_len(500 * MIB).unwrap();
    symlink("usr/bin", folder.join("bin")).unwrap();
    symlink("x".repeat(300), folder.join("etc/long")).unwrap();
    fs::hard_link(folder.join("usr/bin/tool"), folder.join("usr/bin/other")).unwrap();
    fs::create_dir(folder.join("root")).unwrap();
    for (path, mode) in
        [("root", 0o700), ("usr/bin/tool", 0o4755), ("etc/hostname", 0o600), ("", 0o751)]
    {
        fs::set_permissions(folder.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    times(folder);
}

/// Equal trees have equal times of content; those of access and of change nobody can set.
fn times(path: &Path) {
    let stat = path.symlink_metadata().unwrap();
    if stat.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            times(&entry.unwrap().path());
        }
    }
    // Some older than the epoch, some younger.
    let time = if path.ends_with("etc/hostname") { EPOCH - 1_000_000 } else { EPOCH + 1_000_000 };
    let time = rustix::fs::Timespec { tv_sec: time, tv_nsec: 0 };
    let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW)
        .unwrap();
}

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .args(args)
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{program} {args:?}:\n{said}");
    said
}

fn at(image: &Path, offset: u64) -> String {
    format!("{}?offset={offset}", image.display())
}

fn realise(layout: &Layout, tree: &mut FolderTree, out: &Path) -> Result<(), RealiseError> {
    let disks = BTreeMap::from([("image".to_owned(), out.to_owned())]);
    let cancel = Cancel::new();
    let to = Realise { disks: &disks, secrets: &NoSecrets, time: EPOCH, cancel: &cancel };
    dibhost_block_device::realise(layout, tree, &to).map(drop)
}

struct Built {
    folder: TempDir,
    layout: Layout,
}

impl Built {
    fn image(&self) -> PathBuf {
        self.folder.path().join("disk.raw")
    }
}

fn build(graph: &Graph, fill: impl Fn(&Path)) -> Built {
    let folder = TempDir::new().unwrap();
    let (root, aside) = (folder.path().join("tree"), folder.path().join("aside"));
    fs::create_dir(&root).unwrap();
    fs::create_dir(&aside).unwrap();
    fill(&root);
    let mounts: Vec<&str> = graph.mounts().iter().map(|m| m.at.as_str()).collect();
    let mut tree = FolderTree::split(&root, &aside, &mounts, Cancel::new()).unwrap();
    let layout = layout(graph, &graph.identities(&SEED), &mut tree).unwrap();
    let built = Built { folder, layout };
    realise(&built.layout, &mut tree, &built.image()).unwrap();
    built
}

fn offset_of(layout: &Layout, filesystem: &str) -> u64 {
    let found = layout.filesystems.iter().find(|f| f.node == filesystem).unwrap();
    found.place.as_ref().unwrap().extent.offset
}

fn blocks_of(layout: &Layout, filesystem: &str) -> u64 {
    match &layout.filesystems.iter().find(|f| f.node == filesystem).unwrap().format {
        FormatLayout::Ext4(ext) => ext.blocks,
        other => panic!("{filesystem} is {}", other.kind().name()),
    }
}

fn superblock(image: &Path, offset: u64) -> BTreeMap<String, String> {
    let said = run("dumpe2fs", &["-h", &at(image, offset)]);
    let field = |line: &str| {
        let (key, value) = line.split_once(':')?;
        Some((key.to_owned(), value.trim().to_owned()))
    };
    said.lines().filter_map(field).collect()
}

#[test]
fn a_bootable_shape_passes_every_check() {
    let graph = vm(None, Size::Rest);
    let built = build(&graph, |root| tree(root, false));
    let (image, layout) = (built.image(), &built.layout);
    let path = image.to_str().unwrap();

    assert!(run("sgdisk", &["-v", path]).contains("No problems found"));
    let table = run("sgdisk", &["-p", "-i", "3", path]);
    let identities = graph.identities(&SEED);
    let partuuid = identities.partitions["root"].to_string().to_uppercase();
    assert!(
        table.contains(&partuuid) && table.contains("EF02") && table.contains("EF00"),
        "{table}"
    );
    assert!(table.contains("Partition name: 'root'"), "{table}");

    let root = offset_of(layout, "root-fs");
    run("e2fsck", &["-fn", &at(&image, root)]);
    let super_block = superblock(&image, root);
    assert_eq!(super_block["Filesystem volume name"], "cloudimg-rootfs");
    let uuid = identities.filesystems["root-fs"].uuid.to_string();
    assert_eq!(super_block["Filesystem UUID"], uuid);
    assert!(super_block["Filesystem features"].contains("64bit"));
    assert_eq!(super_block["Reserved GDT blocks"], "1024");
    assert_eq!(super_block["Block count"], blocks_of(layout, "root-fs").to_string());

    let stat = |what: &str| run("debugfs", &["-R", &format!("stat {what}"), &at(&image, root)]);
    let said = stat("/");
    assert!(said.contains("Mode:  0751"), "{said}");
    assert!(said.contains("mtime: 0x6553f100:00000000"), "{said}");
    let said = stat("/etc/hostname");
    assert!(said.contains("Mode:  0600") && said.contains("mtime: 0x6544aec0:"), "{said}");
    assert!(said.contains("ctime: 0x6553f100:") && said.contains("crtime: 0x6553f100:"), "{said}");
    assert!(stat("/usr/bin/other").contains("Links: 2"));
    assert!(stat("/usr/bin/tool").contains("Mode:  04755"));
    assert!(stat("/usr/sparse").contains("Blockcount: 0"));
    // What is mounted on it is not in it.
    assert!(!run("debugfs", &["-R", "ls -p /boot/efi", &at(&image, root)]).contains("EFI"));

    let esp = offset_of(layout, "esp-fs");
    let said = run("fsck.fat", &["-n", "-v", part_file(&built, "esp").to_str().unwrap()]);
    assert!(said.contains("32 bit entries") && !said.to_lowercase().contains("differ"), "{said}");
    let mtools = format!("{path}@@{esp}");
    let said = run("mdir", &["-i", &mtools, "-/", "-b", "::"]);
    assert!(said.contains("a rather long name, with blanks.conf"), "{said}");
    let copy = built.folder.path().join("copy");
    run("mcopy", &["-i", &mtools, "::EFI/BOOT/BOOTX64.EFI", copy.to_str().unwrap()]);
    assert_eq!(fs::read(&copy).unwrap(), noise(123_456, 3));
    assert!(run("mlabel", &["-i", &mtools, "-s", "::"]).contains("ESP"));
    let said = run("blkid", &["-p", "-O", &esp.to_string(), "-o", "export", path]);
    let serial = identities.filesystems["esp-fs"].uuid.to_string();
    assert!(said.contains("LABEL=ESP") && said.contains(&format!("UUID={serial}")), "{said}");

    let bytes = fs::read(&image).unwrap();
    let (boot, core) = grub_images();
    assert_eq!(bytes[..0x5c], boot[..0x5c]);
    assert_eq!(bytes[0x5c..0x64], 2048u64.to_le_bytes());
    assert_eq!(bytes[0x66..0x68], [0x90, 0x90]);
    assert_eq!(bytes[446 + 4], 0xee, "the protective table is still there");
    let at_core = MIB as usize;
    assert_eq!(bytes[at_core + 0x1f4..at_core + 0x1fc], 2049u64.to_le_bytes());
    assert_eq!(bytes[at_core + 0x1fc..at_core + 0x1fe], 58u16.to_le_bytes());
    assert_eq!(bytes[at_core + 0x200..at_core + core.len()], core[0x200..]);
    // Sparse: the files, the tables, and little more.
    let kept = fs::metadata(&image).unwrap().blocks() * 512;
    assert!(kept < 24 * MIB, "{kept} bytes are kept");
}

/// An MBR with GRUB behind it, its partitions as far in front as they may lie.
fn mbr(alignment: Option<u64>, logical: bool) -> Graph {
    let table = NodeKind::Table { kind: TableKind::Mbr, alignment };
    let grub = NodeKind::GrubBios {
        boot_image: "/boot/grub/i386-pc/boot.img".into(),
        core_image: "/boot/grub/i386-pc/core.img".into(),
    };
    let mut root = partition("root", "83", Size::Rest);
    if let NodeKind::Partition { attributes, .. } = &mut root.kind {
        attributes.push(if logical { "logical" } else { "active" }.into());
    }
    Graph::new(vec![
        disk(None, 512),
        node("grub", &["image"], grub),
        node("table", &["image"], table),
        root,
        filesystem("root-fs", "root", "ext4", "root", &[]),
        mount("root-mount", "root-fs", "/"),
    ])
    .unwrap()
}

#[test]
fn grub_lies_between_an_mbr_and_the_first_partition() {
    let (boot, core) = grub_images();
    for (alignment, logical, first) in [
        (None, false, MIB),
        // It does not fit before the first multiple: partitions begin behind it.
        (Some(4096), false, 32_768),
        (Some(4096), true, 32_768 + 4096),
    ] {
        let built = build(&mbr(alignment, logical), |root| tree(root, false));
        let image = built.image();
        let bytes = fs::read(&image).unwrap();
        assert_eq!(bytes[..0x5c], boot[..0x5c]);
        assert_eq!(bytes[0x5c..0x64], 1u64.to_le_bytes());
        assert_eq!(bytes[0x64..0x66], boot[0x64..0x66]);
        assert_eq!(bytes[0x66..0x68], [0x90, 0x90]);
        assert_eq!(bytes[0x68..440], boot[0x68..440]);
        let core_of = &bytes[512..512 + core.len()];
        assert_eq!(core_of[..0x1f4], core[..0x1f4]);
        assert_eq!(core_of[0x1f4..0x1fc], 2u64.to_le_bytes());
        assert_eq!(core_of[0x1fc..0x200], [58, 0, 0x20, 0x08]);
        assert_eq!(core_of[0x200..], core[0x200..]);
        assert_eq!(offset_of(&built.layout, "root-fs"), first);
        run("e2fsck", &["-fn", &at(&image, first)]);
        let verified = run("sfdisk", &["--verify", image.to_str().unwrap()]);
        assert!(verified.contains("No errors"), "{verified}");
        let said = run("sfdisk", &["--dump", image.to_str().unwrap()]);
        assert!(said.contains(&format!("start={:>12},", first / 512)), "{said}");
        let gap = built.layout.grub[0].extent;
        let shown = built.layout.to_text();
        assert_eq!((gap.offset, gap.end()), (512, first - if logical { 4096 } else { 0 }));
        assert!(shown.contains("GRUB for BIOS on image: at 512 B, "), "{shown}");
        let picture = built.layout.to_svg();
        assert!(picture.contains(">gap<") && picture.contains(">GRUB<"), "{picture}");
    }
}

#[test]
fn a_core_image_that_is_larger_than_the_gap_is_refused() {
    let grub = NodeKind::GrubBios {
        boot_image: "/boot/grub/i386-pc/boot.img".into(),
        core_image: "/boot/grub/i386-pc/core.img".into(),
    };
    let root = TempDir::new().unwrap();
    tree(root.path(), false);
    let path = root.path().join("boot/grub/i386-pc/core.img");
    let mut core = fs::read(&path).unwrap();
    core.resize(2 << 20, 1);
    fs::write(path, core).unwrap();
    let other = NodeKind::Disk { size: None, sector_size: 512 };
    for (partition_size, node_of, missing) in [
        (None, "node `grub`", "2097152 bytes and the gap behind the MBR of `image` 1048064"),
        (Some(Size::Bytes(MIB / 2)), "node `root`", "0 bytes of the disk are left"),
    ] {
        let mut nodes = vec![
            disk(Some(MIB), 512),
            node("table", &["image"], NodeKind::Table { kind: TableKind::Mbr, alignment: None }),
            node("other", &[], other.clone()),
            filesystem("fs", "other", "ext4", "root", &[]),
            mount("mount", "fs", "/"),
            node("grub", &["image"], grub.clone()),
        ];
        nodes.extend(partition_size.map(|size| partition("root", "83", size)));
        let graph = Graph::new(nodes).unwrap();
        let mut tree = FolderTree::of_parts([("/", root.path())], Cancel::new()).unwrap();
        let refused = layout(&graph, &graph.identities(&SEED), &mut tree).unwrap_err().to_string();
        assert!(refused.contains(node_of) && refused.contains(missing), "{refused}");
    }
}

/// A partition as a file of its own, for tools that know no offset.
fn part_file(built: &Built, partition: &str) -> PathBuf {
    let extent = built.layout.partitions.iter().find(|p| p.node == partition).unwrap().extent;
    let bytes = fs::read(built.image()).unwrap();
    let path = built.folder.path().join(partition);
    fs::write(&path, &bytes[extent.offset as usize..extent.end() as usize]).unwrap();
    path
}

#[test]
fn equal_trees_made_otherwise_give_equal_bytes() {
    let graph = vm(None, Size::Rest);
    let first = build(&graph, |root| tree(root, false));
    // The clock's seconds differ, and so do the times of access and change.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let second = build(&graph, |root| tree(root, true));
    assert_eq!(first.layout, second.layout);
    let (one, other) = (fs::read(first.image()).unwrap(), fs::read(second.image()).unwrap());
    let differs = one.iter().zip(&other).position(|(a, b)| a != b);
    assert_eq!((differs, one.len()), (None, other.len()));
}

#[test]
fn an_unpartitioned_disk_is_one_filesystem() {
    let graph = Graph::new(vec![
        disk(None, 512),
        filesystem("root-fs", "image", "ext4", "cloudimg-rootfs", &[]),
        mount("root-mount", "root-fs", "/"),
    ])
    .unwrap();
    let built = build(&graph, |root| tree(root, false));
    let image = built.image();
    run("e2fsck", &["-fn", image.to_str().unwrap()]);
    let super_block = superblock(&image, 0);
    assert_eq!(super_block["Filesystem volume name"], "cloudimg-rootfs");
    let blocks: u64 = super_block["Block count"].parse().unwrap();
    assert_eq!(blocks * 4096, built.layout.disk().unwrap().size);
    assert_eq!(fs::metadata(&image).unwrap().len(), built.layout.disk().unwrap().size);
}

#[test]
fn the_size_is_the_contents_and_a_little_air() {
    for (files, bytes) in [(1usize, 100usize), (40, 1_000_000), (6_000, 10)] {
        let graph = Graph::new(vec![
            disk(None, 512),
            filesystem("root-fs", "image", "ext4", "root", &[("reserved-percent", "0")]),
            mount("root-mount", "root-fs", "/"),
        ])
        .unwrap();
        let built = build(&graph, |root| {
            for i in 0..files {
                // A large folder and many small ones.
                let name =
                    if i < 1000 { format!("file-{i}") } else { format!("{}/file-{i}", i % 97) };
                fs::create_dir_all(root.join(&name).parent().unwrap()).unwrap();
                fs::write(root.join(name), noise(bytes, i as u64)).unwrap();
            }
        });
        run("e2fsck", &["-fn", built.image().to_str().unwrap()]);
        let super_block = superblock(&built.image(), 0);
        let number = |key: &str| super_block[key].parse::<u64>().unwrap();
        let (blocks, free) = (number("Block count"), number("Free blocks"));
        let air = (16 * MIB / 4096).max(blocks * 3 / 100);
        // No less than promised, and no more than a MiB of it by rounding, a block or two by caution.
        assert!(
            (air..=air + 280).contains(&free),
            "{files}: {free} of {blocks} free, {air} promised"
        );
        assert!(number("Free inodes") >= 256, "{files}");
    }
}

#[test]
fn four_kilobyte_sectors() {
    let graph = Graph::new(vec![
        disk(Some(400 * MIB), 4096),
        table(),
        partition("esp", "esp", Size::Bytes(100 * MIB)),
        partition("root", "linux-generic", Size::Rest),
        filesystem("esp-fs", "esp", "vfat", "ESP", &[]),
        filesystem("root-fs", "root", "ext4", "root", &[]),
        mount("esp-mount", "esp-fs", "/boot/efi"),
        mount("root-mount", "root-fs", "/"),
    ])
    .unwrap();
    let built = build(&graph, |root| tree(root, false));
    let image = built.image();
    run("e2fsck", &["-fn", &at(&image, offset_of(&built.layout, "root-fs"))]);
    let said = run("fsck.fat", &["-n", "-v", part_file(&built, "esp").to_str().unwrap()]);
    assert!(said.contains("16 bit entries"), "{said}");
    let bytes = fs::read(&image).unwrap();
    assert_eq!(&bytes[4096..4104], b"EFI PART");
    assert_eq!(&bytes[bytes.len() - 4096..][..8], b"EFI PART");
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_written() {
    let graph = vm(None, Size::Bytes(13 * MIB));
    let folder = TempDir::new().unwrap();
    let (root, aside) = (folder.path().join("tree"), folder.path().join("aside"));
    fs::create_dir(&root).unwrap();
    fs::create_dir(&aside).unwrap();
    tree(&root, false);
    let mut parts = FolderTree::split(&root, &aside, &["/", "/boot/efi"], Cancel::new()).unwrap();
    let refused = layout(&graph, &graph.identities(&SEED), &mut parts).unwrap_err().to_string();
    assert!(refused.contains("node `root-fs`") && refused.contains("missing"), "{refused}");

    fs::write(root.join("boot/grub/i386-pc/core.img"), b"no image").unwrap();
    let graph = vm(None, Size::Rest);
    let refused = layout(&graph, &graph.identities(&SEED), &mut parts).unwrap_err().to_string();
    assert!(refused.contains("node `grub`") && refused.contains("core.img"), "{refused}");
}

#[test]
fn an_existing_file_is_never_written_over() {
    let graph = vm(None, Size::Rest);
    let built = build(&graph, |root| tree(root, false));
    let (root, esp) = (built.folder.path().join("tree"), built.folder.path().join("aside/part-0"));
    let parts = [("/", root.as_path()), ("/boot/efi", esp.as_path())];
    let mut tree = FolderTree::of_parts(parts, Cancel::new()).unwrap();
    let before = fs::metadata(built.image()).unwrap().mtime();
    let error = realise(&built.layout, &mut tree, &built.image()).unwrap_err();
    assert!(error.to_string().contains("disk.raw"), "{error}");
    assert_eq!(fs::metadata(built.image()).unwrap().mtime(), before);

    // And nothing is left of one that could not be made.
    let out = built.folder.path().join("other.raw");
    fs::remove_file(root.join("boot/grub/i386-pc/core.img")).unwrap();
    let error = realise(&built.layout, &mut tree, &out).unwrap_err();
    assert!(error.to_string().contains("node `grub`"), "{error}");
    assert!(!out.exists());
    let left: Vec<_> =
        fs::read_dir(built.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("mke2fs")), "{left:?}");
}
