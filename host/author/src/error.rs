//! Why something could not be done for an author.

use std::fmt;
use std::path::Path;

/// A sentence, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct AuthorError {
    /// What is wrong, and where.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// It is in what was typed or written, and not in this machine or a tool that failed.
    pub wrong: bool,
}

impl fmt::Display for AuthorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl AuthorError {
    /// Something to mend in what was typed or written.
    #[must_use]
    pub fn wrong(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: Some(help.into()), wrong: true }
    }

    /// Something on this machine, or a tool, that failed.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, wrong: false }
    }

    /// The same with what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What was being done with a file, and what the system said.
    pub(crate) fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self::failed(format!("{doing} `{}`: {error}", path.display()))
    }
}
