//! ext2, ext3 and ext4: how large, made by `mke2fs` in place, then made the same every time.

mod make;
mod normalise;
mod revision;
mod size;

pub(crate) use make::{Ext4, make};
pub(crate) use normalise::normalise;
pub(crate) use revision::{BLOCK, Revision};
pub(crate) use size::{Content, Counter, Missing, blocks_for, fits};
