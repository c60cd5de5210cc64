//! The order of the steps within each phase: providers of a slot before its readers, `after` and
//! `before`, and the names where none of them says anything. The order of `elements` has no say.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dibhost_definition::{Diagnostic, Diagnostics};
use dibhost_text::did_you_mean;

use crate::description::StepDeclaration;
use crate::label::label;
use crate::phase::Phase;
use crate::plan::{FactEdge, Step};
use crate::resolve::{Elements, Resolved, trail};

/// Names that elements stand in for, known whether or not one that does is in the image.
const ROLES: [&str; 2] = ["layout", "operating-system"];

/// A step of a phase: its element and its name.
pub(crate) type Key = (String, String);

/// A step of a phase, by names that others hold.
type Named<'a> = (&'a str, &'a str);

/// The steps of one phase in order.
#[derive(Debug, Default)]
pub(crate) struct PhaseOrder {
    /// As they run.
    pub(crate) steps: Vec<Key>,
    /// For each, all that run before it by a slot, `after` or `before`, not by the tie-break.
    pub(crate) before: BTreeMap<Key, BTreeSet<Key>>,
}

/// The steps of all phases that have any.
pub(crate) type Order = BTreeMap<Phase, PhaseOrder>;

/// Why one step runs before another: a slot's name, `after` or `before`.
type Reasons<'a> = BTreeMap<(Named<'a>, Named<'a>), &'a str>;

pub(crate) fn order(
    elements: &Elements,
    edges: &[FactEdge],
    known: &[String],
    wrong: &mut Diagnostics,
) -> Order {
    let mut order = Order::new();
    for phase in Phase::ALL {
        let members: BTreeSet<Named<'_>> = elements
            .values()
            .map(Resolved::description)
            .flat_map(|d| d.steps_of(phase).map(|s| (d.name.as_str(), s.name.as_str())))
            .collect();
        if members.is_empty() {
            continue;
        }
        let mut reasons = Reasons::new();
        for edge in edges.iter().filter(|e| e.phase == phase && e.from_phase == phase) {
            let from = (edge.from.as_str(), edge.from_step.as_deref().unwrap_or(phase.name()));
            let to = (edge.to.as_str(), edge.to_step.as_deref().unwrap_or(phase.name()));
            if members.contains(&from) && from != to {
                reasons.entry((from, to)).or_insert(&edge.slot);
            }
        }
        for &step in &members {
            let Some(declared) = declared(elements, step) else { continue };
            for target in targets(elements, phase, step, ("after", &declared.after), known, wrong) {
                reasons.entry((target, step)).or_insert("after");
            }
            for target in targets(elements, phase, step, ("before", &declared.before), known, wrong)
            {
                reasons.entry((step, target)).or_insert("before");
            }
        }
        match sort(&members, &reasons) {
            Ok(sorted) => {
                order.insert(phase, sorted);
            }
            Err(stuck) => wrong.push(circle(elements, phase, &stuck, &reasons)),
        }
    }
    order
}

fn declared<'a>(elements: &'a Elements, step: Named<'_>) -> Option<&'a StepDeclaration> {
    elements.get(step.0)?.description().step(step.1)
}

/// What a step is called in a sentence.
fn shown(elements: &Elements, step: Named<'_>) -> String {
    let told = elements.get(step.0).map(Resolved::description);
    let told = told.and_then(|d| d.told(d.step(step.1)?));
    label(step.0, told)
}

/// The steps of a phase that `ELEMENT` or `ELEMENT/STEP` names, an element by its name or by what
/// it stands in for; but not those of the one who names an element alone, nor itself.
fn named<'a>(elements: &'a Elements, phase: Phase, whose: Named<'_>, text: &str) -> Vec<Named<'a>> {
    let (element, step) = text.split_once('/').map_or((text, None), |(e, s)| (e, Some(s)));
    elements
        .values()
        .filter(|e| e.is_or_stands_for(element))
        .map(Resolved::description)
        .flat_map(|d| d.steps_of(phase).map(|s| (d.name.as_str(), s.name.as_str())))
        .filter(|found| match step {
            Some(step) => found.1 == step && *found != whose,
            None => found.0 != whose.0,
        })
        .collect()
}

/// The steps of the phase that a step's `after` or `before` names. An element that is known and
/// not in the image is no matter, and neither is a role that nobody plays.
fn targets<'a>(
    elements: &'a Elements,
    phase: Phase,
    step: Named<'_>,
    (word, texts): (&str, &[String]),
    known: &[String],
    wrong: &mut Diagnostics,
) -> Vec<Named<'a>> {
    let mut all = Vec::new();
    for text in texts {
        let (element, name) = text.split_once('/').map_or((&**text, None), |(e, s)| (e, Some(s)));
        let of_element: Vec<_> =
            elements.values().filter(|e| e.is_or_stands_for(element)).collect();
        let unknown = of_element.is_empty()
            && !ROLES.contains(&element)
            && !known.iter().any(|k| k == element);
        let has = |e: &&Resolved| e.description().steps_of(phase).any(|s| Some(&*s.name) == name);
        let (what, help) = if unknown {
            let here = elements.keys().chain(known).map(String::as_str);
            ("no such element is known".to_owned(), did_you_mean(element, here))
        } else if name.is_some() && !of_element.is_empty() && !of_element.iter().any(has) {
            let there = of_element.iter().flat_map(|e| e.description().steps_of(phase));
            let there = there.map(|s| format!("{element}/{}", s.name)).collect::<Vec<_>>();
            let near = did_you_mean(text, there.iter().map(String::as_str));
            (format!("`{element}` has no such step in it"), near)
        } else {
            all.extend(named(elements, phase, step, text));
            continue;
        };
        let who = shown(elements, step);
        let help =
            help.unwrap_or_else(|| "this is for whoever wrote the element to mend".to_owned());
        wrong.push(
            Diagnostic::new(format!(
                "`{who}` runs {word} `{text}` in the phase `{phase}`, and {what}"
            ))
            .at(trail(elements, step.0).1.as_ref())
            .with_help(help),
        );
    }
    all
}

fn owned(step: Named<'_>) -> Key {
    (step.0.to_owned(), step.1.to_owned())
}

/// Kahn's algorithm, taking the first name that is ready. Fails with those that wait for one
/// another.
fn sort<'a>(
    members: &BTreeSet<Named<'a>>,
    reasons: &Reasons<'a>,
) -> Result<PhaseOrder, BTreeSet<Named<'a>>> {
    let mut waits_for: BTreeMap<Named<'_>, usize> = members.iter().map(|m| (*m, 0)).collect();
    let mut followers: BTreeMap<Named<'_>, Vec<Named<'_>>> = BTreeMap::new();
    for (from, to) in reasons.keys() {
        *waits_for.entry(*to).or_default() += 1;
        followers.entry(*from).or_default().push(*to);
    }
    let mut ready: BTreeSet<Named<'_>> =
        waits_for.iter().filter(|(_, n)| **n == 0).map(|(m, _)| *m).collect();
    let mut sorted = PhaseOrder::default();
    while let Some(next) = ready.pop_first() {
        waits_for.remove(&next);
        let before = sorted.before.entry(owned(next)).or_default().clone();
        for follower in followers.get(&next).into_iter().flatten() {
            let of_follower = sorted.before.entry(owned(*follower)).or_default();
            of_follower.extend(before.iter().cloned());
            of_follower.insert(owned(next));
            if let Some(n) = waits_for.get_mut(follower) {
                *n -= 1;
                if *n == 0 {
                    ready.insert(*follower);
                }
            }
        }
        sorted.steps.push(owned(next));
    }
    if waits_for.is_empty() { Ok(sorted) } else { Err(waits_for.into_keys().collect()) }
}

/// The shortest circle among steps that wait for one another, the first by name of several.
fn circle(
    elements: &Elements,
    phase: Phase,
    stuck: &BTreeSet<Named<'_>>,
    reasons: &Reasons<'_>,
) -> Diagnostic {
    let next = |from: Named<'_>| -> Vec<Named<'_>> {
        let of = reasons.keys().filter(|(f, t)| *f == from && stuck.contains(t));
        of.map(|(_, to)| *to).collect()
    };
    let shown = |step: &Named<'_>| shown(elements, *step);
    let path = stuck
        .iter()
        .filter_map(|start| shortest(*start, &next))
        .min_by_key(|path| (path.len(), path.iter().map(shown).collect::<Vec<_>>().join(" ")));
    let path = path.unwrap_or_default();
    let mut told = String::new();
    for (i, step) in path.iter().enumerate() {
        let to = path[(i + 1) % path.len()];
        let reason = reasons.get(&(*step, to)).copied().unwrap_or("after");
        told.push_str(&format!("`{}` → `{reason}` → ", shown(step)));
    }
    let first = path.first().copied().unwrap_or_default();
    Diagnostic::new(format!("the steps of the phase `{phase}` wait for one another: {told}`{}`", shown(&first)))
        .at(trail(elements, first.0).1.as_ref())
        .with_help("leave one of these elements out, or have one of its slots provided or read by another step, or in another phase")
}

fn shortest<'a>(
    start: Named<'a>,
    next: &impl Fn(Named<'a>) -> Vec<Named<'a>>,
) -> Option<Vec<Named<'a>>> {
    let mut came_from: BTreeMap<Named<'_>, Named<'_>> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for to in next(at) {
            if to == start {
                let mut path = vec![at];
                while let Some(previous) = came_from.get(&path[path.len() - 1]) {
                    path.push(*previous);
                }
                path.reverse();
                return Some(path);
            }
            if let Entry::Vacant(new) = came_from.entry(to) {
                new.insert(at);
                queue.push_back(to);
            }
        }
    }
    None
}

/// The steps as the plan holds them, in running order.
pub(crate) fn steps(elements: &Elements, order: &Order) -> Vec<Step> {
    let mut steps = Vec::new();
    for (phase, sorted) in order {
        // Who runs after whom by a word of either.
        let mut after: BTreeSet<(Named<'_>, Named<'_>)> = BTreeSet::new();
        for (element, name) in &sorted.steps {
            let step = (element.as_str(), name.as_str());
            let Some(declared) = declared(elements, step) else { continue };
            for text in &declared.after {
                let found = named(elements, *phase, step, text);
                after.extend(found.into_iter().map(|before| (step, before)));
            }
            for text in &declared.before {
                let found = named(elements, *phase, step, text);
                after.extend(found.into_iter().map(|behind| (behind, step)));
            }
        }
        for (element, name) in &sorted.steps {
            let key = (element.as_str(), name.as_str());
            let Some(description) = elements.get(element).map(Resolved::description) else {
                continue;
            };
            let Some(declared) = description.step(name) else { continue };
            let mut step = Step {
                phase: *phase,
                element: element.clone(),
                name: description.told(declared).map(str::to_owned),
                reads: declared.consumes.iter().map(|s| s.name.clone()).collect(),
                needs: declared
                    .consumes
                    .iter()
                    .filter(|s| s.required)
                    .map(|s| s.name.clone())
                    .collect(),
                writes: declared.provides.iter().map(|s| s.name.clone()).collect(),
                after: after
                    .iter()
                    .filter(|(behind, _)| *behind == key)
                    .map(|(_, before)| shown(elements, *before))
                    .collect(),
                plan_only: declared.plan_only,
            };
            step.reads.sort();
            step.needs.sort();
            step.writes.sort();
            step.after.sort();
            steps.push(step);
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_break_ties_and_edges_go_first() {
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| (name, "install"));
        let members = BTreeSet::from([a, b, c, d]);
        let reasons: Reasons<'_> = [((d, a), "x:y@1"), ((c, d), "after")].into();
        let sorted = sort(&members, &reasons).unwrap();
        assert_eq!(sorted.steps, [b, c, d, a].map(owned));
        assert_eq!(sorted.before[&owned(a)], [c, d].map(owned).into());
        assert!(sorted.before[&owned(c)].is_empty(), "`b` comes before it by its name only");
    }
}
