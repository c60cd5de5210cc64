//! What is told of a filesystem's subvolumes, and why they cannot be told.

use std::io;

use uuid::Uuid;

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
