//! Merging: what several elements wish for, as one list without contradictions. A conflict
//! names both elements.

mod accounts;
mod arguments;
mod packages;
mod units;

pub(crate) use accounts::{groups, passwords, users};
pub(crate) use arguments::kernel_arguments;
pub(crate) use packages::transactions;
pub(crate) use units::{definitions, states};

use dibhost_definition::Diagnostic;

use crate::Phase;

/// Who wished, and for which phase: for sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct By<'a> {
    element: &'a str,
    phase: Phase,
}

impl std::fmt::Display for By<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` (`{}`)", self.element, self.phase)
    }
}

/// Two wishes that contradict one another.
fn conflict(
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
fn note(wanted_by: &mut Vec<String>, element: &str) {
    if let Err(at) = wanted_by.binary_search_by(|e| e.as_str().cmp(element)) {
        wanted_by.insert(at, element.to_owned());
    }
}
