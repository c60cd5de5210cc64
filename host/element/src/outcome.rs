//! What one call of `run` came to.

use std::sync::Arc;

use serde_json::Value;

/// How a step ended when it did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// There was nothing to do, and why.
    Skipped(String),
}

/// What one call of `run(step)` came to.
#[derive(Debug, Clone)]
pub struct RunAnswer {
    /// How it ended.
    pub outcome: Outcome,
    /// Facts provided: slot, key, value. Slots are declared, observed ones; values fit their schema.
    pub facts: Vec<(String, String, Value)>,
    /// Files to put beside the image: suffix and content. Suffixes are granted and safe in a name.
    pub outputs: Vec<(String, Arc<[u8]>)>,
}
