//! What elements are written in, and what they may be examples of.

use std::fmt;

/// A language that there is an SDK for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// Rust: the smallest components, and every wish of the contract.
    Rust,
    /// Python.
    Python,
    /// JavaScript.
    JavaScript,
    /// C.
    C,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rust, Self::Python, Self::JavaScript, Self::C];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::C => "c",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::C => "C",
        })
    }
}

/// What a new element begins as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Wishes for packages and the state of a unit.
    Packages,
    /// Writes files, of parameters and of facts.
    Files,
    /// Runs a program of the image.
    Program,
    /// Says what is on the disk.
    Layout,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Packages, Self::Files, Self::Program, Self::Layout];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Packages => "packages",
            Self::Files => "files",
            Self::Program => "program",
            Self::Layout => "layout",
        }
    }
}
