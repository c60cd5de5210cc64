//! Btrfs on the disk, as far as its subvolumes: which there are, by which paths.
//!
//! ```text
//! superblock ─► system chunks ─► chunk tree ─► where each byte of the trees lies on the device
//!      └─────► root tree ─► ROOT_ITEM: a subvolume's own tree   ROOT_BACKREF: its name, in which
//!                  │        folder of which other subvolume     `default`: which is mounted
//!                  ▼
//!              subvolume's tree ─► INODE_REF: the names of that folder and of those above it
//! ```
//!
//! The bytes may be anybody's: every block has to have its checksum and to be what its parent says it is;
//! levels fall, keys rise, and how much is read is bounded. Of metadata that is there twice the second
//! copy serves where the first is broken.
//!
//! Source: Linux `include/uapi/linux/btrfs_tree.h`, `fs/btrfs/{disk-io,volumes,root-tree}.c`.

mod read;
mod subvolume;
mod tree;

use std::io;

use uuid::Uuid;

pub use subvolume::subvolumes;

/// More of them are not listed: each is a node of a graph.
pub const MOST_SUBVOLUMES: usize = 4096;

/// A subvolume that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subvolume {
    /// Its number.
    pub id: u64,
    /// Its path below the top level, with `/` between names.
    pub path: Vec<u8>,
    /// Its UUID.
    pub uuid: Uuid,
    /// Mounted where no subvolume is named.
    pub default: bool,
    /// Nothing is written to it.
    pub read_only: bool,
    /// It was taken of another.
    pub snapshot: bool,
}

/// The subvolumes of a filesystem.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subvolumes {
    /// By their paths.
    pub found: Vec<Subvolume>,
    /// What is broken and did not keep the rest from being read.
    pub damage: Vec<String>,
}

/// How many bytes of trees are read, all filesystems that share it together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BtrfsBudget {
    /// From the device.
    pub bytes: u64,
    /// Blocks that are looked at, however often they were read before.
    pub looks: u64,
}

impl Default for BtrfsBudget {
    /// The root tree of a thousand subvolumes has half a megabyte.
    fn default() -> Self {
        Self { bytes: 64 << 20, looks: 1 << 18 }
    }
}

/// Why the subvolumes cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum BtrfsError {
    /// It was made in a way that is not known here.
    #[error("{0}")]
    Unknown(String),
    /// Something is broken.
    #[error("{0}")]
    Broken(String),
    /// It cannot be read.
    #[error("reading btrfs: {0}")]
    Io(#[from] io::Error),
}
