//! dm-verity without the kernel: the hash tree of a volume, and the superblock before it.
//!
//! ```text
//! hash volume: 0            4096
//!              ├ superblock ─┼─ top block ─┼─ next level ─┼─ … ─┼─ leaves: a hash of each data block
//! ```
//!
//! SHA-256 over salt and block (hash type 1), blocks of 4096 bytes on both sides, 128 hashes in a
//! block: the tree takes 1/127 of the data. The root hash, which the kernel is to be told, is the
//! hash of the top block. Memory does not grow with the volume: each level is read from where it was
//! written.
//!
//! Format: `Documentation/admin-guide/device-mapper/verity.rst` of Linux, and cryptsetup's
//! `lib/verity/verity.c` for the superblock, which only tools read.

mod superblock;
mod tree;

pub use superblock::{VeritySuperblock, read_superblock};
pub(crate) use tree::covers;
pub use tree::{hash_size, root_hash, write};

/// Bytes of a block, of data and of hashes.
pub const BLOCK: u64 = 4096;

/// Bytes of a hash.
pub(crate) const HASH: usize = 32;

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
