//! Values of slots and strings of wishes, checked by the rules of `dibhost-plan`.

use dibhost_plan::description::{Slot, Timing};
use dibhost_plan::schema::{check as fits, compile, host_slot};
use dibhost_plan::wish::Wish;
use serde_json::Value;

use crate::refusal::Refusal;

/// Why `value` does not fit the schema of `slot`; for `dib:` slots the host's own schema holds.
pub(crate) fn check(slot: &Slot, value: &Value) -> Result<(), String> {
    let own = host_slot(&slot.name).and_then(|s| s.planned().schema);
    let Some(schema) = own.as_ref().or(slot.schema.as_ref()) else { return Ok(()) };
    let schema = compile(schema).map_err(|why| format!("the schema is none: {why}"))?;
    fits(&schema, value)
}

/// When the values of one of the host's own slots are known; none for a slot that is not its own.
pub(crate) fn timing(slot: &str) -> Option<Timing> {
    host_slot(slot).map(|s| s.timing)
}

/// Refuses a wish with a string that no host program may see.
pub(crate) fn validate(wish: &Wish) -> Result<(), Refusal> {
    dibhost_plan::validate::wish(wish).map_err(|invalid| Refusal::invalid(invalid.to_string()))
}
