//! Why a qcow2 cannot be read.

/// A qcow2 that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Qcow2Error {
    /// It is sound, and more than is read here.
    #[error("the qcow2 {0}")]
    Unread(String),
    /// It is not sound.
    #[error("the qcow2 is damaged: {0}")]
    Damaged(String),
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
