//! Why a build makes again what an earlier one made: of each action whether it is kept, and the first
//! input that differs, by its name.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use crate::action::{Action, Input, InputKind, Work, first_difference};
use crate::parameters::one_line;
use crate::phrases::short;
use crate::plan::Plan;

/// What becomes of an action of a plan that is built after another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explained {
    /// The action.
    pub name: String,
    /// It is as it was, with all before it: what it made comes back where it was kept.
    pub kept: bool,
    /// Why it is not: a sentence part after its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What becomes of each action of `after`, as they are done, if `before` was built before it; none:
/// nothing was.
#[must_use]
pub fn explain(before: Option<&Plan>, after: &Plan) -> Vec<Explained> {
    let actions = before.map(|plan| plan.actions.as_slice()).unwrap_or_default();
    after
        .actions
        .iter()
        .map(|action| {
            let there = actions.iter().find(|other| other.name == action.name);
            let kept = there.is_some_and(|other| other.key == action.key);
            let why = (!kept).then(|| match (before, there) {
                (None, _) => "no build of it is known here".to_owned(),
                (Some(_), None) => "it is new".to_owned(),
                (Some(before), Some(there)) => differs(before, there, after, action),
            });
            Explained { name: action.name.clone(), kept, why }
        })
        .collect()
}

fn differs(before: &Plan, there: &Action, after: &Plan, action: &Action) -> String {
    let Some(input) = first_difference(there, action) else {
        return "what is before it differs".to_owned();
    };
    let of = |action: &Action| action.inputs.iter().any(|other| is_same(other, input));
    let (kind, name) = (input.kind.name(), one_line(&input.name));
    let named =
        if name.is_empty() { format!("its {kind}") } else { format!("its {kind} `{name}`") };
    match (of(there), of(action)) {
        (false, true) => format!("{named} is new"),
        (true, false) => format!("{named} is gone"),
        _ => {
            let values = value(before, there, input).zip(value(after, action, input));
            values.map_or_else(
                || format!("{named} differs"),
                |(was, is)| format!("{named} was {}, is {}", short(&was), short(&is)),
            )
        }
    }
}

fn is_same(one: &Input, other: &Input) -> bool {
    (one.kind, &one.name) == (other.kind, &other.name)
}

/// What an input says, where a plan has it in a form for people.
fn value(plan: &Plan, action: &Action, input: &Input) -> Option<Value> {
    match (input.kind, &action.work) {
        (InputKind::Parameter, Work::Step { element, .. }) => {
            plan.element(element)?.parameters.get(&input.name).cloned()
        }
        (InputKind::Component, Work::Step { element, .. }) => {
            Some(plan.element(element)?.version.clone().into())
        }
        (InputKind::Image, _) => Some(plan.image.name.clone().into()),
        (InputKind::Build, _) => match input.name.as_str() {
            "arch" => Some(plan.image.arch.clone().into()),
            "source-date-epoch" => Some(plan.image.source_date_epoch.into()),
            _ => None,
        },
        (InputKind::Package, _) => {
            let mut wants = plan.transactions.iter().flat_map(|t| &t.install);
            let want = wants.find(|want| want.name == input.name)?;
            Some(want.version.clone().unwrap_or_else(|| "the newest".to_owned()).into())
        }
        _ => None,
    }
}

/// The answer for people, a line for each action. Ends in a newline.
#[must_use]
pub fn explained_text(explained: &[Explained]) -> String {
    explained.iter().fold(String::new(), |mut text, Explained { name, kept, why }| {
        let word = if *kept { "kept" } else { "done" };
        let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let _ = writeln!(text, "{word}  {}{why}", one_line(name));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_is_told_in_a_line() {
        let told = |name: &str, why: Option<&str>| Explained {
            name: name.to_owned(),
            kept: why.is_none(),
            why: why.map(str::to_owned),
        };
        let text = explained_text(&[told("a", None), told("b", Some("it is new"))]);
        assert_eq!(text, "kept  a\ndone  b: it is new\n");
    }
}
