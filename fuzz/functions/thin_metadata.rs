//! No metadata of a thin pool makes its reader panic, run on or take more than it may; what it gives
//! is a map within the pool, which can be read through, and is the same again.
//!
//! The bytes are pieces: the block (a byte), where in it (two), what it is sealed as (a byte), how
//! long it is (two). A block that is sealed gets its number and a checksum that is right: no fuzzer
//! finds these by itself.

use std::collections::BTreeMap;
use std::io;

use dibhost_arbitrary::crc32c;
use dibhost_volumes::Medium;
use dibhost_volumes::lvm::thin::{PoolBudget, PoolMap, PoolMetadata, ThinMedium};

const BLOCK: usize = 4096;
const BLOCKS: u64 = 256;
const BUDGET: PoolBudget = PoolBudget { nodes: 500, mappings: 10_000 };

/// Blocks of which some are not zeros.
struct Blocks(BTreeMap<u64, Vec<u8>>);

impl Blocks {
    fn new(data: &[u8]) -> Self {
        let mut blocks = BTreeMap::new();
        let mut seals = BTreeMap::new();
        let mut left = data;
        while let [block, low, high, seal, short, long, rest @ ..] = left {
            let block = u64::from(*block) % BLOCKS;
            let at = usize::from(u16::from_le_bytes([*low, *high])) % BLOCK;
            let length = usize::from(u16::from_le_bytes([*short, *long]));
            let (piece, rest) = rest.split_at(rest.len().min(length).min(BLOCK - at));
            left = rest;
            let bytes: &mut Vec<u8> = blocks.entry(block).or_insert_with(|| vec![0; BLOCK]);
            bytes[at..at + piece.len()].copy_from_slice(piece);
            seals.insert(block, *seal);
        }
        for (block, seal) in seals {
            let mix = match seal % 4 {
                0 => continue,
                1 => 160_774,
                _ => 121_107,
            };
            if let Some(bytes) = blocks.get_mut(&block) {
                bytes[8..16].copy_from_slice(&block.to_le_bytes());
                let sum = crc32c(&bytes[4..]) ^ mix;
                bytes[..4].copy_from_slice(&sum.to_le_bytes());
            }
        }
        Self(blocks)
    }
}

impl Medium for Blocks {
    fn size(&self) -> u64 {
        BLOCKS * BLOCK as u64
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > self.size()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        assert_eq!((offset % BLOCK as u64, bytes.len()), (0, BLOCK), "a block at a time");
        match self.0.get(&(offset / BLOCK as u64)) {
            Some(block) => bytes.copy_from_slice(block),
            None => bytes.fill(0),
        }
        Ok(())
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        panic!("a reader writes")
    }
}

/// A pool's data, in which nothing is beyond its end.
struct Data(u64);

impl Medium for Data {
    fn size(&self) -> u64 {
        self.0
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        assert!(offset.checked_add(bytes.len() as u64).is_some_and(|end| end <= self.0));
        bytes.fill(1);
        Ok(())
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        panic!("a reader writes")
    }
}

pub(crate) fn thin_metadata(data: &[u8]) {
    let blocks = Blocks::new(data);
    let pool = match PoolMetadata::read(&blocks) {
        Ok(pool) => pool,
        Err(wrong) => return assert!(!wrong.to_string().is_empty()),
    };
    let mut budget = BUDGET;
    let map = pool.map(&mut budget);
    assert!(budget.nodes <= BUDGET.nodes && budget.mappings <= BUDGET.mappings);
    match (map, pool.map(&mut { BUDGET })) {
        (Ok(map), Ok(again)) => {
            assert_eq!(map, again);
            rises(&map);
            let mappings: usize = map.devices.iter().map(|device| device.mappings.len()).sum();
            assert_eq!(mappings, BUDGET.mappings - budget.mappings);
            readable(&map);
        }
        (Err(wrong), Err(_)) => assert!(!wrong.to_string().is_empty()),
        (one, two) => panic!("{one:?}, and then {two:?}"),
    }
}

/// Devices and their mappings rise, and lie within the pool.
fn rises(map: &PoolMap) {
    assert!(map.devices.windows(2).all(|pair| pair[0].device < pair[1].device));
    for device in &map.devices {
        let mut next = 0;
        for mapping in &device.mappings {
            assert!(mapping.length > 0 && mapping.origin >= next, "{map:?}");
            assert!(mapping.data.checked_add(mapping.length).is_some_and(|end| end <= map.chunks));
            next = mapping.origin.checked_add(mapping.length).expect("it ends somewhere");
        }
    }
}

/// Its volumes are read at the ends of each mapping.
fn readable(map: &PoolMap) {
    let data = Data(map.chunks * map.chunk_size);
    let mut bytes = [0; 8192];
    for device in &map.devices {
        let medium = ThinMedium::new(device, map.chunk_size, u64::MAX, &data);
        for mapping in &device.mappings {
            for chunk in [mapping.origin, mapping.origin + mapping.length] {
                let at = chunk.saturating_mul(map.chunk_size).saturating_sub(4096);
                if at.checked_add(8192).is_some() {
                    medium.read_exact_at(&mut bytes, at).expect("it is within the pool");
                }
            }
        }
    }
}
