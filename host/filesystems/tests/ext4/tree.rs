//! Trees that nobody thought of.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, lchown, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mknodat, utimensat};

use crate::made::attribute;
use crate::mounted::noise;

/// Something in a tree: what, and what it is made of.
pub(crate) type Thing = (u8, u64);

pub(crate) fn things() -> impl Strategy<Value = Vec<Thing>> {
    proptest::collection::vec((0u8..12, any::<u64>()), 0..60)
}

/// Numbers that come of one.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % end
    }

    fn bytes(&mut self, length: u64) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    /// A name of any bytes that a name may have; `which` makes it another than all others.
    fn name(&mut self, which: usize) -> Vec<u8> {
        let length = if self.below(4) == 0 { self.below(240) } else { self.below(20) };
        let mut name = format!("{which}").into_bytes();
        name.extend(self.bytes(length).into_iter().map(|byte| match byte {
            0 | b'/' => b'_',
            byte => byte,
        }));
        name
    }
}

/// Lists of who may do what: of a file or folder, and what is made in a folder inherits both.
const ACLS: [&str; 2] = ["system.posix_acl_access", "system.posix_acl_default"];

/// More than one of them takes, as an attribute.
const ACL_ROOM: u64 = 150;

/// An ACL as the kernel takes it, of a few users.
fn acl(numbers: &mut Numbers) -> Vec<u8> {
    let mut acl = 2u32.to_le_bytes().to_vec();
    let mut entry = |tag: u16, permission: u64, id: u32| {
        acl.extend(tag.to_le_bytes());
        acl.extend((permission as u16).to_le_bytes());
        acl.extend(id.to_le_bytes());
    };
    entry(1, 7, !0);
    for user in 0..1 + numbers.below(9) as u32 {
        entry(2, numbers.below(8), 1000 + user * 100_000);
    }
    entry(4, 5, !0);
    entry(8, numbers.below(8), 70_000);
    entry(0x10, 7, !0);
    entry(0x20, numbers.below(8), !0);
    acl
}

fn file(path: &Path, numbers: &mut Numbers) {
    let file = File::create(path).unwrap();
    match numbers.below(4) {
        0 => file.write_all_at(&noise(numbers.below(400) as usize, 1), 0).unwrap(),
        1 => file.write_all_at(&noise(numbers.below(700_000) as usize, 2), 0).unwrap(),
        2 => file.write_all_at(&vec![0; numbers.below(200_000) as usize], 0).unwrap(),
        _ => {
            let many = if numbers.below(3) == 0 { 900 } else { 12 };
            let far = [1 << 20, 8 << 20, 40 << 20][numbers.below(3) as usize];
            for _ in 0..numbers.below(many) {
                let piece = noise(1 + numbers.below(9000) as usize, 3);
                file.write_all_at(&piece, numbers.below(far)).unwrap();
            }
            if numbers.below(2) == 0 {
                let end = file.metadata().unwrap().len();
                file.set_len(end + numbers.below(1 << 20)).unwrap();
            }
        }
    }
}

fn attributes(path: &Path, link: bool, numbers: &mut Numbers, mut room: u64) {
    room -= ACLS
        .into_iter()
        .filter(|acl| rustix::fs::lgetxattr(path, *acl, &mut [0; 200]).is_ok())
        .map(|_| ACL_ROOM)
        .sum::<u64>();
    for which in 0..numbers.below(7) {
        let name: Vec<u8> = numbers
            .name(usize::try_from(which).unwrap())
            .into_iter()
            .map(|byte| if numbers.0.is_multiple_of(3) { byte } else { b'a' + byte % 26 })
            .collect();
        let prefix = ["user.", "trusted.", "security.x"][numbers.below(3) as usize];
        // What is no file and no folder has no attributes of users.
        let prefix = if link && prefix == "user." { "trusted." } else { prefix };
        let name = [prefix.as_bytes(), &name[..name.len().min(200)]].concat();
        let name = String::from_utf8_lossy(&name).into_owned();
        let value = [0, 3, 40, 700, 3000][numbers.below(5) as usize];
        let value = numbers.bytes(value);
        let space = 24 + name.len() as u64 + value.len() as u64;
        if space <= room && name.len() < 250 {
            room -= space;
            attribute(path, &name, &value);
        }
    }
    if !link && numbers.below(3) == 0 && room > ACL_ROOM {
        room -= ACL_ROOM;
        attribute(path, ACLS[0], &acl(numbers));
        if path.is_dir() && room > ACL_ROOM {
            attribute(path, ACLS[1], &acl(numbers));
        }
    }
}

/// Makes it. Attributes of an inode take `room` bytes at the most, and links say no more than `link`.
pub(crate) fn make(root: &Path, things: &[Thing], room: u64, link: u64) {
    fs::create_dir(root).unwrap();
    let mut folders = vec![root.to_owned()];
    let mut others = Vec::<PathBuf>::new();
    for (which, (kind, seed)) in things.iter().enumerate() {
        let mut numbers = Numbers(*seed);
        let folder = folders[numbers.below(folders.len() as u64) as usize].clone();
        let path = folder.join(OsStr::from_bytes(&numbers.name(which)));
        let special = |kind, device| {
            mknodat(CWD, &path, kind, Mode::from_raw_mode(0o640), device).unwrap();
        };
        match kind {
            0..=2 => file(&path, &mut numbers),
            3 => symlink("t".repeat(1 + numbers.below(link - 1) as usize), &path).unwrap(),
            4 if others.is_empty() => continue,
            4 => {
                let to = &others[numbers.below(others.len() as u64) as usize];
                fs::hard_link(to, &path).unwrap();
            }
            5 => {
                let kind =
                    [FileType::CharacterDevice, FileType::BlockDevice][numbers.below(2) as usize];
                let device =
                    rustix::fs::makedev(numbers.below(600) as u32, numbers.below(1 << 20) as u32);
                special(kind, device);
            }
            6 => special([FileType::Fifo, FileType::Socket][numbers.below(2) as usize], 0),
            7 => {
                fs::create_dir(&path).unwrap();
                let (count, width) = (numbers.below(700), 4 + numbers.below(200) as usize);
                for name in 0..count {
                    fs::write(path.join(format!("{name:0width$}")), "").unwrap();
                }
            }
            8 => {
                let mut deep = path.clone();
                fs::create_dir(&deep).unwrap();
                for _ in 0..numbers.below(40) {
                    deep.push("deeper");
                    fs::create_dir(&deep).unwrap();
                }
                folders.push(deep);
            }
            _ => fs::create_dir(&path).unwrap(),
        }
        let is_link = path.is_symlink();
        if *kind > 7 {
            folders.push(path.clone());
        } else if *kind != 7 {
            others.push(path.clone());
        }
        if numbers.below(3) == 0 {
            lchown(&path, Some(numbers.below(200_000) as u32), Some(numbers.below(70) as u32))
                .unwrap();
        }
        if !is_link && numbers.below(3) == 0 {
            let mode = Mode::from_raw_mode(numbers.below(0o10000) as u32);
            rustix::fs::chmod(&path, mode).unwrap();
        }
        // The other name may have them.
        if *kind != 4 && numbers.below(3) == 0 {
            let plain = !is_link && (path.is_file() || path.is_dir());
            attributes(&path, !plain, &mut numbers, room);
        }
        if numbers.below(2) == 0 {
            let time = Timespec {
                tv_sec: numbers.below(1 << 31) as i64 - (1 << 30),
                tv_nsec: numbers.below(1_000_000_000) as i64,
            };
            let times = Timestamps { last_access: time, last_modification: time };
            utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
        }
    }
}
