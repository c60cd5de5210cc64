//! What an element says about itself: `metadata.describe` of the contract, as plain data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::phase::Phase;
pub use crate::slot::{Arity, Timing};

/// A slot that a step writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// `dib:boot/kernel-argument@1`.
    pub name: String,
    /// How many values.
    pub arity: Arity,
    /// When they are known.
    pub timing: Timing,
    /// JSON Schema of one value; none for `dib:` slots, whose schemas are the host's.
    pub schema: Option<Value>,
    /// One line.
    pub doc: String,
}

/// A slot that a step reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlotUse {
    /// `dib:boot/kernel-argument@1`.
    pub name: String,
    /// How many values it expects.
    pub arity: Arity,
    /// Nobody providing it refuses the build.
    pub required: bool,
}

/// One thing an element does in one phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepDeclaration {
    /// Kebab-case, unique in the element.
    pub name: String,
    /// The phase.
    pub phase: Phase,
    /// Slots it may write.
    pub provides: Vec<Slot>,
    /// Slots it reads.
    pub consumes: Vec<SlotUse>,
    /// Steps of the same phase to run after: `ELEMENT` or `ELEMENT/STEP`.
    pub after: Vec<String>,
    /// Steps of the same phase to run before.
    pub before: Vec<String>,
    /// Only `plan` is called for it, `run` never.
    pub plan_only: bool,
}

/// The kind of a parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParameterKind {
    /// A string.
    Text,
    /// A 64-bit signed integer.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list of strings.
    TextList,
    /// One of these.
    Choice(Vec<String>),
    /// A secret.
    Secret,
    /// Checked against this JSON Schema.
    Json(Value),
}

/// A value the image definition may set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: ParameterKind,
    /// None: the image definition must set it. `null` is a default like any other.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some")]
    pub default: Option<Value>,
    /// One line.
    pub doc: String,
    /// Environment variables an older definition set it by.
    pub aliases: Vec<String>,
}

/// A field that is there is `Some`, `null` too, which serde would take for none.
fn some<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Another element that has to be in the image too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Its name.
    pub name: String,
    /// Semver range; empty or `*`: any.
    pub version: String,
    /// Absent is fine; if present it must match.
    pub optional: bool,
}

/// Something an element asks the image definition to grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `rootfs`, `exec`, `packages`, …
    pub capability: String,
    /// What that capability's pattern means: see [`crate::grant`].
    pub scope: String,
    /// Why.
    pub reason: String,
    /// It asks only where all of these hold; none: always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<Condition>,
}

/// What has to be true of what the steps of `root` say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Condition {
    /// A slot that is planned in `root`.
    pub slot: String,
    /// A field of a value in it, `/` between the names where it lies deeper; empty: the value.
    pub field: String,
    /// The field is one of these texts.
    pub one_of: Vec<String>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// Kebab-case.
    pub name: String,
    /// Semver.
    pub version: String,
    /// One line.
    pub summary: String,
    /// SPDX expression.
    pub license: String,
    /// Elements that have to be there too.
    pub requires: Vec<Requirement>,
    /// Names it stands in for.
    pub stands_in_for: Vec<String>,
    /// Elements that may not be there.
    pub conflicts_with: Vec<String>,
    /// What the definition may set.
    pub parameters: Vec<Parameter>,
    /// What it does.
    pub steps: Vec<StepDeclaration>,
    /// What it asks for.
    pub requests: Vec<Request>,
    /// What it says, anywhere in it, that this host does not know.
    pub extensions: Vec<Extension>,
}

/// What a record says beyond the contract of this host: a later version may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Of what of the element, as a sentence has it: `its step `install``; empty: of all of it.
    pub of: String,
    /// With `!` before it: what does not know it must not use the element.
    pub key: String,
    /// A JSON document.
    pub value: String,
}

impl Description {
    /// The step of this name.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&StepDeclaration> {
        self.steps.iter().find(|s| s.name == name)
    }

    /// Its steps of a phase, as it declares them.
    pub fn steps_of(&self, phase: Phase) -> impl Iterator<Item = &StepDeclaration> {
        self.steps.iter().filter(move |s| s.phase == phase)
    }

    /// The name of a step where the element and the phase do not say which one it is.
    #[must_use]
    pub fn told<'a>(&self, step: &'a StepDeclaration) -> Option<&'a str> {
        let only = self.steps_of(step.phase).nth(1).is_none();
        (!only || step.name != step.phase.name()).then_some(&*step.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_of_null_survives_being_kept() {
        for default in [None, Some(Value::Null), Some(Value::from("x"))] {
            let parameter = Parameter {
                name: "p".to_owned(),
                kind: ParameterKind::Text,
                default,
                doc: String::new(),
                aliases: Vec::new(),
            };
            let kept = serde_json::to_string(&parameter).unwrap();
            assert_eq!(serde_json::from_str::<Parameter>(&kept).unwrap(), parameter);
        }
    }
}
