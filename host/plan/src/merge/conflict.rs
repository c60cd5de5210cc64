//! Who wished, and what is said when two wishes contradict one another.

use dibhost_definition::Diagnostic;

use crate::label::label;
use crate::phase::Phase;
use crate::wish::WishRecord;

/// Who wished, and for which phase: for sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct By<'a> {
    pub(super) element: &'a str,
    /// The step, where element and phase do not say which one.
    pub(super) step: Option<&'a str>,
    pub(super) phase: Phase,
}

impl<'a> By<'a> {
    pub(super) fn of(record: &'a WishRecord) -> Self {
        Self { element: &record.element, step: record.step.as_deref(), phase: record.phase }
    }
}

impl std::fmt::Display for By<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` (`{}`)", label(self.element, self.step), self.phase)
    }
}

/// Two wishes that contradict one another.
pub(super) fn conflict(
    subject: &str,
    one: By<'_>,
    wants: &str,
    other: By<'_>,
    wants_other: &str,
) -> Diagnostic {
    let message = if one.element == other.element {
        format!("{subject}: {one} wants {wants} and {other} {wants_other}")
    } else {
        format!("{subject}: {one} wants {wants}, and {other} wants {wants_other}")
    };
    let help = if one.element == other.element {
        "this is for whoever wrote the element to mend"
    } else {
        "set a parameter of one of the two so that they agree, or leave one out"
    };
    Diagnostic::new(message).with_help(help)
}

/// Adds a name to a sorted list.
pub(super) fn note(wanted_by: &mut Vec<String>, element: &str) {
    if let Err(at) = wanted_by.binary_search_by(|e| e.as_str().cmp(element)) {
        wanted_by.insert(at, element.to_owned());
    }
}
