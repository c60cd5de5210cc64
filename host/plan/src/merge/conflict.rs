//! Who wished, and what is said when two wishes contradict one another.

use dibhost_definition::{Diagnostic, Location};

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
    /// The line of the definition that asks, where that does.
    pub(super) place: Option<&'a Location>,
}

impl<'a> By<'a> {
    pub(super) fn of(record: &'a WishRecord) -> Self {
        Self {
            element: &record.element,
            step: record.step.as_deref(),
            phase: record.phase,
            place: record.location.as_ref(),
        }
    }
}

impl std::fmt::Display for By<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place {
            Some(place) => write!(f, "the definition ({place})"),
            None => write!(f, "`{}` (`{}`)", label(self.element, self.step), self.phase),
        }
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
    let own = one.place.or(other.place);
    let element = if one.place.is_some() { other.element } else { one.element };
    let help = if own.is_some() && one.element != other.element {
        format!(
            "change the line of the definition, set a parameter of `{element}` so that they agree, or leave one of the two out"
        )
    } else if own.is_some() {
        "leave one of the two out".to_owned()
    } else if one.element == other.element {
        "this is for whoever wrote the element to mend".to_owned()
    } else {
        "set a parameter of one of the two so that they agree, or leave one out".to_owned()
    };
    Diagnostic::new(message).at(own).with_help(help)
}

/// Adds a name to a sorted list.
pub(super) fn note(wanted_by: &mut Vec<String>, element: &str) {
    if let Err(at) = wanted_by.binary_search_by(|e| e.as_str().cmp(element)) {
        wanted_by.insert(at, element.to_owned());
    }
}
