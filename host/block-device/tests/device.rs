//! The back-end `device`, on loop devices that serve as disks: what it refuses, what it writes, and
//! what it leaves alone. Needs root.

#[path = "device/halfway.rs"]
mod halfway;
#[path = "../../filesystems/tests/mounted/mod.rs"]
mod mounted;
#[path = "device/preserve.rs"]
mod preserve;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dibhost_block_device::{
    Device, Graph, InstallTo, Installation, Installed, Layout, Node, NodeKind, Secrets, Size,
    TableKind, layout, with_parts,
};
use dibhost_sys::{
    Cancel, LoopDevice, LoopOptions, SecretBytes, add_partition, device_size, remove_partition,
};
use dibhost_volumes::Extent;
use mounted::{EPOCH, full_tree, listing, noise, output, plain_tree, run};
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

struct Known;

impl Secrets for Known {
    fn secret(&self, _: &str) -> io::Result<Arc<SecretBytes>> {
        SecretBytes::read_from(&mut &b"correct horse"[..], 64).map(Arc::new)
    }
}

fn node(name: &str, on: &[&str], kind: NodeKind) -> Node {
    Node { name: name.into(), on: on.iter().map(|n| (*n).into()).collect(), kind }
}

fn table(kind: TableKind) -> Node {
    node("table", &["disk"], NodeKind::Table { kind, alignment: None })
}

fn partition(name: &str, type_id: &str, size: Size, preserve: bool) -> Node {
    let kind = NodeKind::Partition {
        label: name.into(),
        type_id: type_id.into(),
        size,
        attributes: vec![],
        preserve,
    };
    node(name, &["table"], kind)
}

fn filesystem(name: &str, on: &str, kind: &str) -> Node {
    let label = Some(name.to_owned());
    node(name, &[on], NodeKind::Filesystem { kind: kind.into(), label, uuid: None, tuning: vec![] })
}

fn mount(at: &str, on: &str) -> Node {
    let kind = NodeKind::Mount { at: at.into(), options: vec![], in_fstab: true };
    node(&format!("mount-{on}"), &[on], kind)
}

/// A system, swap space, and a state that outlives it.
fn nodes(kind: TableKind, state: u64) -> Vec<Node> {
    vec![
        table(kind),
        partition("state", "linux-generic", Size::Bytes(state), true),
        partition("swap", "swap", Size::Bytes(4 * MIB), false),
        partition("root", "linux-generic", Size::Rest, false),
        filesystem("state-fs", "state", "ext4"),
        filesystem("swap-fs", "swap", "swap"),
        filesystem("root-fs", "root", "ext4"),
        mount("/var", "state-fs"),
        mount("/", "root-fs"),
    ]
}

/// A file as if it were a disk.
struct Disk {
    _folder: TempDir,
    file: File,
    device: LoopDevice,
    path: String,
}

impl Disk {
    fn new(size: u64, sector_size: u32) -> Self {
        let disk = Self::within(TempDir::new().unwrap(), size, sector_size);
        // No device is new: what is not written is not zero.
        let piece = noise(1 << 20, 77);
        for at in (0..size).step_by(piece.len()) {
            let length = piece.len().min(usize::try_from(size - at).unwrap());
            disk.file.write_all_at(&piece[..length], at).unwrap();
        }
        disk
    }

    /// One that reads as zeros, its file in a folder of some filesystem.
    fn within(folder: TempDir, size: u64, sector_size: u32) -> Self {
        let path = folder.path().join("disk");
        let file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
        file.set_len(size).unwrap();
        let options = LoopOptions { sector_size, ..LoopOptions::default() };
        let device = LoopDevice::attach(&file, &options).unwrap();
        let path = device.path().to_str().unwrap().to_owned();
        Self { _folder: folder, file, device, path }
    }

    fn bytes(&self, extent: Extent) -> Vec<u8> {
        self.device.file().sync_all().unwrap();
        let mut bytes = vec![0; usize::try_from(extent.size).unwrap()];
        self.file.read_exact_at(&mut bytes, extent.offset).unwrap();
        bytes
    }

    fn all(&self) -> Vec<u8> {
        let size = device_size(self.device.file()).unwrap();
        self.bytes(Extent { offset: 0, size })
    }

    fn partition(&self, number: u32) -> PathBuf {
        format!("{}p{number}", self.path).into()
    }

    fn refused(&self) -> String {
        Device::open(&self.path, true).unwrap_err().to_string()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        for number in 1..8 {
            let _ = remove_partition(self.device.file(), number);
        }
    }
}

/// Installs a tree. The seed is one for each test: the kernel mounts no two filesystems of one UUID.
fn install(
    disk: &Disk,
    nodes: Vec<Node>,
    root: &Path,
    overwrite: Option<&str>,
    seed: u8,
) -> Result<(Layout, Installed, String), String> {
    install_with(disk, nodes, root, overwrite, seed, &Known, &|| {})
}

/// The same with other secrets, and something that happens between the layout and the writing.
fn install_with(
    disk: &Disk,
    mut nodes: Vec<Node>,
    root: &Path,
    overwrite: Option<&str>,
    seed: u8,
    secrets: &(dyn Secrets + Sync),
    between: &(dyn Fn() + Sync),
) -> Result<(Layout, Installed, String), String> {
    let device = Device::open(&disk.path, true).map_err(|e| e.to_string())?;
    let sector_size = device.sector_size();
    let size = Some(device.size());
    if !nodes.iter().any(|n| n.name == "disk") {
        nodes.insert(0, node("disk", &[], NodeKind::Disk { size, sector_size }));
    }
    let graph = Graph::new(nodes).unwrap_or_else(|e| panic!("{e}"));
    let mounts: Vec<&str> = graph.mounts().iter().map(|m| m.at.as_str()).collect();
    let scratch = TempDir::new().unwrap();
    let cancel = Cancel::new();
    let done = with_parts(root, &mounts, scratch.path(), &cancel, |tree| {
        // These tests may run twice at a time.
        let mut bytes = [seed; 32];
        bytes[..4].copy_from_slice(&std::process::id().to_be_bytes());
        let laid_out = layout(&graph, &graph.identities(&bytes), tree);
        let laid_out = laid_out.map_err(|e| e.to_string())?;
        let installation = Installation::new(&laid_out, &device).map_err(|e| e.to_string())?;
        let text = installation.to_text();
        between();
        let to = InstallTo { scratch: scratch.path(), secrets, time: EPOCH, cancel: &cancel };
        let installed = installation.write(tree, overwrite, &to).map_err(|e| e.to_string())?;
        Ok((laid_out, installed, text))
    });
    done.map_err(|e| e.to_string())?
}

fn tree(make: fn(&Path)) -> TempDir {
    let folder = TempDir::new().unwrap();
    make(folder.path());
    fs::create_dir_all(folder.path().join("var")).unwrap();
    folder
}

fn small(root: &Path) {
    fs::create_dir(root.join("var")).unwrap();
    fs::write(root.join("hello"), "world\n").unwrap();
    fs::write(root.join("var/state"), "first\n").unwrap();
}

/// A mounted partition.
struct Mount(TempDir);

impl Mount {
    fn new(device: &Path, kind: &str) -> Self {
        let folder = TempDir::new().unwrap();
        run("mount", &["-t", kind, device.to_str().unwrap(), folder.path().to_str().unwrap()]);
        Self(folder)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &[self.0.path().to_str().unwrap()]);
    }
}

#[test]
fn a_used_disk_is_filled_and_every_kind_is_whole() {
    let root = tree(full_tree);
    for sector in [512, 4096] {
        let disk = Disk::new(900 * MIB, sector);
        let luks = NodeKind::Encryption { secrets: vec!["passphrase".into()], label: None };
        let nodes = vec![
            table(TableKind::Gpt),
            partition("one", "linux-generic", Size::Bytes(350 * MIB), false),
            partition("two", "linux-generic", Size::Bytes(20 * MIB), false),
            partition("three", "linux-generic", Size::Bytes(8 * MIB), false),
            partition("four", "luks", Size::Bytes(24 * MIB), false),
            partition("five", "linux-generic", Size::Rest, false),
            filesystem("xfs", "one", "xfs"),
            filesystem("FAT", "two", "vfat"),
            filesystem("swapspace", "three", "swap"),
            node("opened", &["four"], luks),
            filesystem("inner", "opened", "ext2"),
            filesystem("btrfs", "five", "btrfs"),
            mount("/", "xfs"),
            mount("/var", "btrfs"),
        ];
        let seed = if sector == 512 { 31 } else { 32 };
        let (laid_out, installed, text) = install(&disk, nodes, root.path(), None, seed).unwrap();
        assert!(text.contains("nothing is on it that is known"), "{text}");
        assert_eq!(installed.notes, Vec::<String>::new());
        assert_eq!(laid_out.disks[0].size, 900 * MIB);
        for (number, kind) in
            [(1, "xfs"), (2, "vfat"), (3, "swap"), (4, "crypto_LUKS"), (5, "btrfs")]
        {
            let path = disk.partition(number);
            let said = output("blkid", &["-p", "-o", "export", path.to_str().unwrap()]);
            assert!(said.contains(&format!("TYPE={kind}")), "{kind}: {said}");
        }
        let checked = |number: u32| disk.partition(number).to_str().unwrap().to_owned();
        run("xfs_repair", &["-n", &checked(1)]);
        run("fsck.fat", &["-n", &checked(2)]);
        run("btrfs", &["check", &checked(5)]);
        run("sgdisk", &["-v", &disk.path]);
        let mounted = Mount::new(&disk.partition(1), "xfs");
        let mut want = listing(root.path());
        want.clamp(EPOCH, false);
        let differences = want.differences(&listing(mounted.0.path()));
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

#[test]
fn an_mbr_with_logical_partitions_is_written() {
    let root = tree(plain_tree);
    let disk = Disk::new(200 * MIB, 512);
    let mut logical = partition("swap", "82", Size::Bytes(4 * MIB), false);
    if let NodeKind::Partition { attributes, .. } = &mut logical.kind {
        attributes.push("logical".into());
    }
    let nodes = vec![
        table(TableKind::Mbr),
        partition("root", "83", Size::Bytes(100 * MIB), false),
        logical,
        filesystem("root-fs", "root", "ext3"),
        filesystem("swap-fs", "swap", "swap"),
        mount("/", "root-fs"),
    ];
    install(&disk, nodes, root.path(), None, 33).unwrap();
    assert!(output("sfdisk", &["--verify", &disk.path]).contains("No errors"));
    let said = output("blkid", &["-p", "-o", "export", disk.partition(5).to_str().unwrap()]);
    assert!(said.contains("TYPE=swap"), "{said}");
    run("e2fsck", &["-fn", disk.partition(1).to_str().unwrap()]);
}

/// GRUB lies behind the MBR of a device too, and is written anew beside what is preserved.
#[test]
fn grub_is_written_behind_an_mbr() {
    let root = tree(plain_tree);
    let mut boot = noise(512, 1);
    boot[0x66..0x68].copy_from_slice(&[0xeb, 0x05]);
    boot[510..].copy_from_slice(&[0x55, 0xaa]);
    let mut core = noise(60_000, 2);
    core[0x1f4..0x200].copy_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0x08]);
    fs::create_dir_all(root.path().join("boot")).unwrap();
    fs::write(root.path().join("boot/boot.img"), &boot).unwrap();
    let disk = Disk::new(200 * MIB, 512);
    let nodes = || {
        let grub = NodeKind::GrubBios {
            boot_image: "/boot/boot.img".into(),
            core_image: "/boot/core.img".into(),
        };
        vec![
            table(TableKind::Mbr),
            node("grub", &["disk"], grub),
            partition("state", "83", Size::Bytes(40 * MIB), true),
            partition("root", "83", Size::Rest, false),
            filesystem("state-fs", "state", "ext4"),
            filesystem("root-fs", "root", "ext4"),
            mount("/var", "state-fs"),
            mount("/", "root-fs"),
        ]
    };
    let mut state = None;
    for size in [60_000, 50_000] {
        fs::write(root.path().join("boot/core.img"), &core[..size]).unwrap();
        let overwrite = state.is_some().then_some(disk.path.as_str());
        let (laid_out, ..) = install(&disk, nodes(), root.path(), overwrite, 39).unwrap();
        let gap = disk.bytes(laid_out.grub[0].extent);
        assert_eq!((laid_out.grub[0].extent.offset, gap.len() as u64), (512, MIB - 512));
        assert_eq!(gap[..0x1f4], core[..0x1f4]);
        assert_eq!(gap[0x200..size], core[0x200..size]);
        assert!(gap[size..].iter().all(|byte| *byte == 0), "something of before is left");
        let first = disk.bytes(Extent { offset: 0, size: 512 });
        assert_eq!((&first[..0x5c], &first[510..]), (&boot[..0x5c], &[0x55, 0xaa][..]));
        assert_eq!(first[0x5c..0x64], 1u64.to_le_bytes());
        assert!(output("sfdisk", &["--verify", &disk.path]).contains("No errors"));
        let now = disk.bytes(laid_out.partition("state").unwrap().0.extent);
        assert!(state.is_none_or(|before| before == now), "what is preserved was touched");
        state = Some(now);
    }
}

#[test]
fn what_is_on_it_is_shown_and_only_its_exact_name_lets_it_be_lost() {
    let root = tree(small);
    let disk = Disk::new(100 * MIB, 512);
    run("mke2fs", &["-F", "-q", "-L", "precious", &disk.path]);
    let before = disk.all();
    let again =
        |overwrite| install(&disk, nodes(TableKind::Gpt, 20 * MIB), root.path(), overwrite, 34);
    let error = again(None).unwrap_err();
    for said in ["the whole device", "ext", &format!("--overwrite {}", disk.path)] {
        assert!(error.contains(said), "{said}: {error}");
    }
    // Another name of the same device is not the one that was typed.
    let number = fs::metadata(&disk.path).unwrap().rdev();
    let other = format!("/dev/block/7:{}", number & 0xff);
    for wrong in [other.as_str(), "", "/dev/loop", "yes"] {
        let error = again(Some(wrong)).unwrap_err();
        assert!(error.contains("`--overwrite` names"), "{error}");
    }
    assert!(disk.all() == before, "it was written to");
    let (_, _, text) = again(Some(&disk.path)).unwrap();
    assert!(text.contains("lost: the whole device"), "{text}");
    run("sgdisk", &["-v", &disk.path]);
    // Nothing of what was there is found any more.
    let said = output("blkid", &["-p", "-o", "export", &disk.path]);
    assert!(said.contains("PTTYPE=gpt") && !said.contains("ext"), "{said}");

    // Now its partitions are what would be lost.
    let error = again(None).unwrap_err();
    for said in ["partition 1 `state`", "partition 3 `root`", "swap"] {
        assert!(error.contains(said), "{said}: {error}");
    }
}

#[test]
fn what_is_preserved_is_not_touched() {
    for kind in [TableKind::Gpt, TableKind::Mbr] {
        let root = tree(small);
        let disk = Disk::new(100 * MIB, 512);
        let seed = if kind == TableKind::Gpt { 35 } else { 36 };
        let first = nodes(kind, 20 * MIB);
        let (laid_out, ..) = install(&disk, first.clone(), root.path(), None, seed).unwrap();
        let state = laid_out.partitions.iter().find(|p| p.node == "state").unwrap().extent;
        {
            let mounted = Mount::new(&disk.partition(1), "ext4");
            assert_eq!(fs::read_to_string(mounted.0.path().join("state")).unwrap(), "first\n");
            fs::write(mounted.0.path().join("state"), "lived\n").unwrap();
        }
        let partuuid = |number: u32| {
            let path = disk.partition(number);
            let said = output("blkid", &["-p", "-o", "export", path.to_str().unwrap()]);
            let line = said.lines().find(|line| line.starts_with("PART_ENTRY_UUID="));
            line.unwrap_or_else(|| panic!("{said}")).to_owned()
        };
        let (before, id) = (disk.bytes(state), partuuid(1));
        fs::write(root.path().join("hello"), "again\n").unwrap();
        fs::write(root.path().join("var/state"), "second\n").unwrap();

        // Other identities, another swap space behind it: the state stays.
        let overwrite = Some(disk.path.as_str());
        let mut second = first.clone();
        second[2] = partition("swap", "swap", Size::Bytes(8 * MIB), false);
        let (_, _, text) = install(&disk, second, root.path(), overwrite, seed + 100).unwrap();
        assert!(text.contains("stays: partition 1"), "{text}");
        assert!(text.contains("lost: partition 3"), "{text}");
        assert!(disk.bytes(state) == before, "the preserved partition was written to");
        assert_eq!(partuuid(1), id);
        let mounted = Mount::new(&disk.partition(3), "ext4");
        assert_eq!(fs::read_to_string(mounted.0.path().join("hello")).unwrap(), "again\n");
        drop(mounted);

        // A layout that would move or cut it is refused, and nothing is written.
        let whole = disk.all();
        for wrong in [nodes(kind, 24 * MIB), {
            let mut moved = first.clone();
            moved.swap(1, 2);
            moved
        }] {
            let error = install(&disk, wrong, root.path(), overwrite, seed).unwrap_err();
            assert!(error.contains("node `state`") && error.contains("preserved"), "{error}");
        }
        assert!(disk.all() == whole, "it was written to");
    }
}

#[test]
fn a_volume_group_half_of_which_is_preserved_is_refused() {
    let root = tree(small);
    let disk = Disk::new(120 * MIB, 512);
    let volume = NodeKind::LogicalVolume {
        size: Size::Rest,
        thin_pool: None,
        is_thin_pool: false,
        stripes: 1,
    };
    let nodes = vec![
        table(TableKind::Gpt),
        partition("a", "linux-lvm", Size::Bytes(40 * MIB), true),
        partition("b", "linux-lvm", Size::Rest, false),
        node("pv-a", &["a"], NodeKind::PhysicalVolume),
        node("pv-b", &["b"], NodeKind::PhysicalVolume),
        node("vg", &["pv-a", "pv-b"], NodeKind::VolumeGroup { extent_size: 4 * MIB }),
        node("lv", &["vg"], volume),
        filesystem("root-fs", "lv", "ext4"),
        mount("/", "root-fs"),
    ];
    install(&disk, nodes.clone(), root.path(), None, 37).unwrap();
    let overwrite = Some(disk.path.as_str());
    let error = install(&disk, nodes, root.path(), overwrite, 37).unwrap_err();
    assert!(error.contains("node `vg`") && error.contains("`b`"), "{error}");
}

#[test]
fn a_mounted_disk_is_refused_in_any_namespace() {
    let disk = Disk::new(64 * MIB, 512);
    add_partition(disk.device.file(), 2, 2 * MIB, 40 * MIB).unwrap();
    let part = disk.partition(2);
    run("mke2fs", &["-F", "-q", part.to_str().unwrap()]);
    {
        let _mounted = Mount::new(&part, "ext4");
        let error = disk.refused();
        assert!(error.contains("p2 is mounted at /"), "{error}");
    }
    // Where only another process sees it.
    let folder = TempDir::new().unwrap();
    let script = "mount -t ext4 \"$0\" \"$1\" && echo mounted && read end";
    let mut other = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", script])
        .args([part.to_str().unwrap(), folder.path().to_str().unwrap()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = [0; 8];
    io::Read::read_exact(other.stdout.as_mut().unwrap(), &mut line).unwrap();
    let error = disk.refused();
    drop(other.stdin.take());
    other.wait().unwrap();
    assert!(error.contains("p2 is mounted at /"), "{error}");
    let own = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!own.contains(folder.path().to_str().unwrap()));
    Device::open(&disk.path, true).unwrap();
}

#[test]
fn a_mounted_btrfs_is_refused() {
    let disk = Disk::new(128 * MIB, 512);
    run("mkfs.btrfs", &["-q", "-f", &disk.path]);
    let _mounted = Mount::new(Path::new(&disk.path), "btrfs");
    let error = disk.refused();
    assert!(error.contains("is mounted at /") && error.contains("a mounted btrfs"), "{error}");
}

#[test]
fn swap_space_in_use_is_refused() {
    struct Swap(PathBuf);
    impl Drop for Swap {
        fn drop(&mut self) {
            run("swapoff", &[self.0.to_str().unwrap()]);
        }
    }
    let disk = Disk::new(64 * MIB, 512);
    add_partition(disk.device.file(), 1, 2 * MIB, 16 * MIB).unwrap();
    let part = disk.partition(1);
    run("mkswap", &["-q", part.to_str().unwrap()]);
    run("swapon", &[part.to_str().unwrap()]);
    let swap = Swap(part);
    let error = disk.refused();
    drop(swap);
    assert!(error.contains("p1 is in use as swap space"), "{error}");
}

#[test]
fn a_disk_under_a_loop_device_is_refused() {
    let disk = Disk::new(16 * MIB, 512);
    let above = LoopDevice::attach(disk.device.file(), &LoopOptions::default()).unwrap();
    let error = disk.refused();
    assert!(error.contains(&format!("the loop device loop{}", above.number())), "{error}");
}

#[test]
fn a_disk_in_exclusive_use_is_refused() {
    let disk = Disk::new(16 * MIB, 512);
    let first = Device::open(&disk.path, true).unwrap();
    let error = disk.refused();
    assert!(error.contains("exclusive use"), "{error}");
    drop(first);
    Device::open(&disk.path, true).unwrap();
}

#[test]
fn the_disk_of_the_running_system_is_refused() {
    let root = output("findmnt", &["-n", "-o", "SOURCE", "/"]);
    let root = root.trim();
    let is_device = fs::metadata(root).is_ok_and(|stat| stat.file_type().is_block_device());
    assert!(is_device, "`/` is on {root} here: this test needs one that is a disk's");
    let error = Device::open(root, false).unwrap_err().to_string();
    assert!(error.contains("the running system is on it"), "{error}");

    // A disk whose file lies on it is another disk.
    let disk = Disk::new(16 * MIB, 512);
    Device::open(&disk.path, false).unwrap();
}

#[test]
fn what_is_no_whole_disk_or_cannot_be_written_is_refused() {
    let disk = Disk::new(16 * MIB, 512);
    add_partition(disk.device.file(), 1, 2 * MIB, 4 * MIB).unwrap();
    let partition = disk.partition(1);
    let error = Device::open(partition.to_str().unwrap(), true).unwrap_err().to_string();
    assert!(error.contains("is a partition of loop"), "{error}");
    let file = tempfile::NamedTempFile::new().unwrap();
    for (path, why) in [
        (file.path().to_str().unwrap(), "no block device"),
        ("/dev/null", "no block device"),
        ("/dev/there-is-none", "No such file"),
    ] {
        let error = Device::open(path, true).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains(path), "{error}");
    }
    let options = LoopOptions { read_only: true, ..LoopOptions::default() };
    let read_only = LoopDevice::attach(&disk.file, &options).unwrap();
    let path = read_only.path();
    let error = Device::open(path.to_str().unwrap(), true).unwrap_err().to_string();
    assert!(error.contains("read-only"), "{error}");
}

#[test]
fn a_layout_for_another_device_is_refused_and_nothing_is_written() {
    let root = tree(small);
    let disk = Disk::new(64 * MIB, 4096);
    let before = disk.all();
    let with = |size, sector_size, more: Vec<Node>| {
        let mut nodes = nodes(TableKind::Gpt, 20 * MIB);
        nodes.insert(0, node("disk", &[], NodeKind::Disk { size, sector_size }));
        nodes.extend(more);
        install(&disk, nodes, root.path(), Some(&disk.path), 38).unwrap_err()
    };
    let error = with(Some(64 * MIB), 512, vec![]);
    assert!(error.contains("sectors of 512") && error.contains("4096"), "{error}");
    let error = with(Some(80 * MIB), 4096, vec![]);
    assert!(error.contains("it has 80 MiB, and the device 64 MiB"), "{error}");
    let second = node("second", &[], NodeKind::Disk { size: Some(16 * MIB), sector_size: 4096 });
    let error = with(Some(64 * MIB), 4096, vec![second]);
    assert!(error.contains("2 disks"), "{error}");
    assert!(disk.all() == before, "it was written to");
}

#[test]
fn what_the_tree_cannot_fit_into_is_known_before_anything_is_written() {
    let root = tree(|root| fs::write(root.join("large"), noise(80 << 20, 2)).unwrap());
    let disk = Disk::new(64 * MIB, 512);
    let before = disk.all();
    let error = install(&disk, nodes(TableKind::Gpt, 20 * MIB), root.path(), None, 39).unwrap_err();
    assert!(error.contains("do not fit"), "{error}");
    assert!(disk.all() == before, "it was written to");
}

#[test]
fn only_what_is_in_the_layout_is_written() {
    let root = tree(small);
    let disk = Disk::new(100 * MIB, 512);
    let nodes = vec![
        table(TableKind::Gpt),
        partition("one", "linux-generic", Size::Bytes(20 * MIB), false),
        filesystem("root-fs", "one", "ext4"),
        mount("/", "root-fs"),
    ];
    let before = disk.all();
    let (laid_out, ..) = install(&disk, nodes, root.path(), None, 40).unwrap();
    let after = disk.all();
    let end = usize::try_from(laid_out.partitions[0].extent.end()).unwrap();
    let tail = after.len() - (2 << 20);
    assert!(before[end..tail] == after[end..tail], "the gap behind the partition was written to");
    assert!(before[..end] != after[..end]);
}

#[test]
fn all_that_stands_on_a_preserved_partition_stays_whatever_is_made_around_it() {
    let root = tree(small);
    let disk = Disk::new(300 * MIB, 512);
    let volume = NodeKind::LogicalVolume {
        size: Size::Rest,
        thin_pool: None,
        is_thin_pool: false,
        stripes: 1,
    };
    let luks = NodeKind::Encryption { secrets: vec!["passphrase".into()], label: None };
    let state = [
        node("opened", &["state"], luks),
        node("pv", &["opened"], NodeKind::PhysicalVolume),
        node("vg", &["pv"], NodeKind::VolumeGroup { extent_size: MIB }),
        node("lv", &["vg"], volume),
        filesystem("state-fs", "lv", "ext4"),
        mount("/var", "state-fs"),
    ];
    let kept = |preserve| partition("state", "luks", Size::Bytes(40 * MIB), preserve);
    let first: Vec<_> = [
        table(TableKind::Gpt),
        partition("esp", "esp", Size::Bytes(20 * MIB), false),
        kept(true),
        partition("root", "linux-generic", Size::Rest, false),
        filesystem("ESP", "esp", "vfat"),
        filesystem("root-fs", "root", "ext4"),
        mount("/", "root-fs"),
    ]
    .into_iter()
    .chain(state.clone())
    .collect();
    let (laid_out, ..) = install(&disk, first, root.path(), None, 41).unwrap();
    let extent = laid_out.partition("state").unwrap().0.extent;
    let tags = |number: u32| {
        let path = disk.partition(number);
        output("blkid", &["-p", "-o", "export", path.to_str().unwrap()])
    };
    let (before, said) = (disk.bytes(extent), tags(2));
    assert!(said.contains("TYPE=crypto_LUKS"), "{said}");

    // Another kind of root, smaller; swap space where it was; other UUIDs for all of it.
    let second = |preserve| -> Vec<_> {
        [
            table(TableKind::Gpt),
            partition("esp", "esp", Size::Bytes(20 * MIB), false),
            kept(preserve),
            partition("root", "root-x86-64", Size::Bytes(150 * MIB), false),
            partition("swap", "swap", Size::Rest, false),
            filesystem("BOOT", "esp", "vfat"),
            filesystem("system", "root", "btrfs"),
            filesystem("swap-fs", "swap", "swap"),
            mount("/", "system"),
        ]
        .into_iter()
        .chain(state.clone())
        .collect()
    };
    fs::write(root.path().join("var/state"), "second\n").unwrap();
    let overwrite = Some(disk.path.as_str());
    let (_, _, text) = install(&disk, second(true), root.path(), overwrite, 141).unwrap();
    assert!(text.contains("stays: partition 2"), "{text}");
    assert!(disk.bytes(extent) == before, "the preserved partition was written to");
    assert_eq!(tags(2), said);
    for (number, kind) in [(1, "vfat"), (3, "btrfs"), (4, "swap")] {
        assert!(tags(number).contains(&format!("TYPE={kind}")), "{}", tags(number));
    }
    run("sgdisk", &["-v", &disk.path]);
    let mounted = Mount::new(&disk.partition(3), "btrfs");
    assert_eq!(fs::read_to_string(mounted.0.path().join("hello")).unwrap(), "world\n");
    drop(mounted);

    // It is `preserve` that keeps it.
    install(&disk, second(false), root.path(), overwrite, 142).unwrap();
    assert!(disk.bytes(extent) != before && tags(2) != said);
}
