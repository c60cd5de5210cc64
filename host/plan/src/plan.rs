//! The plan: the whole build as a value. What the engine carries out, what `dibhost plan`
//! prints, and what the digest of a build is taken of.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_block_device::{Backend, LayoutOptions, Node, Optimise};
use dibhost_definition::{Capability, Contents, Format, Limits, Qcow2Compression};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Phase;
use crate::action::Action;
use crate::description::Condition;
use crate::fact::Fact;
use crate::file::FileNode;
use crate::grant::{Grants, Right, Start};
use crate::label::label;
use crate::planner::TargetMachine;
use crate::slot::{PlannedSlot, Timing};
use crate::transaction::Transaction;
use crate::wish::{PresetAction, UnitState, User, WishRecord};

/// The version of the JSON form. Readers refuse another one; a field that is added does not
/// change it, one that changes its meaning or goes does.
pub const VERSION: u32 = 1;

/// The provider of the host's own facts.
pub const HOST: &str = "host";

/// The image as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedImage {
    /// Its name.
    pub name: String,
    /// As Debian names it.
    pub arch: String,
    /// The files to make.
    pub formats: Vec<Format>,
    /// How clusters of a qcow2 are compressed.
    pub qcow2_compression: Qcow2Compression,
    /// Seconds since the epoch that every timestamp is clamped to.
    pub source_date_epoch: u64,
}

impl PlannedImage {
    /// Whether a disk is made: one of the formats holds it.
    #[must_use]
    pub fn makes_disks(&self) -> bool {
        self.formats.iter().any(|format| format.is_of_disk())
    }
}

/// A grant an element holds, and why it asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "HeldGrantText", into = "HeldGrantText")]
pub struct HeldGrant {
    /// What it is of.
    pub right: Right,
    /// As the element says it.
    pub reason: String,
    /// It asked for it only where this holds: it does.
    pub when: Vec<Condition>,
}

/// A grant an element holds, as plans write it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct HeldGrantText {
    /// Which capability.
    capability: Capability,
    /// What of it; empty where it has no scopes.
    scope: String,
    /// As the element says it.
    reason: String,
    /// It asked for it only where this holds: it does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    when: Vec<Condition>,
}

impl From<HeldGrant> for HeldGrantText {
    fn from(held: HeldGrant) -> Self {
        let (capability, scope) = held.right.said();
        Self { capability, scope, reason: held.reason, when: held.when }
    }
}

impl TryFrom<HeldGrantText> for HeldGrant {
    type Error = String;

    fn try_from(text: HeldGrantText) -> Result<Self, String> {
        let HeldGrantText { capability, scope, reason, when } = text;
        Ok(Self { right: Right::parse(capability, &scope)?, reason, when })
    }
}

/// An element of the image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedElement {
    /// Its name.
    pub name: String,
    /// Semver.
    pub version: String,
    /// `sha256:…` of the component.
    pub digest: String,
    /// Where it was found, for people; no part of the digest of the plan.
    pub origin: String,
    /// What the definition (or `requires`) names it by; [`crate::planner::Planner`] finds it with.
    pub reference: String,
    /// It was shipped with this host.
    pub first_party: bool,
    /// One line.
    pub summary: String,
    /// Elements that require it; empty when only the definition names it.
    pub required_by: Vec<String>,
    /// The definition names it.
    pub listed: bool,
    /// Set ones and defaults, checked. Of a secret its name, never more.
    pub parameters: BTreeMap<String, Value>,
    /// Those of them that the definition sets; no part of the digest of the plan, for a default that
    /// is written out is the same build.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub parameters_set: BTreeSet<String>,
    /// What it holds, in order.
    #[schemars(with = "Vec<HeldGrantText>")]
    pub grants: Vec<HeldGrant>,
    /// What it fetches without saying the digest of it, as `dib.lock` has it: see
    /// [`crate::remote`]. What it fetches beside that is not known before it does.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: BTreeMap<String, String>,
    /// What its steps may not go beyond.
    #[schemars(with = "BTreeMap<String, Option<u64>>")]
    pub limits: Limits,
}

impl PlannedElement {
    /// It carries out what the definition says in its own keys, and holds what they say: no other
    /// element has its name.
    #[must_use]
    pub fn is_definition(&self) -> bool {
        self.name == Contents::ELEMENT
    }

    /// What it holds, for checks.
    #[must_use]
    pub fn held(&self) -> Grants {
        let held: Grants = self.grants.iter().map(|g| g.right.clone()).collect();
        held.with_inputs(&self.parameters)
    }

    /// Whether its steps can see the target, or change it.
    #[must_use]
    pub fn sees_target(&self) -> bool {
        self.grants.iter().any(|g| g.right.sees_target())
    }

    /// Whether its steps can change the target.
    #[must_use]
    pub fn writes_target(&self) -> bool {
        self.grants.iter().any(|g| g.right.writes_target())
    }
}

/// One thing that an element does in one phase.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// The phase.
    pub phase: Phase,
    /// The element.
    pub element: String,
    /// Its name; none: the element's only one of the phase, named as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Slots it reads.
    pub reads: Vec<String>,
    /// Those of them that have to have a value.
    pub needs: Vec<String>,
    /// Slots it may write.
    pub writes: Vec<String>,
    /// Steps of the same phase it runs after by its `after` or their `before`, those that are
    /// there, by their labels: `ELEMENT` or `ELEMENT/STEP`.
    pub after: Vec<String>,
    /// It is done when it is planned: nothing of it runs.
    pub plan_only: bool,
}

impl Step {
    /// The name that the element knows it by.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.phase.name())
    }

    /// What it is called in a sentence: `ELEMENT`, or `ELEMENT/STEP` where that alone does not say
    /// which one it is.
    #[must_use]
    pub fn label(&self) -> String {
        label(&self.element, self.name.as_deref())
    }
}

/// Values flow from one step to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct FactEdge {
    /// The phase of the reader.
    pub phase: Phase,
    /// The slot.
    pub slot: String,
    /// When the values are known.
    pub timing: Timing,
    /// The provider: an element or [`HOST`].
    pub from: String,
    /// The phase of the provider.
    pub from_phase: Phase,
    /// The reader.
    pub to: String,
    /// The provider's step; none: its only one of the phase, named as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_step: Option<String>,
    /// The reader's step, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_step: Option<String>,
}

impl FactEdge {
    /// What the provider's step is called.
    #[must_use]
    pub fn from_label(&self) -> String {
        label(&self.from, self.from_step.as_deref())
    }

    /// What the reader's step is called.
    #[must_use]
    pub fn to_label(&self) -> String {
        label(&self.to, self.to_step.as_deref())
    }
}

/// A secret of the definition that elements are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedSecret {
    /// What the definition calls it.
    pub name: String,
    /// Where it is, for people; no part of the digest of the plan.
    pub source: String,
    /// Parameters that name it: `ELEMENT.PARAMETER`; nodes of the definition that it opens:
    /// `node:NAME`.
    pub given_to: Vec<String>,
}

/// A file or folder of the builder that elements are given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedInput {
    /// What the definition calls it.
    pub name: String,
    /// Where it is, as the definition says it; no part of the digest of the plan.
    pub path: String,
    /// `sha256:…` over all paths, kinds, modes, contents and links.
    pub digest: String,
    /// Files, folders and links in it; none: it is one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<usize>,
    /// Bytes of all files.
    pub size: u64,
    /// Elements that may read it.
    pub given_to: Vec<String>,
}

/// A password to set before the steps of its phase run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedPassword {
    /// Before the steps of this phase.
    pub phase: Phase,
    /// Whose.
    pub user: String,
    /// The secret, as the definition calls it.
    pub secret: String,
    /// Elements that wished for it.
    pub wanted_by: Vec<String>,
}

/// A group to have when the steps of its phase run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedGroup {
    /// Before the steps of this phase.
    pub phase: Phase,
    /// Its name.
    pub name: String,
    /// None: the next free one.
    pub gid: Option<u32>,
    /// Elements that wished for it.
    pub wanted_by: Vec<String>,
}

/// A user to have when the steps of its phase run: all wishes up to that phase, merged. The
/// same user comes again in a later phase when more was wished for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedUser {
    /// Before the steps of this phase.
    pub phase: Phase,
    /// The account.
    pub user: User,
    /// Elements that wished for it.
    pub wanted_by: Vec<String>,
}

/// The text of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedUnit {
    /// Before the steps of this phase.
    pub phase: Phase,
    /// The unit, with its suffix.
    pub unit: String,
    /// The text of the unit file.
    pub content: String,
    /// Elements that wished for it.
    pub wanted_by: Vec<String>,
}

/// More of a unit, whoever it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedDropIn {
    /// Before the steps of this phase.
    pub phase: Phase,
    /// The unit, with its suffix.
    pub unit: String,
    /// The drop-in, without its `.conf`.
    pub name: String,
    /// Its text.
    pub content: String,
    /// Elements that wished for it.
    pub wanted_by: Vec<String>,
}

/// A line of a preset file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PresetLine {
    /// A unit, or a pattern with `*`.
    pub unit: String,
    /// What becomes of it.
    pub action: PresetAction,
    /// Elements that wished for it.
    pub wanted_by: Vec<String>,
}

/// The preset file of a number: all lines that were wished for up to that phase. The same file
/// comes again in a later phase when more was wished for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedPreset {
    /// Before the steps of this phase.
    pub phase: Phase,
    /// From 0 to 99.
    pub number: u8,
    /// In the order in which they hold: the first that fits a unit.
    pub lines: Vec<PresetLine>,
}

/// What becomes of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedUnitState {
    /// Before the steps of this phase.
    pub phase: Phase,
    /// The unit, with its suffix.
    pub unit: String,
    /// Its state.
    pub state: UnitState,
    /// Elements that wished for it.
    pub wanted_by: Vec<String>,
}

/// What is to be at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedFile {
    /// Before the steps of this phase, and after its packages.
    pub phase: Phase,
    /// Absolute and normal.
    pub path: String,
    /// What is to be there.
    pub node: FileNode,
    /// Elements that wished for it; never empty.
    pub wanted_by: Vec<String>,
}

/// The block device: its nodes, checked, and what its identities derive from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedBlockDevice {
    /// 64 hex digits: [`PlannedBlockDevice::seed_bytes`]. UUIDs and hash seeds derive from it;
    /// it comes of the definition, the elements and their parameters, not of what they wish.
    pub seed: String,
    /// The nodes, settings of `[root-filesystem]` applied.
    pub nodes: Vec<Node>,
    /// UUIDs by node: [`dibhost_block_device::Identities`] of the nodes and the seed.
    pub identities: Value,
    /// Neither the definition nor an element has a node: one filesystem without a partition table.
    pub is_default: bool,
    /// What makes the disks: `loop` mounts their filesystems, on loop devices and as root.
    #[serde(default)]
    pub backend: Backend,
    /// What they are laid out for; none: what is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimise: Option<Optimise>,
}

impl PlannedBlockDevice {
    /// The seed that UUIDs derive from.
    #[must_use]
    pub fn seed_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(self.seed.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).unwrap_or_default();
            *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
        }
        bytes
    }

    /// What the layout is decided by.
    #[must_use]
    pub fn layout_options(&self) -> LayoutOptions {
        LayoutOptions { optimise: self.optimise }
    }
}

/// A program that package scripts start often and the host once: diverted during transactions,
/// run before the steps of `before`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DeferredTrigger {
    /// `update-initramfs`, `dracut`.
    pub program: String,
    /// Just before the steps of this phase.
    pub before: Phase,
}

/// A remark that does not stop the build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlanFinding {
    /// The element it is about; none: the definition.
    pub element: Option<String>,
    /// The phase whose planning made it.
    pub phase: Option<Phase>,
    /// `file:line:column` of what it is about; no part of the digest of the plan.
    pub location: Option<String>,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// The whole build as a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// [`VERSION`].
    pub version: u32,
    /// `sha256:…` over the canonical JSON of all that follows, but for origins and places.
    pub digest: String,
    /// The image as a whole.
    pub image: PlannedImage,
    /// By name.
    pub elements: Vec<PlannedElement>,
    /// Where the definition says in its own keys what is wished for: subject (`package:nginx`) →
    /// `image.toml:1:13`. No part of the digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub places: BTreeMap<String, String>,
    /// As they run.
    pub steps: Vec<Step>,
    /// By name.
    pub slots: Vec<PlannedSlot>,
    /// By the reader's phase, slot, provider and reader.
    pub edges: Vec<FactEdge>,
    /// Planned facts: by slot, provider and key.
    pub facts: Vec<Fact>,
    /// As they were made, phases as they run.
    pub wishes: Vec<WishRecord>,
    /// As they are carried out.
    pub transactions: Vec<Transaction>,
    /// By phase and name.
    pub groups: Vec<PlannedGroup>,
    /// By phase and name.
    pub users: Vec<PlannedUser>,
    /// By phase and user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passwords: Vec<PlannedPassword>,
    /// By name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<PlannedSecret>,
    /// By name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<PlannedInput>,
    /// By phase and name.
    pub unit_definitions: Vec<PlannedUnit>,
    /// By phase, unit and name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unit_drop_ins: Vec<PlannedDropIn>,
    /// By phase and number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unit_presets: Vec<PlannedPreset>,
    /// By phase and name.
    pub unit_states: Vec<PlannedUnitState>,
    /// By phase, as they are placed: what is removed, folders, the rest; by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<PlannedFile>,
    /// The block device.
    pub block_device: PlannedBlockDevice,
    /// Programs that the host starts once, after all transactions.
    pub deferred_triggers: Vec<DeferredTrigger>,
    /// What the engine does, as it does it; no part of the digest of the plan, all of which they
    /// come of.
    pub actions: Vec<Action>,
    /// Remarks.
    pub findings: Vec<PlanFinding>,
}

/// The JSON Schema of the JSON form: what `docs/plan.schema.json` has.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Plan).to_value();
    schema["$id"] = Value::from(format!("urn:dibhost:plan@{VERSION}"));
    schema
}

impl Plan {
    /// The machine the image is for, as elements see it.
    #[must_use]
    pub fn machine(&self) -> TargetMachine {
        TargetMachine {
            arch: self.image.arch.clone(),
            image_name: self.image.name.clone(),
            source_date_epoch: self.image.source_date_epoch,
        }
    }

    /// Whether a build starts programs of the image: package scripts, those that the host makes
    /// accounts and sets units with, and those of elements.
    #[must_use]
    pub fn runs_programs(&self) -> bool {
        let starts =
            |e: &PlannedElement| e.grants.iter().any(|g| matches!(g.right, Right::Exec(_)));
        let nothing = self.transactions.is_empty()
            && self.groups.is_empty()
            && self.users.is_empty()
            && self.passwords.is_empty()
            && self.unit_states.is_empty();
        !nothing || self.elements.iter().any(starts)
    }

    /// Whether programs of a step that runs may reach the network.
    #[must_use]
    pub fn reaches_network(&self) -> bool {
        let network = |e: &PlannedElement| {
            e.grants.iter().any(|g| matches!(g.right, Right::Exec(Start::Network)))
        };
        self.steps
            .iter()
            .filter(|step| !step.plan_only)
            .any(|step| self.element(&step.element).is_some_and(network))
    }

    /// The element of that name.
    #[must_use]
    pub fn element(&self, name: &str) -> Option<&PlannedElement> {
        self.elements.iter().find(|e| e.name == name)
    }

    /// The steps of a phase, as they run.
    pub fn steps_of(&self, phase: Phase) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |s| s.phase == phase)
    }

    /// The package transaction that comes just before the steps of a phase.
    #[must_use]
    pub fn transaction_before(&self, phase: Phase) -> Option<&Transaction> {
        self.transactions.iter().find(|t| t.before == phase)
    }

    /// Groups to have before the steps of a phase.
    pub fn groups_of(&self, phase: Phase) -> impl Iterator<Item = &PlannedGroup> {
        self.groups.iter().filter(move |g| g.phase == phase)
    }

    /// Users to have before the steps of a phase.
    pub fn users_of(&self, phase: Phase) -> impl Iterator<Item = &PlannedUser> {
        self.users.iter().filter(move |u| u.phase == phase)
    }

    /// Passwords to set before the steps of a phase.
    pub fn passwords_of(&self, phase: Phase) -> impl Iterator<Item = &PlannedPassword> {
        self.passwords.iter().filter(move |p| p.phase == phase)
    }

    /// Users whose password has to be changed at the first login, and of whom a wish or a password
    /// is carried out before the steps of a phase; by name.
    #[must_use]
    pub fn passwords_to_change(&self, phase: Phase) -> Vec<&str> {
        let to_change = |name: &str| {
            let mut users = self.users.iter().filter(|u| u.phase <= phase && u.user.name == name);
            users.any(|user| user.user.change_password)
        };
        let users = self.users_of(phase).map(|u| u.user.name.as_str());
        let passwords = self.passwords_of(phase).map(|p| p.user.as_str());
        let names: BTreeSet<&str> = users.chain(passwords).filter(|n| to_change(n)).collect();
        names.into_iter().collect()
    }

    /// Unit files to write before the steps of a phase.
    pub fn unit_definitions_of(&self, phase: Phase) -> impl Iterator<Item = &PlannedUnit> {
        self.unit_definitions.iter().filter(move |u| u.phase == phase)
    }

    /// Drop-ins of units to write before the steps of a phase.
    pub fn unit_drop_ins_of(&self, phase: Phase) -> impl Iterator<Item = &PlannedDropIn> {
        self.unit_drop_ins.iter().filter(move |d| d.phase == phase)
    }

    /// Preset files to write before the steps of a phase.
    pub fn unit_presets_of(&self, phase: Phase) -> impl Iterator<Item = &PlannedPreset> {
        self.unit_presets.iter().filter(move |p| p.phase == phase)
    }

    /// States of units to set before the steps of a phase.
    pub fn unit_states_of(&self, phase: Phase) -> impl Iterator<Item = &PlannedUnitState> {
        self.unit_states.iter().filter(move |u| u.phase == phase)
    }

    /// Files, folders and links to place before the steps of a phase, as they are placed.
    pub fn files_of(&self, phase: Phase) -> impl Iterator<Item = &PlannedFile> {
        self.files.iter().filter(move |f| f.phase == phase)
    }

    /// Programs to start just before the steps of a phase.
    pub fn triggers_before(&self, phase: Phase) -> impl Iterator<Item = &DeferredTrigger> {
        self.deferred_triggers.iter().filter(move |t| t.before == phase)
    }

    /// Packages that are in the tree for the build only, by name; to be removed at its end.
    #[must_use]
    pub fn build_only_packages(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.transactions.iter().flat_map(|t| &t.build_only).map(|p| p.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Planned facts of a slot, ordered by provider and key.
    pub fn facts_of<'a>(&'a self, slot: &'a str) -> impl Iterator<Item = &'a Fact> {
        self.facts.iter().filter(move |f| f.slot == slot)
    }
}
