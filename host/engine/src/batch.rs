//! Which steps of a phase may run side by side: those that do not write the target, between one
//! that does and the next.
//!
//! A step that writes the target (`rootfs` to write, `exec`) runs alone and in the plan's order, so
//! that every step finds the tree that the order promises it. The others cannot tell whether
//! something runs beside them: all that they read beside the tree is the facts they declared, and
//! they wait for whoever provides those.

use std::collections::BTreeSet;

use dibhost_plan::Step;

/// Steps that may run side by side; or one alone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch<'a>(pub(crate) Vec<Member<'a>>);

/// A step, and the places in its batch of those that have to end first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member<'a> {
    pub(crate) step: &'a Step,
    pub(crate) waits_for: BTreeSet<usize>,
}

/// The steps of one phase, given in the plan's order, in batches that run one after another.
/// Steps that only plan have nothing to run; what waits for one waits for what that one waits for.
pub(crate) fn batches<'a>(
    steps: impl IntoIterator<Item = &'a Step>,
    writes: impl Fn(&Step) -> bool,
) -> Vec<Batch<'a>> {
    let mut done = Vec::new();
    let mut batch = Vec::new();
    // Every step since the batch began, and which places of the batch waiting for it means.
    let mut since: Vec<(&Step, BTreeSet<usize>)> = Vec::new();
    for step in steps {
        let waits_for: BTreeSet<usize> = since
            .iter()
            .filter(|(before, _)| follows(step, before))
            .flat_map(|(_, places)| places.iter().copied())
            .collect();
        if step.plan_only {
            since.push((step, waits_for));
        } else if writes(step) {
            close(&mut batch, &mut done);
            since.clear();
            done.push(Batch(vec![Member { step, waits_for: BTreeSet::new() }]));
        } else {
            since.push((step, BTreeSet::from([batch.len()])));
            batch.push(Member { step, waits_for });
        }
    }
    close(&mut batch, &mut done);
    done
}

fn close<'a>(batch: &mut Vec<Member<'a>>, done: &mut Vec<Batch<'a>>) {
    if !batch.is_empty() {
        done.push(Batch(std::mem::take(batch)));
    }
}

/// Whether the order of the plan puts `step` behind `before` for a reason.
fn follows(step: &Step, before: &Step) -> bool {
    step.after.contains(&before.label())
        || step.reads.iter().any(|slot| before.writes.contains(slot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibhost_plan::Phase;

    fn step(element: &str, reads: &[&str], writes: &[&str]) -> Step {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
        Step {
            phase: Phase::Install,
            element: element.to_owned(),
            name: None,
            reads: names(reads),
            needs: Vec::new(),
            writes: names(writes),
            after: Vec::new(),
            plan_only: false,
        }
    }

    /// `a b:a / c` — batches by `/`, and behind a colon whom a step waits for.
    fn shown(steps: &[Step], writers: &[&str]) -> String {
        let batches = batches(steps, |step| writers.contains(&step.element.as_str()));
        let batch = |batch: &Batch<'_>| {
            let member = |member: &Member<'_>| {
                let name = |place: &usize| batch.0[*place].step.element.as_str();
                let waits: Vec<_> = member.waits_for.iter().map(name).collect();
                let colon = if waits.is_empty() { "" } else { ":" };
                format!("{}{colon}{}", member.step.element, waits.join(","))
            };
            batch.0.iter().map(member).collect::<Vec<_>>().join(" ")
        };
        batches.iter().map(batch).collect::<Vec<_>>().join(" / ")
    }

    #[test]
    fn readers_wait_for_their_providers_and_for_nobody_else() {
        let steps = [
            step("a", &[], &["x"]),
            step("b", &[], &["y"]),
            step("c", &["x"], &[]),
            step("d", &["x", "y"], &[]),
        ];
        assert_eq!(shown(&steps, &[]), "a b c:a d:a,b");
    }

    #[test]
    fn who_writes_the_target_runs_alone_between_those_before_and_those_after() {
        let steps = [
            step("a", &[], &["x"]),
            step("b", &[], &[]),
            step("c", &["x"], &[]),
            step("d", &[], &[]),
        ];
        assert_eq!(shown(&steps, &["b"]), "a / b / c d");
        assert_eq!(shown(&steps, &["a", "b", "c", "d"]), "a / b / c / d");
    }

    #[test]
    fn after_counts_and_steps_that_only_plan_pass_it_on() {
        let mut steps = [step("a", &[], &["x"]), step("b", &["x"], &["y"]), step("c", &["y"], &[])];
        steps[1].plan_only = true;
        assert_eq!(shown(&steps, &[]), "a c:a");
        let mut steps = [step("a", &[], &[]), step("b", &[], &[]), step("c", &[], &[])];
        steps[2].after = vec!["b".to_owned()];
        assert_eq!(shown(&steps, &[]), "a b c:b");
    }

    #[test]
    fn two_elements_talk_both_ways_and_wait_for_one_another_in_turn() {
        let named = |mut step: Step, name: &str| {
            step.name = Some(name.to_owned());
            step
        };
        let steps = [
            named(step("a", &[], &["x"]), "ask"),
            step("b", &["x"], &["y"]),
            named(step("a", &["y"], &[]), "hear"),
        ];
        assert_eq!(shown(&steps, &[]), "a b:a a:b");
        let mut steps = [
            named(step("a", &[], &[]), "ask"),
            named(step("a", &[], &[]), "hear"),
            step("c", &[], &[]),
        ];
        steps[2].after = vec!["a/hear".to_owned()];
        let waits = batches(&steps, |_| false)[0].0[2].waits_for.clone();
        assert_eq!(waits, BTreeSet::from([1]));
    }
}
