//! Conditions: what an element asks for only where the system is of some kind.
//!
//! They are decided once, when `root` is planned and nothing else is: so they are about slots that
//! only steps of `root` provide, while planning.

use std::fmt;

use dibhost_definition::{Diagnostic, Diagnostics};
use serde_json::Value;

use crate::Phase;
use crate::description::{Condition, Request};
use crate::fact::Fact;
use crate::plan::PlanFinding;
use crate::resolve::{Elements, trail};
use crate::slot::{PlannedSlot, Timing};
use crate::slots::Declared;

impl Condition {
    /// Whether it holds of these values; of several in its slot, of one.
    #[must_use]
    pub fn holds<'a>(&self, facts: impl IntoIterator<Item = &'a Fact>) -> bool {
        let mut of_slot = facts.into_iter().filter(|fact| fact.slot == self.slot);
        of_slot.any(|fact| self.is(&fact.value))
    }

    fn is(&self, value: &Value) -> bool {
        let field = match self.field.as_str() {
            "" => Some(value),
            field => value.pointer(&format!("/{field}")),
        };
        match field {
            Some(Value::String(text)) => self.one_of.contains(text),
            Some(plain @ (Value::Bool(_) | Value::Number(_))) => {
                self.one_of.contains(&plain.to_string())
            }
            _ => false,
        }
    }
}

/// `family` of `dib:os/distribution@1` is `debian`
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.one_of.iter().map(|text| format!("`{text}`")).collect();
        let of = format!("`{}`", self.slot);
        let what = if self.field.is_empty() { of } else { format!("`{}` of {of}", self.field) };
        write!(f, "{what} is {}", texts.join(" or "))
    }
}

impl Request {
    /// Whether all its conditions hold.
    #[must_use]
    pub fn applies(&self, facts: &[Fact]) -> bool {
        self.when.iter().all(|condition| condition.holds(facts))
    }
}

/// Conditions, as a sentence part after "where" or "as"; empty when there is none.
pub(crate) fn in_words(conditions: &[Condition]) -> String {
    conditions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// Conditions about what is not known when they are decided are refused; about what nobody says,
/// told.
pub(crate) fn check(
    elements: &Elements,
    declared: &Declared<'_>,
    slots: &[PlannedSlot],
    wrong: &mut Diagnostics,
    findings: &mut Vec<PlanFinding>,
) {
    for (name, element) in elements {
        let requests = element.description().requests.iter();
        let mut asked: Vec<&str> =
            requests.flat_map(|r| &r.when).map(|condition| condition.slot.as_str()).collect();
        asked.sort_unstable();
        asked.dedup();
        for slot in asked {
            let providers = declared.providers(slot);
            let late = providers.iter().find(|(at, _)| at.phase() != Phase::Root);
            let observed = slots.iter().any(|s| s.name == slot && s.timing == Timing::Observed);
            let why = match (late, observed) {
                (_, true) => "its values are observed while building".to_owned(),
                (Some((at, _)), _) => format!("`{}` provides it in `{}`", at.element, at.phase()),
                (None, false) if providers.is_empty() => {
                    findings.push(nobody(name, slot));
                    continue;
                }
                (None, false) => continue,
            };
            let (lines, place) = trail(elements, name);
            let mut diagnostic = Diagnostic::new(format!(
                "`{name}` requests something depending on the slot `{slot}`, and {why}: what is granted is settled when `root` is planned"
            ))
            .at(place.as_ref())
            .with_help("this is for whoever wrote the element to mend: its conditions are about what the steps of `root` provide, such as `dib:os/distribution@1`");
            diagnostic.context = lines;
            wrong.push(diagnostic);
        }
    }
}

fn nobody(name: &str, slot: &str) -> PlanFinding {
    PlanFinding {
        element: Some(name.to_owned()),
        phase: None,
        location: None,
        message: format!(
            "`{name}` asks for some of its rights only where the slot `{slot}` says so, and no element provides it: it holds none of them"
        ),
        help: Some(
            "add the element that says what the system is, such as `debian-minimal`".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fact(value: Value) -> Fact {
        Fact {
            slot: "dib:os/distribution@1".to_owned(),
            provider: "debian".to_owned(),
            phase: Phase::Root,
            step: None,
            key: String::new(),
            value,
        }
    }

    fn condition(field: &str, one_of: &[&str]) -> Condition {
        Condition {
            slot: "dib:os/distribution@1".to_owned(),
            field: field.to_owned(),
            one_of: one_of.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn a_field_is_one_of_the_texts_or_the_condition_does_not_hold() {
        // The host in memory that elements are tested with is held to the same table.
        let table = include_str!("../../../element-sdk/tests/conditions.json");
        let table: Vec<Value> = serde_json::from_str(table).unwrap();
        assert!(!table.is_empty());
        for row in &table {
            let values = row["values"].as_array().unwrap();
            let facts: Vec<_> = values.iter().cloned().map(fact).collect();
            let one_of: Vec<&str> =
                row["one-of"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let condition = condition(row["field"].as_str().unwrap(), &one_of);
            assert_eq!(json!(condition.holds(&facts)), row["holds"], "{row}");
        }
        let other = Fact { slot: "acme:x/y@1".to_owned(), ..fact(json!({"family": "debian"})) };
        assert!(!condition("family", &["debian"]).holds([&other]));
    }

    #[test]
    fn conditions_are_said_in_words() {
        let two = [condition("family", &["debian", "suse"]), condition("", &["x"])];
        assert_eq!(
            in_words(&two),
            "`family` of `dib:os/distribution@1` is `debian` or `suse` and `dib:os/distribution@1` is `x`"
        );
    }
}
