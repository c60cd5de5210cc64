//! md RAID 0 and 1 without the kernel: a superblock on each member, and arrays of members.
//!
//! ```text
//! 0     4096          8192          data offset                        member's size
//! ├──────┼ superblock ─┼─ nothing ───┼─ data (RAID 0: whole chunks) ────┼ too little for a chunk   1.2
//! ├─ data ─────────────────────────────────────┼─ nothing ─┼ superblock ─┼──                        1.0
//! ```
//!
//! There is no bitmap and no list of bad blocks (`mdadm --grow --bitmap=internal` adds a bitmap:
//! there is room beside the data). Superblocks say whether the members of a RAID 1 are in step; where
//! they are not, the kernel copies the first to the others. Everything is derived: the members' UUIDs
//! from the array's and their role.
//!
//! Format: `struct mdp_superblock_1` of Linux' `include/uapi/linux/raid/md_p.h`.

mod array;
mod error;
mod superblock;

pub use array::{Raid0Medium, Raid1Medium};
pub use error::MdError;
pub use superblock::{
    DEFAULT_DATA_OFFSET, MdMetadata, MdOptions, MdSuperblock, RaidLevel, create, read_superblock,
};
