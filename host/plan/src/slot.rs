//! Slots as everybody knows them: how many values one takes, and when they are known.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many values a slot takes in the whole build.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Arity {
    /// Exactly one.
    One,
    /// At most one.
    Optional,
    /// Any number.
    Many,
}

/// When the values of a slot are known.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Timing {
    /// Before anything is built.
    Planned,
    /// Only once the target was looked at.
    Observed,
}

/// What is done with a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FactUse {
    /// Its values are read.
    Read,
    /// A value is provided.
    Provide,
}

/// Who may do something with a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The host itself, and no element.
    Host,
    /// Whoever is granted it. Elements that come with the host hold what they ask for.
    Granted,
    /// Any element.
    Anyone,
}

/// A slot that some step of the build reads or writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedSlot {
    /// `dib:boot/kernel-argument@1`.
    pub name: String,
    /// How many values.
    pub arity: Arity,
    /// When they are known.
    pub timing: Timing,
    /// JSON Schema of one value; none: anything. For `dib:` slots, the host's.
    pub schema: Option<Value>,
    /// One line.
    pub doc: String,
}

impl Arity {
    /// The name in a sentence and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Optional => "optional",
            Self::Many => "many",
        }
    }
}

impl Timing {
    /// The name in a sentence and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Observed => "observed",
        }
    }
}
