//! What superblock and tree share.

/// Bytes of a block, of data and of hashes.
pub const BLOCK: u64 = 4096;

/// Bytes of a hash.
pub(super) const HASH: usize = 32;

/// The hash of the top of a tree.
pub type RootHash = [u8; HASH];

/// A hash tree that cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum VerityError {
    /// What was asked for cannot be made.
    #[error("{0}")]
    Unfit(String),
    /// What is on the medium is no sound superblock.
    #[error("the verity superblock {0}")]
    Superblock(String),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
