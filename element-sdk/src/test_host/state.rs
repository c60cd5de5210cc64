//! What a host in memory holds, and what planning on it came to.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fake_input::FakeInput;
use super::fake_tree::FakeTree;
use super::outside::Outside;
use crate::block_device::Node;
use crate::command::{Command, Output};
use crate::description::Condition;
use crate::error::{Error, ErrorCode, Result};
use crate::extensions::Extensions;
use crate::fact::{Fact, Provided, RawFact};
use crate::file::File;
use crate::level::Level;
use crate::wish::{
    Bootstrap, DebRepository, DebconfAnswer, DropIn, Finding, Machine, Module, Package,
    PackageGroup, Preset, Proxy, RpmRepository, UnitState, User,
};

pub(super) type Answer = Box<dyn FnMut(&Command, &mut FakeTree) -> Output>;

/// What a host in memory holds.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) machine: Option<Machine>,
    pub(crate) parameters: BTreeMap<String, Value>,
    pub(crate) facts: Vec<(String, RawFact)>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) tree: FakeTree,
    pub(crate) answers: BTreeMap<String, Answer>,
    pub(crate) secrets: BTreeMap<String, Vec<u8>>,
    /// Those whose parameters no element declares.
    pub(crate) added_secrets: BTreeSet<String>,
    pub(crate) inputs: BTreeMap<String, FakeInput>,
    pub(crate) builder_keys: Vec<String>,
    pub(crate) proxy: Proxy,
    /// By URL; of a repository, URL and revision.
    pub(crate) outside: BTreeMap<String, Outside>,
}

/// What planning one step came to.
#[derive(Debug, Default)]
pub struct Planned {
    /// Facts: slot and value.
    pub facts: Vec<(String, Provided<String>)>,
    /// Packages.
    pub packages: Vec<Package>,
    /// Answers to what packages ask.
    pub answers: Vec<DebconfAnswer>,
    /// Repositories of Debian packages.
    pub deb_repositories: Vec<DebRepository>,
    /// Repositories of RPM packages.
    pub rpm_repositories: Vec<RpmRepository>,
    /// Streams of modules.
    pub modules: Vec<Module>,
    /// Groups of packages.
    pub package_groups: Vec<PackageGroup>,
    /// Everything is to be brought up to date.
    pub upgrade_all: bool,
    /// Units and what becomes of them.
    pub services: Vec<(String, UnitState)>,
    /// Units and their text.
    pub units: Vec<(String, String)>,
    /// Drop-ins of units.
    pub drop_ins: Vec<DropIn>,
    /// Presets.
    pub presets: Vec<Preset>,
    /// Files, folders, links and removals, which are in the tree of the host as well.
    pub files: Vec<File>,
    /// Accounts.
    pub users: Vec<User>,
    /// Passwords: user and secret.
    pub passwords: Vec<(String, Vec<u8>)>,
    /// Groups.
    pub groups: Vec<(String, Option<u32>)>,
    /// Nodes of the block device that were added or replaced.
    pub nodes: Vec<Node>,
    /// The first tree.
    pub bootstrap: Option<Bootstrap>,
    /// Remarks.
    pub findings: Vec<Finding>,
    /// Lines of the log.
    pub log: Vec<(Level, String)>,
}

impl State {
    pub(crate) fn machine(&self) -> Machine {
        self.machine.clone().unwrap_or_else(|| Machine {
            arch: "amd64".to_owned(),
            image_name: "image".to_owned(),
            source_date_epoch: 1_700_000_000,
            extensions: Extensions::default(),
        })
    }

    /// Whether a condition holds of the facts that there are.
    pub(crate) fn is(&self, condition: &Condition) -> bool {
        let mut values = self.facts.iter().filter(|(slot, _)| *slot == condition.slot);
        values.any(|(_, fact)| {
            let Ok(value) = serde_json::from_str::<Value>(&fact.value) else { return false };
            let field = match condition.field.as_str() {
                "" => Some(&value),
                field => value.pointer(&format!("/{field}")),
            };
            match field {
                Some(Value::String(text)) => condition.one_of.contains(text),
                Some(plain @ (Value::Bool(_) | Value::Number(_))) => {
                    condition.one_of.contains(&plain.to_string())
                }
                _ => false,
            }
        })
    }

    pub(crate) fn input(&self, name: &str) -> Result<&FakeInput> {
        self.inputs.get(name).ok_or_else(|| {
            let message = format!("the definition has no input `{name}`");
            Error::with_code(ErrorCode::NotFound, message)
        })
    }

    pub(crate) fn add_fact(&mut self, slot: &str, fact: RawFact) {
        self.facts.retain(|(s, f)| s != slot || f.provider != fact.provider || f.key != fact.key);
        self.facts.push((slot.to_owned(), fact));
        self.facts
            .sort_by(|(a, x), (b, y)| (a, &x.provider, &x.key).cmp(&(b, &y.provider, &y.key)));
    }
}

impl Planned {
    /// The values of a slot that were provided.
    ///
    /// # Panics
    /// When one is not of this type.
    #[must_use]
    pub fn provided<F: Fact>(&self) -> Vec<F> {
        typed::<F>(&self.facts, F::SLOT)
    }

    /// The names of the packages that were wished for.
    #[must_use]
    pub fn package_names(&self) -> Vec<&str> {
        self.packages.iter().map(|p| &*p.name).collect()
    }
}

/// The values of a slot among what was provided.
pub(super) fn typed<F: DeserializeOwned>(
    facts: &[(String, Provided<String>)],
    slot: &str,
) -> Vec<F> {
    let of_slot = facts.iter().filter(|(s, _)| s == slot);
    of_slot.map(|(_, f)| serde_json::from_str(&f.value).expect("a value of its type")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Phase;

    #[test]
    fn conditions_hold_where_the_host_says_so() {
        let table = include_str!("../../tests/conditions.json");
        let table: Vec<Value> = serde_json::from_str(table).unwrap();
        for row in &table {
            let mut state = State::default();
            for (place, value) in row["values"].as_array().unwrap().iter().enumerate() {
                let fact = RawFact {
                    provider: "somebody".to_owned(),
                    step: "root".to_owned(),
                    phase: Phase::Root,
                    key: place.to_string(),
                    value: value.to_string(),
                    extensions: Extensions::default(),
                };
                state.add_fact("acme:x/y@1", fact);
            }
            let condition = Condition {
                slot: "acme:x/y@1".to_owned(),
                field: row["field"].as_str().unwrap().to_owned(),
                one_of: serde_json::from_value(row["one-of"].clone()).unwrap(),
                extensions: Extensions::default(),
            };
            assert_eq!(Value::from(state.is(&condition)), row["holds"], "{row}");
            assert!(!state.is(&Condition { slot: "acme:x/z@1".to_owned(), ..condition }));
        }
    }
}
