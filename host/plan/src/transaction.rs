//! Package transactions: what several phases wished for, in as few runs of the package manager
//! as no step could tell from one run per phase.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fact::Fact;
use crate::phase::Phase;
use crate::schema::DISTRIBUTION;
use crate::wish::{Bootstrap, Repository};

/// Who wished for something, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct WantedBy {
    /// The element.
    pub element: String,
    /// The phase it wished for it.
    pub phase: Phase,
    /// The step that wished; none: the element's only one of the phase, named as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// As the element says it.
    pub reason: String,
}

/// A package, and who wants it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PackageWant {
    /// The distribution's own name.
    pub name: String,
    /// None: the newest.
    pub version: Option<String>,
    /// Who wants it; never empty.
    pub wanted_by: Vec<WantedBy>,
}

/// A module's stream, and who wants it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ModuleWant {
    /// The module.
    pub name: String,
    /// The stream that is enabled.
    pub stream: String,
    /// Who wants it; never empty.
    pub wanted_by: Vec<WantedBy>,
}

/// A group of packages, and who wants it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct GroupWant {
    /// Its id.
    pub id: String,
    /// Who wants it; never empty.
    pub wanted_by: Vec<WantedBy>,
}

/// A repository for the image's package manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedRepository {
    /// Before the steps of this phase, and before the packages of its transaction.
    pub phase: Phase,
    /// The repository.
    pub repository: Repository,
    /// Elements that wished for it.
    pub wanted_by: Vec<String>,
}

/// An answer for debconf.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DebconfAnswer {
    /// The package that asks.
    pub package: String,
    /// `locales/default_environment_locale`.
    pub question: String,
    /// `select`, `string`, …
    pub kind: String,
    /// The answer: one line.
    pub value: String,
    /// Elements that gave it.
    pub wanted_by: Vec<String>,
}

/// The first tree, and who wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct BootstrapWant {
    /// How it is made.
    pub source: Bootstrap,
    /// The element that wished for it.
    pub element: String,
}

/// One run of the package manager, before the steps of a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Transaction {
    /// Before the steps of this phase.
    pub before: Phase,
    /// The phases whose wishes are in it, as they run.
    pub phases: Vec<Phase>,
    /// The first tree is made by it.
    pub bootstrap: Option<BootstrapWant>,
    /// Added before anything is installed; by name.
    pub repositories: Vec<PlannedRepository>,
    /// Streams of modules, enabled before anything is resolved; by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<ModuleWant>,
    /// Bring everything up to date.
    pub upgrade_all: bool,
    /// To be in the image; by name.
    pub install: Vec<PackageWant>,
    /// Groups of packages to be in the image; by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupWant>,
    /// To be there for the build; by name.
    pub build_only: Vec<PackageWant>,
    /// To be gone; by name.
    pub remove: Vec<PackageWant>,
    /// To be kept at their version once installed; by name.
    pub hold: Vec<PackageWant>,
    /// For debconf, before anything is installed; by package and question.
    pub answers: Vec<DebconfAnswer>,
}

impl Transaction {
    /// An empty one.
    #[must_use]
    pub fn before(phase: Phase) -> Self {
        Self {
            before: phase,
            phases: vec![phase],
            bootstrap: None,
            repositories: Vec::new(),
            modules: Vec::new(),
            upgrade_all: false,
            install: Vec::new(),
            groups: Vec::new(),
            build_only: Vec::new(),
            remove: Vec::new(),
            hold: Vec::new(),
            answers: Vec::new(),
        }
    }
}

/// By what the first tree is made, and all that is installed later; of a tree that somebody else made, what
/// an element says that it has. None: nobody knows, or there is no first tree.
pub(crate) fn package_manager<'a>(
    transactions: &'a [Transaction],
    facts: &'a [Fact],
) -> Option<&'a str> {
    let first = transactions.iter().find_map(|transaction| transaction.bootstrap.as_ref())?;
    match &first.source {
        Bootstrap::Distribution(first) => Some(first.package_manager.as_str()),
        _ => {
            let said = facts.iter().find(|fact| fact.slot == DISTRIBUTION)?;
            said.value.get("package-manager")?.as_str()
        }
    }
}
