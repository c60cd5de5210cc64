//! What planning asks of whoever holds the elements. `plan` knows no WebAssembly: the crate
//! `dibhost-element` implements [`Planner`], and tests implement it with plain closures.

use std::collections::BTreeMap;
use std::sync::Arc;

use dibhost_block_device::Node;
use dibhost_definition::Limits;
use dibhost_inputs::Inputs;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Phase;
use crate::description::Description;
use crate::fact::Fact;
use crate::grant::Grants;
use crate::wish::Wish;

/// The machine the image is for, as elements see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetMachine {
    /// `amd64`, `arm64`, … as Debian names them.
    pub arch: String,
    /// The image's name.
    pub image_name: String,
    /// Seconds since the epoch that every timestamp is clamped to.
    pub source_date_epoch: u64,
}

/// What of the builder's own surroundings an element with the grant `builder` may see. Read by
/// the caller beforehand, so that planning stays a function of its inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuilderSurroundings {
    /// Public keys of the person who builds: lines for `authorized_keys`.
    pub authorized_keys: Vec<String>,
    /// Proxy for `http:`.
    pub http_proxy: Option<String>,
    /// Proxy for `https:`.
    pub https_proxy: Option<String>,
    /// Hosts that go without.
    pub no_proxy: Vec<String>,
}

/// An element that was found, and what it says of itself.
#[derive(Debug, Clone)]
pub struct Described {
    /// What it says.
    pub description: Arc<Description>,
    /// `sha256:…` of the component.
    pub digest: String,
    /// Where it was found, for people.
    pub origin: String,
    /// It was shipped with this host (by digest).
    pub first_party: bool,
    /// Interfaces of `dib:element` it imports, without the package: `rootfs`, `exec`.
    pub imports: Vec<String>,
}

/// One call of `plan(step)`.
#[derive(Debug)]
pub struct StepCall<'a> {
    /// The element.
    pub element: &'a str,
    /// What it says of itself, as the plan takes it: of the definition's own element less than that,
    /// and a parameter for each password.
    pub description: &'a Arc<Description>,
    /// The step, by its name.
    pub step: &'a str,
    /// Its phase.
    pub phase: Phase,
    /// The machine.
    pub machine: &'a TargetMachine,
    /// Its parameters: set ones and defaults, checked.
    pub parameters: &'a BTreeMap<String, Value>,
    /// What it holds.
    pub grants: &'a Grants,
    /// Inputs of the definition, those that it does not hold among them.
    pub inputs: &'a Inputs,
    /// What it may not go beyond.
    pub limits: &'a Limits,
    /// Values of the planned slots it consumes: slot → facts ordered by provider and key.
    pub facts: &'a BTreeMap<String, Vec<Fact>>,
    /// Block-device nodes wished so far.
    pub nodes: &'a [Node],
    /// The builder's surroundings.
    pub builder: &'a BuilderSurroundings,
}

/// A remark about parameters or facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The parameter it is about.
    pub parameter: Option<String>,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// Stops the build.
    pub fatal: bool,
}

/// What one call of `plan(step)` came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepAnswer {
    /// Facts provided: slot, key, value. Slots are declared, planned ones; values fit their schema.
    pub facts: Vec<(String, String, Value)>,
    /// Wishes, in the order they were made; each within the grants, each validated.
    pub wishes: Vec<Wish>,
    /// Remarks.
    pub findings: Vec<Finding>,
}

/// A failure of an element, or of loading one. Names no element: the caller adds that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ElementFailure {
    /// One sentence without a trailing newline.
    pub message: String,
    /// What was being done, innermost first.
    pub context: Vec<String>,
    /// What to do.
    pub help: Option<String>,
}

impl ElementFailure {
    /// A failure without context and help.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), context: Vec::new(), help: None }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Whoever holds the elements.
pub trait Planner {
    /// Finds an element by the name or path written in a definition (or in `requires`) and
    /// describes it. A path is relative to `base`, the definition's folder.
    ///
    /// # Errors
    /// When there is none of that name, or it is not a sound element.
    fn describe(
        &self,
        reference: &str,
        base: &std::path::Path,
    ) -> Result<Described, ElementFailure>;

    /// Names that could be meant, for "did you mean".
    fn known_names(&self) -> Vec<String>;

    /// Calls `plan(step)` of a described element.
    ///
    /// # Errors
    /// When the element fails, traps or oversteps.
    fn plan_step(&self, call: &StepCall<'_>) -> Result<StepAnswer, ElementFailure>;
}
