//! What is kept of a build with its tree: all that the tree itself does not say.

use std::collections::BTreeSet;
use std::sync::Arc;

use data_encoding::BASE64;
use dibhost_packages::ManagerState;
use dibhost_plan::Observed;
use dibhost_plan::fact::Fact;
use serde::{Deserialize, Serialize};

/// More than the facts and the files beside the image of any build.
pub(crate) const MOST: u64 = 1 << 30;

/// A build so far, beside its tree.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Kept {
    /// Those that steps observed.
    pub(crate) facts: Vec<Fact>,
    /// Files to put beside the image: suffix and content, in base64.
    outputs: Vec<(String, String)>,
    /// Programs of the tree that were put off.
    deferred: Vec<String>,
    /// What the package manager knows; none: there is none yet.
    pub(crate) manager: Option<ManagerState>,
}

impl Kept {
    pub(crate) fn of(facts: Vec<Fact>, observed: &Observed, manager: Option<ManagerState>) -> Self {
        let output = |(suffix, bytes): &(String, Arc<[u8]>)| (suffix.clone(), BASE64.encode(bytes));
        Self {
            facts,
            outputs: observed.outputs.iter().map(output).collect(),
            deferred: observed.deferred.clone(),
            manager,
        }
    }

    /// What the actions so far brought to light, but for the facts, which those know who provided them.
    /// None: it was never written by a build.
    pub(crate) fn observed(&self) -> Option<Observed> {
        let output = |(suffix, bytes): &(String, String)| {
            Some((suffix.clone(), Arc::from(BASE64.decode(bytes.as_bytes()).ok()?)))
        };
        Some(Observed {
            facts: Vec::new(),
            outputs: self.outputs.iter().map(output).collect::<Option<_>>()?,
            deferred: self.deferred.clone(),
            tainted: BTreeSet::new(),
        })
    }
}
