//! md RAID 0 and 1 without the kernel: a superblock of version 1.2 on each member, and arrays of
//! members.
//!
//! ```text
//! 0     4096          8192          data offset                        member's size
//! ├──────┼ superblock ─┼─ nothing ───┼─ data (RAID 0: whole chunks) ────┼ too little for a chunk
//! ```
//!
//! There is no bitmap and no list of bad blocks: an array that was just written is in sync, and
//! its superblocks say so (`mdadm --grow --bitmap=internal` adds a bitmap: there is room before the
//! data). Everything is derived: the members' UUIDs from the array's and their role.
//!
//! Format: `struct mdp_superblock_1` of Linux' `include/uapi/linux/raid/md_p.h`.

mod array;
mod error;
mod superblock;

pub use array::{Raid0Medium, Raid1Medium};
pub use error::MdError;
pub use superblock::{
    DEFAULT_DATA_OFFSET, MdOptions, MdSuperblock, RaidLevel, create, read_superblock,
};
