//! How the program ends: 0 done, 1 the build failed, 2 the definition or the command line is wrong.

use std::fmt::Display;
use std::process::ExitCode;

use dibhost_plan::planner::ElementFailure;

/// Why a verb did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Exit code 2: something to mend in what was written or typed. Already full sentences.
    Wrong(String),
    /// Exit code 1: the build, or something on this machine, failed.
    Failed(String),
}

impl Failure {
    pub(crate) fn wrong(error: impl Display) -> Self {
        Self::Wrong(error.to_string())
    }

    pub(crate) fn failed(error: impl Display) -> Self {
        Self::Failed(error.to_string())
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Wrong(message) | Self::Failed(message) => message,
        }
    }

    /// The same with its words changed by `text`.
    pub(crate) fn map_text(self, text: &dyn Fn(&str) -> String) -> Self {
        match self {
            Self::Wrong(message) => Self::Wrong(text(&message)),
            Self::Failed(message) => Self::Failed(text(&message)),
        }
    }

    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Wrong(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::from(1),
        }
    }
}

/// Something of elements that is wrong on this machine.
pub(crate) fn said(failure: ElementFailure) -> Failure {
    Failure::Failed(sentence(failure))
}

/// Something of elements that is wrong with what was typed.
pub(crate) fn wrong_element(failure: ElementFailure) -> Failure {
    Failure::Wrong(sentence(failure))
}

/// A failure of an element in full sentences.
pub(crate) fn sentence(failure: ElementFailure) -> String {
    let context: String = failure.context.iter().map(|c| format!("\n  while {c}")).collect();
    let help = failure.help.map(|help| format!("\n  help: {help}")).unwrap_or_default();
    format!("{}{context}{help}", failure.message)
}
