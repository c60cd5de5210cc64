//! What a plan depends on besides the definition and the elements.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_definition::LockedImage;
use dibhost_inputs::Inputs;

use crate::planner::BuilderSurroundings;

/// Timestamps of an image whose definition names none: 2024-01-01, so that two builds of one
/// definition are equal. Not 1970, which some programs take for "no time at all".
pub const DEFAULT_SOURCE_DATE_EPOCH: u64 = 1_704_067_200;

/// What to do where the image is for a machine whose programs this one does not run.
pub const CANNOT_RUN_HELP: &str = "install `qemu-user-static`, which registers interpreters for other machines, or build on such a machine";

/// What a plan depends on besides the definition and the elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanInputs {
    /// What elements with the grant `builder` may see.
    pub builder: BuilderSurroundings,
    /// The machine of a definition that names none, as Debian names it.
    pub builder_arch: String,
    /// Why that machine cannot run the programs of the one that the image is for; none: it can.
    /// Told as a finding, which is no part of the plan's digest: another builder may.
    pub cannot_run: Option<String>,
    /// For a definition that names none: from the environment's `SOURCE_DATE_EPOCH`, say.
    pub source_date_epoch: u64,
    /// What the image's elements were when somebody last agreed to them; none: nobody did.
    pub lock: Option<LockedImage>,
    /// Namespaces of facts that are somebody's: `acme` of `acme:proxy/upstream@1`.
    pub kept_slots: BTreeMap<String, KeptSlots>,
    /// What the definition's `[inputs]` name, opened and read by the caller.
    pub inputs: Inputs,
    /// Secrets of the definition that are not where it says, and why: a sentence part after the
    /// name. Told as findings, which are no part of the plan's digest.
    pub missing_secrets: BTreeMap<String, String>,
}

/// Whose a namespace of facts is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptSlots {
    /// What the publisher is called in messages.
    pub publisher: String,
    /// Digests of the components that are known to be the publisher's, `sha256:…`.
    pub elements: BTreeSet<String>,
}

impl PlanInputs {
    /// Inputs for a builder of that machine, with nothing else to see.
    pub fn for_arch(arch: impl Into<String>) -> Self {
        Self {
            builder: BuilderSurroundings::default(),
            builder_arch: arch.into(),
            cannot_run: None,
            source_date_epoch: DEFAULT_SOURCE_DATE_EPOCH,
            lock: None,
            kept_slots: BTreeMap::new(),
            inputs: Inputs::default(),
            missing_secrets: BTreeMap::new(),
        }
    }
}
