//! The shapes of values, each with a word on it and a value that is right.

use serde_json::{Map, Value, json};

/// Names of secrets and inputs.
pub(super) const NAME: &str = "^[A-Za-z0-9._][A-Za-z0-9._-]*$";

/// A text.
pub(super) fn text(description: &str, example: &str) -> Value {
    json!({"description": description, "type": "string", "examples": [example]})
}

/// A text that a pattern fits.
pub(super) fn fitting(description: &str, pattern: &str, example: &str) -> Value {
    let mut schema = text(description, example);
    schema["pattern"] = pattern.into();
    schema
}

/// A list of texts.
pub(super) fn texts(description: &str, example: &[&str]) -> Value {
    json!({
        "description": description,
        "type": "array",
        "items": {"type": "string"},
        "examples": [example],
    })
}

/// One of a few words.
pub(super) fn word(description: &str, words: &[&str]) -> Value {
    json!({"description": description, "enum": words, "examples": [words.first()]})
}

/// `true` or `false`.
pub(super) fn boolean(description: &str) -> Value {
    json!({"description": description, "type": "boolean", "examples": [true]})
}

/// `true`, where `false` is said by leaving it out.
pub(super) fn only_true(description: &str) -> Value {
    json!({"description": description, "const": true, "examples": [true]})
}

/// A whole number.
pub(super) fn number(description: &str, least: i64, most: i64, example: i64) -> Value {
    json!({
        "description": description,
        "type": "integer",
        "minimum": least,
        "maximum": most,
        "examples": [example],
    })
}

/// A table of keys that are known.
pub(super) fn table(description: &str, keys: Vec<(&str, Value)>, required: &[&str]) -> Value {
    let keys: Map<String, Value> = keys.into_iter().map(|(key, of)| (key.to_owned(), of)).collect();
    json!({
        "description": description,
        "type": "object",
        "properties": keys,
        "required": required,
        "additionalProperties": false,
    })
}

/// A table of names that whoever writes it chooses.
pub(super) fn named(description: &str, names: &str, each: Value) -> Value {
    json!({
        "description": description,
        "type": "object",
        "propertyNames": {"pattern": names},
        "additionalProperties": each,
    })
}

/// A list of tables.
pub(super) fn tables(description: &str, each: Value, example: Value) -> Value {
    json!({
        "description": description,
        "type": "array",
        "items": each,
        "examples": [[example]],
    })
}

/// The same with exactly one of these keys.
pub(super) fn with_one_of(mut table: Value, keys: &[&str]) -> Value {
    table["oneOf"] = keys.iter().map(|key| json!({"required": [key]})).collect();
    table
}
