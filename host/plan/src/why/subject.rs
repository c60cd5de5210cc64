//! What can be asked for, and who asked for it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::Phase;

/// The kind of a subject: what stands before its first `:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A command of the definition, by its words or its script.
    Command,
    /// An element of the image.
    Element,
    /// A slot, and all values in it.
    Fact,
    /// A path of the image that files are wished for at.
    File,
    /// A group.
    Group,
    /// An argument of the kernel's command line, or the word before its `=`.
    KernelArgument,
    /// A node of the block device.
    Node,
    /// A package.
    Package,
    /// A package repository.
    Repository,
    /// A unit of the init system; `service` to those who think of it so.
    Unit,
    /// A user.
    User,
}

impl Kind {
    /// All of them, with the words they are written as; the first is the usual one.
    pub(super) const ALL: [(Self, &'static [&'static str]); 11] = [
        (Self::Command, &["command", "run"]),
        (Self::Element, &["element"]),
        (Self::Fact, &["fact", "slot"]),
        (Self::File, &["file", "path"]),
        (Self::Group, &["group"]),
        (Self::KernelArgument, &["kernel-argument"]),
        (Self::Node, &["node"]),
        (Self::Package, &["package"]),
        (Self::Repository, &["repository"]),
        (Self::Unit, &["unit", "service"]),
        (Self::User, &["user"]),
    ];

    /// The word before the `:`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, words)| words[0])
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, words)| words.contains(&word)).map(|(kind, _)| *kind)
    }
}

/// One who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reason {
    /// An element, or [`HOST`]; none: the definition.
    pub element: Option<String>,
    /// The phase it asked in.
    pub phase: Option<Phase>,
    /// The step; none: the element's only one of the phase, named as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What it asks: a sentence part after "wants" (`it installed`) or "gives".
    pub wants: String,
    /// In the element's own words: of the wish, of the value, or of the request for the grant
    /// that the wish needs.
    pub reason: Option<String>,
    /// The line of the definition that asks, where that does: `image.toml:12:8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// A subject that the plan does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSuchSubject {
    /// What is wrong with it: one sentence.
    pub message: String,
    /// What to ask instead.
    pub help: String,
}

impl fmt::Display for NoSuchSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  help: {}", self.message, self.help)
    }
}

impl std::error::Error for NoSuchSubject {}

/// Everything that can be asked for, and who wants it.
pub(super) type Subjects = BTreeMap<(Kind, String), Vec<Reason>>;

/// `package:curl`.
pub(super) fn subject(kind: Kind, name: &str) -> String {
    format!("{}:{name}", kind.name())
}
