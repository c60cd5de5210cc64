//! What can go wrong with writing a qcow2.

use std::io;

use dibhost_sys::Cancelled;

/// A qcow2 that could not be written. Which file it was, the caller knows.
#[derive(Debug, thiserror::Error)]
pub enum Qcow2Error {
    /// The build was cancelled.
    #[error("writing the qcow2 was cancelled")]
    Cancelled(#[from] Cancelled),
    /// The disk could not be read.
    #[error("reading the disk for the qcow2: {0}")]
    Read(#[source] io::Error),
    /// A cluster could not be compressed.
    #[error("compressing a cluster of the qcow2: {0}")]
    Compress(#[source] io::Error),
    /// The file could not be written.
    #[error("writing the qcow2: {0}")]
    Write(#[source] io::Error),
    /// More than QEMU reads with clusters of this size.
    #[error("a disk of {size} bytes is too large for a qcow2: its most are {most} bytes")]
    TooLarge {
        /// Bytes of the disk.
        size: u64,
        /// The most bytes.
        most: u64,
    },
}
