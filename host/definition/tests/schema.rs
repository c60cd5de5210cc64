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
            // A table that may be a text too has the keys of a node of its own.
            if of["type"].as_array().is_some_and(|types| types.contains(&json!("object"))) {
                continue;
            }
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

/// Reads a definition where the files are that examples name.
fn parsed(definition: &Value) -> Result<Definition, Diagnostics> {
    let text = toml::to_string(definition).expect("a definition is TOML");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(std::process::id().to_string());
    static FILES: std::sync::Once = std::sync::Once::new();
    FILES.call_once(|| {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("site.toml"), "packages = [\"from-the-site\"]\n").unwrap();
        let layout = "- local_loop:\n    name: image0\n- mkfs:\n    name: root\n    base: image0\n    \
                      type: ext4\n    mount:\n      mount_point: /\n";
        std::fs::write(folder.join("layout.yaml"), layout).unwrap();
    });
    let file = folder.join(format!("{:?}.toml", std::thread::current().id()));
    std::fs::write(&file, text).unwrap();
    Definition::load(&file)
}

/// As an editor sees it: dates are texts.
fn as_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(list) => list.iter().map(as_json).collect(),
        toml::Value::Table(table) => {
            table.iter().map(|(key, value)| (key.clone(), as_json(value))).collect()
        }
        value => serde_json::to_value(value).unwrap(),
    }
}

fn validator() -> Validator {
    jsonschema::draft7::new(&schema()).expect("the schema is one of draft 7")
}

/// Whether the parser takes it, and in `differ` what the schema says when it does not say the same.
fn taken(validator: &Validator, definition: &Value, differ: &mut Vec<String>) -> bool {
    let by_parser = parsed(definition);
    let by_schema: Vec<String> = validator
        .iter_errors(definition)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    if by_parser.is_ok() != by_schema.is_empty() {
        let said = by_parser.as_ref().map_or_else(ToString::to_string, |_| "nothing".to_owned());
        differ
            .push(format!("{definition}\nthe parser says {said}\nand the schema {by_schema:?}\n"));
    }
    by_parser.is_ok()
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
    let (mut keys, mut differ) = (0, Vec::new());
    // The tables of a variant are those that it is laid over: its own keys are enough.
    let of_variant = |known: &Known| {
        known.way.len() > 2 && matches!(&known.way[0], Way::Key(key) if key == "variants")
    };
    for known in known().into_iter().filter(|known| !of_variant(known)) {
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
                if tried.iter().filter(|tried| taken(&validator, tried, &mut differ)).count() == 0 {
                    let why = parsed(&tried[0]).unwrap_err();
                    differ.push(format!("{at}: {example} is taken nowhere: {why}"));
                }
            }
            for wrong in wrong_values(schema) {
                for tried in around(&known, key, &wrong) {
                    if taken(&validator, &tried, &mut differ) {
                        differ.push(format!("{at}: {wrong} is taken"));
                    }
                }
            }
        }
    }
    assert!(keys > 100, "{keys}");
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
}

#[test]
fn the_parser_knows_no_key_that_an_editor_does_not() {
    let validator = validator();
    let (mut compared, mut differ) = (0, Vec::new());
    for known in known() {
        let properties = known.schema["properties"].as_object().expect("it was found by them");
        for tried in around(&known, "zzzzzzzz", &json!(1)) {
            assert!(!taken(&validator, &tried, &mut differ), "{tried}");
            // The parser answers with all that it knows there.
            let said = parsed(&tried).unwrap_err().to_string();
            for line in said.lines().filter(|line| line.contains("help: ")) {
                let Some((_, listed)) =
                    line.split_once(" knows ").or_else(|| line.split_once(" has the keys "))
                else {
                    continue;
                };
                compared += 1;
                // They are no keys of a variant, which is read as what it is laid over.
                let of_variant =
                    matches!(known.way.first(), Some(Way::Key(key)) if key == "variants");
                let words = listed.split('`').skip(1).step_by(2);
                for word in words.filter(|word| {
                    !(of_variant && known.way.len() == 2 && ["include", "variants"].contains(word))
                }) {
                    assert!(properties.contains_key(word), "`{word}` of {:?}: {line}", known.way);
                }
            }
        }
    }
    assert!(compared > 20, "{compared}");
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn what_is_needed_is_needed_in_both() {
    let validator = validator();
    let mut differ = Vec::new();
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
            let at = format!("without `{required}` of {:?}", known.way);
            assert!(!taken(&validator, &less, &mut differ), "{at}");
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
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
        let value = as_json(&toml::from_str(&text).unwrap());
        let marked: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(marked.is_empty(), "{}: {marked:?}", path.display());
    }
    assert!(read > 5, "{read}");
}
