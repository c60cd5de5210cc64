//! ext4: how large, made by `mke2fs` in place, then made the same every time.

mod crc32c;
mod make;
mod normalise;
mod size;

pub(crate) use make::{Ext4, MakeError, make};
pub(crate) use normalise::normalise;
pub(crate) use size::{Content, Counter, Missing, blocks_for, fits, journal_blocks};

/// Bytes of a block, always: `mke2fs` would take 1024 for a small filesystem, which then stays
/// slow and limited after the image was grown.
pub(crate) const BLOCK: u64 = 4096;
