//! FAT, written by us: of the tools there are, one sets the clock's time, the other needs a
//! program for every file, and neither says beforehand how large it will be.
//!
//! Format: Microsoft's "FAT: General Overview of On-Disk Format", 1.03, and long names as in its
//! section "FAT Long Directory Entries".

mod folder;
mod geometry;
mod name;
mod size;
mod write;

pub(crate) use folder::Folder;
pub use geometry::Geometry;
pub(crate) use size::bytes_for;
pub(crate) use write::{Volume, write};
