//! The schema that editors have, and the parser: what one refuses, so does the other, key by key.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dibhost_definition::{Definition, Diagnostics, schema};
use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// A step on the way to a table of the definition.
#[derive(Debug, Clone)]
enum Way {
    /// The key of a table.
    Key(String),
    /// The only entry of a list of tables, with what else is in it.
    Entry(Map<String, Value>),
}

/// A table whose keys are known, where it is, and its schema.
struct Known {
    way: Vec<Way>,
    schema: Value,
}

fn tables(schema: &Value, way: &mut Vec<Way>, found: &mut Vec<Known>) {
    if let Some(keys) = schema["properties"].as_object() {
        found.push(Known { way: way.clone(), schema: schema.clone() });
        for (key, of) in keys {
            way.push(Way::Key(key.clone()));
            tables(of, way, found);
            way.pop();
        }
    }
    if schema["additionalProperties"].is_object() {
        way.push(Way::Key("x-1".to_owned()));
        tables(&schema["additionalProperties"], way, found);
        way.pop();
    }
    if schema["items"]["properties"].is_object() {
        let example =
            schema["examples"][0][0].as_object().expect("a list of tables has an example");
        way.push(Way::Entry(example.clone()));
        tables(&schema["items"], way, found);
        way.pop();
    }
}

fn known() -> Vec<Known> {
    let mut found = Vec::new();
    tables(&schema(), &mut Vec::new(), &mut found);
    found
}

/// A definition that is right with this table in its place; a table within an entry of a list has
/// what the entry needs.
fn with(way: &[Way], table: &Map<String, Value>) -> Value {
    fn put(at: &mut Value, way: &[Way], table: &Map<String, Value>) {
        match way {
            [] => {
                let there = at.as_object_mut().expect("a table");
                table.iter().for_each(|(k, v)| drop(there.insert(k.clone(), v.clone())));
            }
            [Way::Key(key), Way::Entry(example), rest @ ..] => {
                // The table itself says what is in it; what is below it needs the others.
                let example = if rest.is_empty() { json!({}) } else { json!(example) };
                at[key] = json!([example]);
                put(&mut at[key][0], rest, table);
            }
            [Way::Key(key), rest @ ..] => {
                if !at[key].is_object() {
                    at[key] = json!({});
                }
                put(&mut at[key], rest, table);
            }
            [Way::Entry(_), ..] => unreachable!("a list stands at a key"),
        }
    }
    let mut definition = json!({
        "image": {"name": "x", "elements": ["a"]},
        // What users name.
        "secrets": {"deploy-password": {"environment": "X"}},
    });
    put(&mut definition, way, table);
    definition
}

fn parsed(definition: &Value) -> Result<Definition, Diagnostics> {
    let text = toml::to_string(definition).expect("a definition is TOML");
    Definition::parse(&text, "image.toml", Path::new("."))
}

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).expect("the schema is one of draft 7")
}

/// Whether both take it, when they agree.
fn taken(validator: &Validator, definition: &Value) -> bool {
    let by_parser = parsed(definition);
    let by_schema: Vec<String> = validator
        .iter_errors(definition)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert_eq!(
        by_parser.is_ok(),
        by_schema.is_empty(),
        "{definition:#}\nthe parser says {}\nand the schema {by_schema:?}",
        by_parser.map_or_else(|wrong| wrong.to_string(), |_| "nothing".to_owned())
    );
    by_schema.is_empty()
}

/// Tables that have a key with this value: what the entry's example has beside it, all of it and
/// less, because some keys exclude one another.
fn around(known: &Known, key: &str, value: &Value) -> Vec<Value> {
    let example = match known.way.last() {
        Some(Way::Entry(example)) => example.clone(),
        _ => Map::new(),
    };
    let mut tables = Vec::new();
    for left_out in std::iter::once(None).chain(example.keys().map(Some)) {
        let mut table = example.clone();
        if let Some(left_out) = left_out {
            table.remove(left_out);
        }
        table.insert(key.to_owned(), value.clone());
        tables.push(with(&known.way, &table));
    }
    // A key whose type is another one's: of another node, another family of packages.
    for then in known.schema["allOf"].as_array().into_iter().flatten() {
        let Some(kind) = then["if"]["properties"]["type"]["const"].as_str() else { continue };
        let mut table = Map::new();
        table.insert("name".to_owned(), json!("x"));
        table.insert("type".to_owned(), json!(kind));
        for required in then["then"]["required"].as_array().into_iter().flatten() {
            let required = required.as_str().unwrap_or_default();
            let example = known.schema["properties"][required]["examples"][0].clone();
            table.insert(required.to_owned(), example);
        }
        table.insert(key.to_owned(), value.clone());
        tables.push(with(&known.way, &table));
    }
    if key != "format" && known.schema["properties"]["location"].is_object() {
        let rpm = json!({"name": "x", "url": "https://x.example/", "key": "k", "format": "rpm"});
        let mut table = rpm.as_object().cloned().unwrap_or_default();
        table.insert(key.to_owned(), value.clone());
        tables.push(with(&known.way, &table));
    }
    tables
}

/// Values that are of no type that the schema allows, or beyond its bounds.
fn wrong_values(schema: &Value) -> Vec<Value> {
    let types: BTreeSet<&str> = match &schema["type"] {
        Value::String(one) => BTreeSet::from([one.as_str()]),
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => BTreeSet::new(),
    };
    let mut values = Vec::new();
    for (kind, value) in [
        ("integer", json!(7)),
        ("number", json!(1.5)),
        ("boolean", json!(true)),
        ("string", json!("no such word")),
        ("array", json!([7])),
        ("object", json!({"x": 1})),
    ] {
        let constant = schema["const"] == value;
        if !types.contains(kind) && !constant {
            values.push(value);
        }
    }
    if types.contains("array") {
        values.push(json!([true]));
    }
    if let Some(least) = schema["minimum"].as_i64().and_then(|n| n.checked_sub(1)) {
        values.push(json!(least));
    }
    if let Some(most) = schema["maximum"].as_i64().and_then(|n| n.checked_add(1)) {
        values.push(json!(most));
    }
    if schema["pattern"].is_string() {
        values.push(json!("\u{1} !"));
    }
    values
}

#[test]
fn every_key_takes_the_same_values_in_both() {
    let validator = validator();
    let mut keys = 0;
    for known in known() {
        let properties = known.schema["properties"].as_object().expect("it was found by them");
        for (key, schema) in properties {
            if schema["properties"].is_object() && schema["examples"].is_null() {
                continue;
            }
            if schema["additionalProperties"].is_object() && schema["examples"].is_null() {
                continue;
            }
            keys += 1;
            let at = format!("`{key}` of {:?}", known.way);
            let examples =
                schema["examples"].as_array().unwrap_or_else(|| panic!("{at}: no example"));
            for example in examples {
                let tried = around(&known, key, example);
                assert!(
                    tried.iter().filter(|tried| taken(&validator, tried)).count() > 0,
                    "{at}: {example} is taken nowhere: {}",
                    parsed(&tried[0]).unwrap_err()
                );
            }
            for wrong in wrong_values(schema) {
                for tried in around(&known, key, &wrong) {
                    assert!(!taken(&validator, &tried), "{at}: {wrong} is taken");
                }
            }
        }
    }
    assert!(keys > 100, "{keys}");
}

#[test]
fn the_parser_knows_no_key_that_an_editor_does_not() {
    let validator = validator();
    let mut compared = 0;
    for known in known() {
        let properties = known.schema["properties"].as_object().expect("it was found by them");
        for tried in around(&known, "zzzzzzzz", &json!(1)) {
            assert!(!taken(&validator, &tried));
            // The parser answers with all that it knows there.
            let said = parsed(&tried).unwrap_err().to_string();
            for line in said.lines().filter(|line| line.contains("help: ")) {
                let Some((_, listed)) =
                    line.split_once(" knows ").or_else(|| line.split_once(" has the keys "))
                else {
                    continue;
                };
                compared += 1;
                for word in listed.split('`').skip(1).step_by(2) {
                    assert!(properties.contains_key(word), "`{word}` of {:?}: {line}", known.way);
                }
            }
        }
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn what_is_needed_is_needed_in_both() {
    let validator = validator();
    for known in known() {
        for required in known.schema["required"].as_array().into_iter().flatten() {
            let required = required.as_str().expect("a key");
            let mut table = match known.way.last() {
                Some(Way::Entry(example)) => example.clone(),
                _ => Map::new(),
            };
            table.remove(required);
            let mut less = with(&known.way, &table);
            if known.way.is_empty() {
                less.as_object_mut().expect("a table").remove(required);
            } else if let [Way::Key(section)] = known.way.as_slice() {
                less[section].as_object_mut().expect("a table").remove(required);
            }
            assert!(!taken(&validator, &less), "without `{required}` of {:?}", known.way);
        }
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    files.sort();
    files
}

#[test]
fn what_the_parser_takes_an_editor_does_not_mark() {
    let validator = validator();
    let folders = ["examples", "tests/golden/definitions", "fuzz/corpus/definition"];
    let mut read = 0;
    for path in folders.iter().flat_map(|folder| files(folder)) {
        let text = std::fs::read_to_string(&path).unwrap();
        if Definition::parse(&text, "image.toml", Path::new(".")).is_err() {
            continue;
        }
        read += 1;
        let value: Value = toml::from_str(&text).unwrap();
        let marked: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(marked.is_empty(), "{}: {marked:?}", path.display());
    }
    assert!(read > 5, "{read}");
}
