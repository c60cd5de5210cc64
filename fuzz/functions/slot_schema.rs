//! The schema of a slot is taken or refused, and a value fits it or does not; neither takes long,
//! nothing is fetched, and how two schemas go together does not depend on which is asked first.

use dibhost_arbitrary::Source;
use dibhost_plan::schema;
use serde_json::Value;

/// Keywords: schemas of arbitrary keys alone would say nothing.
const KEYWORDS: [&str; 24] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "oneOf",
    "anyOf",
    "allOf",
    "not",
    "$ref",
    "$defs",
    "if",
    "then",
    "format",
    "title",
    "uniqueItems",
    "patternProperties",
];
const TEXTS: [&str; 12] = [
    "object",
    "string",
    "array",
    "integer",
    "number",
    "boolean",
    "null",
    "#",
    "#/$defs/a",
    "^(a+)+$",
    "https://example.org/schema.json",
    "file:///etc/passwd",
];

fn schema_of(source: &mut Source<'_>, depth: usize) -> Value {
    match source.byte() % 8 {
        0 => Value::Bool(source.byte() & 1 == 1),
        1 => source.value::<Value>(),
        2 => Value::from(TEXTS[usize::from(source.byte()) % TEXTS.len()]),
        3 => Value::from(source.value::<u64>()),
        4 if depth < 12 => {
            let items = 0..source.byte() % 4;
            items.map(|_| schema_of(source, depth + 1)).collect()
        }
        _ if depth < 12 => {
            let keys = 0..source.byte() % 6;
            let one = |_| {
                let key = match source.byte() {
                    byte @ 0..=223 => KEYWORDS[usize::from(byte) % KEYWORDS.len()].to_owned(),
                    _ => "a".to_owned(),
                };
                (key, schema_of(source, depth + 1))
            };
            Value::Object(keys.map(one).collect())
        }
        _ => Value::Null,
    }
}

pub(crate) fn slot_schema(data: &[u8]) {
    let mut source = Source::new(data);
    let schema = schema_of(&mut source, 0);
    let value: Value = source.value();
    match schema::compile(&schema) {
        Ok(compiled) => {
            let first = schema::check(&compiled, &value);
            assert_eq!(first, schema::check(&compiled, &value));
        }
        Err(why) => assert!(!why.is_empty()),
    }
}
