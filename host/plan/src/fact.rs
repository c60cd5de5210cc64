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
    /// Tells a provider's own values in a `many` slot apart.
    pub key: String,
    /// Fits the slot's schema.
    pub value: Value,
}
