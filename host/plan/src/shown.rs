//! A plan as it may be shown: a hash of a password came from somewhere, a parameter say, and would
//! stand there as well.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::plan::Plan;

impl Plan {
    /// The plan with no hash of a password in it, wherever it stands: only what
    /// [`PasswordHash::shown`](crate::PasswordHash::shown) says of it. Whoever carries a plan out
    /// needs the plan itself.
    ///
    /// # Errors
    /// The plan is no JSON, which it always is.
    pub fn to_be_shown(&self) -> Result<Self, serde_json::Error> {
        let users = self.users.iter().filter_map(|user| user.user.password_hash.as_ref());
        let hashes: BTreeMap<&str, &str> =
            users.filter_map(|hash| Some((hash.expose()?, hash.shown()))).collect();
        if hashes.is_empty() {
            return Ok(self.clone());
        }
        let mut value = serde_json::to_value(self)?;
        strike_out(&mut value, &hashes);
        serde_json::from_value(value)
    }
}

fn strike_out(value: &mut Value, hashes: &BTreeMap<&str, &str>) {
    match value {
        Value::String(text) => {
            for (hash, shown) in hashes {
                if text.contains(hash) {
                    *text = text.replace(hash, shown);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strike_out(item, hashes)),
        Value::Object(map) => map.values_mut().for_each(|item| strike_out(item, hashes)),
        _ => {}
    }
}
