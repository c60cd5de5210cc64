//! What becomes of a word of DIB's.

use std::fmt;

/// What becomes of a word of DIB's here. The texts are parts of sentences, without a full stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It does the same: what says it here.
    Same(&'static str),
    /// It is taken, and changes nothing: why.
    Nothing(&'static str),
    /// It is refused: what to write in its place.
    Instead(&'static str),
    /// It is refused, for nothing here does it: what is nearest.
    NotYet(&'static str),
}

impl Fate {
    /// What is said behind the word itself.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Same(text) | Self::Nothing(text) | Self::Instead(text) | Self::NotYet(text) => {
                text
            }
        }
    }

    /// Whether the word stops what was asked for.
    #[must_use]
    pub fn refuses(self) -> bool {
        matches!(self, Self::Instead(_) | Self::NotYet(_))
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same(text) => write!(f, "the same: {text}"),
            Self::Nothing(text) => write!(f, "without effect: {text}"),
            Self::Instead(text) => write!(f, "write instead: {text}"),
            Self::NotYet(text) => write!(f, "not yet: {text}"),
        }
    }
}

/// Why something that was typed is not done: one sentence without a full stop, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DibRefusal {
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub help: String,
}

impl DibRefusal {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

impl fmt::Display for DibRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  help: {}", self.message, self.help)
    }
}

/// What became of something that was typed or set: one sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DibRemark {
    /// The sentence.
    pub text: String,
    /// It is not done, or not as DIB does it.
    pub warns: bool,
}

impl DibRemark {
    /// Of what is done.
    pub fn told(text: impl Into<String>) -> Self {
        Self { text: text.into(), warns: false }
    }

    /// Of what is not.
    pub fn warned(text: impl Into<String>) -> Self {
        Self { text: text.into(), warns: true }
    }
}
