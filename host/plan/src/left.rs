//! What a plan leaves: slots without a value, an image without a first tree, and what is said that
//! nobody knows.

use dibhost_definition::{Diagnostic, Diagnostics};

use crate::description::Extension;
use crate::fact::Fact;
use crate::parameters::one_line;
use crate::plan::PlanFinding;
use crate::resolve::Resolved;
use crate::schema::LAYOUT;
use crate::slot::{Arity, PlannedSlot, Timing};
use crate::slots::Declared;

/// What an element says of itself that this host does not know.
pub(crate) fn unknown_extensions(name: &str, element: &Resolved) -> Vec<PlanFinding> {
    let told = element.description().extensions.iter().map(|Extension { of, key, .. }| {
        let of = if of.is_empty() { "itself" } else { of };
        PlanFinding {
            element: Some(name.to_owned()),
            phase: None,
            location: element.location.as_ref().map(ToString::to_string),
            message: format!(
                "`{name}` says `{}` of {of}, which this host does not know and does without",
                one_line(key)
            ),
            help: Some("a newer dibhost may know it".to_owned()),
        }
    });
    told.collect()
}

/// Nothing makes a first tree.
pub(crate) fn no_first_tree() -> PlanFinding {
    PlanFinding {
        element: None,
        phase: None,
        location: None,
        message: "no element makes the first tree: the image starts empty".to_owned(),
        help: Some(
            "add an element that does, such as `debian-minimal`, unless it is meant so".to_owned(),
        ),
    }
}

/// Slots that take exactly one value and have none.
pub(crate) fn left_empty(
    slots: &[PlannedSlot],
    facts: &[Fact],
    declared: &Declared<'_>,
    wrong: &mut Diagnostics,
) {
    for slot in slots
        .iter()
        .filter(|s| s.arity == Arity::One && s.timing == Timing::Planned && s.name != LAYOUT)
    {
        let providers = declared.providers(&slot.name);
        if providers.is_empty() || facts.iter().any(|f| f.slot == slot.name) {
            continue;
        }
        let mut names: Vec<&str> = providers.iter().map(|(at, _)| at.element).collect();
        names.dedup();
        let names = dibhost_text::quoted_list(names);
        wrong.push(
            Diagnostic::new(format!("the slot `{}` takes exactly one value, and {names} left it empty", slot.name))
                .with_help("set the parameters that decide about it, or this is for whoever wrote the element to mend"),
        );
    }
}
