//! The back-end `loop`: what the kernel makes of a layout is what `file` makes of it, and it makes
//! what `file` cannot. Nothing of it is left in the kernel, however it ends. Needs root.

#[path = "loop/btrfs.rs"]
mod btrfs;
#[path = "../../filesystems/tests/mounted/mod.rs"]
mod mounted;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dibhost_block_device::{
    Backend, FilesystemLayout, Filling, Graph, Layout, Node, NodeKind, Realise, RealiseError,
    Realised, Secrets, Size, TableKind, layout, with_parts,
};
use dibhost_filesystems::{FolderTree, Listing, Tree, TreeEntry};
use dibhost_sys::{
    Cancel, LoopDevice, LoopOptions, Program, ProgramError, ProgramOutput, SecretBytes,
    add_partition,
};
use dibhost_volumes::{Extent, FileMedium, Medium, luks};
use mounted::{EPOCH, full_tree, listing, output, plain_tree, run};
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

type Realising<'a> = &'a mut dyn FnMut(&mut dyn Tree) -> Result<Realised, RealiseError>;

struct Known;

impl Secrets for Known {
    fn secret(&self, _: &str) -> io::Result<Arc<SecretBytes>> {
        SecretBytes::read_from(&mut &b"correct horse"[..], 64).map(Arc::new)
    }
}

fn node(name: &str, on: &[&str], kind: NodeKind) -> Node {
    Node { name: name.into(), on: on.iter().map(|n| (*n).into()).collect(), kind }
}

fn disk(sector_size: u32) -> Vec<Node> {
    let table = NodeKind::Table { kind: TableKind::Gpt, alignment: None };
    vec![
        node("disk", &[], NodeKind::Disk { size: None, sector_size }),
        node("table", &["disk"], table),
    ]
}

fn partition(name: &str, size: Size) -> Node {
    let kind = NodeKind::Partition {
        label: name.into(),
        type_id: "linux-generic".into(),
        size,
        attributes: vec![],
        preserve: false,
    };
    node(name, &["table"], kind)
}

fn filesystem(name: &str, on: &str, kind: &str) -> Node {
    let packed = ["squashfs", "erofs"].contains(&kind);
    let kind = NodeKind::Filesystem {
        kind: kind.into(),
        label: (!packed).then(|| name.to_owned()),
        uuid: None,
        tuning: vec![],
    };
    node(name, &[on], kind)
}

fn mount(at: &str, on: &str) -> Node {
    let kind = NodeKind::Mount { at: at.into(), options: vec![], in_fstab: true };
    node(&format!("mount-{on}"), &[on], kind)
}

fn subvolume(name: &str, path: &str, default: bool) -> Node {
    let settings = format!(r#"{{"path": "{path}", "default": {default}}}"#);
    node(name, &["fs"], NodeKind::Driver { name: "subvolume".into(), settings })
}

/// One partition with one filesystem.
fn plain(kind: &str, sector: u32) -> Vec<Node> {
    let mut nodes = disk(sector);
    nodes.extend([
        partition("root", Size::Content(0)),
        filesystem("fs", "root", kind),
        mount("/", "fs"),
    ]);
    nodes
}

struct Built {
    folder: TempDir,
    layout: Layout,
}

impl Built {
    fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn filesystem(&self) -> &FilesystemLayout {
        &self.layout.filesystems[0]
    }

    fn extent(&self) -> Extent {
        self.filesystem().place.as_ref().unwrap().extent
    }

    /// What `blkid` reads of the filesystem: kind, label and UUID.
    fn identity(&self) -> Vec<String> {
        let (disk, offset) = (self.disk(), self.extent().offset.to_string());
        let said = output("blkid", &["-p", "-o", "export", "-O", &offset, disk.to_str().unwrap()]);
        let wanted = ["LABEL=", "UUID=", "TYPE=", "USAGE="];
        let lines = said.lines().filter(|line| wanted.iter().any(|w| line.starts_with(w)));
        lines.map(str::to_owned).collect()
    }

    /// The disk as the kernel sees it, with its partitions.
    fn attached(&self) -> Attached {
        let file = File::options().read(true).write(true).open(self.disk()).unwrap();
        let sector_size = self.layout.disks[0].sector_size;
        let options = LoopOptions { sector_size, ..LoopOptions::default() };
        let device = LoopDevice::attach(&file, &options).unwrap();
        for partition in &self.layout.partitions {
            let Extent { offset, size } = partition.extent;
            add_partition(device.file(), partition.number, offset, size).unwrap();
        }
        Attached(device)
    }

    /// All that is in it, as the kernel shows it.
    fn files(&self, options: &str) -> Listing {
        let attached = self.attached();
        let _one = attached.mount(self.filesystem(), options);
        let mut have = listing(_one.0.path());
        have.entries.remove(&b"lost+found"[..]);
        have
    }

    fn checked(&self) {
        let kind = self.filesystem().format.kind().name();
        let attached = self.attached();
        let path = attached.partition(1);
        let path = path.to_str().unwrap();
        match kind {
            "xfs" => run("xfs_repair", &["-n", path]),
            "btrfs" => run("btrfs", &["check", path]),
            "squashfs" => run("unsquashfs", &["-stat", path]),
            "erofs" => run("fsck.erofs", &[path]),
            _ => run("e2fsck", &["-fn", path]),
        }
    }
}

struct Attached(LoopDevice);

struct Mount(TempDir);

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &[self.0.path().to_str().unwrap()]);
    }
}

impl Attached {
    fn partition(&self, number: u32) -> PathBuf {
        format!("/dev/loop{}p{number}", self.0.number()).into()
    }

    fn mount(&self, filesystem: &FilesystemLayout, options: &str) -> Mount {
        let folder = tempfile::tempdir().unwrap();
        let (device, kind) = (self.partition(1), filesystem.format.kind().name());
        let at = folder.path().to_str().unwrap();
        run("mount", &["-t", kind, "-o", options, device.to_str().unwrap(), at]);
        Mount(folder)
    }
}

/// A layout of a tree by a back-end. `seed` makes UUIDs: the kernel mounts no two of one.
fn build(backend: Backend, nodes: Vec<Node>, root: &Path, seed: &str) -> Result<Built, String> {
    build_with(backend, nodes, root, seed, &mut |tree, realise| realise(tree))
}

/// The same, with the tree that `see` makes of it.
fn build_with(
    backend: Backend,
    nodes: Vec<Node>,
    root: &Path,
    seed: &str,
    see: &mut (dyn FnMut(&mut FolderTree, Realising<'_>) -> Result<Realised, RealiseError> + Send),
) -> Result<Built, String> {
    let graph = Graph::new(nodes).map_err(|e| e.to_string())?;
    let folder = TempDir::new().unwrap();
    let mut bytes = [0; 32];
    // These tests may run twice at a time.
    let seed = format!("{} {seed}", std::process::id());
    for (at, byte) in bytes.iter_mut().zip(seed.bytes()) {
        *at = byte;
    }
    let identities = graph.identities(&bytes);
    let mounts: Vec<&str> = graph.mounts().iter().map(|m| m.at.as_str()).collect();
    let cancel = Cancel::new();
    let layout = with_parts(root, &mounts, folder.path(), &cancel, |tree| {
        let laid_out = layout(&graph, &identities, tree).map_err(|e| e.to_string())?;
        let disks = BTreeMap::from([("disk".to_owned(), folder.path().join("disk"))]);
        let to = Realise { disks: &disks, secrets: &Known, time: EPOCH, cancel: &cancel };
        let made = see(tree, &mut |tree| backend.realise(&laid_out, tree, &to));
        let made = made.map_err(|e| e.to_string());
        assert_eq!(made.is_ok(), folder.path().join("disk").exists());
        made.map(|_| laid_out)
    });
    let layout = layout.map_err(|e| e.to_string())??;
    let left = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["disk"], "nothing is left beside the disk");
    Ok(Built { folder, layout })
}

fn tree(make: fn(&Path)) -> TempDir {
    let folder = TempDir::new().unwrap();
    make(folder.path());
    folder
}

/// Both back-ends make it; checked, mounted by the kernel and compared with the tree and each other.
fn both(kind: &str, sector: u32, make: fn(&Path), with_times: bool) {
    let root = tree(make);
    let mut want = listing(root.path());
    want.clamp(EPOCH, true);
    let mut identities = Vec::new();
    let mut sizes = Vec::new();
    for backend in Backend::ALL {
        let seed = format!("{kind} {sector}");
        let built = build(backend, plain(kind, sector), root.path(), &seed).unwrap();
        built.checked();
        identities.push(built.identity());
        sizes.push((built.layout.disks[0].size, built.filesystem().size));
        let mut have = built.files("ro");
        have.clamp(EPOCH, true);
        let mut want = want.clone();
        if !with_times && backend == Backend::File {
            for listing in [&mut have, &mut want] {
                listing.entries.values_mut().for_each(|listed| listed.mtime = (0, 0));
            }
        }
        let differences = want.differences(&have);
        assert!(differences.is_empty(), "{kind} {backend:?}:\n{}", differences.join("\n"));
    }
    assert!(identities[0].len() >= 2, "{identities:?}");
    assert_eq!(identities[0], identities[1]);
    assert_eq!(sizes[0], sizes[1]);
}

#[test]
fn ext2_is_the_same_by_either() {
    both("ext2", 512, full_tree, true);
}

#[test]
fn ext3_is_the_same_by_either() {
    both("ext3", 4096, full_tree, true);
}

#[test]
fn ext4_is_the_same_by_either() {
    both("ext4", 512, full_tree, true);
    both("ext4", 4096, full_tree, true);
}

#[test]
fn xfs_is_the_same_by_either() {
    both("xfs", 512, plain_tree, false);
    both("xfs", 4096, plain_tree, false);
}

fn btrfs_tree(root: &Path) {
    plain_tree(root);
    run("chmod", &["0755", root.to_str().unwrap()]);
}

#[test]
fn btrfs_is_the_same_by_either() {
    both("btrfs", 512, btrfs_tree, false);
    both("btrfs", 4096, btrfs_tree, false);
}

#[test]
fn what_is_only_read_is_the_same_by_either() {
    for (kind, sector) in [("squashfs", 512), ("erofs", 4096)] {
        both(kind, sector, plain_tree, true);
    }
}

#[test]
fn what_file_cannot_make_is_made_to_the_nanosecond() {
    let root = tree(full_tree);
    let mut want = listing(root.path());
    want.clamp(EPOCH, false);
    for kind in ["xfs", "btrfs", "ext4"] {
        let refused = build(Backend::File, plain(kind, 512), root.path(), "refused");
        if kind != "ext4" {
            let error = refused.err().unwrap();
            assert!(error.contains("node `fs`") && error.contains("`loop`"), "{error}");
        }
        let built = build(Backend::Loop, plain(kind, 512), root.path(), kind).unwrap();
        built.checked();
        assert_eq!(built.filesystem().needs_kernel.is_some(), kind != "ext4");
        let says = built.layout.to_text().contains("needs the back-end `loop`");
        assert_eq!(says, kind != "ext4", "{}", built.layout.to_text());
        let differences = want.differences(&built.files("ro"));
        assert!(differences.is_empty(), "{kind}:\n{}", differences.join("\n"));
        // 60 MiB of a hole in it, and what was deleted or never used is a hole in the disk.
        let stat = fs::metadata(built.disk()).unwrap();
        // A log of 64 MiB is written whole.
        let most = if kind == "xfs" { 84 * MIB } else { 50 * MIB };
        assert!(stat.blocks() * 512 < most, "{kind}: {} blocks", stat.blocks());
    }
}

/// A tree that another process sees, which fills filesystems.
struct Elsewhere<'a>(&'a mut FolderTree, Program);

impl Tree for Elsewhere<'_> {
    fn part(&self, mount: &str) -> &Path {
        self.0.part(mount)
    }

    fn entries(&mut self, mount: &str, each: &mut dyn FnMut(&TreeEntry)) -> std::io::Result<()> {
        self.0.entries(mount, each)
    }

    fn read_pieces(
        &mut self,
        mount: &str,
        relative: &str,
        each: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        self.0.read_pieces(mount, relative, each)
    }

    fn filler(&self) -> Option<Program> {
        Some(self.1.clone())
    }

    fn program(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        self.0.program(program)
    }
}

/// Runs as a process of its own in the tests below; what it fills is said by its last argument.
#[test]
#[ignore = "not a test: what the next ones start"]
fn fill_in_a_process_of_its_own() {
    let said = std::env::args().next_back().map(PathBuf::from).unwrap();
    // `make test-all` starts it too, by itself: then there is nothing to do.
    if said.is_file() && said != std::env::current_exe().unwrap() {
        Filling::carry_out(&said, &Cancel::new()).unwrap();
    }
}

#[test]
fn a_tree_that_another_process_sees_is_filled_by_that() {
    let root = tree(full_tree);
    let mut want = listing(root.path());
    want.clamp(EPOCH, false);
    for kind in ["ext4", "xfs", "btrfs"] {
        let mut nodes = plain(kind, 512);
        if kind == "btrfs" {
            nodes.pop();
            nodes.extend([subvolume("system", "@", true), mount("/", "system")]);
        }
        let built =
            build_with(Backend::Loop, nodes, root.path(), "elsewhere", &mut |tree, realise| {
                let test = ["--exact", "fill_in_a_process_of_its_own", "--ignored", "--nocapture"];
                let program = Program::new(std::env::current_exe().unwrap()).args(test);
                realise(&mut Elsewhere(tree, program))
            });
        let built = built.unwrap();
        built.checked();
        let differences = want.differences(&built.files("ro"));
        assert!(differences.is_empty(), "{kind}:\n{}", differences.join("\n"));
    }
}

#[test]
fn what_goes_wrong_there_is_told_here() {
    let root = tree(|root| fs::write(root.join("file"), "content").unwrap());
    for (script, told) in [
        ("echo the disk is full >&2; exit 1", "writing node `fs`: the disk is full"),
        ("kill -KILL $$", "making `fs`: `sh"),
    ] {
        let built = build_with(
            Backend::Loop,
            plain("ext4", 512),
            root.path(),
            "x",
            &mut |tree, realise| {
                let program = Program::new("sh").args(["-c", script, "sh"]);
                realise(&mut Elsewhere(tree, program))
            },
        );
        let error = built.err().unwrap();
        assert!(error.contains(told), "{error}");
    }
}

/// Reads a logical volume in an encrypted partition, from its first extent on.
fn decrypted(built: &Built) -> Vec<u8> {
    let file = File::open(built.disk()).unwrap();
    let partition = FileMedium::new(&file, built.layout.partitions[0].extent);
    let header = luks::read_header(&partition).unwrap().unwrap();
    let key = SecretBytes::read_from(&mut &b"correct horse"[..], 64).unwrap();
    let key = luks::open(&partition, &header, &key).unwrap();
    let payload = header.payload(&partition, &key).unwrap();
    let size = usize::try_from(built.filesystem().size).unwrap();
    let mut bytes = vec![0; size];
    payload.read_exact_at(&mut bytes, MIB).unwrap();
    bytes
}

#[test]
fn a_filesystem_in_lvm_in_luks_is_filled_by_the_kernel_too() {
    let root = tree(plain_tree);
    let mut nodes = disk(512);
    let secrets = vec!["passphrase".into()];
    let volume = NodeKind::LogicalVolume {
        size: Size::Content(0),
        thin_pool: None,
        is_thin_pool: false,
        stripes: 1,
    };
    nodes.extend([
        partition("crypt", Size::Content(0)),
        node("opened", &["crypt"], NodeKind::Encryption { secrets, label: None }),
        node("pv", &["opened"], NodeKind::PhysicalVolume),
        node("vg", &["pv"], NodeKind::VolumeGroup { extent_size: 4 * MIB }),
        node("lv", &["vg"], volume),
        filesystem("fs", "lv", "ext4"),
        mount("/", "fs"),
    ]);
    let built = build(Backend::Loop, nodes, root.path(), "nested").unwrap();
    let image = built.folder.path().join("plain");
    fs::write(&image, decrypted(&built)).unwrap();
    run("e2fsck", &["-fn", image.to_str().unwrap()]);
    let mounted = mounted::Mounted::new(&image, "ext4", "ro");
    let mut want = listing(root.path());
    want.clamp(EPOCH, false);
    let mut have = listing(mounted.path());
    have.entries.remove(&b"lost+found"[..]);
    let differences = want.differences(&have);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn swap_fat_and_what_is_empty_are_made_too() {
    let root = tree(|root| fs::write(root.join("LOADER.EFI"), "boot").unwrap());
    let mut nodes = disk(4096);
    nodes.extend([
        partition("esp", Size::Bytes(300 * MIB)),
        partition("swap", Size::Bytes(8 * MIB)),
        partition("data", Size::Bytes(32 * MIB)),
        filesystem("ESP", "esp", "vfat"),
        filesystem("swapspace", "swap", "swap"),
        filesystem("empty", "data", "ext4"),
        mount("/", "ESP"),
    ]);
    let built = build(Backend::Loop, nodes, root.path(), "several").unwrap();
    let disk = built.disk();
    let whole = disk.to_str().unwrap();
    for (filesystem, kind) in built.layout.filesystems.iter().zip(["vfat", "swap", "ext4"]) {
        let offset = filesystem.place.as_ref().unwrap().extent.offset.to_string();
        let said = output("blkid", &["-p", "-o", "export", "-O", &offset, whole]);
        assert!(said.contains(&format!("TYPE={kind}")), "{said}");
        assert!(said.contains(&format!("LABEL={}", filesystem.label.as_ref().unwrap())), "{said}");
    }
    let at = format!("{whole}@@{}", built.extent().offset);
    assert_eq!(output("mtype", &["-i", &at, "::LOADER.EFI"]), "boot");
}

/// Loop devices over files of a folder.
fn loops_over(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/sys/block").unwrap() {
        let backing = entry.unwrap().path().join("loop/backing_file");
        let Ok(backing) = fs::read_to_string(backing) else { continue };
        if Path::new(backing.trim()).starts_with(folder) {
            found.push(backing);
        }
    }
    found
}

#[test]
fn what_fails_on_the_way_leaves_no_disk_and_nothing_in_the_kernel() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    for kind in ["ext4", "xfs"] {
        let graph = Graph::new(plain(kind, 512)).unwrap();
        let disk = folder.path().join("disk");
        let cancel = Cancel::new();
        let more = root.join("more");
        let done = with_parts(&root, &["/"], folder.path(), &cancel, |tree| {
            let laid_out = layout(&graph, &graph.identities(&[8; 32]), tree).unwrap();
            let disks = BTreeMap::from([("disk".to_owned(), disk.clone())]);
            // It grows behind the layout's back.
            fs::write(&more, mounted::noise(300 << 20, 6)).unwrap();
            let to = Realise { disks: &disks, secrets: &Known, time: EPOCH, cancel: &cancel };
            Backend::Loop.realise(&laid_out, tree, &to).map(drop)
        });
        let error = done.unwrap().unwrap_err().to_string();
        assert!(error.contains("node `fs`") && error.contains("`/more`"), "{error}");
        assert!(!disk.exists());
        assert_eq!(loops_over(folder.path()), Vec::<String>::new());
        fs::remove_file(more).unwrap();
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Runs as a process of its own in the test below, and is killed there.
#[test]
#[ignore = "not a test: what the next one kills"]
fn build_until_killed() {
    // `make test-all` starts it too, by itself: then there is nothing to do.
    let Some(folder) = std::env::var_os("DIBHOST_TEST_FOLDER").map(PathBuf::from) else { return };
    let graph = Graph::new(plain("ext4", 512)).unwrap();
    let (root, disk) = (folder.join("root"), folder.join("disk"));
    let cancel = Cancel::new();
    let done = with_parts(&root, &["/"], &folder, &cancel, |tree| {
        let laid_out = layout(&graph, &graph.identities(&[9; 32]), tree).unwrap();
        let disks = BTreeMap::from([("disk".to_owned(), disk)]);
        let to = Realise { disks: &disks, secrets: &Known, time: EPOCH, cancel: &cancel };
        Backend::Loop.realise(&laid_out, tree, &to).map(drop)
    });
    done.unwrap().unwrap();
}

#[test]
fn when_it_is_killed_the_kernel_keeps_nothing() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let large = File::create(root.join("large")).unwrap();
    let piece = mounted::noise(1 << 20, 3);
    for i in 0..700 {
        large.write_all_at(&piece, i << 20).unwrap();
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "build_until_killed", "--ignored", "--nocapture"])
        .env("DIBHOST_TEST_FOLDER", folder.path())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let disk = folder.path().join("disk");
    // Killed in the midst of copying: filesystem made and mounted, some of it there.
    let copying = || {
        let blocks = fs::metadata(&disk).map_or(0, |stat| stat.blocks());
        !loops_over(folder.path()).is_empty() && blocks * 512 > 100 * MIB
    };
    while !copying() {
        assert!(start.elapsed() < Duration::from_secs(60), "it did not begin to copy");
        assert!(child.try_wait().unwrap().is_none(), "it was faster than this test");
        std::thread::sleep(Duration::from_millis(2));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(folder.path().to_str().unwrap()), "others see it: {mounts}");
    child.kill().unwrap();
    child.wait().unwrap();
    let start = Instant::now();
    while !loops_over(folder.path()).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", loops_over(folder.path()));
        std::thread::sleep(Duration::from_millis(20));
    }
    // Nothing holds the file, and a folder that was a mount point can go.
    folder.close().unwrap();
}

#[test]
fn the_tree_is_not_touched() {
    let root = tree(full_tree);
    let all = root.path().to_str().unwrap();
    let paths: Vec<_> = listing(root.path()).entries.into_keys().collect();
    run("find", &[all, "-depth", "-exec", "touch", "-h", "-a", "-d", "@1400000000", "{}", "+"]);
    // No folder is read for that, which would be an access.
    let said = || -> Vec<_> {
        let stat = |path: &Vec<u8>| {
            let path = root.path().join(std::ffi::OsStr::from_bytes(path));
            let stat = fs::symlink_metadata(&path).unwrap();
            let times = [stat.atime(), stat.mtime(), stat.ctime(), stat.ctime_nsec()];
            (path, times, stat.nlink(), stat.ino(), stat.mode())
        };
        paths.iter().map(stat).collect()
    };
    let folders = ["usr", "home", "home/user", "tmp"].map(|name| root.path().join(name));
    for folder in &folders {
        run("touch", &["-a", "-d", "@1400000000", folder.to_str().unwrap()]);
    }
    let before = said();
    let old = before.iter().filter(|(_, times, ..)| times[0] == 1_400_000_000).count();
    assert!(old > 700, "{old}");
    let mut nodes = disk(512);
    nodes.extend([
        partition("root", Size::Content(0)),
        partition("homes", Size::Content(0)),
        filesystem("fs", "root", "ext4"),
        filesystem("home", "homes", "ext4"),
        mount("/", "fs"),
        mount("/home/user", "home"),
    ]);
    for backend in Backend::ALL {
        build(backend, nodes.clone(), root.path(), "untouched").unwrap();
        for (before, after) in before.iter().zip(said()) {
            assert_eq!(*before, after, "{backend:?}");
        }
    }
}

#[test]
fn a_mount_point_that_the_tree_lacks_is_in_the_image_and_not_in_the_tree() {
    let root = tree(|root| fs::write(root.join("file"), "content").unwrap());
    let mut nodes = disk(512);
    nodes.extend([
        partition("root", Size::Content(0)),
        partition("var", Size::Content(0)),
        filesystem("fs", "root", "ext4"),
        filesystem("log", "var", "ext4"),
        mount("/", "fs"),
        mount("/var/log", "log"),
    ]);
    let built = build(Backend::File, nodes, root.path(), "lacking").unwrap();
    let have = built.files("ro");
    let names: Vec<_> = have.entries.keys().map(|k| String::from_utf8_lossy(k)).collect();
    assert_eq!(names, ["", "file", "var", "var/log"]);
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
}

#[test]
fn what_is_mounted_in_the_tree_is_refused() {
    let root = tree(|root| fs::create_dir(root.join("proc")).unwrap());
    let at = root.path().join("proc");
    run("mount", &["-t", "tmpfs", "none", at.to_str().unwrap()]);
    let built = build(Backend::File, plain("ext4", 512), root.path(), "mounted");
    run("umount", &[at.to_str().unwrap()]);
    let error = built.err().unwrap();
    assert!(error.contains("something is mounted at") && error.contains("/proc"), "{error}");
}
