//! A range of bytes.

use serde::{Deserialize, Serialize};

/// A range of bytes of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Bytes from the start of the disk.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
}

impl Extent {
    /// The byte after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset + self.size
    }
}
