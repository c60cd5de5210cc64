//! Facts: typed data between elements, within one phase and after it.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::extensions::Extensions;
use crate::phase::Phase;

/// How many values a slot takes in the whole build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// Exactly one.
    One,
    /// At most one.
    Optional,
    /// Any number; readers see all of them.
    Many,
}

/// When the values of a slot are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// Provided while planning: known before anything is built.
    Planned,
    /// Provided while running: known only once the target was looked at.
    Observed,
}

/// One value of a slot, as a Rust type. Derived:
///
/// ```
/// use dibhost_element_sdk::Fact;
/// use serde::{Deserialize, Serialize};
///
/// /// A port that the image listens on.
/// #[derive(Serialize, Deserialize, schemars::JsonSchema, Fact)]
/// #[fact(slot = "example:net/port@1", arity = "many", timing = "planned")]
/// #[serde(rename_all = "kebab-case")]
/// struct Port {
///     number: u16,
/// }
/// ```
///
/// The schema of a slot that is not `dib:`'s comes of `schemars`; those of `dib:` slots are the
/// host's, so the typed forms in [`crate::slots`] have none.
pub trait Fact: Serialize + DeserializeOwned {
    /// Qualified name with a major version: `dib:net/interface@1`.
    const SLOT: &'static str;
    /// How many values.
    const ARITY: Arity;
    /// When they are known.
    const TIMING: Timing;
    /// One line.
    const DOC: &'static str;

    /// JSON Schema of one value; none for `dib:` slots.
    #[must_use]
    fn schema() -> Option<String>;
}

/// A fact and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provided<F> {
    /// The element that provided it.
    pub provider: String,
    /// The step that provided it.
    pub step: String,
    /// The phase it was provided in.
    pub phase: Phase,
    /// Tells a provider's own values apart.
    pub key: String,
    /// The value.
    pub value: F,
    /// What the host says of it beyond this version of the contract.
    pub extensions: Extensions,
}

/// A fact as the host passes it: the value is a JSON document.
pub(crate) type RawFact = Provided<String>;
