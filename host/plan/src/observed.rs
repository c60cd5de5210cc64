//! What doing an action brought to light, which no plan could know.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Why nothing of an action may be kept, nor of what comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Taint {
    /// An element read a secret, and may have written it anywhere.
    SecretOpened,
    /// A secret was put into the tree, or handed to a program of it.
    SecretPlaced,
    /// A program of the tree could reach the network, or something was fetched that neither a digest
    /// nor a pin of before says, or could not be: no key knows what was found there.
    Network,
}

/// All that one action, or several, brought to light.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Facts provided: slot, key, value. Slots are declared, observed ones; values fit their schema.
    pub facts: Vec<(String, String, Value)>,
    /// Files to put beside the image: suffix and content. Suffixes are granted and safe in a name.
    pub outputs: Vec<(String, Arc<[u8]>)>,
    /// Programs of the tree that package scripts put off, in the order in which they were first.
    pub deferred: Vec<String>,
    /// Why nothing of it may be kept; empty: it may.
    pub tainted: BTreeSet<Taint>,
}

impl Observed {
    /// Adds what a later action brought to light.
    pub fn extend(&mut self, later: Self) {
        self.facts.extend(later.facts);
        self.outputs.extend(later.outputs);
        for program in later.deferred {
            if !self.deferred.contains(&program) {
                self.deferred.push(program);
            }
        }
        self.tainted.extend(later.tainted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_off_twice_is_put_off_once_and_a_taint_stays() {
        let deferred = |programs: &[&str]| programs.iter().map(|p| (*p).to_owned()).collect();
        let mut all = Observed {
            deferred: deferred(&["update-initramfs"]),
            tainted: [Taint::Network].into(),
            ..Observed::default()
        };
        let later = Observed {
            facts: vec![("x:y@1".to_owned(), "k".to_owned(), Value::Null)],
            deferred: deferred(&["update-grub", "update-initramfs"]),
            ..Observed::default()
        };
        all.extend(later);
        assert_eq!(all.deferred, ["update-initramfs", "update-grub"]);
        assert_eq!(all.facts.len(), 1);
        assert_eq!(all.tainted, [Taint::Network].into());
    }
}
