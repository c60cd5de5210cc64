//! Why a build ended early, for people: what, where, why, what to do.

use std::fmt;

use dibhost_block_device::LayoutError;
use dibhost_plan::planner::ElementFailure;
use dibhost_plan::{Phase, Step};

/// A build that did not come to its end. Nothing of it is left.
#[derive(Debug, Clone, Default)]
pub struct BuildFailure {
    /// The phase it was in.
    pub phase: Option<Phase>,
    /// The element whose step failed.
    pub element: Option<String>,
    /// The step's name, where element and phase do not say which one it is.
    pub step: Option<String>,
    /// One sentence.
    pub message: String,
    /// What was being done, innermost first.
    pub context: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// The node of the block device that it is about.
    pub node: Option<String>,
    /// The person cancelled it.
    pub cancelled: bool,
}

impl BuildFailure {
    /// A failure of the host's own work.
    pub fn new(error: impl fmt::Display) -> Self {
        Self { message: error.to_string(), ..Self::default() }
    }

    /// A step that failed.
    #[must_use]
    pub fn of_step(step: &Step, failure: ElementFailure) -> Self {
        Self {
            phase: Some(step.phase),
            element: Some(step.element.clone()),
            step: step.name.clone(),
            message: failure.message,
            context: failure.context,
            help: failure.help,
            ..Self::default()
        }
    }

    /// A disk that cannot be laid out for what is in the tree.
    #[must_use]
    pub fn of_layout(error: LayoutError) -> Self {
        match error {
            LayoutError::Refused { node, problem, help } => Self {
                message: format!("the block-device node `{node}`: {problem}"),
                help: Some(help),
                node: Some(node),
                ..Self::default()
            },
            error @ LayoutError::Tree { .. } => Self::new(error),
        }
    }

    /// Adds what was being done.
    #[must_use]
    pub fn doing(mut self, what: impl Into<String>) -> Self {
        self.context.push(what.into());
        self
    }

    /// Says in which phase it was, unless known.
    #[must_use]
    pub fn in_phase(mut self, phase: Phase) -> Self {
        self.phase.get_or_insert(phase);
        self
    }

    /// The failure with each of its texts as `text` answers it.
    #[must_use]
    pub fn map_texts(self, text: &dyn Fn(String) -> String) -> Self {
        Self {
            message: text(self.message),
            context: self.context.into_iter().map(text).collect(),
            help: self.help.map(text),
            ..self
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for BuildFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(element) = &self.element {
            match &self.step {
                Some(step) => write!(f, "step `{step}` of element `{element}` ")?,
                None => write!(f, "element `{element}` ")?,
            }
            match self.phase {
                Some(phase) => write!(f, "in phase {phase}: ")?,
                None => write!(f, ": ")?,
            }
        } else if let Some(phase) = self.phase {
            write!(f, "phase {phase}: ")?;
        }
        write!(f, "{}", self.message)?;
        for context in &self.context {
            write!(f, "\n  while {context}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {}", help.replace('\n', "\n        "))?;
        }
        Ok(())
    }
}

impl std::error::Error for BuildFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_who_where_why_and_what_to_do() {
        let mut step = Step {
            phase: Phase::Install,
            element: "motd".to_owned(),
            name: None,
            reads: Vec::new(),
            needs: Vec::new(),
            writes: Vec::new(),
            after: Vec::new(),
            plan_only: false,
        };
        let failure = BuildFailure::of_step(
            &step,
            ElementFailure::new("`/etc` is not granted").with_help("add it\nhere"),
        )
        .doing("writing `/etc/motd`");
        assert_eq!(
            failure.to_string(),
            "element `motd` in phase install: `/etc` is not granted\n  \
             while writing `/etc/motd`\n  help: add it\n        here"
        );
        step.name = Some("read".to_owned());
        let failure = BuildFailure::of_step(&step, ElementFailure::new("it is not there"));
        assert_eq!(
            failure.to_string(),
            "step `read` of element `motd` in phase install: it is not there"
        );
    }
}
