//! What is wrong with a node, or with all of them.

/// A node that is wrong: which, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("block device: {}{problem}: {help}", .node.as_ref().map(|n| format!("node `{n}`: ")).unwrap_or_default())]
pub struct GraphError {
    /// The node, if it is one alone.
    pub node: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub help: String,
}

impl GraphError {
    pub(crate) fn at(node: &str, problem: impl Into<String>, help: impl Into<String>) -> Self {
        let node = Some(node.escape_debug().to_string());
        Self { node, problem: problem.into(), help: help.into() }
    }

    pub(crate) fn whole(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { node: None, problem: problem.into(), help: help.into() }
    }
}
