//! Actions: what the engine does, one after another, each under the key of all that it comes of.
//!
//! ```text
//!  make an empty tree ─► make the first tree ─► … ─► run `motd` in `install` ─► … ─► write the disk ─┬─► make the qcow2 image
//!        key 0        ─►       key 1         ─► … ─►         key n           ─► … ─►      key m      └─► make the raw image
//! ```
//!
//! A key is the SHA-256 of the key before it and of what the action itself reads. So two builds
//! whose keys are equal up to an action have equal trees after it, and the first input that
//! differs, by its name, says why two builds part.

use std::collections::BTreeMap;

use dibhost_definition::Format;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::digest::digest_of;
use crate::phase::Phase;

/// The version of what a key is made of. Another one makes every key another one: nothing that
/// was kept under the old ones is found again.
pub const KEY_VERSION: u32 = 1;

/// The contract that elements are run by: `wit/`. A host of another one may do another thing with
/// the same component.
pub const HOST_API: &str = "dib:element@0.1.0";

/// What the engine does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Work {
    /// The worker starts, with nothing in its tree.
    EmptyTree,
    /// The package transaction before the steps of a phase, with the first tree where it makes it.
    Packages {
        /// The phase.
        phase: Phase,
    },
    /// Groups, users and passwords, before the steps of a phase.
    Accounts {
        /// The phase.
        phase: Phase,
    },
    /// Files, folders and links, before the steps of a phase, as one change of the tree.
    Files {
        /// The phase.
        phase: Phase,
    },
    /// Texts, drop-ins, presets and states of units, before the steps of a phase.
    Units {
        /// The phase.
        phase: Phase,
    },
    /// `/etc/fstab` and the mount points of the disk that was planned.
    Fstab,
    /// What package scripts put off, once, before the steps of a phase.
    Deferred {
        /// The phase.
        phase: Phase,
    },
    /// One element's step.
    Step {
        /// The phase.
        phase: Phase,
        /// The element.
        element: String,
        /// Its name; none: the element's only one of the phase, named as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
    },
    /// Packages that only the build needed go.
    RemoveBuildOnly,
    /// The finished tree becomes the disk.
    Disk,
    /// The disk becomes an image file.
    Output {
        /// Which.
        format: Format,
    },
}

impl Work {
    /// The phase it belongs to; none before the first and after the last.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        match self {
            Self::EmptyTree | Self::Disk | Self::Output { .. } => None,
            Self::Fstab => Some(Phase::BlockDevice),
            Self::RemoveBuildOnly => Some(Phase::Cleanup),
            Self::Packages { phase }
            | Self::Accounts { phase }
            | Self::Files { phase }
            | Self::Units { phase }
            | Self::Deferred { phase }
            | Self::Step { phase, .. } => Some(*phase),
        }
    }

    /// What of it is in the key: what an action is, and not when it is due, which the key before
    /// it says.
    fn word(&self) -> &'static str {
        match self {
            Self::EmptyTree => "empty-tree",
            Self::Packages { .. } => "packages",
            Self::Accounts { .. } => "accounts",
            Self::Files { .. } => "files",
            Self::Units { .. } => "units",
            Self::Fstab => "fstab",
            Self::Deferred { .. } => "deferred",
            Self::Step { .. } => "step",
            Self::RemoveBuildOnly => "remove-build-only",
            Self::Disk => "disk",
            Self::Output { .. } => "output",
        }
    }
}

/// What kind of thing an action reads.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum InputKind {
    /// What all of the build stands on: `arch`, `source-date-epoch`, `host-api`.
    Build,
    /// How the first tree is made.
    FirstTree,
    /// A repository.
    Repository,
    /// A package that is installed, by its name; its version where one is wanted.
    Package,
    /// A module, and its stream.
    Module,
    /// A group of packages.
    PackageGroup,
    /// A package that is removed.
    Removal,
    /// A package that is kept at its version.
    Hold,
    /// An answer for debconf: package and question.
    DebconfAnswer,
    /// A group, a user (of a hash of its password the digest), or the name of the secret that is a
    /// user's password.
    Account,
    /// What is at a path: the digest of its content, its attributes.
    File,
    /// A unit's text or state, a drop-in of one, a file of presets.
    Unit,
    /// The lines of `/etc/fstab`, and the mount points.
    Fstab,
    /// A program of the image that runs once.
    Trigger,
    /// An element's bytes.
    Component,
    /// The name that a step is called by.
    Step,
    /// What an element is told of the image: its name.
    Image,
    /// A parameter of an element; of a secret its name.
    Parameter,
    /// A capability and its scope.
    Grant,
    /// A file or folder of the builder that an element is given: its digest.
    Input,
    /// A planned value of a slot that a step reads: slot, provider and key.
    Fact,
    /// What an element fetched without saying the digest of it, and has to fetch again.
    Pin,
    /// A node of the block device.
    Node,
    /// How the disk is made: `identities`, `backend`, `optimise`.
    Disk,
    /// How an image file is made: `format`, `compression`.
    Format,
    /// The version of a program of the builder: see [`Action::programs`].
    Program,
}

impl InputKind {
    /// The name in a sentence and in JSON.
    #[must_use]
    pub fn name(self) -> String {
        let name = serde_json::to_value(self).ok();
        name.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// One thing that an action reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Input {
    /// What kind of thing.
    pub kind: InputKind,
    /// Which one; unique among those of its kind.
    pub name: String,
    /// SHA-256 of what it is, in canonical JSON.
    pub digest: String,
}

impl Input {
    /// An input of that value.
    pub fn new(kind: InputKind, name: impl Into<String>, value: &Value) -> Self {
        Self { kind, name: name.into(), digest: digest_of(value) }
    }
}

/// One thing that the engine does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Action {
    /// For people: "run `motd` in `install`". Unique in a plan, and no part of the key.
    pub name: String,
    /// What is done.
    pub work: Work,
    /// All that it reads beside what the actions before it made, in order.
    pub inputs: Vec<Input>,
    /// Programs of the builder that shape what comes of it; the engine adds their versions: see
    /// [`with_versions`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
    /// 64 hex digits.
    pub key: String,
}

impl Action {
    /// An action that has no key yet: [`chain`] gives it one.
    pub fn new(name: impl Into<String>, work: Work, inputs: Vec<Input>) -> Self {
        Self { name: name.into(), work, inputs, programs: Vec::new(), key: String::new() }
    }
}

/// Gives each action its key. An image file comes of the disk or of the tree, and not of another image
/// file.
pub(crate) fn chain(actions: &mut [Action]) {
    let (mut tree, mut disk) = (String::new(), String::new());
    for action in actions {
        let after = match action.work {
            Work::Output { format } if format.is_of_disk() => &disk,
            _ => &tree,
        };
        action.key = key(after, action);
        match action.work {
            Work::Disk => disk.clone_from(&action.key),
            Work::Output { .. } => {}
            _ => tree.clone_from(&action.key),
        }
    }
}

fn key(before: &str, action: &Action) -> String {
    let inputs: Vec<Value> =
        action.inputs.iter().map(|i| json!([i.kind, i.name, i.digest])).collect();
    digest_of(&json!({
        "version": KEY_VERSION,
        "before": before,
        "work": action.work.word(),
        "inputs": inputs,
    }))
}

/// The actions of a plan with the versions of the builder's programs among their inputs, and the
/// keys that come of it. A plan itself knows no versions: it is the same on every machine.
#[must_use]
pub fn with_versions(actions: &[Action], versions: &BTreeMap<String, String>) -> Vec<Action> {
    let mut actions = actions.to_vec();
    for action in &mut actions {
        for program in &action.programs {
            // One that is not there has no version, which is something else than any version.
            let version = json!(versions.get(program));
            action.inputs.push(Input::new(InputKind::Program, program, &version));
        }
    }
    chain(&mut actions);
    actions
}

/// The first input in which two actions differ; none when only what is before them differs.
#[must_use]
pub fn first_difference<'a>(before: &'a Action, after: &'a Action) -> Option<&'a Input> {
    let other = |input: &&Input, of: &Action| !of.inputs.contains(input);
    let of = |input: &&Input| (input.kind, input.name.clone());
    let gone = before.inputs.iter().filter(|i| other(i, after));
    after.inputs.iter().filter(|i| other(i, before)).chain(gone).min_by_key(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_is_the_one_in_the_tree() {
        let wit = include_str!("../../../wit/types.wit");
        assert!(wit.contains(&format!("package {HOST_API};")), "{HOST_API}");
    }

    #[test]
    fn every_kind_of_input_has_a_name() {
        assert_eq!(InputKind::DebconfAnswer.name(), "debconf-answer");
    }

    #[test]
    fn the_first_difference_is_the_first_by_kind_and_name() {
        let action = |inputs: &[(InputKind, &str, i32)]| {
            let inputs = inputs.iter().map(|(kind, name, n)| Input::new(*kind, *name, &json!(n)));
            Action::new("a", Work::Fstab, inputs.collect())
        };
        use InputKind::{Component, Fact, Grant};
        let one = action(&[(Component, "", 1), (Grant, "x", 1), (Fact, "y", 1)]);
        let other = action(&[(Component, "", 1), (Grant, "z", 1), (Fact, "y", 2)]);
        assert_eq!(first_difference(&one, &other).unwrap().name, "x");
        assert_eq!(first_difference(&one, &one), None);
    }
}
