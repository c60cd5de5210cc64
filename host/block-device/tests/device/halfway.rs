//! Installations that fail on the way, and what a device holds that was in use before.

use super::*;

/// A filesystem in memory, mounted in a folder that goes with it.
fn mounted_folder(kind: &str, options: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = folder.path().to_str().unwrap();
    run("mount", &["-t", kind, "-o", options, kind, at]);
    folder
}

/// Mounts of [`mounted_folder`] that end with the test; the folder is removed before.
struct Unmounted(String);

impl Unmounted {
    fn of(folder: &TempDir) -> Self {
        Self(folder.path().to_str().unwrap().to_owned())
    }
}

impl Drop for Unmounted {
    fn drop(&mut self) {
        // The kernel detaches a loop device a moment after its last user is gone.
        run("umount", &["--lazy", &self.0]);
        let _ = fs::remove_dir(&self.0);
    }
}

/// What is found on a device as a whole.
fn found(disk: &Disk) -> String {
    // It may say once more what went wrong.
    let _ = disk.device.file().sync_all();
    let said = std::process::Command::new("blkid").args(["-p", &disk.path]).output().unwrap();
    String::from_utf8(said.stdout).unwrap()
}

/// The partitions of a device as libfdisk reads them: start and size in sectors.
fn partitions(disk: &Disk) -> Vec<(u64, u64)> {
    let said = output("sfdisk", &["--dump", &disk.path]);
    let number = |line: &str, name: &str| {
        let (_, rest) = line.split_once(name)?;
        rest.trim_start().split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    said.lines()
        .filter_map(|line| Some((number(line, "start=")?, number(line, "size=")?)))
        .collect()
}

/// Makes a tree larger than what was made for it.
fn outgrow(root: &Path) {
    fs::write(root.join("larger"), noise(120 << 20, 5)).unwrap();
}

#[test]
fn a_tree_that_outgrows_its_layout_leaves_a_device_without_a_table() {
    for kind in [TableKind::Gpt, TableKind::Mbr] {
        let root = tree(small);
        let disk = Disk::new(100 * MIB, 512);
        let seed = if kind == TableKind::Gpt { 50 } else { 51 };
        let mut nodes = nodes(kind, 20 * MIB);
        nodes[1] = partition("state", "linux-generic", Size::Bytes(20 * MIB), false);
        // What was whole before is not whole any more.
        install(&disk, nodes.clone(), root.path(), None, seed).unwrap();
        assert!(found(&disk).contains("PTTYPE"));
        let overwrite = Some(disk.path.as_str());
        let failed =
            install_with(&disk, nodes.clone(), root.path(), overwrite, seed, &Known, &|| {
                outgrow(root.path());
            });
        let error = failed.unwrap_err();
        for said in ["`root-fs`", "No space left", "half written: it has no partition table"] {
            assert!(error.contains(said), "{said}: {error}");
        }
        assert_eq!(found(&disk), "");
        let device = fs::metadata(&disk.path).unwrap().rdev();
        let known = format!("/sys/dev/block/7:{}", device & 0xff);
        let known: Vec<_> = fs::read_dir(known).unwrap().map(|e| e.unwrap().path()).collect();
        assert!(!known.iter().any(|path| path.join("partition").exists()), "{known:?}");
        // Nothing is lost by another try.
        fs::remove_file(root.path().join("larger")).unwrap();
        install(&disk, nodes, root.path(), None, seed).unwrap();
        run("e2fsck", &["-fn", disk.partition(3).to_str().unwrap()]);
    }
}

#[test]
fn a_device_that_fails_is_left_without_a_table() {
    // It says that it has 200 MiB, and has no room for half of it.
    let folder = mounted_folder("tmpfs", "size=80m");
    let _unmounted = Unmounted::of(&folder);
    let root = tree(|root| {
        small(root);
        fs::write(root.join("large"), noise(90 << 20, 6)).unwrap();
    });
    let disk = Disk::within(folder, 200 * MIB, 512);
    let failed = install(&disk, nodes(TableKind::Gpt, 20 * MIB), root.path(), None, 52);
    let error = failed.unwrap_err();
    assert!(error.contains("half written: it has no partition table"), "{error}");
    assert_eq!(found(&disk), "");
}

#[test]
fn what_stands_on_a_device_without_a_table_is_not_found_when_it_is_half_written() {
    let root = tree(small);
    let disk = Disk::new(60 * MIB, 512);
    let nodes = vec![filesystem("root-fs", "disk", "ext4"), mount("/", "root-fs")];
    let failed = install_with(&disk, nodes, root.path(), None, 53, &Known, &|| {
        outgrow(root.path());
    });
    let error = failed.unwrap_err();
    assert!(error.contains("half written: its signatures are removed"), "{error}");
    assert_eq!(found(&disk), "");
}

/// With what is preserved in the first place or not, primary or logical: it is in the table that is
/// left, alone, and the next installation finds it there.
#[test]
fn what_is_preserved_stays_in_the_table_of_a_device_that_is_half_written() {
    for (seed, kind, logical) in
        [(54, TableKind::Gpt, false), (55, TableKind::Mbr, false), (56, TableKind::Mbr, true)]
    {
        let root = tree(small);
        let disk = Disk::new(100 * MIB, 512);
        let mut nodes = nodes(kind, 20 * MIB);
        // Behind another, so that it is not the first of its kind.
        nodes.swap(1, 2);
        if logical {
            nodes.swap(2, 3);
            nodes[2] = partition("root", "linux-generic", Size::Bytes(40 * MIB), false);
            for name in ["swap", "state"] {
                let node = nodes.iter_mut().find(|node| node.name == name).unwrap();
                let NodeKind::Partition { attributes, .. } = &mut node.kind else { panic!() };
                attributes.push("logical".into());
            }
            nodes.swap(1, 2);
        }
        let (laid_out, ..) = install(&disk, nodes.clone(), root.path(), None, seed).unwrap();
        let state = laid_out.partitions.iter().find(|p| p.node == "state").unwrap();
        assert_eq!(state.number, if logical { 6 } else { 2 });
        {
            let mounted = Mount::new(&disk.partition(state.number), "ext4");
            fs::write(mounted.0.path().join("state"), "lived\n").unwrap();
        }
        let before = disk.bytes(state.extent);
        let overwrite = Some(disk.path.as_str());
        let again = |between: &(dyn Fn() + Sync)| {
            install_with(&disk, nodes.clone(), root.path(), overwrite, seed, &Known, between)
        };
        let error = again(&|| outgrow(root.path())).unwrap_err();
        let said = "half written: its partition table has what is preserved (`state`)";
        assert!(error.contains(said), "{error}");
        let sectors = (state.extent.offset / 512, state.extent.size / 512);
        assert_eq!(partitions(&disk), [sectors], "{kind:?}");
        assert!(disk.bytes(state.extent) == before, "the preserved partition was written to");

        fs::remove_file(root.path().join("larger")).unwrap();
        let (_, _, text) = again(&|| {}).unwrap();
        assert!(text.contains("(node `state`)"), "{text}");
        assert!(disk.bytes(state.extent) == before, "the preserved partition was written to");
        assert_eq!(partitions(&disk).iter().filter(|p| **p == sectors).count(), 1);
        let mounted = Mount::new(&disk.partition(state.number), "ext4");
        assert_eq!(fs::read_to_string(mounted.0.path().join("state")).unwrap(), "lived\n");
    }
}

fn encrypted() -> Vec<Node> {
    let luks = NodeKind::Encryption { secrets: vec!["passphrase".into()], label: None };
    let volume = NodeKind::LogicalVolume {
        size: Size::Bytes(12 * MIB),
        thin_pool: None,
        is_thin_pool: false,
        stripes: 1,
    };
    vec![
        table(TableKind::Gpt),
        partition("crypt", "luks", Size::Rest, false),
        node("opened", &["crypt"], luks),
        node("pv", &["opened"], NodeKind::PhysicalVolume),
        node("vg", &["pv"], NodeKind::VolumeGroup { extent_size: 4 * MIB }),
        node("lv", &["vg"], volume),
        filesystem("root-fs", "lv", "ext4"),
        mount("/", "root-fs"),
    ]
}

#[test]
fn a_secret_that_is_missing_stops_before_anything_is_written() {
    let root = tree(small);
    let disk = Disk::new(64 * MIB, 512);
    let before = disk.all();
    let secrets = &dibhost_block_device::NoSecrets;
    let failed = install_with(&disk, encrypted(), root.path(), None, 57, secrets, &|| {});
    let error = failed.unwrap_err();
    assert!(error.contains("node `opened`: the secret `passphrase`"), "{error}");
    assert!(!error.contains("half written"), "{error}");
    assert!(disk.all() == before, "it was written to");
}

/// Sectors of a device that hold what was there before.
fn old_sectors(disk: &Disk, extent: Extent) -> usize {
    let old = noise(1 << 20, 77);
    let bytes = disk.bytes(extent);
    let first = usize::try_from(extent.offset).unwrap() % old.len();
    let same = |(index, sector): &(usize, &[u8])| {
        let at = (first + index * 512) % old.len();
        **sector == old[at..at + 512]
    };
    bytes.chunks_exact(512).enumerate().filter(same).count()
}

/// A volume group on an encryption, of which most is free; on a device that can clear itself, and
/// on one that can only be written.
#[test]
fn nothing_that_was_there_before_shows_within_an_encryption() {
    let root = tree(small);
    let written = {
        let folder = mounted_folder("ramfs", "mode=0700");
        let unmounted = Unmounted::of(&folder);
        let disk = Disk::within(folder, 64 * MIB, 512);
        let piece = noise(1 << 20, 77);
        (0..64).for_each(|at| disk.file.write_all_at(&piece, at * MIB).unwrap());
        let cleared = dibhost_sys::clear_device(disk.device.file(), 0, MIB).unwrap();
        assert!(!cleared, "this device was to be one that cannot clear itself");
        (disk, Some(unmounted), 58)
    };
    for (disk, _unmounted, seed) in [(Disk::new(64 * MIB, 512), None, 59), written] {
        let (laid_out, ..) = install(&disk, encrypted(), root.path(), None, seed).unwrap();
        let crypt = laid_out.partitions.iter().find(|p| p.node == "crypt").unwrap().extent;
        assert_eq!(old_sectors(&disk, crypt), 0);
        let said = output("cryptsetup", &["luksDump", disk.partition(1).to_str().unwrap()]);
        assert!(said.contains("aes-xts-plain64"), "{said}");
    }
}

#[test]
fn a_filesystem_on_a_device_that_clears_itself_takes_no_more_than_its_files() {
    let root = tree(small);
    let disk = Disk::new(300 * MIB, 512);
    let mut nodes = nodes(TableKind::Gpt, 20 * MIB);
    nodes[1] = partition("state", "linux-generic", Size::Bytes(20 * MIB), false);
    let (laid_out, ..) = install(&disk, nodes, root.path(), None, 60).unwrap();
    run("e2fsck", &["-fn", disk.partition(3).to_str().unwrap()]);
    let last = laid_out.partitions.last().unwrap().extent;
    assert_eq!(old_sectors(&disk, last), 0);
    let held = disk.file.metadata().unwrap().blocks() * 512;
    assert!(held < 40 * MIB, "{held} bytes");
}
