//! The index of a large folder: which hashes lie in which of its blocks.
//!
//! ```text
//! block 0: `.` and `..`, then entries ─► blocks of entries, if there are many ─► leaves with names
//! ```
//!
//! Format: Linux `Documentation/filesystems/ext4/directory.rst`, "Hash Tree Directories".

use dibhost_volumes::crc32c::crc32c;

use super::field::{low16, put16, put32};
use super::hash::HALF_MD4;

const ENTRY: usize = 8;
/// Where entries begin in the root: behind `.`, `..` and what the index says of itself.
const ROOT: usize = 32;
/// And in the others: behind a record of no name.
const NODE: usize = 8;
/// Bytes of what the index says of itself.
const ABOUT: u8 = 8;
/// Bytes at the end of a block for its checksum.
const TAIL: usize = 8;

/// Of what a block of an index is for: the first hash, and the block.
type Below = (u32, u32);

/// Puts entries into a block, and its checksum.
fn fill(block: &mut [u8], at: usize, below: &[Below], seed: Option<u32>) {
    let most = most(block.len(), at, seed);
    put16(block, at, low16(most as u64));
    put16(block, at + 2, low16(below.len() as u64));
    for (number, (hash, to)) in below.iter().enumerate() {
        let at = at + number * ENTRY;
        // The first is for all hashes before the second.
        if number > 0 {
            put32(block, at, *hash);
        }
        put32(block, at + 4, *to);
    }
    if let Some(seed) = seed {
        let tail = at + most * ENTRY;
        let sum = crc32c(seed, &block[..at + below.len() * ENTRY]);
        let sum = crc32c(crc32c(sum, &block[tail..tail + 4]), &[0; 4]);
        put32(block, tail + 4, sum);
    }
}

/// Entries of a block in which they begin at `at`.
fn most(block: usize, at: usize, seed: Option<u32>) -> usize {
    (block - at - if seed.is_some() { TAIL } else { 0 }) / ENTRY
}

/// Its blocks, for leaves that follow them and whose first hashes are given. `root` has `.` and `..`.
/// None: there are more leaves than it can be for.
pub(super) fn index(
    mut root: Vec<u8>,
    leaves: &[u32],
    seed: Option<u32>,
    large: bool,
) -> Option<Vec<u8>> {
    let block = root.len();
    let (of_root, of_node) = (most(block, ROOT, seed), most(block, NODE, seed));
    // How many blocks each level has, from the leaves up.
    let mut levels = vec![leaves.len()];
    while levels.last().is_some_and(|count| *count > of_root) {
        levels.push(levels.last()?.div_ceil(of_node));
    }
    let indirect = levels.len() - 1;
    if indirect > if large { 2 } else { 1 } {
        return None;
    }
    root[ROOT - 4] = HALF_MD4;
    root[ROOT - 3] = ABOUT;
    root[ROOT - 2] = u8::try_from(indirect).ok()?;
    // The blocks of the highest level come first, the leaves last.
    let mut start = 1 + levels[1..].iter().sum::<usize>();
    let below = |start: usize, hashes: &[u32]| -> Option<Vec<Below>> {
        let numbered = hashes.iter().zip(start..);
        numbered.map(|(hash, at)| Some((*hash, u32::try_from(at).ok()?))).collect()
    };
    let mut hashes = leaves.to_vec();
    let mut nodes = Vec::new();
    for count in &levels[1..] {
        let entries = below(start, &hashes)?;
        let mut level = Vec::new();
        for entries in entries.chunks(of_node) {
            let mut node = vec![0; block];
            put16(&mut node, 4, low16(block as u64));
            fill(&mut node, NODE, entries, seed);
            level.extend_from_slice(&node);
        }
        hashes = hashes.chunks(of_node).map(|below| below[0]).collect();
        start -= count;
        nodes.insert(0, level);
    }
    fill(&mut root, ROOT, &below(start, &hashes)?, seed);
    root.extend(nodes.into_iter().flatten());
    Some(root)
}
