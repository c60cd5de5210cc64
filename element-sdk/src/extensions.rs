//! What a record says beyond this version of the contract.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Context, Result};

/// What a record of the contract says beyond its fields: keys and JSON documents. Records cannot
/// grow otherwise, for a component's types are compared exactly.
///
/// A host that does not know a key reports it in the plan and does without it; one that starts
/// with `!` it refuses. What the host says, an element overlooks where it does not know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions(Vec<(String, String)>);

impl Extensions {
    /// Says `value` under `key`, in the place of what was said there.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        let key = key.into();
        self.0.retain(|(k, _)| *k != key);
        self.0.push((key, value.into().to_string()));
    }

    /// The same, for a record that is put together.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.set(key, value);
        self
    }

    /// What is said under `key`.
    ///
    /// # Errors
    /// What is there is no JSON, or of another type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let Some((_, text)) = self.0.iter().find(|(k, _)| k == key) else { return Ok(None) };
        let read = serde_json::from_str(text).map(Some);
        read.with_context(|| format!("reading the extension `{key}`"))
    }

    /// The keys, as they were said.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

impl From<Vec<(String, String)>> for Extensions {
    fn from(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }
}

impl From<Extensions> for Vec<(String, String)> {
    fn from(extensions: Extensions) -> Self {
        extensions.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_read_again_and_said_once() {
        let mut said = Extensions::default().with("colour", "blue").with("!depth", 3);
        said.set("colour", vec!["red"]);
        assert_eq!(said.keys().collect::<Vec<_>>(), ["!depth", "colour"]);
        assert_eq!(said.get::<Vec<String>>("colour").unwrap(), Some(vec!["red".to_owned()]));
        assert_eq!(said.get::<u32>("!depth").unwrap(), Some(3));
        assert_eq!(said.get::<u32>("absent").unwrap(), None);
        let wrong = said.get::<u32>("colour").unwrap_err();
        assert!(wrong.to_string().starts_with("reading the extension `colour`: "), "{wrong}");
    }
}
