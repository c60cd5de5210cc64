//! What `solve.py` is asked, and what it answers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::rpm::resolution::Solution;

/// What is to be solved.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Question<'a> {
    /// The folder that dnf takes for the tree: it has the tree's database in it, and streams of modules.
    pub(super) root: PathBuf,
    pub(super) cache: PathBuf,
    #[serde(flatten)]
    pub(super) of: &'a Asked,
}

/// All of it that decides the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Asked {
    pub(super) release: String,
    pub(super) arch: String,
    pub(super) platform: Option<String>,
    pub(super) weak: bool,
    pub(super) repositories: Vec<Offering>,
    /// Names of packages that stay as they are.
    pub(super) held: Vec<String>,
    pub(super) locked: Vec<Locked>,
    pub(super) bootstrap: bool,
    /// What rpm is made of.
    pub(super) base: Vec<String>,
    pub(super) modules: Vec<String>,
    pub(super) install: Vec<Named>,
    pub(super) groups: Vec<String>,
    pub(super) remove: Vec<String>,
    pub(super) upgrade_all: bool,
    /// Not what is to be done is asked, but what nothing needs of these.
    pub(super) automatic: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Offering {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) priority: Option<i32>,
    pub(super) cost: Option<u32>,
    pub(super) module_hotfixes: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Locked {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) arch: String,
}

/// What dnf says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Told {
    #[serde(flatten)]
    pub(super) solution: Solution,
    /// Why it chose nothing.
    #[serde(default)]
    pub(super) problem: Option<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Problem {
    pub(super) kind: ProblemKind,
    pub(super) what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ProblemKind {
    /// There is no such package.
    Package,
    /// There is, but not of that version.
    Version,
    /// There is no such stream of a module.
    Module,
    /// There is no such group.
    Group,
    /// They cannot be installed together.
    Unsolvable,
    /// An index cannot be read.
    Repository,
}
