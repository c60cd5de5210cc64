//! ext2, ext3 and ext4 that are filled without the kernel: what it and `e2fsck` say of them. Needs root,
//! loop devices and mounting.

#[path = "ext4/made.rs"]
mod made;
#[path = "mounted/mod.rs"]
mod mounted;
#[path = "ext4/tree.rs"]
mod tree;

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::time::Instant;

use dibhost_filesystems::{
    Counted, ExtFilling, FilesystemIdentity, FilesystemKind, FilesystemUuid, FolderTree, Site,
    parse_tuning, readback,
};
use dibhost_sys::Cancel;
use made::{KINDS, attribute, complaints, empty, fill, proved, remove};
use mounted::{EPOCH, Mounted, full_tree, noise, run};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

#[test]
fn every_kind_holds_one_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    full_tree(&root);
    // What is there already.
    fs::create_dir(root.join("lost+found")).unwrap();
    fs::write(root.join("lost+found/#12"), "found").unwrap();
    let wrong: Vec<String> = KINDS
        .into_iter()
        .filter_map(|kind| proved(&root, kind, 400 << 20).map(remove).err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, max_shrink_iters: 30, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_held_to_the_last_attribute(things in tree::things(), kind in 0..KINDS.len()) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let small = KINDS[kind].1.contains(&"-b1024");
        let (room, link) = if small { (900, 1000) } else if KINDS[kind].1.contains(&"-b2048") { (1900, 2000) } else { (3800, 4000) };
        tree::make(&root, &things, room, link);
        match proved(&root, KINDS[kind], 600 << 20) {
            Ok(made) => remove(made),
            Err(why) => return Err(TestCaseError::fail(why)),
        }
    }
}

/// How many there are, and how many of them are free.
#[derive(Debug, Clone, Copy)]
struct Room {
    count: u64,
    free: u64,
}

/// Makes a filesystem of the size that is reckoned for a tree; its blocks and its inodes.
fn reckoned(root: &Path, image: &Path, kind: FilesystemKind, lean: bool) -> (Room, Room) {
    let tuning = parse_tuning(kind, &[("reserved-percent".into(), "0".into())]).unwrap();
    let mut tree = FolderTree::of_parts([("/", root)], Cancel::new()).unwrap();
    let counted = Counted::of(kind, tuning, &["/"], &mut tree).unwrap().unwrap();
    let size = counted.bytes_for(0, 512, lean);
    let uuid = uuid::Uuid::from_u128(7);
    let identity = FilesystemIdentity { uuid: FilesystemUuid::Uuid(uuid), hash_seed: uuid };
    let layout = counted.fit(size, 512, &identity).unwrap();
    let file = File::options().create(true).truncate(true).read(true).write(true).open(image);
    let file = file.unwrap();
    file.set_len(size).unwrap();
    let site = Site {
        file: &file,
        path: image,
        offset: 0,
        zeroed: true,
        scratch: image.parent().unwrap(),
        label: Some("label"),
        mount: Some("/"),
        time: EPOCH,
    };
    layout.make(&site, &mut tree).unwrap();
    let said = mounted::output("dumpe2fs", &["-h", image.to_str().unwrap()]);
    let number = |key: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim().parse::<u64>().unwrap()
    };
    let room = |count, free| Room { count: number(count), free: number(free) };
    (room("Block count:", "Free blocks:"), room("Inode count:", "Free inodes:"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, max_shrink_iters: 30, ..ProptestConfig::default() })]

    #[test]
    fn what_is_reckoned_fits_and_is_not_much_more(things in tree::things(), kind in 0..3usize) {
        let folder = tempfile::tempdir().unwrap();
        let (root, image) = (folder.path().join("root"), folder.path().join("image"));
        tree::make(&root, &things, 3600, 4000);
        let kind = [FilesystemKind::Ext2, FilesystemKind::Ext3, FilesystemKind::Ext4][kind];
        let (blocks, inodes) = reckoned(&root, &image, kind, true);
        prop_assert_eq!(complaints(&image), None);
        prop_assert!(blocks.free >= MIB / 4096, "{blocks:?}");
        prop_assert!(few_blocks(blocks) || few_inodes(inodes), "{blocks:?} {inodes:?}");
    }
}

/// Whether what stays free is the MiB that shall, half of one for where metadata parts files, what a
/// journal of 4 MiB asks to be free before it is made, and 15 % of what is used.
fn few_blocks(blocks: Room) -> bool {
    blocks.free <= (5 * MIB + MIB / 2) / 4096 + (blocks.count - blocks.free) * 15 / 100
}

/// Whether what stays free is the 256 that shall and a twentieth of what is used; tables are whole
/// blocks of sixteen.
fn few_inodes(inodes: Room) -> bool {
    inodes.free <= 256 + (inodes.count - inodes.free) / 20 + 16
}

/// The default is an inode for each block, so that many empty files want as many blocks.
#[test]
fn empty_files_are_given_inodes() {
    let folder = tempfile::tempdir().unwrap();
    let (root, image) = (folder.path().join("root"), folder.path().join("image"));
    many(&root, 4000);
    for kind in [FilesystemKind::Ext2, FilesystemKind::Ext3, FilesystemKind::Ext4] {
        let (blocks, inodes) = reckoned(&root, &image, kind, true);
        assert_eq!(complaints(&image), None);
        assert!(few_inodes(inodes) && !few_blocks(blocks), "{kind:?}: {blocks:?} {inodes:?}");
    }
}

/// What lies behind the inode has no block, and an access control list is shorter there than it is shown.
#[test]
fn lists_that_files_inherit_have_no_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let (root, image) = (folder.path().join("root"), folder.path().join("image"));
    fs::create_dir_all(root.join("many")).unwrap();
    // Owner, a user, group, a group, mask and others, as the kernel shows them.
    let mut list = 2u32.to_le_bytes().to_vec();
    for (tag, id) in [(1u16, !0u32), (2, 1000), (4, !0), (8, 2000), (16, !0), (32, !0)] {
        list.extend(
            tag.to_le_bytes().into_iter().chain(4u16.to_le_bytes()).chain(id.to_le_bytes()),
        );
    }
    attribute(&root.join("many"), "system.posix_acl_default", &list);
    many(&root, 1400);
    for kind in [FilesystemKind::Ext2, FilesystemKind::Ext3, FilesystemKind::Ext4] {
        let (blocks, inodes) = reckoned(&root, &image, kind, true);
        assert_eq!(complaints(&image), None);
        assert!(few_blocks(blocks) || few_inodes(inodes), "{kind:?}: {blocks:?} {inodes:?}");
    }
}

fn many(root: &Path, count: u32) {
    fs::create_dir_all(root.join("many")).unwrap();
    for name in 0..count {
        File::create(root.join(format!("many/name-{name}"))).unwrap();
    }
}

#[test]
fn a_folder_of_fifty_thousand_names_is_made_and_searched_fast() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let root = folder.path().join("root");
    many(&root, 50_000);
    let image = folder.path().join("image");
    empty(&image, ("ext4", &["-b4096"]), 400 * MIB);
    let begun = Instant::now();
    fill(&image, &root).unwrap();
    let took = begun.elapsed();
    // `mke2fs -d` takes minutes; this is without the optimiser, on a busy machine.
    assert!(took.as_secs() < 30, "{took:?}");
    assert_eq!(complaints(&image), None);
    let indexed = mounted::output("debugfs", &["-R", "htree_dump /many", image.to_str().unwrap()]);
    assert!(indexed.contains("Hash Version: 1") && indexed.contains("Number of entries (count): "));
    let mounted = Mounted::new(&image, "ext4", "ro,noload");
    let begun = Instant::now();
    for name in 0..50_000 {
        assert!(mounted.path().join(format!("many/name-{name}")).symlink_metadata().is_ok());
    }
    assert!(mounted.path().join("many/name-50000").symlink_metadata().is_err());
    // Without an index each would read all of 450 blocks: 11 million.
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

#[test]
fn a_folder_that_two_levels_of_an_index_are_needed_for() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    // More than 123 leaves of 1 KiB, four names in each.
    for name in 0..900 {
        File::create(root.join(format!("{name:0>250}"))).unwrap();
    }
    for kind in [KINDS[1], KINDS[10], ("ext2", &["-b1024"])] {
        remove(proved(&root, kind, 60 * MIB).unwrap());
    }
}

#[test]
fn more_folders_than_are_counted_and_more_levels_than_one() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let (root, image) = (folder.path().join("root"), folder.path().join("image"));
    fs::create_dir_all(root.join("many")).unwrap();
    for name in 0..65_010 {
        fs::create_dir(root.join(format!("many/{name}"))).unwrap();
    }
    empty(&image, ("ext4", &["-b1024", "-i1024"]), 200 * MIB);
    fill(&image, &root).unwrap();
    assert_eq!(complaints(&image), None);
    let mounted = Mounted::new(&image, "ext4", "ro,noload");
    assert_eq!(mounted.path().join("many").metadata().unwrap().nlink(), 1);
    assert!(mounted.path().join("many/65009").is_dir());
    drop(mounted);
    // ext2 and ext3 count them all.
    empty(&image, ("ext3", &["-b1024", "-i1024"]), 200 * MIB);
    let error = fill(&image, &root).unwrap_err().to_string();
    assert!(error.contains("`/many`") && error.contains("can be counted"), "{error}");

    // Blocks of numbers of three levels, and trees of extents of two.
    fs::remove_dir_all(root.join("many")).unwrap();
    let far = File::create(root.join("far")).unwrap();
    for at in [0, 13, 300, 66_000, 66_500, 90_000] {
        far.write_all_at(&noise(3000, at), at << 10).unwrap();
    }
    let torn = File::create(root.join("torn")).unwrap();
    for at in 0..700 {
        torn.write_all_at(b"x", at << 13).unwrap();
    }
    for kind in [KINDS[1], KINDS[10], ("ext2", &["-b1024"])] {
        remove(proved(&root, kind, 60 * MIB).unwrap());
    }
}

#[test]
fn cancelling_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let (root, image) = (folder.path().join("root"), folder.path().join("image"));
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), "content").unwrap();
    empty(&image, KINDS[0], 40 * MIB);
    let file = File::options().read(true).write(true).open(&image).unwrap();
    let filling = ExtFilling { offset: 0, size: 40 * MIB, zeroed: true, time: EPOCH };
    let cancel = Cancel::new();
    cancel.cancel();
    let error = filling.fill(&file, File::open(&root).unwrap().as_fd(), &cancel).unwrap_err();
    assert!(error.to_string().contains("cancelled"), "{error}");
}

#[test]
fn folders_lie_deeper_than_the_kernel_takes_a_path() {
    use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let (root, image) = (folder.path().join("root"), folder.path().join("image"));
    fs::create_dir(&root).unwrap();
    let name = "d".repeat(200);
    let mut at = openat(CWD, &root, OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..60 {
        mkdirat(&at, &name, Mode::RWXU).unwrap();
        at = openat(&at, &name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let (blocks, _) = reckoned(&root, &image, FilesystemKind::Ext4, true);
    assert!(blocks.free > 0);
    assert_eq!(complaints(&image), None);
    let file = File::open(&image).unwrap();
    let mut longest = 0;
    let medium = dibhost_volumes::FileMedium::whole(&file).unwrap();
    readback::names(FilesystemKind::Ext4, &medium, 100, &mut |name| {
        longest = longest.max(name.path.len());
        Ok(())
    })
    .unwrap();
    assert_eq!(longest, 60 * 201 - 1);
}

#[test]
fn times_before_1970_and_after_2038_are_kept_where_there_is_room_for_them() {
    let folder = tempfile::tempdir_in("/dev/shm").unwrap();
    let (root, image) = (folder.path().join("root"), folder.path().join("image"));
    fs::create_dir(&root).unwrap();
    let times = [-2_000_000_000i64, -1, 0, 3_000_000_000, 5_000_000_000, 15_000_000_000];
    for time in times {
        let path = root.join(format!("at{time}"));
        fs::write(&path, "").unwrap();
        run("touch", &["-d", &format!("@{time}.000000007"), path.to_str().unwrap()]);
    }
    let filled = |kind| {
        empty(&image, kind, 40 * MIB);
        let file = File::options().read(true).write(true).open(&image).unwrap();
        let time = 15_000_000_000;
        let filling = ExtFilling { offset: 0, size: 40 * MIB, zeroed: true, time };
        filling.fill(&file, File::open(&root).unwrap().as_fd(), &Cancel::new())
    };
    filled(KINDS[0]).unwrap();
    let mounted = Mounted::new(&image, "ext4", "ro,noload");
    for time in times {
        let of = |root: &Path| {
            let stat = root.join(format!("at{time}")).metadata().unwrap();
            (stat.mtime(), stat.mtime_nsec())
        };
        assert_eq!(of(mounted.path()), of(&root));
        assert_ne!(of(&root).1, 0);
    }
    drop(mounted);
    let error = filled(KINDS[7]).unwrap_err().to_string();
    assert!(error.contains("cannot be kept"), "{error}");
}

#[test]
fn equal_trees_give_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let images = ["one", "two"].map(|name| {
        let (root, image) = (folder.path().join(name), folder.path().join(format!("{name}.img")));
        fs::create_dir(&root).unwrap();
        full_tree(&root);
        run("find", &[root.to_str().unwrap(), "-exec", "touch", "-hd@1600000000", "{}", "+"]);
        empty(&image, KINDS[0], 200 * MIB);
        fill(&image, &root).unwrap();
        fs::read(&image).unwrap()
    });
    assert!(images[0] == images[1]);
}

#[test]
fn holes_take_nothing_and_zeros_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let sparse = File::create(root.join("sparse")).unwrap();
    sparse.set_len(20 << 30).unwrap();
    sparse.write_all_at(b"here", 10 << 30).unwrap();
    fs::write(root.join("zeros"), vec![0; 50 << 20]).unwrap();
    for kind in [KINDS[0], ("ext2", &["-b4096"])] {
        let image = folder.path().join("image");
        empty(&image, kind, 200 * MIB);
        let before = image.metadata().unwrap().blocks() * 512;
        let begun = Instant::now();
        fill(&image, &root).unwrap();
        assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
        let grown = image.metadata().unwrap().blocks() * 512 - before;
        assert!(grown < 4 * MIB, "{kind:?}: {grown}");
        assert_eq!(complaints(&image), None);
        let mounted = Mounted::new(&image, "ext4", "ro,noload");
        let blocks = |name: &str| mounted.path().join(name).metadata().unwrap().blocks() * 512;
        assert!(blocks("sparse") <= 16 << 10, "{}", blocks("sparse"));
        assert!(blocks("zeros") >= 50 << 20, "{}", blocks("zeros"));
    }
}

#[test]
fn what_does_not_fit_any_more_is_told_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("a")).unwrap();
    fs::write(root.join("a/small"), "fits").unwrap();
    fs::write(root.join("b-large"), noise(30 << 20, 1)).unwrap();
    let image = folder.path().join("image");
    for kind in [KINDS[0], KINDS[1], ("ext2", &["-b4096"])] {
        empty(&image, kind, 24 * MIB);
        let error = fill(&image, &root).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains("`/b-large`"), "{error}");
    }
    fs::remove_file(root.join("b-large")).unwrap();
    many(&root, 3000);
    empty(&image, ("ext4", &["-b4096", "-N2000"]), 100 * MIB);
    let error = fill(&image, &root).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().contains("`/many/name-"), "{error}");
}

#[test]
fn what_cannot_be_held_is_told_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let refused = |name: &str, kind, make: &dyn Fn(&Path)| {
        let root = folder.path().join(name);
        fs::create_dir(&root).unwrap();
        make(&root);
        empty(&image, kind, 60 * MIB);
        let error = fill(&image, &root).unwrap_err().to_string();
        assert!(error.contains(&format!("`/{name}`")), "{name}: {error}");
        error
    };
    let said = refused("lost+found", KINDS[0], &|root| {
        fs::write(root.join("lost+found"), "").unwrap();
    });
    assert!(said.contains("has to be a folder"), "{said}");
    let said = refused("attributes", KINDS[1], &|root| {
        fs::write(root.join("attributes"), "").unwrap();
        made::attribute(&root.join("attributes"), "user.large", &[1; 2000]);
    });
    assert!(said.contains("take 2024 bytes, and there are 988"), "{said}");
    let said = refused("link", KINDS[1], &|root| {
        std::os::unix::fs::symlink("x".repeat(1024), root.join("link")).unwrap();
    });
    assert!(said.contains("more than a block"), "{said}");
    let said = refused("large", ("ext2", &["-b1024"]), &|root| {
        File::create(root.join("large")).unwrap().set_len(17 << 30).unwrap();
    });
    assert!(said.contains("too large"), "{said}");
}

#[test]
fn what_mke2fs_made_is_believed_in_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    tree::make(&root, &[(0, 1), (3, 2), (7, 3), (9, 4), (9, 5)], 900, 500);
    for kind in [KINDS[1], KINDS[4], ("ext2", &["-b1024"])] {
        let image = folder.path().join("image");
        empty(&image, kind, 4 * MIB);
        let whole = fs::read(&image).unwrap();
        // What is not zeros: superblocks, descriptors, bitmaps, inodes, the root folder.
        let places: Vec<usize> = (1024..whole.len()).filter(|at| whole[*at] != 0).collect();
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let strategy = (
            proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            any::<bool>(),
        );
        let mut refused = 0;
        for _ in 0..100 {
            use proptest::strategy::ValueTree as _;
            let (changes, first) = strategy.new_tree(&mut runner).unwrap().current();
            let mut bytes = whole.clone();
            for (index, value) in changes {
                let at = if first {
                    1024 + index.index(1024)
                } else {
                    places[index.index(places.len())]
                };
                bytes[at] = value;
            }
            fs::write(&image, &bytes).unwrap();
            refused += u32::from(fill(&image, &root).is_err());
        }
        // Most of them; every one in the superblock if that has a checksum.
        assert!(refused > 10, "{kind:?}: {refused}");
    }
    let cut = folder.path().join("cut");
    empty(&cut, KINDS[0], 4 * MIB);
    File::options().write(true).open(&cut).unwrap().set_len(MIB).unwrap();
    assert!(fill(&cut, &root).is_err());
    let file = File::create(folder.path().join("nothing")).unwrap();
    file.set_len(MIB).unwrap();
    let error = fill(&folder.path().join("nothing"), &root).unwrap_err().to_string();
    assert!(error.contains("there is no superblock"), "{error}");
}
