//! The superblock, the chunks, and blocks by their logical addresses.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::rc::Rc;

use super::tree::{Block, Key};
use super::types::{BtrfsBudget, BtrfsError};
use crate::bytes::{array, le16, le32, le64};
use crate::crc32c::crc32c;
use crate::medium::Medium;

const SUPERBLOCK: u64 = 64 << 10;
const SUPERBLOCK_BYTES: usize = 4096;
const MAGIC: &[u8] = b"_BHRfS_M";
/// The sum of a block is over what is behind these bytes, of which the first four hold it.
const SUM_ROOM: usize = 32;
/// Features that change nothing of what is read here: all of Linux 6.1 but zoned devices and a new
/// extent tree, which have other superblocks and trees.
const KNOWN: u64 = 0xfff;
const METADATA_UUID: u64 = 0x400;
/// Chunks whose bytes lie in stripes.
const STRIPED: u64 = 1 << 3 | 1 << 6 | 1 << 7 | 1 << 8;
/// The type of a chunk's item, and what all of them are items of.
pub(super) const CHUNK_ITEM: u8 = 228;
const CHUNKS_OF: u64 = 256;
/// 64 TiB in chunks of 1 GiB.
const MOST_CHUNKS: usize = 1 << 16;
/// Blocks that are kept, for they are looked at again.
const KEPT: usize = 64;
/// Damage that is told.
const MOST_TOLD: usize = 8;

/// Levels above leaves.
const HIGHEST: u8 = 7;

/// A stretch of logical addresses, and where it lies on the device.
#[derive(Debug, PartialEq, Eq)]
struct Chunk {
    length: u64,
    kind: u64,
    /// Where each copy begins.
    copies: Vec<u64>,
}

/// A tree: where its root is, and how high it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Root {
    pub(super) at: u64,
    pub(super) level: u8,
}

/// A filesystem that is read.
pub(super) struct Reader<'a> {
    medium: &'a dyn Medium,
    pub(super) budget: &'a mut BtrfsBudget,
    node_size: usize,
    /// What each block says of the filesystem that it is of.
    uuid: [u8; 16],
    device: u64,
    chunks: BTreeMap<u64, Chunk>,
    kept: BTreeMap<u64, Rc<Block>>,
    pub(super) damage: Vec<String>,
    pub(super) root_tree: Root,
    /// The folder of the root tree that says which subvolume is the default.
    pub(super) root_folder: u64,
}

pub(super) fn broken(why: impl Into<String>) -> BtrfsError {
    BtrfsError::Broken(why.into())
}

/// Whether the sum that a block begins with is right.
fn sum_is_right(bytes: &[u8]) -> bool {
    bytes.get(SUM_ROOM..).is_some_and(|rest| le32(bytes, 0) == !crc32c(!0, rest))
}

type Each<'f> = &'f mut dyn FnMut(&Key, &[u8]) -> Result<(), BtrfsError>;

impl<'a> Reader<'a> {
    /// Reads the superblock and all chunks.
    pub(super) fn new(
        medium: &'a dyn Medium,
        budget: &'a mut BtrfsBudget,
    ) -> Result<Self, BtrfsError> {
        let mut bytes = vec![0; SUPERBLOCK_BYTES];
        medium.read_exact_at(&mut bytes, SUPERBLOCK)?;
        if &bytes[64..72] != MAGIC {
            return Err(broken("it has no superblock"));
        }
        if le16(&bytes, 196) != 0 {
            let kind = le16(&bytes, 196);
            let why = format!("its checksums are of kind {kind}, and CRC-32C alone is known here");
            return Err(BtrfsError::Unknown(why));
        }
        if !sum_is_right(&bytes) {
            return Err(broken("its superblock has a wrong checksum"));
        }
        let unknown = le64(&bytes, 188) & !KNOWN;
        if unknown != 0 {
            return Err(BtrfsError::Unknown(format!("it has features {unknown:#x}")));
        }
        let devices = le64(&bytes, 136);
        if devices != 1 {
            return Err(BtrfsError::Unknown(format!("it lies on {devices} devices")));
        }
        let node_size = le32(&bytes, 148) as usize;
        if !node_size.is_power_of_two() || !(4096..=64 << 10).contains(&node_size) {
            return Err(broken(format!("its blocks have {node_size} bytes")));
        }
        let own_uuid = le64(&bytes, 188) & METADATA_UUID != 0;
        let mut reader = Self {
            medium,
            budget,
            node_size,
            uuid: array(&bytes, if own_uuid { 571 } else { 32 }),
            device: le64(&bytes, 201),
            chunks: BTreeMap::new(),
            kept: BTreeMap::new(),
            damage: Vec::new(),
            root_tree: Root { at: le64(&bytes, 80), level: bytes[198] },
            root_folder: le64(&bytes, 128),
        };
        reader.system_chunks(&bytes)?;
        let mut found = Vec::new();
        let chunks = Root { at: le64(&bytes, 88), level: bytes[199] };
        let of = |offset| Key { of: CHUNKS_OF, kind: CHUNK_ITEM, offset };
        reader.walk(chunks, &(of(0)..=of(u64::MAX)), &mut |key, value| {
            found.push((*key, value.to_vec()));
            match found.len() > MOST_CHUNKS {
                true => Err(broken(format!("it has more than {MOST_CHUNKS} chunks"))),
                false => Ok(()),
            }
        })?;
        for (key, value) in found {
            reader.chunk(&key, &value)?;
        }
        Ok(reader)
    }

    /// The chunks in the superblock: those that the chunk tree lies in.
    fn system_chunks(&mut self, superblock: &[u8]) -> Result<(), BtrfsError> {
        const AT: usize = 811;
        const MOST: usize = 2048;
        let size = le32(superblock, 160) as usize;
        if size > MOST {
            return Err(broken(format!("its superblock has {size} bytes of chunks")));
        }
        let mut left = &superblock[AT..AT + size];
        while !left.is_empty() {
            let key = Key::read(left);
            let used = self.chunk(&key, left.get(Key::BYTES..).unwrap_or_default())?;
            left = left.get(Key::BYTES + used..).unwrap_or_default();
        }
        Ok(())
    }

    /// Takes a chunk; how many bytes tell of it.
    fn chunk(&mut self, key: &Key, item: &[u8]) -> Result<usize, BtrfsError> {
        let wrong = |why: &str| Err(broken(format!("the chunk at {}: {why}", key.offset)));
        let stripes = usize::from(le16(item, 44));
        let used = 48 + 32 * stripes;
        if (key.of, key.kind) != (CHUNKS_OF, CHUNK_ITEM) || stripes == 0 || item.len() < used {
            return wrong("what tells of it is cut off");
        }
        let kind = le64(item, 24);
        if kind & STRIPED != 0 {
            return Err(BtrfsError::Unknown("it lies in stripes".to_owned()));
        }
        let stripe = |at: usize| (le64(item, 48 + 32 * at), le64(item, 56 + 32 * at));
        let own = (0..stripes).map(stripe).filter(|(device, _)| *device == self.device);
        let chunk = Chunk { length: le64(item, 0), kind, copies: own.map(|(_, at)| at).collect() };
        let Some(end) = key.offset.checked_add(chunk.length).filter(|end| *end > key.offset) else {
            return wrong("it is as large as none can be");
        };
        if chunk.copies.is_empty() {
            return wrong("it lies on another device");
        }
        let before = self.chunks.range(..=key.offset).next_back();
        match before {
            // The superblock and the tree tell of the same.
            Some((start, other)) if *start == key.offset && *other == chunk => return Ok(used),
            Some((start, other)) if start + other.length > key.offset => {
                return wrong("it overlaps another");
            }
            _ => {}
        }
        if self.chunks.range(key.offset..end).next().is_some() {
            return wrong("it overlaps another");
        }
        self.chunks.insert(key.offset, chunk);
        Ok(used)
    }

    /// A block of a tree, which is to be of this level.
    pub(super) fn block(&mut self, at: u64, level: u8) -> Result<Rc<Block>, BtrfsError> {
        let used_up = || broken("its trees are larger than what is looked into");
        self.budget.looks = self.budget.looks.checked_sub(1).ok_or_else(used_up)?;
        if let Some(block) = self.kept.get(&at).filter(|block| block.level() == level) {
            return Ok(Rc::clone(block));
        }
        let size = self.node_size as u64;
        let chunk = self.chunks.range(..=at).next_back();
        let chunk = chunk.filter(|(start, chunk)| {
            (at - *start).checked_add(size).is_some_and(|end| end <= chunk.length)
        });
        let Some((start, chunk)) = chunk else {
            return Err(broken(format!("no chunk has its block at {at}")));
        };
        let places: Vec<u64> =
            chunk.copies.iter().map(|copy| copy.saturating_add(at - start)).collect();
        let mut wrong = Vec::new();
        let mut found = None;
        for (number, place) in (1..).zip(&places) {
            self.budget.bytes = self.budget.bytes.checked_sub(size).ok_or_else(used_up)?;
            let mut bytes = vec![0; self.node_size];
            let why = match self.medium.read_exact_at(&mut bytes, *place) {
                Ok(()) => match self.checked(bytes, at, level) {
                    Ok(block) => {
                        found = Some(block);
                        break;
                    }
                    Err(why) => why,
                },
                Err(error) => error.to_string(),
            };
            wrong.push(format!("copy {number} of its block at {at}, byte {place}: {why}"));
        }
        let Some(block) = found else { return Err(broken(wrong.join("; "))) };
        let room = MOST_TOLD.saturating_sub(self.damage.len());
        self.damage.extend(wrong.into_iter().take(room));
        let block = Rc::new(block);
        if self.kept.len() == KEPT {
            self.kept.clear();
        }
        self.kept.insert(at, Rc::clone(&block));
        Ok(block)
    }

    /// Calls `each` with the items of a tree that have such keys, by rising keys.
    pub(super) fn walk(
        &mut self,
        root: Root,
        wanted: &RangeInclusive<Key>,
        each: Each<'_>,
    ) -> Result<(), BtrfsError> {
        if root.level > HIGHEST {
            return Err(broken(format!("a tree has {} levels", root.level)));
        }
        // What is still to be read, the next one last. Levels fall, so that there are no loops.
        let mut left = vec![(root, Key::FIRST..=Key::LAST)];
        while let Some((Root { at, level }, keys)) = left.pop() {
            let block = self.block(at, level)?;
            let fine = |number: usize| keys.contains(&block.key(number));
            if block.count > 0 && !(fine(0) && fine(block.count - 1)) {
                let why = format!("its block at {at} has other keys than the one above it says");
                return Err(broken(why));
            }
            let all = 0..block.count;
            if level == 0 {
                for number in all.filter(|number| wanted.contains(&block.key(*number))) {
                    each(&block.key(number), block.item(number).unwrap_or_default())?;
                }
                continue;
            }
            for number in all.rev() {
                let first = block.key(number);
                let last = match number + 1 == block.count {
                    true => *keys.end(),
                    false => block.key(number + 1).before(),
                };
                if first <= *wanted.end() && last >= *wanted.start() {
                    let at = le64(block.entry(number), Key::BYTES);
                    left.push((Root { at, level: level - 1 }, first..=last));
                }
            }
        }
        Ok(())
    }

    fn checked(&self, bytes: Vec<u8>, at: u64, level: u8) -> Result<Block, String> {
        if !sum_is_right(&bytes) {
            return Err("its checksum is wrong".to_owned());
        }
        if bytes[32..48] != self.uuid {
            return Err("it is of another filesystem".to_owned());
        }
        if le64(&bytes, 48) != at {
            return Err(format!("it says that it is the block at {}", le64(&bytes, 48)));
        }
        if bytes[100] != level {
            return Err(format!("it is of level {}, not {level}", bytes[100]));
        }
        Block::new(bytes)
    }
}
