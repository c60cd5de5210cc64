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

mod item;
mod read;
mod subvolume;
mod tree;
mod types;

pub use item::{Item, items};
pub use subvolume::subvolumes;
pub use types::{BtrfsBudget, BtrfsError, MOST_SUBVOLUMES, Subvolume, Subvolumes};
