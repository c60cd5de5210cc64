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

mod levels;
mod superblock;
mod tree;
mod types;

pub use levels::hash_size;
pub use superblock::{VeritySuperblock, read_superblock};
pub use tree::{covers, root_hash, write};
pub use types::{BLOCK, RootHash, VerityError};
