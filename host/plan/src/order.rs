//! The order of the steps within each phase: providers of a slot before its readers, `after`,
//! and the name where neither says anything. The order of `elements` has no say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dibhost_definition::{Diagnostic, Diagnostics};
use dibhost_text::did_you_mean;

use crate::Phase;
use crate::plan::{FactEdge, Step};
use crate::resolve::{Elements, trail};

/// The steps of one phase in order.
#[derive(Debug, Default)]
pub(crate) struct PhaseOrder {
    /// Elements, as they run.
    pub(crate) elements: Vec<String>,
    /// For each, all that run before it by a slot or `after`, not by the tie-break.
    pub(crate) before: BTreeMap<String, BTreeSet<String>>,
}

/// The steps of all phases that have any.
pub(crate) type Order = BTreeMap<Phase, PhaseOrder>;

/// Why one element runs before another: a slot's name, or `after`.
type Reasons<'a> = BTreeMap<(&'a str, &'a str), &'a str>;

pub(crate) fn order(
    elements: &Elements,
    edges: &[FactEdge],
    known: &[String],
    wrong: &mut Diagnostics,
) -> Order {
    let mut order = Order::new();
    for phase in Phase::ALL {
        let members: BTreeSet<&str> = elements
            .values()
            .filter(|e| e.description().step(phase).is_some())
            .map(|e| e.description().name.as_str())
            .collect();
        if members.is_empty() {
            continue;
        }
        let mut reasons = Reasons::new();
        for edge in edges.iter().filter(|e| e.phase == phase && e.from_phase == phase) {
            if members.contains(edge.from.as_str()) && edge.from != edge.to {
                reasons.entry((&edge.from, &edge.to)).or_insert(&edge.slot);
            }
        }
        for name in &members {
            for target in after_targets(elements, phase, name, known, wrong) {
                if members.contains(target) && target != *name {
                    reasons.entry((target, name)).or_insert("after");
                }
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

/// The elements of the image that an element's `after` names, by their names or by what they
/// stand in for. One that is known and not in the image is no matter.
fn after_targets<'a>(
    elements: &'a Elements,
    phase: Phase,
    name: &str,
    known: &[String],
    wrong: &mut Diagnostics,
) -> Vec<&'a str> {
    let Some(step) = elements.get(name).and_then(|e| e.description().step(phase)) else {
        return Vec::new();
    };
    let mut targets = Vec::new();
    for target in &step.after {
        let found: Vec<&str> = elements
            .values()
            .filter(|e| e.is_or_stands_for(target))
            .map(|e| e.description().name.as_str())
            .collect();
        if found.is_empty() && !known.contains(target) {
            let here = elements.keys().chain(known).map(String::as_str);
            let help = did_you_mean(target, here)
                .unwrap_or_else(|| "this is for whoever wrote the element to mend".to_owned());
            wrong.push(
                Diagnostic::new(format!("`{name}` runs after `{target}` in the phase `{phase}`, and no such element is known"))
                    .at(trail(elements, name).1.as_ref())
                    .with_help(help),
            );
        }
        targets.extend(found);
    }
    targets
}

/// Kahn's algorithm, taking the first name that is ready. Fails with those that wait for one
/// another.
fn sort<'a>(
    members: &BTreeSet<&'a str>,
    reasons: &Reasons<'a>,
) -> Result<PhaseOrder, BTreeSet<&'a str>> {
    let mut waits_for: BTreeMap<&str, usize> = members.iter().map(|m| (*m, 0)).collect();
    let mut followers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (from, to) in reasons.keys() {
        *waits_for.entry(to).or_default() += 1;
        followers.entry(from).or_default().push(to);
    }
    let mut ready: BTreeSet<&str> =
        waits_for.iter().filter(|(_, n)| **n == 0).map(|(m, _)| *m).collect();
    let mut sorted = PhaseOrder::default();
    while let Some(next) = ready.pop_first() {
        waits_for.remove(next);
        let before = sorted.before.entry(next.to_owned()).or_default().clone();
        for follower in followers.get(next).into_iter().flatten() {
            let of_follower = sorted.before.entry((*follower).to_owned()).or_default();
            of_follower.extend(before.iter().cloned());
            of_follower.insert(next.to_owned());
            if let Some(n) = waits_for.get_mut(follower) {
                *n -= 1;
                if *n == 0 {
                    ready.insert(follower);
                }
            }
        }
        sorted.elements.push(next.to_owned());
    }
    if waits_for.is_empty() { Ok(sorted) } else { Err(waits_for.into_keys().collect()) }
}

/// The shortest circle among elements that wait for one another, the first by name of several.
fn circle(
    elements: &Elements,
    phase: Phase,
    stuck: &BTreeSet<&str>,
    reasons: &Reasons<'_>,
) -> Diagnostic {
    let next = |from: &str| -> Vec<&str> {
        let of = reasons.keys().filter(|(f, t)| *f == from && stuck.contains(t));
        of.map(|(_, to)| *to).collect()
    };
    let path = stuck
        .iter()
        .filter_map(|start| shortest(start, &next))
        .min_by_key(|path| (path.len(), path.join(" ")));
    let path = path.unwrap_or_default();
    let mut told = String::new();
    for (i, name) in path.iter().enumerate() {
        let to = path[(i + 1) % path.len()];
        let reason = match reasons.get(&(*name, to)) {
            Some(&"after") | None => "`after`".to_owned(),
            Some(slot) => format!("`{slot}`"),
        };
        told.push_str(&format!("`{name}` → {reason} → "));
    }
    let first = path.first().copied().unwrap_or_default();
    Diagnostic::new(format!("the steps of the phase `{phase}` wait for one another: {told}`{first}`"))
        .at(trail(elements, first).1.as_ref())
        .with_help("leave one of these elements out, or have one of its slots provided or read in another phase")
}

fn shortest<'a>(start: &'a str, next: &impl Fn(&str) -> Vec<&'a str>) -> Option<Vec<&'a str>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for to in next(at) {
            if to == start {
                let mut path = vec![at];
                while let Some(previous) = came_from.get(path[path.len() - 1]) {
                    path.push(previous);
                }
                path.reverse();
                return Some(path);
            }
            if !came_from.contains_key(to) {
                came_from.insert(to, at);
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
        for name in &sorted.elements {
            let Some(declared) = elements.get(name).and_then(|e| e.description().step(*phase))
            else {
                continue;
            };
            let mut step = Step {
                phase: *phase,
                element: name.clone(),
                reads: declared.consumes.iter().map(|s| s.name.clone()).collect(),
                needs: declared
                    .consumes
                    .iter()
                    .filter(|s| s.required)
                    .map(|s| s.name.clone())
                    .collect(),
                writes: declared.provides.iter().map(|s| s.name.clone()).collect(),
                after: elements
                    .values()
                    .filter(|e| declared.after.iter().any(|target| e.is_or_stands_for(target)))
                    .map(|e| &e.description().name)
                    .filter(|other| *other != name && sorted.elements.contains(other))
                    .cloned()
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
        let members: BTreeSet<&str> = ["a", "b", "c", "d"].into();
        let reasons: Reasons<'_> = [(("d", "a"), "x:y@1"), (("c", "d"), "after")].into();
        let sorted = sort(&members, &reasons).unwrap();
        assert_eq!(sorted.elements, ["b", "c", "d", "a"]);
        assert_eq!(sorted.before["a"], ["c".to_owned(), "d".to_owned()].into());
        assert!(sorted.before["c"].is_empty(), "`b` comes before it by its name only");
    }
}
