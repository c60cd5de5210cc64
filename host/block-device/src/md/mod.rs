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
mod superblock;

pub use array::{Raid0Medium, Raid1Medium};
pub use superblock::{DEFAULT_DATA_OFFSET, MdOptions, MdSuperblock, RaidLevel, read_superblock};

use crate::medium::Medium;

/// md RAID that cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum MdError {
    /// What was asked for cannot be made.
    #[error("{0}")]
    Unfit(String),
    /// What is on the medium is no sound superblock.
    #[error("the md superblock {0}")]
    Superblock(String),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Writes the superblocks of an array whose members have the roles 0, 1, … in their order; nothing
/// else of the members is touched.
///
/// # Errors
/// When what is asked for does not fit together (nothing is written then), or writing fails.
pub fn create(members: &[&dyn Medium], options: &MdOptions<'_>) -> Result<(), MdError> {
    let sizes: Vec<_> = members.iter().map(|member| member.size()).collect();
    let superblocks = options.superblocks(&sizes)?;
    for (member, superblock) in members.iter().zip(superblocks) {
        member.write_all_at(&superblock.encode(), superblock::OFFSET)?;
    }
    Ok(())
}
