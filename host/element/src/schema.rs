//! Values of slots and strings of wishes, checked by the rules of `dibhost-plan`.

use std::collections::BTreeMap;

use dibhost_plan::description::Slot;
use dibhost_plan::schema::{Compiled, check as fits, compile, host_slot};
use dibhost_plan::wish::Wish;
use serde_json::Value;

use crate::refusal::Refusal;

/// Schemas of slots, each compiled when the first value of its slot comes.
#[derive(Debug, Default)]
pub(crate) struct Schemas(BTreeMap<String, Option<Compiled>>);

impl Schemas {
    /// Why `value` does not fit the schema of `slot`; for `dib:` slots the host's own holds.
    pub(crate) fn check(&mut self, slot: &Slot, value: &Value) -> Result<(), String> {
        if !self.0.contains_key(&slot.name) {
            let own = host_slot(&slot.name).and_then(|s| s.planned().schema);
            let compiled = own.as_ref().or(slot.schema.as_ref()).map(compile).transpose();
            let compiled = compiled.map_err(|why| format!("the schema is none: {why}"))?;
            self.0.insert(slot.name.clone(), compiled);
        }
        match self.0.get(&slot.name) {
            Some(Some(schema)) => fits(schema, value),
            _ => Ok(()),
        }
    }
}

/// Refuses a wish with a string that no host program may see.
pub(crate) fn validate(wish: &Wish) -> Result<(), Refusal> {
    dibhost_plan::validate::wish(wish).map_err(|invalid| Refusal::invalid(invalid.to_string()))
}
