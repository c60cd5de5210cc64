//! Each change that some builder's layers are known to lose.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, symlink};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::tree::{Line, changed, data, folder, name, noise, restored, set_xattr};

#[test]
fn a_folder_that_was_deleted_and_made_again_has_only_what_is_new() {
    let (inodes, _) = changed(
        |line| {
            line.write("d/old", "old");
            line.write("d/sub/old", "old");
            line.write("d/kept-name", "old");
        },
        |line| {
            std::fs::remove_dir_all(line.at("d")).unwrap();
            line.write("d/new", "new");
            line.write("d/kept-name", "new");
        },
    );
    assert_eq!(inodes, 4);
}

#[test]
fn a_file_becomes_a_folder_and_a_file_again() {
    let mut line = Line::new();
    line.write("x", "file");
    line.pack_and_check();
    std::fs::remove_file(line.at("x")).unwrap();
    line.write("x/y/z", "in it");
    line.pack_and_check();
    std::fs::remove_dir_all(line.at("x")).unwrap();
    line.write("x", "file");
    let (_, bytes) = line.pack_and_check();
    assert_eq!(bytes, 0, "the first layer has it");
    std::fs::remove_file(line.at("x")).unwrap();
    symlink("nowhere", line.at("x")).unwrap();
    line.pack_and_check();
}

#[test]
fn one_of_two_linked_names_is_changed_later() {
    changed(
        |line| {
            line.write("a", "one");
            std::fs::create_dir(line.at("d")).unwrap();
            std::fs::hard_link(line.at("a"), line.at("d/b")).unwrap();
        },
        // In place: both names are of the same file still.
        |line| std::fs::write(line.at("d/b"), "two").unwrap(),
    );
    changed(
        |line| {
            line.write("a", "one");
            std::fs::hard_link(line.at("a"), line.at("b")).unwrap();
        },
        // In its stead: they are two files now.
        |line| {
            line.write("new", "two");
            std::fs::rename(line.at("new"), line.at("b")).unwrap();
        },
    );
}

#[test]
fn a_file_of_an_earlier_layer_gets_another_name() {
    let (inodes, bytes) = changed(
        |line| {
            line.write("d/a", noise(10_000, 1));
            line.write("e/other", "x");
        },
        |line| std::fs::hard_link(line.at("d/a"), line.at("e/b")).unwrap(),
    );
    assert_eq!((inodes, bytes), (2, 0), "the file and the folder, and no content");
}

#[test]
fn a_name_of_a_linked_file_is_removed() {
    changed(
        |line| {
            line.write("a", "x");
            std::fs::hard_link(line.at("a"), line.at("b")).unwrap();
            std::fs::hard_link(line.at("a"), line.at("c")).unwrap();
        },
        |line| std::fs::remove_file(line.at("a")).unwrap(),
    );
}

#[test]
fn a_renamed_folder_brings_what_is_in_it() {
    let (_, bytes) = changed(
        |line| {
            line.write("d/a", noise(10_000, 1));
            line.write("d/e/f/b", noise(10_000, 2));
            std::fs::hard_link(line.at("d/a"), line.at("outside")).unwrap();
        },
        |line| std::fs::rename(line.at("d"), line.at("elsewhere")).unwrap(),
    );
    assert_eq!(bytes, 0);
}

#[test]
fn two_folders_change_places() {
    changed(
        |line| {
            line.write("a/x", "of a");
            line.write("b/x", "of b");
            line.write("b/y", "of b");
        },
        |line| {
            std::fs::rename(line.at("a"), line.at("c")).unwrap();
            std::fs::rename(line.at("b"), line.at("a")).unwrap();
            std::fs::rename(line.at("c"), line.at("b")).unwrap();
        },
    );
}

#[test]
fn what_did_not_change_is_not_said() {
    let mut line = Line::new();
    line.write("a", "x");
    line.write("d/b", "x");
    line.pack_and_check();
    assert_eq!(line.pack_and_check(), (0, 0));
    line.go_on();
    assert_eq!(line.pack_and_check(), (0, 0));
}

#[test]
fn names_of_255_bytes_and_of_no_text() {
    changed(
        |line| {
            std::fs::write(line.at(name(&[b'x'; 255])), "long").unwrap();
            std::fs::create_dir(line.at(name(b"\xff\xfe\n \\"))).unwrap();
            std::fs::write(line.at(name(b"\xff\xfe\n \\/\x01\x80")), "odd").unwrap();
        },
        |line| {
            std::fs::rename(line.at(name(&[b'x'; 255])), line.at(name(&[0xff; 255]))).unwrap();
            std::fs::remove_file(line.at(name(b"\xff\xfe\n \\/\x01\x80"))).unwrap();
        },
    );
}

#[test]
fn names_that_overlay_and_tar_mean_something_by() {
    changed(
        |line| {
            line.write(".wh.x", "a file");
            line.write("x", "stays");
            line.write("d/.wh..wh..opq", "a file");
            line.write("d/y", "stays");
        },
        |line| {
            line.write(".wh.d", "");
            mknodat(CWD, line.at("z"), FileType::CharacterDevice, Mode::RUSR, 0).unwrap();
            set_xattr(&line.at("d"), "trusted.overlay.opaque", b"y");
        },
    );
}

#[test]
fn holes_stay_holes_and_zeros_stay_data() {
    let sparse = |line: &Line, name: &str, size: u64, parts: &[(u64, usize)]| {
        let file = File::create(line.at(name)).unwrap();
        file.set_len(size).unwrap();
        for (at, length) in parts {
            file.write_all_at(&noise(*length, *at), *at).unwrap();
        }
    };
    let mut line = Line::new();
    sparse(&line, "all", 100 << 20, &[]);
    sparse(&line, "huge", 1 << 40, &[(5 << 20, 4096), ((1 << 39) + 8192, 10_000)]);
    sparse(&line, "end", (20 << 20) + 5, &[(0, 1), (20 << 20, 5)]);
    sparse(&line, "small", 64 << 10, &[(8192, 4096)]);
    sparse(&line, "across", 16 << 20, &[((4 << 20) - 8192, 16384)]);
    line.write("zeros", vec![0; 1 << 20]);
    line.write("none", "");
    let before: Vec<_> = ["all", "end", "small"].map(|n| data(&line.at(n))).into();
    assert_eq!(before[0], []);
    assert_eq!(before[1].len(), 2);
    assert_eq!(before[2], [(8192, 12288)]);
    // Too large to be read whole by who compares.
    let huge = data(&line.at("huge"));
    assert_eq!(huge.len(), 2);
    line.pack();
    let folder = folder();
    restored(folder.path(), &line.layers).unwrap();
    assert_eq!(data(&folder.path().join("huge")), huge);
    std::fs::remove_file(line.at("huge")).unwrap();
    line.pack_and_check();
    File::options().write(true).open(line.at("all")).unwrap().write_all_at(b"x", 50 << 20).unwrap();
    line.pack_and_check();
}

#[test]
fn what_was_deleted_stays_so() {
    let mut line = Line::new();
    line.write("a", "x");
    line.write("d/e/f", "x");
    line.write("d/g", "x");
    line.pack();
    std::fs::remove_file(line.at("a")).unwrap();
    std::fs::remove_dir_all(line.at("d/e")).unwrap();
    line.pack_and_check();
    std::fs::remove_dir_all(line.at("d")).unwrap();
    line.pack_and_check();
    line.write("d/g", "again");
    line.pack_and_check();
}

#[test]
fn empty_folders_and_an_empty_tree() {
    changed(|_| {}, |line| std::fs::create_dir_all(line.at("a/b")).unwrap());
    changed(
        |line| std::fs::create_dir_all(line.at("a/b")).unwrap(),
        |line| std::fs::remove_dir(line.at("a/b")).unwrap(),
    );
}
