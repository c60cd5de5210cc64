//! What one call of `run` came to.

use dibhost_plan::Observed;

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
    /// What it brought to light. Of programs that were put off an element knows nothing.
    pub observed: Observed,
}

impl RunAnswer {
    /// A step that did what it was to do, and gave nothing.
    #[must_use]
    pub fn done() -> Self {
        Self { outcome: Outcome::Done, observed: Observed::default() }
    }
}
