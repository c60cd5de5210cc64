//! The hash tree.

use sha2::{Digest as _, Sha256};
use std::io;

use super::levels::{FAN, Level, hash_size, levels};
use super::superblock::VeritySuperblock;
use super::types::{BLOCK, HASH, RootHash, VerityError};
use crate::medium::Medium;

#[expect(clippy::cast_possible_truncation, reason = "4096")]
const BLOCK_BYTES: usize = BLOCK as usize;

/// Blocks that are read at a time: 2 MiB, whose hashes fill whole blocks.
const PIECE: u64 = 4 * FAN;

fn hash(salt: &[u8], block: &[u8]) -> RootHash {
    Sha256::new().chain_update(salt).chain_update(block).finalize().into()
}

/// Hashes blocks, on two threads when there are enough of them to be worth it.
fn hash_all(salt: &[u8], blocks: &[u8], hashes: &mut [u8]) {
    let one = |blocks: &[u8], hashes: &mut [u8]| {
        for (block, place) in blocks.chunks_exact(BLOCK_BYTES).zip(hashes.chunks_exact_mut(HASH)) {
            place.copy_from_slice(&hash(salt, block));
        }
    };
    let half = blocks.len() / BLOCK_BYTES / 2;
    if half < 64 {
        return one(blocks, hashes);
    }
    let (front, back) = blocks.split_at(half * BLOCK_BYTES);
    let (front_hashes, back_hashes) = hashes.split_at_mut(half * HASH);
    std::thread::scope(|scope| {
        scope.spawn(|| one(front, front_hashes));
        one(back, back_hashes);
    });
}

/// Hashes a level's blocks into the level above it.
fn hash_level(
    below: &dyn Medium,
    first: u64,
    blocks: u64,
    hashes: &dyn Medium,
    level: Level,
    salt: &[u8],
) -> io::Result<()> {
    let mut bytes = Vec::new();
    for at in (0..blocks).step_by(usize::try_from(PIECE).map_err(io::Error::other)?) {
        let count = usize::try_from(PIECE.min(blocks - at)).map_err(io::Error::other)?;
        bytes.resize(count * BLOCK_BYTES, 0);
        below.read_exact_at(&mut bytes, (first + at) * BLOCK)?;
        // What the last block has no hashes for is zeros.
        let mut found = vec![0; (count * HASH).next_multiple_of(BLOCK_BYTES)];
        hash_all(salt, &bytes, &mut found[..count * HASH]);
        hashes.write_all_at(&found, (level.first + at / FAN) * BLOCK)?;
    }
    Ok(())
}

/// Whether blocks of `data` here and there have the hashes that the tree has for them. A superblock
/// does not say whose hashes it is over; this tells, without reading all of it.
///
/// # Errors
/// When reading fails.
pub fn covers(
    data: &dyn Medium,
    hashes: &dyn Medium,
    superblock: &VeritySuperblock,
) -> io::Result<bool> {
    /// Enough that two filesystems made by one tool differ in one of them.
    const SAMPLES: u64 = 64;
    let blocks = superblock.data_blocks;
    let Some(leaves) = levels(blocks).and_then(|levels| levels.first().copied()) else {
        return Ok(false);
    };
    if data.size() / BLOCK != blocks {
        return Ok(false);
    }
    let mut block = vec![0; BLOCK_BYTES];
    let mut wanted = [0; HASH];
    for at in (0..blocks).step_by(usize::try_from((blocks / SAMPLES).max(1)).unwrap_or(1)) {
        data.read_exact_at(&mut block, at * BLOCK)?;
        hashes.read_exact_at(&mut wanted, leaves.first * BLOCK + at * HASH as u64)?;
        if hash(&superblock.salt, &block) != wanted {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes superblock and hash tree of all of `data`, which is written no more from now on, to
/// `hashes` ([`hash_size`] bytes of it), and gives the root hash.
///
/// # Errors
/// When the data is no whole number of blocks, the salt is too long or the tree does not fit
/// (nothing is written then); when reading or writing fails.
pub fn write(
    data: &dyn Medium,
    hashes: &dyn Medium,
    uuid: uuid::Uuid,
    salt: &[u8],
) -> Result<RootHash, VerityError> {
    let unfit = |why: String| VerityError::Unfit(why);
    let size = data.size();
    let data_blocks = size / BLOCK;
    let (true, Some(levels), Some(needed)) =
        (size.is_multiple_of(BLOCK), levels(data_blocks), hash_size(data_blocks))
    else {
        return Err(unfit(format!(
            "a hash tree of {size} bytes: it is of whole blocks of {BLOCK}"
        )));
    };
    if needed > hashes.size() {
        let room = hashes.size();
        return Err(unfit(format!(
            "a hash tree of {size} bytes takes {needed} bytes; its volume has {room}"
        )));
    }
    let superblock = VeritySuperblock { uuid, data_blocks, salt: salt.to_vec() };
    hashes.write_all_at(&superblock.encode()?, 0)?;
    let mut below: (&dyn Medium, u64, u64) = (data, 0, data_blocks);
    for level in levels {
        let (medium, first, blocks) = below;
        hash_level(medium, first, blocks, hashes, level, salt)?;
        below = (hashes, level.first, level.blocks);
    }
    // One block is left: the top of the tree, or the only block of data.
    let (medium, first, _) = below;
    let mut top = vec![0; BLOCK_BYTES];
    medium.read_exact_at(&mut top, first * BLOCK)?;
    Ok(hash(salt, &top))
}

/// The root hash of the tree on a hash volume, as its top block gives it: what `inspect` shows.
/// Whether the rest of the tree and the data agree with it is not looked at.
///
/// # Errors
/// When the tree has no block (one block of data is its own top), or reading fails.
pub fn root_hash(
    hashes: &dyn Medium,
    superblock: &VeritySuperblock,
) -> Result<RootHash, VerityError> {
    let levels = levels(superblock.data_blocks).unwrap_or_default();
    let Some(top) = levels.last() else {
        return Err(VerityError::Unfit("one block of data is the top of its own tree".to_owned()));
    };
    let mut block = vec![0; BLOCK_BYTES];
    hashes.read_exact_at(&mut block, top.first * BLOCK)?;
    Ok(hash(&superblock.salt, &block))
}
