//! The facts of a running build: planned ones from the plan, observed ones as steps provide them.

use std::collections::BTreeMap;

use dibhost_plan::fact::Fact;
use dibhost_plan::{Phase, Step};
use serde_json::Value;

/// Facts by slot, each list ordered by provider and key.
#[derive(Debug, Default)]
pub(crate) struct Facts(BTreeMap<String, Vec<Fact>>);

impl Facts {
    /// Those the plan knew.
    pub(crate) fn planned(facts: &[Fact]) -> Self {
        let mut all = Self::default();
        facts.iter().cloned().for_each(|fact| all.insert(fact));
        all
    }

    /// Adds what a step provided.
    pub(crate) fn observed(
        &mut self,
        provider: &str,
        phase: Phase,
        provided: impl IntoIterator<Item = (String, String, Value)>,
    ) {
        for (slot, key, value) in provided {
            self.insert(Fact { slot, provider: provider.to_owned(), phase, key, value });
        }
    }

    fn insert(&mut self, fact: Fact) {
        let facts = self.0.entry(fact.slot.clone()).or_default();
        let place = (&fact.provider, &fact.key);
        let at = facts.partition_point(|f| (&f.provider, &f.key) < place);
        facts.insert(at, fact);
    }

    /// What a step reads: each slot it declared, complete.
    pub(crate) fn for_step(&self, step: &Step) -> BTreeMap<String, Vec<Fact>> {
        let of = |slot: &str| self.0.get(slot).cloned().unwrap_or_default();
        step.reads.iter().map(|slot| (slot.clone(), of(slot))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn facts_are_ordered_by_provider_and_key_whoever_came_first() {
        let mut facts = Facts::default();
        let provide = |key: &str| vec![("x:y@1".to_owned(), key.to_owned(), json!(key))];
        facts.observed("b", Phase::Install, provide("1"));
        facts.observed("a", Phase::Install, provide("2"));
        facts.observed("a", Phase::Install, provide("1"));
        let order: Vec<_> =
            facts.0["x:y@1"].iter().map(|f| (f.provider.as_str(), f.key.as_str())).collect();
        assert_eq!(order, [("a", "1"), ("a", "2"), ("b", "1")]);
    }
}
