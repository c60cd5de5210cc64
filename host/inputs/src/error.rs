//! Why an input cannot be had.

use std::io;
use std::path::Path;

/// Why an input cannot be had: a sentence part that follows its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The operating system refuses.
    #[error("cannot be read: `{path}`: {why}")]
    Unreadable {
        /// Of the builder.
        path: String,
        /// What it says.
        why: String,
    },
    /// Something in it is neither file, folder nor link.
    #[error("has `{path}` in it, which is {what}: an input has files, folders and links only")]
    Special {
        /// Within the input; of the input itself where it is.
        path: String,
        /// `a socket`.
        what: &'static str,
    },
    /// A name in it, or what a link says.
    #[error("has a name in it that {why}: `{path}`")]
    Name {
        /// Within the input, made harmless.
        path: String,
        /// A sentence part.
        why: &'static str,
    },
    /// There is more of it than an input may have.
    #[error("has more than {0}, the most that an input may have")]
    TooMuch(String),
    /// It changed while it was read.
    #[error("changed while it was read: `{path}`")]
    Unsteady {
        /// Within the input.
        path: String,
    },
}

impl InputError {
    pub(crate) fn of(path: &str, error: impl Into<io::Error>) -> Self {
        let path = dibhost_text::harmless(path, 300);
        let mut why = error.into().to_string();
        if let Some(end) = why.find(" (os error") {
            why.truncate(end);
        }
        Self::Unreadable { path, why }
    }

    /// With the file beside it that was probably meant.
    pub(crate) fn with_near(mut self, path: &Path) -> Self {
        if let Self::Unreadable { why, .. } = &mut self
            && let Some(near) = dibhost_text::near_file(path)
        {
            *why += &format!(": {near}");
        }
        self
    }
}
