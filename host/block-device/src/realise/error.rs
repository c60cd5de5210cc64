//! Why a disk could not be made.

use std::io;
use std::path::PathBuf;

use dibhost_filesystems::readback::ReadbackError;
use dibhost_sys::{Cancelled, ProgramError};

/// A disk could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RealiseError {
    /// The build was cancelled.
    #[error("making the block device was cancelled")]
    Cancelled(#[from] Cancelled),
    /// The file could not be made.
    #[error("block device: making the file {path}: {source}")]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel has to help, and the back-end does without it.
    #[error(
        "block device: node `{node}`: the back-end `file` cannot fill the {kind} filesystem: {why}: \
         use the back-end `loop`, or ext4"
    )]
    NeedsKernel {
        /// The node.
        node: String,
        /// Its kind.
        kind: &'static str,
        /// Why.
        why: String,
    },
    /// A node could not be written.
    #[error("block device: writing node `{node}`: {source}")]
    Write {
        /// The node.
        node: String,
        /// Why.
        source: io::Error,
    },
    /// The program that makes a filesystem or header failed.
    #[error("block device: making `{node}`: {source}")]
    Program {
        /// The node.
        node: String,
        /// Why.
        source: ProgramError,
    },
    /// A filesystem has not what went into it, or it cannot be told.
    #[error(
        "block device: node `{node}`: the finished {kind} filesystem was read back, and is not what \
         went into it: {source}: nothing was changed in the tree; build again, and if it comes again, \
         leave that path out or use another kind of filesystem"
    )]
    Readback {
        /// The node.
        node: String,
        /// Its kind.
        kind: &'static str,
        /// What is missing, more, or another.
        source: ReadbackError,
    },
    /// A secret that opens an encryption is not there.
    #[error("block device: node `{node}`: the secret `{secret}` cannot be had: {source}")]
    Secret {
        /// The node.
        node: String,
        /// Its name.
        secret: String,
        /// Why.
        source: io::Error,
    },
}
