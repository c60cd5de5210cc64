//! Random changes in several layers: what comes back is what was there, each time.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, lchown, symlink};
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};

use crate::tree::{Line, set_mode, set_mtime, set_xattr};

/// A change: which, where, where to, and a number.
type Change = (u8, u8, u8, u32);

/// One of a few paths, of three names at the most.
fn path(of: u8) -> PathBuf {
    let name = |n: u8| ["a", "b", ".wh.a", "c"][usize::from(n % 4)];
    match of % 3 {
        0 => PathBuf::from(name(of >> 2)),
        1 => PathBuf::from(name(of >> 2)).join(name(of >> 4)),
        _ => PathBuf::from(name(of >> 2)).join(name(of >> 4)).join(name(of >> 6)),
    }
}

fn content(number: u32) -> Vec<u8> {
    (0..number % 20_000).map(|at| (at.wrapping_mul(number) >> 7) as u8).collect()
}

/// Makes a change if it can be made.
fn change(line: &Line, (which, at, to, number): Change) {
    let (at, to) = (line.at(path(at)), line.at(path(to)));
    let there = at.symlink_metadata().is_ok();
    let file = at.metadata().is_ok_and(|m| m.is_file());
    // What leads to a file has no attributes of users.
    let itself = file && !at.is_symlink();
    let open = || File::options().write(true).open(&at).unwrap();
    match which % 20 {
        // Not into a pipe, where nobody reads.
        0 if file || !at.exists() => {
            let _ = std::fs::write(&at, content(number));
        }
        1 => {
            let _ = std::fs::create_dir_all(&at);
        }
        2 => {
            let _ = std::fs::rename(&at, &to);
        }
        3 => {
            let _ = std::fs::hard_link(&at, &to);
        }
        4 => {
            let _ = std::fs::remove_file(&at);
        }
        5 => {
            let _ = std::fs::remove_dir(&at);
        }
        6 => {
            let _ = std::fs::remove_dir_all(&at);
        }
        7 => {
            let _ = symlink(["a", "b/c", "nowhere"][number as usize % 3], &at);
        }
        8 if at.exists() => set_mode(&at, number & 0o7777),
        9 if there => lchown(&at, Some(number % 3), Some(number / 3 % 3)).unwrap(),
        10 if there => set_mtime(&at, i64::from(number), i64::from(number % 1000)),
        11 if itself => {
            set_xattr(&at, ["user.a", "user.b"][number as usize % 2], &content(number % 99))
        }
        12 if there => set_xattr(&at, "security.test", &content(number % 99)),
        13 if file => {
            let _ = rustix::fs::lremovexattr(&at, "user.a");
        }
        14 if file => open().set_len(u64::from(number % 3_000_000)).unwrap(),
        15 if file => open().write_all_at(&content(number), u64::from(number % 9_000_000)).unwrap(),
        // In place, with its size and time as they were.
        16 if file => {
            let was = at.metadata().unwrap();
            let mut bytes = std::fs::read(&at).unwrap();
            let length = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(number as usize % length) {
                *byte ^= 0x55;
                open().write_all_at(&[*byte], (number as usize % length) as u64).unwrap();
                set_mtime(&at.canonicalize().unwrap(), was.mtime(), was.mtime_nsec());
            }
        }
        17 => {
            let kind = [FileType::Fifo, FileType::Socket, FileType::CharacterDevice];
            let _ = mknodat(CWD, &at, kind[number as usize % 3], Mode::RUSR, 0);
        }
        18 => {
            let _ = renameat_with(CWD, &at, CWD, &to, RenameFlags::EXCHANGE);
        }
        19 => set_mtime(line.root(), i64::from(number), 1),
        _ => {}
    }
}

/// A quarter of the sequences, each by a seed of its own: quarters run side by side.
fn sequences(quarter: u8) {
    let config =
        ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() };
    let seed = proptest::test_runner::RngAlgorithm::ChaCha;
    let rng = proptest::test_runner::TestRng::from_seed(seed, &[quarter; 32]);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let changes = vec(vec(any::<Change>(), 1..30), 1..5);
    let result = runner.run(&(changes, any::<u8>()), |(layers, again)| {
        let mut line = Line::new();
        for (at, changes) in layers.iter().enumerate() {
            for one in changes {
                change(&line, *one);
            }
            line.pack();
            // Some go on with the tree as it is, some with what is restored of it.
            if again >> at & 1 == 1 {
                line.check();
                line.go_on();
            }
        }
        line.check();
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn random_changes_come_back_1() {
    sequences(1);
}

#[test]
fn random_changes_come_back_2() {
    sequences(2);
}

#[test]
fn random_changes_come_back_3() {
    sequences(3);
}

#[test]
fn random_changes_come_back_4() {
    sequences(4);
}
