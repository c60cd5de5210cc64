//! What is wrong with a text, and where.

use std::ops::Range;

use crate::position::{FileError, Position};

/// What is wrong: where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: {help}")]
pub struct ConfigError {
    /// Bytes of the text that are meant.
    pub span: Range<usize>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub help: String,
    /// The key, where it is one that nothing here has, nor anything near.
    pub unknown: Option<String>,
}

impl ConfigError {
    pub(super) fn new(
        span: Range<usize>,
        problem: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { span, problem: problem.into(), help: help.into(), unknown: None }
    }

    /// The same with its place in the text as line and column.
    #[must_use]
    pub fn of(self, text: &str) -> FileError {
        FileError::new(Position::of(text, self.span.start), self.problem, self.help)
    }
}
