//! What can go wrong with a layer.

use std::io;

use rustix::io::Errno;

/// A tree cannot be surveyed.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The operating system refuses.
    #[error("{doing}: {cause}")]
    System {
        /// What was being done, with the path.
        doing: String,
        /// Why it was refused.
        cause: io::Error,
    },
    /// Something other than a folder is a mount point: what lies below the mount cannot be seen.
    #[error("{path} is a mount point and no folder; unmount it before the tree is looked at")]
    Mounted {
        /// Inside of the tree, in back-ticks.
        path: String,
    },
    /// There are more folders within folders than a layer may have.
    #[error("{path} is more than {most} folders deep")]
    TooDeep {
        /// Inside of the tree, in back-ticks.
        path: String,
        /// How many it may be.
        most: usize,
    },
}

/// What changed in a tree cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The tree cannot be walked or read.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// Something is at work in the tree.
    #[error("{path} was changed while it was read")]
    Changed {
        /// Inside of the tree, in back-ticks.
        path: String,
    },
    /// The pack cannot be written.
    #[error("writing the pack: {0}")]
    Write(#[source] io::Error),
    /// The tree has something that no layer may say.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// Some bytes are no manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// They are of something else altogether.
    #[error("this is no manifest of a layer")]
    Other,
    /// They are of another schema.
    #[error("the manifest has schema {found}, and this version of dibhost reads schema {known}")]
    Schema {
        /// The one that it has.
        found: u32,
        /// The one that would be read.
        known: u32,
    },
    /// They are not those that were written.
    #[error("the manifest is damaged: its digest is another than the one at its end")]
    Damaged,
    /// They do not say what a manifest says, or not in the one way to say it.
    #[error("the manifest cannot be read")]
    Malformed,
    /// They are more than is read, or promise more than is made.
    #[error("the manifest has {what} than the {most} bytes that are allowed")]
    TooLarge {
        /// `more bytes`.
        what: &'static str,
        /// How many there may be.
        most: u64,
    },
    /// They say something that no tree has.
    #[error("the manifest is wrong: {what}")]
    Wrong {
        /// A sentence part, with the path.
        what: String,
    },
}

/// Layers cannot be made a tree again.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// What is kept is not what was written, or no tree comes of it.
    #[error("the layers are damaged: {what}")]
    Corrupt {
        /// A sentence part.
        what: String,
    },
    /// There is something in the folder already.
    #[error("the folder to restore into is not empty")]
    NotEmpty,
    /// The operating system refuses.
    #[error("{doing}: {cause}")]
    System {
        /// What was being done, with the path.
        doing: String,
        /// Why it was refused.
        cause: io::Error,
    },
    /// The tree that was made cannot be looked at.
    #[error(transparent)]
    Survey(#[from] SurveyError),
}

impl SurveyError {
    pub(super) fn system(doing: String, cause: Errno) -> Self {
        Self::System { doing, cause: cause.into() }
    }
}

impl RestoreError {
    pub(super) fn system(doing: String, cause: Errno) -> Self {
        Self::System { doing, cause: cause.into() }
    }

    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}
