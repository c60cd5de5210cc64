//! What can go wrong with image files.

use std::io;
use std::path::{Path, PathBuf};

use dibhost_sys::Cancelled;

use crate::qcow2::Qcow2Error;

/// An image file that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The build was cancelled; no output is there that was not there before.
    #[error("making the image files was cancelled")]
    Cancelled(#[from] Cancelled),
    /// An output cannot be where it is asked for.
    #[error("the output {} {problem}: {help}", .path.display())]
    Output {
        /// The output, or its folder.
        path: PathBuf,
        /// Why, after the path.
        problem: String,
        /// What to do.
        help: String,
    },
    /// A file could not be read or written.
    #[error("{doing} {}: {source}", .path.display())]
    Io {
        /// What was tried, as in "writing".
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A disk could not be written as a qcow2, whatever is in it.
    #[error("making {}: {source}", .path.display())]
    Pack {
        /// The file that was to be written.
        path: PathBuf,
        /// Why not.
        source: Qcow2Error,
    },
    /// Outputs could not be put in place, and neither could what had been there be put back.
    #[error("{cause}; and then {} could not be put back as it was: {source}", .path.display())]
    RollBack {
        /// The first failure.
        cause: Box<Self>,
        /// What is not as it was.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl ImageError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    pub(crate) fn output(path: &Path, problem: &str, help: &str) -> Self {
        let path = path.to_owned();
        Self::Output { path, problem: problem.to_owned(), help: help.to_owned() }
    }
}
