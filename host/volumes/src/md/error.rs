//! Why md RAID cannot be made or read.

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
