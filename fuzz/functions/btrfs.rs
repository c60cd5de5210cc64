//! No btrfs makes the reader of subvolumes panic, run on or read more than it may; what it gives has
//! names that files can have, and is the same again.
//!
//! The bytes are pieces: where each begins, in steps of 4 KiB (two bytes) and in bytes (two), what it
//! is sealed as (a byte), how long it is (two). What is sealed gets a checksum that is right, over a
//! superblock or a block of a tree: no fuzzer finds that by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use dibhost_arbitrary::crc32c;
use dibhost_volumes::Medium;
use dibhost_volumes::btrfs::{BtrfsBudget, subvolumes};

const PAGE: usize = 4096;
/// As many pages as a piece can name.
const PAGES: u64 = 1 << 16;
const BUDGET: BtrfsBudget = BtrfsBudget { bytes: 2 << 20, looks: 1000 };

/// Pages of which some are not zeros.
struct Pages(BTreeMap<u64, Vec<u8>>);

impl Pages {
    fn new(data: &[u8]) -> Self {
        let mut pages = Self(BTreeMap::new());
        let mut seals = BTreeMap::new();
        let mut left = data;
        while let [page, high_page, low, high, seal, short, long, rest @ ..] = left {
            let page = u64::from(u16::from_le_bytes([*page, *high_page]));
            let at = page * PAGE as u64 + u64::from(u16::from_le_bytes([*low, *high]));
            let length = usize::from(u16::from_le_bytes([*short, *long]));
            let (piece, rest) = rest.split_at(rest.len().min(length));
            left = rest;
            for (byte, at) in piece.iter().zip(at..) {
                if at < pages.size() {
                    pages.page(at / PAGE as u64)[at as usize % PAGE] = *byte;
                }
            }
            if *seal != 0 {
                seals.insert(page, *seal);
            }
        }
        for (page, seal) in seals {
            // A superblock, and the sizes that blocks of trees have.
            let length = [1, 1, 2, 4, 8, 16][usize::from(seal) % 6] * PAGE;
            let mut bytes = vec![0; length];
            if pages.read_exact_at(&mut bytes, page * PAGE as u64).is_ok() {
                let sum = !crc32c(&bytes[32..]);
                pages.page(page)[..4].copy_from_slice(&sum.to_le_bytes());
            }
        }
        pages
    }

    fn page(&mut self, number: u64) -> &mut Vec<u8> {
        self.0.entry(number).or_insert_with(|| vec![0; PAGE])
    }
}

impl Medium for Pages {
    fn size(&self) -> u64 {
        PAGES * PAGE as u64
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > self.size()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        assert!(bytes.len() <= 64 << 10, "no block is larger");
        bytes.fill(0);
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let inside = at as usize % PAGE;
            let length = (PAGE - inside).min(bytes.len() - done);
            if let Some(page) = self.0.get(&(at / PAGE as u64)) {
                bytes[done..done + length].copy_from_slice(&page[inside..inside + length]);
            }
            done += length;
        }
        Ok(())
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        panic!("a reader writes")
    }
}

pub(crate) fn btrfs(data: &[u8]) {
    let pages = Pages::new(data);
    let mut budget = BUDGET;
    let found = subvolumes(&pages, &mut budget);
    assert!(budget.bytes <= BUDGET.bytes && budget.looks <= BUDGET.looks);
    match (found, subvolumes(&pages, &mut { BUDGET })) {
        (Ok(found), Ok(again)) => {
            assert_eq!(found, again);
            assert!(found.found.is_sorted_by(|a, b| a.path <= b.path));
            let mut numbers = BTreeSet::new();
            for subvolume in &found.found {
                assert!(numbers.insert(subvolume.id), "{subvolume:?}");
                let mut names = subvolume.path.split(|byte| *byte == b'/');
                assert!(names.all(|name| !name.is_empty() && !name.contains(&0)), "{subvolume:?}");
                assert!(subvolume.path.len() <= 4096, "{subvolume:?}");
            }
            assert!(found.found.iter().filter(|subvolume| subvolume.default).count() <= 1);
        }
        (Err(wrong), Err(_)) => assert!(!wrong.to_string().is_empty()),
        (one, two) => panic!("{one:?}, and then {two:?}"),
    }
}
