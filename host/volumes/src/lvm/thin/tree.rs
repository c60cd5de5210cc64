//! The B-trees of a pool's metadata: blocks of 4096 bytes with a checksum, keys and values of one size.
//!
//! ```text
//! 0      4      8       16       20       24       28       32
//! │csum  │flags │block  │entries │room for│bytes of│padding │keys, 8 bytes each; behind the room for
//! │      │      │number │        │entries │a value │        │them values: a child's block, or a leaf's own
//! ```
//!
//! Source: Linux `drivers/md/persistent-data/dm-btree-internal.h`, `dm-btree-spine.c`.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::bytes::{le32, le64};
use crate::crc32c::crc32c;
use crate::lvm::LvmError;
use crate::medium::Medium;

/// Bytes of a block of metadata.
pub(super) const BLOCK: usize = 4096;
const HEADER: usize = 32;
/// What the sum of a node is mixed with.
const NODE_MIX: u32 = 121_107;
const INTERNAL: u32 = 1;
const LEAF: u32 = 2;
/// A node has 84 children or more, unless it is the root: no tree of 64-bit keys is half as high.
const HIGHEST: u32 = 20;

/// What is wrong with a block.
pub(super) fn wrong_at(block: u64, why: String) -> LvmError {
    let offset = block.saturating_mul(BLOCK as u64);
    LvmError::Metadata { offset, why: format!("the thin pool's metadata: {why}") }
}

/// The sum over a block, but for the four bytes that hold it. `mix` tells kinds of blocks apart.
pub(super) fn sum(block: &[u8; BLOCK], mix: u32) -> u32 {
    crc32c(!0, &block[4..]) ^ mix
}

/// Reads a block, whatever it is.
pub(super) fn block(metadata: &dyn Medium, number: u64) -> Result<Box<[u8; BLOCK]>, LvmError> {
    let mut bytes = Box::new([0; BLOCK]);
    let at = number.checked_mul(BLOCK as u64).filter(|at| *at < metadata.size());
    let at = at.ok_or_else(|| wrong_at(0, format!("it names block {number}, which it has not")))?;
    let io = LvmError::io("reading a thin pool's metadata");
    metadata.read_exact_at(&mut bytes[..], at).map_err(io)?;
    Ok(bytes)
}

struct Node {
    bytes: Box<[u8; BLOCK]>,
    is_leaf: bool,
    entries: usize,
    /// Where the values begin.
    values: usize,
    value_size: usize,
}

impl Node {
    /// Reads a node and checks all that it says of itself.
    fn read(metadata: &dyn Medium, number: u64, leaf_value: usize) -> Result<Self, LvmError> {
        let bytes = block(metadata, number)?;
        let wrong = |why: String| wrong_at(number, why);
        let (found, wanted) = (le32(&bytes[..], 0), sum(&bytes, NODE_MIX));
        if found != wanted {
            let why = format!("a node has the checksum {found:08x} and should have {wanted:08x}");
            return Err(wrong(why));
        }
        let says = le64(&bytes[..], 8);
        if says != number {
            return Err(wrong(format!("a node says that it is block {says}")));
        }
        let is_leaf = match le32(&bytes[..], 4) {
            INTERNAL => false,
            LEAF => true,
            other => return Err(wrong(format!("a node has the flags {other:#x}"))),
        };
        let value_size = if is_leaf { leaf_value } else { 8 };
        let size = le32(&bytes[..], 24) as usize;
        let (entries, room) = (le32(&bytes[..], 16) as usize, le32(&bytes[..], 20) as usize);
        if size != value_size || entries > room || room > (BLOCK - HEADER) / (8 + value_size) {
            let why = format!("a node has {entries} entries of {size} bytes in room for {room}");
            return Err(wrong(why));
        }
        let node = Self { bytes, is_leaf, entries, values: HEADER + 8 * room, value_size };
        if (1..entries).any(|at| node.key(at - 1) >= node.key(at)) {
            return Err(wrong("the keys of a node do not rise".to_owned()));
        }
        Ok(node)
    }

    fn key(&self, at: usize) -> u64 {
        le64(&self.bytes[..], HEADER + 8 * at)
    }

    fn value(&self, at: usize) -> &[u8] {
        &self.bytes[self.values + at * self.value_size..][..self.value_size]
    }

    fn child(&self, at: usize) -> u64 {
        le64(self.value(at), 0)
    }
}

/// What takes a key and its value.
type Each<'a> = &'a mut dyn FnMut(u64, &[u8]) -> Result<(), LvmError>;

/// Calls `each` with the keys and values of a tree that lie in `wanted`, by rising keys. Each node
/// that is read takes one of `nodes`.
///
/// # Errors
/// When a node is broken or there twice, its keys are not those that its parent promises, the tree is
/// higher than any, or `nodes` are used up.
pub(super) fn walk(
    metadata: &dyn Medium,
    root: u64,
    value_size: usize,
    wanted: &RangeInclusive<u64>,
    nodes: &mut usize,
    each: Each<'_>,
) -> Result<(), LvmError> {
    // What is still to be read, the next one last: block, keys that it may have, levels above it.
    let mut left = vec![(root, 0..=u64::MAX, 0)];
    let mut seen = BTreeSet::new();
    while let Some((number, keys, above)) = left.pop() {
        if !seen.insert(number) {
            return Err(wrong_at(number, "a node is twice in one tree".to_owned()));
        }
        if above == HIGHEST {
            return Err(wrong_at(number, "a tree is higher than any can be".to_owned()));
        }
        *nodes = nodes
            .checked_sub(1)
            .ok_or_else(|| wrong_at(number, "it is larger than what is looked into".to_owned()))?;
        let node = Node::read(metadata, number, value_size)?;
        let fine = |at: usize| keys.contains(&node.key(at));
        if node.entries > 0 && !(fine(0) && fine(node.entries - 1)) {
            let why = "a node has other keys than the node above it says";
            return Err(wrong_at(number, why.to_owned()));
        }
        if node.is_leaf {
            for at in (0..node.entries).filter(|at| wanted.contains(&node.key(*at))) {
                each(node.key(at), node.value(at))?;
            }
            continue;
        }
        if node.entries == 0 {
            return Err(wrong_at(number, "a node has nothing below it".to_owned()));
        }
        for at in (0..node.entries).rev() {
            let last = match at + 1 == node.entries {
                true => *keys.end(),
                false => node.key(at + 1) - 1,
            };
            if node.key(at) <= *wanted.end() && last >= *wanted.start() {
                left.push((node.child(at), node.key(at)..=last, above + 1));
            }
        }
    }
    Ok(())
}
