//! Why the store could not do something, for people.

use std::io;
use std::path::PathBuf;

use dibhost_sys::Cancelled;

use super::digest::Key;

/// The store could not do what it was asked for. A cache's failure is none of the build's: whoever
/// builds says it once and goes on without.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The build was cancelled while it waited for another, or while much was read.
    #[error("cancelled")]
    Cancelled,
    /// Another user could put something else in the place of what is kept.
    #[error(
        "the folder `{}` is refused for a store: {why}, so somebody else could exchange what is \
         kept there", folder.display()
    )]
    Swappable {
        /// Where the store was to be.
        folder: PathBuf,
        /// What is wrong with which folder: a sentence part.
        why: String,
    },
    /// Something else is there.
    #[error("the folder `{}` is no store: it has `{found}` in it", folder.display())]
    Foreign {
        /// Where the store was to be.
        folder: PathBuf,
        /// The name of something that no store has.
        found: String,
    },
    /// It was made by a program that writes another schema.
    #[error("the store `{}` has the version {found}, and {known} is wanted", folder.display())]
    Version {
        /// Where the store is.
        folder: PathBuf,
        /// What stands in its `version`, or why nothing does.
        found: String,
        /// The version that this program reads and writes.
        known: &'static str,
    },
    /// A name that cannot be had.
    #[error("{name:?} cannot be the name of {of}: {why}")]
    Name {
        /// The name.
        name: String,
        /// `an object`, `a root`.
        of: &'static str,
        /// What is wrong with it: a sentence part.
        why: &'static str,
    },
    /// What was to be noted of an entry cannot be.
    #[error("what is to be noted of the entry {key} cannot be kept: {why}")]
    Note {
        /// The entry.
        key: Key,
        /// Why: a sentence part.
        why: String,
    },
    /// An entry has no object of that name.
    #[error("the entry {key} has no object `{name}`")]
    NoObject {
        /// The entry.
        key: Key,
        /// The name that was asked for.
        name: String,
    },
    /// An object is larger than there is room for.
    #[error("`{name}` of the entry {key} has {size} bytes, more than {most}")]
    TooLarge {
        /// The entry.
        key: Key,
        /// The object's name.
        name: String,
        /// How many bytes it has.
        size: u64,
        /// How many there is room for.
        most: u64,
    },
    /// An object is not what was put there. The entry is gone: what it held is to be made anew.
    #[error("`{name}` of the entry {key} is not what was kept: {why}")]
    Spoilt {
        /// The entry.
        key: Key,
        /// The object's name.
        name: String,
        /// What is wrong with it: a sentence part.
        why: String,
    },
    /// An entry that another is to stand on is gone, or was made anew with other contents.
    #[error("the entry {key} cannot stand on {on}, which is not there any more as it was")]
    Gone {
        /// The entry that was to be kept.
        key: Key,
        /// The entry below it.
        on: Key,
    },
    /// A running build uses it.
    #[error("the entry {key} is in use by a running build, or one that stands on it is")]
    InUse {
        /// The entry.
        key: Key,
    },
    /// What has to stay cannot be read, so nothing may go.
    #[error("nothing is removed, because what has to stay is not known: {what} {why}")]
    Doubt {
        /// `the root "debian"`, `the lease 12-3`.
        what: String,
        /// What is wrong with it: a sentence part.
        why: String,
    },
}

impl StoreError {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Swappable { .. } => {
                "choose a folder that only root and you can write to, in folders of which the same \
                 is true"
            }
            Self::Foreign { .. } => "choose an empty folder, or one that does not exist yet",
            Self::Version { .. } => {
                "remove that folder, of which everything can be built anew, or use the program that \
                 wrote it"
            }
            Self::InUse { .. } => "wait until that build is over",
            Self::Doubt { .. } => "verify the store, which drops what cannot be read",
            Self::Io { .. }
            | Self::Cancelled
            | Self::Name { .. }
            | Self::Note { .. }
            | Self::NoObject { .. }
            | Self::TooLarge { .. }
            | Self::Spoilt { .. }
            | Self::Gone { .. } => return None,
        })
    }
}

impl From<Cancelled> for StoreError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Says what was being done when the operating system refused.
pub(crate) trait Doing<T> {
    /// `doing` begins with a gerund.
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, StoreError>;
}

impl<T, E: Into<io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::Io { doing: doing(), source: error.into() })
    }
}
