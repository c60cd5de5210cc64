//! What a reader of a file should know.

use std::fmt;

use dibhost_block_device::Position;
use serde::Serialize;

/// How much a [`Diagnostic`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Something written has no effect, or another one than DIB gives it.
    Warning,
    /// Something means what it says, which may not be what was thought.
    Note,
}

/// What a reader of the file should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// Where.
    #[serde(flatten)]
    pub at: Position,
    /// What.
    pub problem: String,
    /// What to do.
    pub help: String,
}

impl Diagnostic {
    pub(crate) fn warning(
        at: Position,
        problem: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Warning, at, problem: problem.into(), help: help.into() }
    }

    pub(crate) fn note(at: Position, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { severity: Severity::Note, at, problem: problem.into(), help: help.into() }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        write!(f, "{}: {word}: {}: {}", self.at, self.problem, self.help)
    }
}
