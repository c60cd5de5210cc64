//! Whether two schemas of one slot go together: they say the same, or one has grown from the
//! other. `docs/slots.md` has the rule for authors.
//!
//! A schema grows compatibly by optional properties alone, and only where the older one says
//! nothing of properties it does not name. Then every value of the newer is one of the older
//! too: who reads the slot and knows only the older one is never surprised.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::digest::canonical;

/// Keywords by which the older schema has a say in properties that it does not name.
const CLOSING: [&str; 8] = [
    "additionalProperties",
    "unevaluatedProperties",
    "patternProperties",
    "propertyNames",
    "maxProperties",
    "dependentSchemas",
    "not",
    "oneOf",
];

/// Where two schemas differ: a place in them, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// A JSON pointer; empty for the whole.
    pub place: String,
    /// What one has there; none: nothing.
    pub one: Option<String>,
    /// What the other has there.
    pub other: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = |text: &Option<String>| {
            let text = text.as_deref().unwrap_or("nothing");
            // Enough to see what is meant.
            if text.chars().count() <= 60 {
                return text.to_owned();
            }
            text.chars().take(59).chain(['…']).collect()
        };
        let place = if self.place.is_empty() {
            "the whole".to_owned()
        } else {
            format!("`{}`", self.place)
        };
        write!(f, "at {place}, one has {} and the other {}", said(&self.one), said(&self.other))
    }
}

/// How two schemas go together: equal, or which of them has grown from the other (`Greater`:
/// `a` has grown from `b`).
///
/// # Errors
/// The first place in which they differ, when they do not go together.
pub fn relation(a: Option<&Value>, b: Option<&Value>) -> Result<Ordering, Difference> {
    let (a, b) = match (a, b) {
        (None, None) => return Ok(Ordering::Equal),
        (Some(a), Some(b)) => (essence(a), essence(b)),
        (a, b) => {
            return Err(Difference {
                place: String::new(),
                one: a.map(canonical),
                other: b.map(canonical),
            });
        }
    };
    let Some(difference) = difference(&a, &b, String::new()) else { return Ok(Ordering::Equal) };
    if grown(&b, &a) {
        Ok(Ordering::Greater)
    } else if grown(&a, &b) {
        Ok(Ordering::Less)
    } else {
        Err(difference)
    }
}

/// Whether `new` says what `old` says and names more optional properties, at any depth below
/// properties.
fn grown(old: &Value, new: &Value) -> bool {
    if old == new || canonical(old) == canonical(new) {
        return true;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return false };
    if old.get("type") != Some(&Value::from("object")) {
        return false;
    }
    let rest = |map: &Map<String, Value>| {
        let kept = map.iter().filter(|(key, _)| *key != "properties" && *key != "$defs");
        canonical(&kept.map(|(k, v)| (k.clone(), v.clone())).collect::<Map<_, _>>().into())
    };
    if rest(old) != rest(new) {
        return false;
    }
    let empty = Map::new();
    let properties = |map: &Value| map.as_object().cloned().unwrap_or_else(|| empty.clone());
    let part =
        |map: &Map<String, Value>, key: &str| map.get(key).map(properties).unwrap_or_default();
    let (old_named, new_named) = (part(old, "properties"), part(new, "properties"));
    let (old_defs, new_defs) = (part(old, "$defs"), part(new, "$defs"));
    let all_grown = |old: &Map<String, Value>, new: &Map<String, Value>| {
        old.iter().all(|(name, schema)| new.get(name).is_some_and(|now| grown(schema, now)))
    };
    let more = new_named.keys().any(|name| !old_named.contains_key(name));
    if more && CLOSING.iter().any(|key| old.get(*key).is_some_and(|v| *v != Value::Bool(true))) {
        return false;
    }
    // A property that the older one requires without naming it would now be of a kind.
    let required = |name: &str| {
        let names = old.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|n| n == name))
    };
    new_named.keys().all(|name| old_named.contains_key(name) || !required(name))
        && all_grown(&old_named, &new_named)
        && all_grown(&old_defs, &new_defs)
}

/// The first place in which two values differ.
fn difference(a: &Value, b: &Value, at: String) -> Option<Difference> {
    match (a, b) {
        (Value::Object(one), Value::Object(other)) => {
            let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter().find_map(|key| {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => difference(one, other, at),
                    (one, other) => Some(Difference {
                        place: at,
                        one: one.map(canonical),
                        other: other.map(canonical),
                    }),
                }
            })
        }
        (a, b) if canonical(a) == canonical(b) => None,
        (a, b) => {
            Some(Difference { place: at, one: Some(canonical(a)), other: Some(canonical(b)) })
        }
    }
}

/// A schema without what draft 2020-12 calls annotations (`format` is one, too: it is not
/// asserted), its sets in order. What only accepts everything is left out.
fn essence(schema: &Value) -> Value {
    const ANNOTATIONS: [&str; 12] = [
        "$comment",
        "$id",
        "$schema",
        "default",
        "deprecated",
        "description",
        "examples",
        "format",
        "readOnly",
        "title",
        "writeOnly",
        "contentMediaType",
    ];
    const NAMED: [&str; 5] =
        ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
    const SETS: [&str; 3] = ["required", "enum", "type"];
    match schema {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !ANNOTATIONS.contains(&key.as_str()));
            let essential = kept.map(|(key, value)| {
                let value = match value {
                    Value::Object(named) if NAMED.contains(&key.as_str()) => Value::Object(
                        named
                            .iter()
                            .map(|(name, schema)| (name.clone(), essence(schema)))
                            .collect(),
                    ),
                    Value::Array(set) if SETS.contains(&key.as_str()) => {
                        let mut set = set.clone();
                        set.sort_by_key(canonical);
                        Value::Array(set)
                    }
                    value if key == "const" || key == "enum" => value.clone(),
                    value => essence(value),
                };
                (key.clone(), value)
            });
            // An empty list of required names says as much as none.
            let says = |key: &str, value: &Value| {
                !(key == "required" && *value == Value::Array(Vec::new()))
            };
            Value::Object(essential.filter(|(key, value)| says(key, value)).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(essence).collect()),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn same(a: &Value, b: &Value) -> bool {
        relation(Some(a), Some(b)) == Ok(Ordering::Equal)
    }

    #[test]
    fn annotations_do_not_make_a_schema_another_one_and_names_do() {
        let a = json!({"title": "A", "type": ["string", "null"], "examples": ["x"]});
        let b = json!({"description": "B", "type": ["null", "string"], "required": []});
        assert!(same(&a, &b));
        let named = json!({"properties": {"title": {"type": "string"}}});
        let other = json!({"properties": {}});
        assert!(!same(&named, &other), "a property may be called `title`");
        assert!(relation(Some(&a), None).is_err());
        let choice = |title: &str| json!({"enum": [{"title": title}]});
        assert!(!same(&choice("x"), &choice("y")), "a choice is no schema");
    }

    #[test]
    fn optional_properties_are_growth_and_nothing_else_is() {
        let old = json!({"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string"}, "b": {"type": "object", "properties": {}}}});
        let with = |change: &dyn Fn(&mut Value)| {
            let mut new = old.clone();
            change(&mut new);
            relation(Some(&old), Some(&new))
        };
        let optional = with(&|s| s["properties"]["c"] = json!({"type": "integer"}));
        assert_eq!(optional, Ok(Ordering::Less));
        let deeper =
            with(&|s| s["properties"]["b"]["properties"]["d"] = json!({"type": "integer"}));
        assert_eq!(deeper, Ok(Ordering::Less));
        let defined = with(&|s| {
            s["properties"]["c"] = json!({"$ref": "#/$defs/C"});
            s["$defs"] = json!({"C": {"type": "integer"}});
        });
        assert_eq!(defined, Ok(Ordering::Less));
        let both = |s: &mut Value| {
            s["properties"]["c"] = json!({"type": "integer"});
            s["required"] = json!(["a", "c"]);
        };
        let told = [
            with(&both),
            with(&|s| s["properties"]["a"] = json!({"type": ["string", "null"]})),
            with(&|s| s["additionalProperties"] = json!(false)),
            with(&|s| s["properties"] = json!({"a": {"type": "string"}, "e": {}})),
            with(&|s| s["minProperties"] = json!(1)),
        ]
        .map(|result| result.unwrap_err().to_string());
        insta::assert_snapshot!(told.join("\n"), @r#"
        at `/properties/c`, one has nothing and the other {"type":"integer"}
        at `/properties/a/type`, one has "string" and the other ["null","string"]
        at `/additionalProperties`, one has nothing and the other false
        at `/properties/b`, one has {"properties":{},"type":"object"} and the other nothing
        at `/minProperties`, one has nothing and the other 1
        "#);
    }

    #[test]
    fn a_schema_that_is_closed_does_not_grow() {
        let closed =
            json!({"type": "object", "additionalProperties": false, "properties": {"a": {}}});
        let more = json!({"type": "object", "additionalProperties": false, "properties": {"a": {}, "b": {}}});
        assert!(relation(Some(&closed), Some(&more)).is_err());
        let open = json!({"type": "object", "additionalProperties": true, "properties": {"a": {}}});
        let opener = json!({"type": "object", "additionalProperties": true, "properties": {"a": {}, "b": {}}});
        assert_eq!(relation(Some(&opener), Some(&open)), Ok(Ordering::Greater));
        let requires = json!({"type": "object", "required": ["b"], "properties": {}});
        let names =
            json!({"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}});
        assert!(relation(Some(&requires), Some(&names)).is_err());
    }
}
