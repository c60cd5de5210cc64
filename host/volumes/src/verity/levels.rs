//! The levels of a hash tree: arithmetic alone.

use super::types::{BLOCK, HASH};

/// Hashes in a block.
pub(super) const FAN: u64 = BLOCK / HASH as u64;

/// The most blocks a disk of 2^63 bytes has.
const MOST_BLOCKS: u64 = 1 << 51;

/// One level: where its blocks lie on the hash medium, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) first: u64,
    pub(super) blocks: u64,
}

/// The levels over so many blocks of data, leaves first; none when there are none, or too many.
pub(super) fn levels(data_blocks: u64) -> Option<Vec<Level>> {
    if !(1..=MOST_BLOCKS).contains(&data_blocks) {
        return None;
    }
    let mut levels = Vec::new();
    let mut below = data_blocks;
    while below > 1 {
        below = below.div_ceil(FAN);
        levels.push(Level { first: 0, blocks: below });
    }
    // The top comes first, behind the superblock.
    let mut at = 1;
    for level in levels.iter_mut().rev() {
        level.first = at;
        at += level.blocks;
    }
    Some(levels)
}

/// Bytes of superblock and tree over so many blocks of data; none when there is no data, or more
/// than a disk can have.
#[must_use]
pub fn hash_size(data_blocks: u64) -> Option<u64> {
    let blocks: u64 = levels(data_blocks)?.iter().map(|level| level.blocks).sum();
    Some((1 + blocks) * BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_tree() {
        assert_eq!(hash_size(0), None);
        assert_eq!(hash_size(1), Some(BLOCK));
        assert_eq!(hash_size(2), Some(2 * BLOCK));
        assert_eq!(hash_size(128), Some(2 * BLOCK));
        assert_eq!(hash_size(129), Some((1 + 1 + 2) * BLOCK));
        assert_eq!(hash_size(128 * 128 + 1), Some((1 + 1 + 2 + 129) * BLOCK));
        assert!(hash_size(MOST_BLOCKS).is_some());
        assert_eq!(hash_size(MOST_BLOCKS + 1), None);
        assert_eq!(hash_size(u64::MAX), None);
    }
}
