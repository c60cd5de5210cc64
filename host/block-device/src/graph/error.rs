//! What is wrong with a node, or with all of them.

/// A node that is wrong: which, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("block device: {}{problem}: {help}", .node.as_ref().map(|n| format!("node `{n}`: ")).unwrap_or_default())]
pub struct GraphError {
    /// The node, if it is one alone.
    pub node: Option<String>,
    /// The key of its entry that is wrong, if it is one alone: `on`, `mount`, `tuning.free-space`.
    pub key: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub help: String,
}

impl GraphError {
    pub(crate) fn at(node: &str, problem: impl Into<String>, help: impl Into<String>) -> Self {
        let node = Some(node.escape_debug().to_string());
        Self { node, key: None, problem: problem.into(), help: help.into() }
    }

    /// Says which key of the node's entry is wrong.
    #[must_use]
    pub(crate) fn of(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(crate) fn whole(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { node: None, key: None, problem: problem.into(), help: help.into() }
    }
}
