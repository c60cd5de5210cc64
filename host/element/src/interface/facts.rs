//! `facts`: typed data between elements. Only declared slots are read and written, so the graph
//! of a plan is true.

use dibhost_check::Check;
use dibhost_definition::Limit;
use dibhost_plan::description::{Arity, Timing};
use dibhost_plan::grant::Right;
use dibhost_plan::{FactUse, schema};
use serde_json::Value;
use wasmtime::component::Linker;

use super::hook::{Own, hooked};
use crate::bindings::dib::element::facts;
use crate::convert;
use crate::refusal::Refusal;
use crate::state::{Mode, State};
use dibhost_text::harmless;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    facts::add_to_linker::<_, Own>(linker, hooked)
}

impl facts::Host for State {
    fn provide(&mut self, slot: String, key: String, value: String) -> Result<(), Refusal> {
        let shown = harmless(&slot, 200);
        let name = &self.call.step;
        let step = self.call.step();
        let Some(declared) = step.and_then(|s| s.provides.iter().find(|s| s.name == slot)) else {
            if Check::FactProvide.holds() {
                return Err(Refusal::undeclared(format!(
                    "its step `{name}` does not declare that it provides `{shown}`"
                )));
            }
            // Only where the check was taken out: as if it were declared.
            let value = serde_json::from_str(&value)
                .map_err(|e| Refusal::invalid(format!("a value of `{shown}` is no JSON: {e}")))?;
            return self.facts.add(&slot, Arity::Many, key, value);
        };
        let (timing, granted) = (declared.timing, schema::granted(FactUse::Provide, &slot));
        in_time(self.call.mode, timing, &slot)?;
        if granted {
            self.grant(Right::Facts(FactUse::Provide, slot.as_str().into()))?;
        }
        if Check::FactKey.holds() && (key.len() > 255 || key.chars().any(char::is_control)) {
            return Err(Refusal::invalid(format!(
                "the key of a fact in `{slot}` is longer than 255 bytes or has control characters"
            )));
        }
        // Counted before it is read: what is provided twice counts twice.
        let bytes = self.facts.count(value.len());
        self.within(Limit::FactBytes, bytes)?;
        let value: Value = serde_json::from_str(&value)
            .map_err(|e| Refusal::invalid(format!("a value of `{slot}` is no JSON: {e}")))?;
        self.facts.check(declared, &value).map_err(|why| {
            Refusal::invalid(format!("a value of `{slot}` does not fit its schema: {why}"))
        })?;
        let arity = declared.arity;
        // Facts are in plans, keys of layers and reports.
        self.without_secrets(&format!("a value of `{slot}`"), &value.to_string())?;
        self.without_secrets(&format!("a key of `{slot}`"), &key)?;
        self.facts.add(&slot, arity, key, value)?;
        self.within(Limit::Facts, self.facts.len())
    }

    fn consume(&mut self, slot: String) -> Result<Vec<facts::Fact>, Refusal> {
        let name = &self.call.step;
        let step = self.call.step();
        let declared = step.is_some_and(|s| s.consumes.iter().any(|u| u.name == slot));
        if Check::FactConsume.holds() && !declared {
            return Err(Refusal::undeclared(format!(
                "its step `{name}` does not declare that it consumes `{}`",
                harmless(&slot, 200)
            )));
        }
        if schema::granted(FactUse::Read, &slot) {
            self.grant(Right::Facts(FactUse::Read, slot.as_str().into()))?;
        }
        // While planning, what is not observed is given, if only as an empty list.
        let given = self.facts.given(&slot);
        if Check::FactTiming.holds() && self.call.mode == Mode::Plan && declared && given.is_none()
        {
            return Err(Refusal::denied(format!(
                "`{slot}` is observed while building, so `plan` cannot read it; `run` can"
            )));
        }
        Ok(given.unwrap_or_default().iter().map(convert::fact_to_wit).collect())
    }
}

/// Planned slots are filled in `plan`, observed ones in `run`.
fn in_time(mode: Mode, timing: Timing, slot: &str) -> Result<(), Refusal> {
    match (mode, timing) {
        _ if !Check::FactTiming.holds() => Ok(()),
        (Mode::Plan, Timing::Planned) | (Mode::Run, Timing::Observed) => Ok(()),
        (Mode::Plan, Timing::Observed) => {
            Err(Refusal::denied(format!("`{slot}` is observed: it is provided in `run`")))
        }
        (Mode::Run, Timing::Planned) => {
            Err(Refusal::denied(format!("`{slot}` is planned: it is provided in `plan`")))
        }
        (Mode::Describe, _) => Err(Refusal::denied("no facts while describing itself")),
    }
}
