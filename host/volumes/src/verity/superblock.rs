//! The superblock: what `veritysetup open` reads instead of being told.

use uuid::Uuid;

use super::levels::hash_size;
use super::types::{BLOCK, VerityError};
use crate::medium::Medium;

const MAGIC: &[u8; 8] = b"verity\0\0";
const BYTES: usize = 512;
const MOST_SALT: usize = 256;

/// What a superblock says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VeritySuperblock {
    /// Of the hash volume.
    pub uuid: Uuid,
    /// Blocks of data that the tree is over.
    pub data_blocks: u64,
    /// Hashed before each block; at most 256 bytes.
    pub salt: Vec<u8>,
}

impl VeritySuperblock {
    /// As it lies on the disk: one block.
    pub(super) fn encode(&self) -> Result<Vec<u8>, VerityError> {
        let length = self.salt.len();
        let Some(salt_length) = u16::try_from(length).ok().filter(|_| length <= MOST_SALT) else {
            let why = format!("a salt of {length} bytes: it has at most {MOST_SALT}");
            return Err(VerityError::Unfit(why));
        };
        #[expect(clippy::cast_possible_truncation, reason = "4096")]
        let (block, mut bytes) = (BLOCK as u32, vec![0; BLOCK as usize]);
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(0, MAGIC);
        put(8, &1u32.to_le_bytes());
        put(12, &1u32.to_le_bytes());
        put(16, self.uuid.as_bytes());
        put(32, b"sha256");
        put(64, &block.to_le_bytes());
        put(68, &block.to_le_bytes());
        put(72, &self.data_blocks.to_le_bytes());
        put(80, &salt_length.to_le_bytes());
        put(88, &self.salt);
        Ok(bytes)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

/// Reads the superblock of a hash volume; none when it has none.
///
/// # Errors
/// When there is one that is damaged, hostile, or of a kind not known here (other hashes, other
/// sizes of blocks), or the tree that it tells of does not fit; when reading fails.
pub fn read_superblock(hashes: &dyn Medium) -> Result<Option<VeritySuperblock>, VerityError> {
    let not = |why: String| Err(VerityError::Superblock(why));
    if hashes.size() < BYTES as u64 {
        return Ok(None);
    }
    let mut bytes = [0; BYTES];
    hashes.read_exact_at(&mut bytes, 0)?;
    if &bytes[..8] != MAGIC {
        return Ok(None);
    }
    let (version, kind) = (u32_at(&bytes, 8), u32_at(&bytes, 12));
    if (version, kind) != (1, 1) {
        return not(format!("is of version {version} and hash type {kind}; 1 and 1 are known"));
    }
    let algorithm = &bytes[32..64];
    let end = algorithm.iter().position(|byte| *byte == 0).unwrap_or(algorithm.len());
    if &algorithm[..end] != b"sha256" {
        let algorithm = algorithm[..end].escape_ascii();
        return not(format!("names the hash `{algorithm}`; `sha256` is known"));
    }
    let blocks = (u32_at(&bytes, 64), u32_at(&bytes, 68));
    if blocks != (4096, 4096) {
        let (data, hash) = blocks;
        return not(format!("has blocks of {data} and {hash} bytes; 4096 and 4096 are known"));
    }
    let salt = usize::from(u16::from_le_bytes([bytes[80], bytes[81]]));
    if salt > MOST_SALT {
        return not(format!("has a salt of {salt} bytes; {MOST_SALT} fit"));
    }
    let data_blocks = u64::from(u32_at(&bytes, 72)) | u64::from(u32_at(&bytes, 76)) << 32;
    let size = hashes.size();
    match hash_size(data_blocks) {
        Some(tree) if tree <= size => {}
        _ => {
            return not(format!("is of {data_blocks} data blocks, whose tree is no {size} bytes"));
        }
    }
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&bytes[16..32]);
    let salt = bytes[88..88 + salt].to_vec();
    Ok(Some(VeritySuperblock { uuid: Uuid::from_bytes(uuid), data_blocks, salt }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::medium::FileMedium;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            uuid in any::<u128>(),
            data_blocks in 1u64..1 << 30,
            salt in proptest::collection::vec(any::<u8>(), 0..=MOST_SALT),
        ) {
            let superblock = VeritySuperblock { uuid: Uuid::from_u128(uuid), data_blocks, salt };
            let file = tempfile::tempfile().unwrap();
            let size = hash_size(data_blocks).unwrap();
            file.set_len(size).unwrap();
            let medium = FileMedium::whole(&file).unwrap();
            medium.write_all_at(&superblock.encode().unwrap(), 0).unwrap();
            prop_assert_eq!(read_superblock(&medium).unwrap(), Some(superblock));
            // With one byte less the tree does not fit.
            file.set_len(size - 1).unwrap();
            prop_assert!(read_superblock(&FileMedium::whole(&file).unwrap()).is_err());
        }
    }
}
