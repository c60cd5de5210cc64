//! ext2, ext3 and ext4: how large, made empty by `mke2fs` in place, made the same every time, and filled
//! by us.
//!
//! ```text
//! make ─► mke2fs, no tree ─► normalise ─► filling ─► write ─► folder ─► htree ─► hash
//!                                                     ├─► attributes ─► acl
//!                                                     ├─► content ─► map ─► extent, indirect
//!                                                     └─► inode
//! below them: space (blocks and inodes that are free) ─► volume ─► group ─► superblock
//! ```

mod acl;
mod attributes;
mod content;
mod extent;
mod field;
mod filling;
mod folder;
mod group;
mod hash;
mod htree;
mod indirect;
mod inode;
mod make;
mod map;
mod normalise;
mod revision;
mod size;
mod space;
mod superblock;
mod volume;
mod write;

pub use filling::ExtFilling;
pub(crate) use make::{Ext4, make};
pub(crate) use revision::{BLOCK, Revision};
pub(crate) use size::{Content, Counter, Missing, blocks_for, fits};
