//! How a step ended.

/// How a step ended when it did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it had to.
    Done,
    /// There was nothing to do, and why.
    Skipped(String),
}

impl Outcome {
    /// There was nothing to do, because of `reason`.
    pub fn skipped(reason: impl Into<String>) -> Self {
        Self::Skipped(reason.into())
    }
}
