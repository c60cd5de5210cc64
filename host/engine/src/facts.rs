//! The facts of a running build: planned ones from the plan, observed ones as steps provide them.
//! What a step could be told at once (a value that does not fit) its element was told; here is
//! what only the whole build knows.

use std::collections::BTreeMap;

use dibhost_plan::description::{Arity, Timing};
use dibhost_plan::fact::Fact;
use dibhost_plan::schema::Slots;
use dibhost_plan::{Plan, Step};
use serde_json::Value;

/// Facts by slot, each list ordered by provider and key.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    by_slot: BTreeMap<String, Vec<Fact>>,
    slots: Slots,
}

impl Facts {
    /// Those the plan knew.
    pub(crate) fn of(plan: &Plan) -> Result<Self, String> {
        let mut all = Self { slots: Slots::new(&plan.slots)?, ..Self::default() };
        plan.facts.iter().cloned().for_each(|fact| all.insert(fact));
        Ok(all)
    }

    /// Adds what a step provided, unless the slot has no room for it, or it does not fit what the
    /// build has for the schema of the slot, which may have grown from the provider's.
    pub(crate) fn observed(
        &mut self,
        step: &Step,
        provided: impl IntoIterator<Item = (String, String, Value)>,
    ) -> Result<(), String> {
        let (provider, phase) = (&step.element, step.phase);
        for (slot, key, value) in provided {
            self.slots.check(&slot, &value)?;
            let there = self.by_slot.get(&slot).map(Vec::as_slice).unwrap_or_default();
            match there.iter().find(|f| f.provider == *provider && f.key == key) {
                Some(fact) if fact.value == value => continue,
                Some(fact) => {
                    return Err(format!(
                        "it provided another value of the slot `{slot}` with the key `{key}` in {}",
                        given_in(fact)
                    ));
                }
                None => {}
            }
            self.slots.check_room(&slot, there.len()).map_err(|why| {
                let by = there.first().map(|f| f.provider.as_str()).unwrap_or_default();
                format!("{why}, by `{by}`")
            })?;
            let (provider, step) = (provider.clone(), step.name.clone());
            self.insert(Fact { slot, provider, phase, step, key, value });
        }
        Ok(())
    }

    /// Those that steps have provided while building.
    pub(crate) fn of_the_build(&self, plan: &Plan) -> Vec<Fact> {
        let observed = plan.slots.iter().filter(|slot| slot.timing == Timing::Observed);
        observed.filter_map(|slot| self.by_slot.get(&slot.name)).flatten().cloned().collect()
    }

    /// Adds what steps of an earlier build provided, which this one has not to run.
    pub(crate) fn resume(&mut self, facts: Vec<Fact>) {
        facts.into_iter().for_each(|fact| self.insert(fact));
    }

    fn insert(&mut self, fact: Fact) {
        let facts = self.by_slot.entry(fact.slot.clone()).or_default();
        let place = (&fact.provider, &fact.key);
        let at = facts.partition_point(|f| (&f.provider, &f.key) < place);
        facts.insert(at, fact);
    }

    /// What a step reads: each slot it declared, complete.
    pub(crate) fn for_step(&self, step: &Step) -> Result<BTreeMap<String, Vec<Fact>>, String> {
        let of = |slot: &str| self.by_slot.get(slot).cloned().unwrap_or_default();
        let given: BTreeMap<_, _> =
            step.reads.iter().map(|slot| (slot.clone(), of(slot))).collect();
        match step.needs.iter().find(|slot| given.get(*slot).is_none_or(Vec::is_empty)) {
            Some(slot) => Err(format!(
                "it needs a value in the slot `{slot}`, and those who could give one gave none"
            )),
            None => Ok(given),
        }
    }

    /// Observed slots that take exactly one value, and were given none by those who could.
    pub(crate) fn left_empty(&self, plan: &Plan) -> Result<(), String> {
        for slot in &plan.slots {
            let one = slot.arity == Arity::One && slot.timing == Timing::Observed;
            if !one || self.by_slot.contains_key(&slot.name) {
                continue;
            }
            let provides = |step: &&Step| step.writes.contains(&slot.name);
            let mut names: Vec<&str> =
                plan.steps.iter().filter(provides).map(|s| s.element.as_str()).collect();
            names.dedup();
            if !names.is_empty() {
                return Err(format!(
                    "the slot `{}` takes exactly one value, and {} left it empty",
                    slot.name,
                    dibhost_text::quoted_list(names)
                ));
            }
        }
        Ok(())
    }
}

/// Where a fact was given, for a sentence about its provider.
fn given_in(fact: &Fact) -> String {
    let step = fact.step.as_ref().map(|step| format!("its step `{step}` of "));
    format!("{}the phase `{}`", step.unwrap_or_default(), fact.phase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibhost_plan::{Phase, PlannedSlot};
    use serde_json::json;

    fn facts(arity: Arity) -> Facts {
        let slot = PlannedSlot {
            name: "x:y@1".to_owned(),
            arity,
            timing: Timing::Observed,
            schema: Some(json!({"type": "string"})),
            doc: String::new(),
        };
        Facts { slots: Slots::new([&slot]).unwrap(), ..Facts::default() }
    }

    fn step(element: &str, phase: Phase) -> Step {
        Step {
            phase,
            element: element.to_owned(),
            name: None,
            reads: Vec::new(),
            needs: Vec::new(),
            writes: Vec::new(),
            after: Vec::new(),
            plan_only: false,
        }
    }

    fn provide(key: &str, value: Value) -> Vec<(String, String, Value)> {
        vec![("x:y@1".to_owned(), key.to_owned(), value)]
    }

    #[test]
    fn facts_are_ordered_by_provider_and_key_whoever_came_first() {
        let mut facts = facts(Arity::Many);
        for (provider, key) in [("b", "1"), ("a", "2"), ("a", "1"), ("a", "1")] {
            facts.observed(&step(provider, Phase::Install), provide(key, json!(key))).unwrap();
        }
        let order: Vec<_> =
            facts.by_slot["x:y@1"].iter().map(|f| (f.provider.as_str(), f.key.as_str())).collect();
        assert_eq!(order, [("a", "1"), ("a", "2"), ("b", "1")]);
    }

    #[test]
    fn what_only_the_whole_build_knows_is_refused() {
        let mut one = facts(Arity::One);
        one.observed(&step("a", Phase::Install), provide("", json!("x"))).unwrap();
        let told = one.observed(&step("b", Phase::Finalise), provide("", json!("y"))).unwrap_err();
        assert_eq!(told, "the slot `x:y@1` takes one value and has it already, by `a`");
        let told = one.observed(&step("a", Phase::Finalise), provide("", json!("y"))).unwrap_err();
        assert!(told.contains("with the key `` in the phase `install`"), "{told}");
        let told = facts(Arity::Many).observed(&step("a", Phase::Install), provide("", json!(1)));
        assert!(told.unwrap_err().contains("does not fit the slot"));
    }

    #[test]
    fn a_slot_that_is_needed_has_a_value() {
        let reader = |needs: &[&str]| Step {
            reads: vec!["x:y@1".to_owned()],
            needs: needs.iter().map(|n| (*n).to_owned()).collect(),
            ..step("r", Phase::Finalise)
        };
        let mut facts = facts(Arity::Many);
        assert!(facts.for_step(&reader(&[])).is_ok());
        assert!(facts.for_step(&reader(&["x:y@1"])).is_err());
        facts.observed(&step("a", Phase::Install), provide("", json!("x"))).unwrap();
        assert_eq!(facts.for_step(&reader(&["x:y@1"])).unwrap()["x:y@1"].len(), 1);
    }
}
