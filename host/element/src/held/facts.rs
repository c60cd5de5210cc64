//! The facts of a call: what it reads, and what it provided.

use std::collections::BTreeMap;

use dibhost_check::Check;
use dibhost_plan::description::{Arity, Slot};
use dibhost_plan::fact::Fact;
use serde_json::Value;

use crate::refusal::Refusal;
use crate::schema::Schemas;

/// What the call reads and wrote.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Slot → facts ordered by provider and key.
    given: BTreeMap<String, Vec<Fact>>,
    /// Slot, key, value, in the order they were provided.
    provided: Vec<(String, String, Value)>,
    /// Bytes of their values as they were given.
    bytes: u64,
    /// A step may provide a thousand values of one slot: its schema is compiled once.
    schemas: Schemas,
}

impl Facts {
    pub(crate) fn new(given: BTreeMap<String, Vec<Fact>>) -> Self {
        Self { given, ..Self::default() }
    }

    /// The values of a slot; none: it is not given in this call.
    pub(crate) fn given(&self, slot: &str) -> Option<&[Fact]> {
        self.given.get(slot).map(Vec::as_slice)
    }

    /// Counts the bytes of a value, and says how many they are by now.
    pub(crate) fn count(&mut self, bytes: usize) -> u64 {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        self.bytes
    }

    /// Whether a value fits the schema of its slot.
    pub(crate) fn check(&mut self, slot: &Slot, value: &Value) -> Result<(), String> {
        self.schemas.check(slot, value)
    }

    /// How many were provided.
    pub(crate) fn len(&self) -> u64 {
        self.provided.len() as u64
    }

    pub(crate) fn provided(&mut self) -> Vec<(String, String, Value)> {
        std::mem::take(&mut self.provided)
    }

    pub(crate) fn add(
        &mut self,
        slot: &str,
        arity: Arity,
        key: String,
        value: Value,
    ) -> Result<(), Refusal> {
        let mut own = self.provided.iter().filter(|(s, _, _)| s == slot);
        match own.find(|(_, k, _)| *k == key) {
            Some((_, _, there)) if *there == value => return Ok(()),
            Some(_) => {
                return Err(Refusal::conflict(format!(
                    "`{slot}` has another value of this step with the key `{key}` already"
                )));
            }
            None => {}
        }
        let takes_one = arity != Arity::Many && Check::SlotArity.holds();
        if takes_one && self.provided.iter().any(|(s, _, _)| s == slot) {
            return Err(Refusal::conflict(format!(
                "`{slot}` takes one value and this step provided one already"
            )));
        }
        self.provided.push((slot.to_owned(), key, value));
        Ok(())
    }
}
