//! What a build tells while it runs. Whoever shows it decides how.

use std::time::Duration;

use dibhost_plan::Phase;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What a program in the target said, and what only an author wants to know.
    Debug,
    /// What a person may want to read.
    Info,
    /// What a person should read.
    Warning,
}

/// One stretch of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// The phase it belongs to; none before the first and after the last.
    pub phase: Option<Phase>,
    /// The element whose step it is; none for the host's own work.
    pub element: Option<String>,
    /// The step's name, where element and phase do not say which one it is.
    pub step: Option<String>,
    /// What is done: `install 231 packages`.
    pub name: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A stretch of work began.
    Started(Activity),
    /// It went on so far.
    Progress {
        /// Units done.
        done: u64,
        /// Units in all, if known.
        total: Option<u64>,
    },
    /// It ended.
    Ended {
        /// Which.
        activity: Activity,
        /// How long it took.
        took: Duration,
    },
    /// A line to read or to keep. Control characters are harmless already.
    Line {
        /// How much it matters.
        level: Level,
        /// Who says it: an element, a program, `host`.
        source: String,
        /// What it says.
        text: String,
    },
}

impl Activity {
    /// What the step is called; none for the host's own work.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        Some(dibhost_plan::label(self.element.as_deref()?, self.step.as_deref()))
    }
}

impl Event {
    /// The event with each of its texts as `text` answers it.
    #[must_use]
    pub fn map_texts(self, text: &dyn Fn(String) -> String) -> Self {
        let activity = |a: Activity| Activity { name: text(a.name), ..a };
        match self {
            Self::Started(a) => Self::Started(activity(a)),
            Self::Ended { activity: a, took } => Self::Ended { activity: activity(a), took },
            Self::Line { level, source, text: said } => {
                Self::Line { level, source: text(source), text: text(said) }
            }
            Self::Progress { .. } => self,
        }
    }
}

impl Timing {
    /// What the step is called; none for the host's own work.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        Some(dibhost_plan::label(self.element.as_deref()?, self.step.as_deref()))
    }
}

/// Where the time of a build went.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Timing {
    /// The phase's name; none for what is outside of the phases.
    pub phase: Option<Phase>,
    /// The element; none for the host's own work.
    pub element: Option<String>,
    /// The step's name, where element and phase do not say which one it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What was done.
    pub name: String,
    /// Milliseconds.
    pub milliseconds: u64,
}
