//! Each attribute of an inode, and what has no content.

use std::os::unix::fs::{lchown, symlink};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};

use crate::tree::{Line, changed, noise, set_mode, set_mtime, set_xattr};

/// A capability as the kernel keeps it: version 2, `cap_net_raw=ep`.
const CAPABILITY: &[u8] = &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// A change of one attribute of one inode.
fn alone(change: impl Fn(&Path)) {
    let make = |line: &Line| {
        line.write("file", noise(5000, 1));
        line.write("folder/within", "x");
        line.write("other", "x");
    };
    for of in ["file", "folder"] {
        let (inodes, bytes) = changed(make, |line| change(&line.at(of)));
        assert_eq!((inodes, bytes), (1, 0), "{of}");
    }
}

#[test]
fn a_mode_alone() {
    alone(|path| set_mode(path, 0o4711));
    alone(|path| set_mode(path, 0o1000));
    alone(|path| set_mode(path, 0));
}

#[test]
fn an_owner_alone() {
    alone(|path| lchown(path, Some(33), None).unwrap());
    alone(|path| lchown(path, None, Some(33)).unwrap());
}

#[test]
fn an_extended_attribute_alone() {
    alone(|path| set_xattr(path, "user.note", b""));
    alone(|path| set_xattr(path, "user.large", &noise(10_000, 1)));
    alone(|path| set_xattr(path, "security.selinux", b"system_u:object_r:etc_t:s0\0"));
    // The owner's, the group's and others' list with one name more: version, then tags and ids.
    let acl: Vec<u8> = [2_u32.to_le_bytes().to_vec()]
        .into_iter()
        .chain(
            [(1, 6, u32::MAX), (2, 4, 33), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)]
                .map(|(tag, rights, id): (u16, u16, u32)| {
                    [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat()
                }),
        )
        .flatten()
        .collect();
    alone(|path| set_xattr(path, "system.posix_acl_access", &acl));
    // What a folder hands down to what is made in it must not be handed down once more.
    let (inodes, _) = changed(
        |line| line.write("d/a", "x"),
        |line| {
            set_xattr(&line.at("d"), "system.posix_acl_default", &acl);
            line.write("d/b", "x");
        },
    );
    assert_eq!(inodes, 2);
}

#[test]
fn an_extended_attribute_is_taken_away() {
    changed(
        |line| {
            line.write("a", "x");
            set_xattr(&line.at("a"), "user.a", b"1");
            set_xattr(&line.at("a"), "user.b", b"2");
        },
        |line| rustix::fs::lremovexattr(line.at("a"), "user.a").unwrap(),
    );
}

#[test]
fn a_time_alone() {
    alone(|path| set_mtime(path, 1_000_000_000, 123_456_789));
    alone(|path| set_mtime(path, -5, 999_999_999));
    alone(|path| set_mtime(path, 4_000_000_000, 1));
}

#[test]
fn capabilities_and_set_id_bits_outlive_the_owner() {
    changed(
        |line| {
            line.write("ping", "program");
            lchown(line.at("ping"), Some(5), Some(6)).unwrap();
            set_mode(&line.at("ping"), 0o755);
            set_xattr(&line.at("ping"), "security.capability", CAPABILITY);
            line.write("su", "program");
            lchown(line.at("su"), Some(5), Some(6)).unwrap();
            set_mode(&line.at("su"), 0o6755);
            line.write("large", noise(9 << 20, 1));
            lchown(line.at("large"), Some(5), Some(6)).unwrap();
            set_mode(&line.at("large"), 0o6755);
            set_xattr(&line.at("large"), "security.capability", CAPABILITY);
            std::fs::create_dir(line.at("mail")).unwrap();
            lchown(line.at("mail"), None, Some(8)).unwrap();
            set_mode(&line.at("mail"), 0o3775);
        },
        |line| {
            line.write("arping", "program");
            set_xattr(&line.at("arping"), "security.capability", CAPABILITY);
        },
    );
}

#[test]
fn pipes_sockets_and_devices() {
    let make = |line: &Line, name: &str, kind, device| {
        mknodat(CWD, line.at(name), kind, Mode::RUSR, device).unwrap();
        lchown(line.at(name), Some(7), Some(8)).unwrap();
        set_mode(&line.at(name), 0o1640);
        set_mtime(&line.at(name), 77, 7);
        set_xattr(&line.at(name), "security.selinux", b"label\0");
    };
    changed(
        |line| {
            make(line, "fifo", FileType::Fifo, 0);
            make(line, "socket", FileType::Socket, 0);
            make(line, "null", FileType::CharacterDevice, makedev(1, 3));
            make(line, "disk", FileType::BlockDevice, makedev(0xfff, 0xfffff));
        },
        |line| {
            std::fs::hard_link(line.at("null"), line.at("null2")).unwrap();
            std::fs::remove_file(line.at("disk")).unwrap();
            make(line, "disk", FileType::Fifo, 0);
            std::fs::rename(line.at("socket"), line.at("fifo")).unwrap();
        },
    );
}

#[test]
fn times_of_folders_and_links_and_the_root() {
    changed(
        |line| {
            line.write("d/e/a", "x");
            symlink("d/e/a", line.at("link")).unwrap();
            symlink("../nowhere", line.at("d/link")).unwrap();
            lchown(line.at("link"), Some(9), Some(10)).unwrap();
            set_xattr(&line.at("link"), "security.selinux", b"label\0");
            std::fs::hard_link(line.at("link"), line.at("link-too")).unwrap();
            for (at, path) in ["link", "d/link", "d/e", "d", ""].into_iter().enumerate() {
                set_mtime(&line.at(path), 1_500_000_000 + at as i64, 123_456_789);
            }
            set_mode(line.root(), 0o711);
            lchown(line.root(), Some(1), Some(2)).unwrap();
            set_xattr(line.root(), "user.root", b"x");
        },
        |line| {
            set_mtime(&line.at("link"), 5, 5);
            set_mtime(line.root(), 6, 6);
        },
    );
}
