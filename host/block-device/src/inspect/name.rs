//! Names of nodes that were found. What has a name on the disk gets it first.

use std::collections::BTreeMap;

/// Bytes of a wished name that are kept: with a number behind it, it still is a node's name.
const MOST: usize = 56;

/// Gives names that nodes can have, each once.
#[derive(Default)]
pub(super) struct Names {
    /// How often each was given.
    given: BTreeMap<String, usize>,
}

impl Names {
    /// The name that is wished for, or what comes next to it.
    pub(super) fn give(&mut self, wished: &str) -> String {
        let fine = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let mut name: String = wished.chars().map(fine).take(MOST).collect();
        if name.is_empty() {
            "node".clone_into(&mut name);
        }
        let mut candidate = name.clone();
        loop {
            if !self.given.contains_key(&candidate) {
                self.given.insert(candidate.clone(), 1);
                return candidate;
            }
            let count = self.given.entry(name.clone()).or_insert(1);
            *count += 1;
            candidate = format!("{name}-{count}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_given_once() {
        let mut names = Names::default();
        let given = ["root", "root", "root-2", "root", "a b/ä", "", &"x".repeat(100)];
        let given = given.map(|name| names.give(name));
        let long = "x".repeat(MOST);
        assert_eq!(given, ["root", "root-2", "root-2-2", "root-3", "a-b--", "node", &long]);
    }
}
