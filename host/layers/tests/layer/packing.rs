//! What is packed, and what it is packed upon.

use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use dibhost_layers::layer::{
    Chain, Limits, Manifest, PackError, Survey, differing, pack, pack_on, survey, verify,
};
use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, unlinkat};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};

use crate::tree::{Line, assert_same, file_of, folder, look, noise, restored, set_mtime};

#[test]
fn a_write_of_as_many_bytes_with_its_time_set_back_is_seen() {
    let line = Line::new();
    let path = line.at("a");
    let root = File::open(line.root()).unwrap();
    for _ in 0..20 {
        line.write("a", "one");
        let first = std::fs::metadata(&path).unwrap();
        let mut bytes = Vec::new();
        let (manifest, before) =
            pack(root.as_fd(), &Survey::empty(), &Chain::empty(), &mut bytes).unwrap();
        let chain = Chain::of([&manifest]).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(b"two", 0).unwrap();
        set_mtime(&path, first.mtime(), first.mtime_nsec());
        let (second, _) = pack(root.as_fd(), &before, &chain, &mut bytes).unwrap();
        assert_eq!(second.inodes(), 1);
        assert!(second.pack_bytes() > 0);
    }
}

#[test]
fn the_same_content_is_kept_once() {
    let mut line = Line::new();
    let large = noise(10 << 20, 3);
    line.write("a", &large);
    let (_, first) = line.pack_and_check();
    line.write("copy", &large);
    line.write("d/copy", &large);
    assert_eq!(line.pack_and_check().1, 0);
    // Of a change only what is around it is new.
    File::options().write(true).open(line.at("a")).unwrap().write_all_at(b"x", 5 << 20).unwrap();
    let (_, second) = line.pack_and_check();
    assert!(second > 0 && second < first / 2, "{second} {first}");
}

#[test]
fn a_deep_tree_is_packed_and_restored() {
    let mut line = Line::new();
    let deep = |line: &Line, depth: usize, make: bool| {
        let mut at: OwnedFd = File::open(line.root()).unwrap().into();
        let name = "n".repeat(200);
        for _ in 0..depth {
            if make {
                mkdirat(&at, &*name, Mode::RWXU).unwrap();
            }
            at = openat(&at, &*name, OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        at
    };
    let write = |at: &OwnedFd, name: &str, content: &[u8]| {
        let flags = OFlags::CREATE | OFlags::WRONLY;
        let file = openat(at, name, flags, Mode::RWXU).unwrap();
        File::from(file).write_all_at(content, 0).unwrap();
    };
    let at = deep(&line, 3000, true);
    write(&at, "deepest", b"one");
    write(&at, "other", &noise(9 << 20, 1));
    line.pack();
    unlinkat(&at, "other", AtFlags::empty()).unwrap();
    write(&deep(&line, 1500, false), "middle", b"two");
    let (inodes, _) = line.pack();
    assert_eq!(inodes, 3, "two folders and a file");
    line.go_on();
    write(&deep(&line, 3000, false), "deepest", b"ten");
    assert_eq!(line.pack().0, 1);
    line.go_on();
    assert_eq!(line.pack(), (0, 0));
    let remove = |path: &Path| {
        let parent = File::open(path.parent().unwrap()).unwrap();
        dibhost_sys::remove_folder(parent, path.file_name().unwrap()).unwrap();
    };
    remove(line.root());
}

#[test]
fn a_mount_point_is_an_empty_folder_until_it_is_gone() {
    let mut line = Line::new();
    std::fs::create_dir(line.at("proc")).unwrap();
    line.write("a", "x");
    line.pack_and_check();
    let own = line.at("proc");
    mount("none", &own, "tmpfs", MountFlags::empty(), None).unwrap();
    std::fs::write(own.join("not-packed"), "x").unwrap();
    let surveyed = survey(File::open(line.root()).unwrap().as_fd());
    unmount(&own, UnmountFlags::empty()).unwrap();
    assert_eq!(surveyed.unwrap().inodes(), 3);
    // A folder of the same filesystem that is mounted in another place, too, is not entered.
    std::fs::create_dir(line.at("bound")).unwrap();
    mount_bind(line.root(), line.at("bound")).unwrap();
    let surveyed = survey(File::open(line.root()).unwrap().as_fd());
    unmount(line.at("bound"), UnmountFlags::empty()).unwrap();
    assert_eq!(surveyed.unwrap().inodes(), 4);
    std::fs::remove_dir(line.at("bound")).unwrap();
    std::fs::remove_dir(line.at("proc")).unwrap();
    line.pack_and_check();
    // What is below a mounted file nobody can see.
    mount_bind("/dev/null", line.at("a")).unwrap();
    let surveyed = survey(File::open(line.root()).unwrap().as_fd());
    unmount(line.at("a"), UnmountFlags::empty()).unwrap();
    let said = surveyed.unwrap_err().to_string();
    assert!(said.starts_with("`/a` is a mount point and no folder"), "{said}");
}

#[test]
fn a_whole_tree_is_packed_again_where_a_chain_is_long() {
    let mut line = Line::new();
    line.write("a", noise(100_000, 1));
    line.write("gone", noise(200_000, 2));
    line.pack();
    std::fs::remove_file(line.at("gone")).unwrap();
    line.write("b", "x");
    line.pack();
    line.go_on();
    let root = File::open(line.root()).unwrap();
    let surveyed = survey(root.as_fd()).unwrap();
    let mut bytes = Vec::new();
    let (whole, _) = pack(root.as_fd(), &surveyed, &Chain::empty(), &mut bytes).unwrap();
    assert_eq!(whole.below(), None);
    assert!(bytes.len() > 100_000 && bytes.len() < 150_000);
    let again = folder();
    restored(again.path(), &[(whole.encode().unwrap(), bytes)]).unwrap();
    assert_same(&look(line.root()), &look(again.path()));
}

#[test]
fn a_pack_is_the_same_on_any_number_of_threads() {
    let line = Line::new();
    for at in 0..500_u64 {
        line.write(&format!("d{}/f{at}", at % 7), noise((at * 131) as usize, at % 400));
    }
    for at in 0..5 {
        line.write(&format!("large{at}"), noise(7 << 20, at % 3));
    }
    let root = File::open(line.root()).unwrap();
    let packed = |threads| {
        let mut bytes = Vec::new();
        let (manifest, _) =
            pack_on(threads, root.as_fd(), &Survey::empty(), &Chain::empty(), &mut bytes).unwrap();
        verify(&manifest, &file_of(&bytes)).unwrap();
        (manifest.encode().unwrap(), bytes)
    };
    let one = packed(1);
    assert!(one.1.len() > 20 << 20);
    for threads in [2, 3, 9] {
        let other = packed(threads);
        assert!(one == other, "{threads} threads");
    }
    // And a tree that was made of it packs the same.
    let again = folder();
    restored(again.path(), std::slice::from_ref(&one)).unwrap();
    let root = File::open(again.path()).unwrap();
    let mut bytes = Vec::new();
    let (manifest, _) = pack(root.as_fd(), &Survey::empty(), &Chain::empty(), &mut bytes).unwrap();
    assert!((manifest.encode().unwrap(), bytes) == one);
}

#[test]
fn a_tree_that_is_being_changed_is_not_packed() {
    let line = Line::new();
    line.write("a", noise(64 << 20, 1));
    line.write("b", "x");
    let root = File::open(line.root()).unwrap();
    let stop = std::sync::atomic::AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            let file = File::options().write(true).open(line.at("a")).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                file.write_all_at(b"y", 63 << 20).unwrap();
            }
        });
        let mut bytes = Vec::new();
        let result = pack(root.as_fd(), &Survey::empty(), &Chain::empty(), &mut bytes);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        result
    });
    match result.unwrap_err() {
        PackError::Changed { path } => assert_eq!(path, "`/a`"),
        other => panic!("{other}"),
    }
}

#[test]
fn layers_upon_others_than_their_own_are_refused() {
    let mut line = Line::new();
    for at in 0..3 {
        line.write("a", format!("{at}"));
        line.pack();
    }
    for order in [&[1][..], &[0, 2], &[1, 0], &[0, 0], &[]] {
        let layers: Vec<_> = order.iter().map(|at| line.layers[*at].clone()).collect();
        let folder = folder();
        restored(folder.path(), &layers).unwrap_err();
        assert_eq!(look(folder.path()).len(), 1, "{order:?}");
    }
    let full = folder();
    std::fs::write(full.path().join("x"), "x").unwrap();
    let said = restored(full.path(), &line.layers).unwrap_err().to_string();
    assert_eq!(said, "the folder to restore into is not empty");
    let manifest = Manifest::decode(&line.layers[2].0, &Limits::default()).unwrap();
    assert!(Chain::empty().push(&manifest).is_err());
}

/// One action, done twice: what it made otherwise is told, and what only the clock did is not.
#[test]
fn what_two_layers_say_otherwise_is_told() {
    const YOUNGEST: i64 = 1_000_000;
    let made = |stamp: &str, seconds: i64, extra: Option<&str>| {
        let line = Line::new();
        line.write("gone", "of before");
        line.write("a/same", "same");
        let root = File::open(line.root()).unwrap();
        let mut bytes = Vec::new();
        let (below, before) =
            pack(root.as_fd(), &Survey::empty(), &Chain::empty(), &mut bytes).unwrap();
        let chain = Chain::of([&below]).unwrap();
        line.write("a/stamp", stamp);
        line.write("a/touched", "same");
        set_mtime(&line.at("a/touched"), seconds, 5);
        set_mtime(&line.at("a/same"), 77, 0);
        if let Some(extra) = extra {
            line.write(extra, "x");
            std::fs::remove_file(line.at("gone")).unwrap();
        }
        pack(root.as_fd(), &before, &chain, &mut bytes).unwrap().0
    };
    let one = made("one", YOUNGEST + 5, None);
    let paths = |other: &Manifest, most| {
        let paths = differing(&one, other, YOUNGEST, most);
        paths.into_iter().map(|o| String::from_utf8(o.path).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(paths(&made("one", YOUNGEST + 900, None), 9), [""; 0]);
    assert_eq!(paths(&made("two", YOUNGEST + 900, None), 9), ["/a/stamp"]);
    assert_eq!(paths(&made("one", YOUNGEST - 900, None), 9), ["/a/touched"]);
    let sized = differing(&one, &made("three", 0, None), YOUNGEST, 9);
    assert!(sized.iter().any(|o| o.path == b"/a/stamp" && o.size == Some(5)), "{sized:?}");
    let mut more = paths(&made("two", YOUNGEST + 5, Some("b/new")), 9);
    more.sort();
    assert_eq!(more, ["/", "/a/stamp", "/b", "/b/new", "/gone"]);
    assert_eq!(paths(&made("two", YOUNGEST + 5, Some("b/new")), 2).len(), 2);
}
