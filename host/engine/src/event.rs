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

/// Makes control characters harmless, so that no text of an element or of a program in the
/// target can drive the terminal it is shown on.
#[must_use]
pub fn harmless(text: &str) -> String {
    let text = text.trim_end_matches(['\r', '\n']);
    if !text.chars().any(|c| c.is_control() && c != '\t') {
        return text.to_owned();
    }
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// Where the time of a build went.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Timing {
    /// The phase's name; none for what is outside of the phases.
    pub phase: Option<Phase>,
    /// The element; none for the host's own work.
    pub element: Option<String>,
    /// What was done.
    pub name: String,
    /// Milliseconds.
    pub milliseconds: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_codes_do_not_reach_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\n"), "a\u{fffd}[2Jb");
        assert_eq!(harmless("tab\tstays"), "tab\tstays");
    }
}
