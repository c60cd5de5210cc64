//! Facts: typed data between elements, within a phase and after it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Phase;

/// One value in a slot, and where it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// `dib:boot/kernel-argument@1`.
    pub slot: String,
    /// The element that provided it (`host` for the host's own).
    pub provider: String,
    /// The phase it was provided in.
    pub phase: Phase,
    /// The step that provided it; none: the element's only one of the phase, named as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Tells a provider's own values in a `many` slot apart.
    pub key: String,
    /// Fits the slot's schema.
    pub value: Value,
}

impl Fact {
    /// The name of the step that provided it.
    #[must_use]
    pub fn step_name(&self) -> &str {
        self.step.as_deref().unwrap_or(self.phase.name())
    }
}
