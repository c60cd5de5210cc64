//! Places in a text file, and what is wrong there.

use std::fmt;

use serde::Serialize;

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Position {
    /// The file's first character.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The place of a byte of a text; one in the middle of a character is that character's.
    #[must_use]
    pub fn of(text: &str, byte: usize) -> Self {
        let byte = byte.min(text.len());
        let end = (0..=byte).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
        let before = &text[..end];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        Self { line, column: before[start..].chars().count() + 1 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The file is wrong: where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{at}: {problem}: {help}")]
pub struct FileError {
    /// Where.
    #[serde(flatten)]
    pub at: Position,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub help: String,
}

impl FileError {
    /// Of what is wrong there, and what to do.
    pub fn new(at: Position, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { at, problem: problem.into(), help: help.into() }
    }
}
