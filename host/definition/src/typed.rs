//! Keys and values of a definition as they were typed, and the TOML that says the same.

use serde_json::{Map, Value};

use crate::write::{toml_key, toml_text};

/// What places are told with where a definition was typed.
pub const TYPED: &str = "(typed)";

/// Keys and values of a definition, in the order they were said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Typed(Map<String, Value>);

impl Typed {
    /// Whether nothing was typed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it says more than which image of which elements.
    #[must_use]
    pub fn says_more_than_image(&self) -> bool {
        self.0.keys().any(|key| key != "image")
    }

    /// Sets a key, whose tables are made where there are none. The last value counts.
    pub fn set(&mut self, path: &[&str], value: impl Into<Value>) {
        let Some((key, tables)) = path.split_last() else { return };
        self.table(tables).insert((*key).to_owned(), value.into());
    }

    /// Adds to the list of a key.
    pub fn add(&mut self, path: &[&str], items: impl IntoIterator<Item = Value>) {
        let Some((key, tables)) = path.split_last() else { return };
        let list = self.table(tables).entry(*key).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.extend(items);
        }
    }

    /// Sets all keys of another one, whose values count.
    pub fn merge(&mut self, other: &Map<String, Value>) {
        merge(&mut self.0, other);
    }

    fn table(&mut self, path: &[&str]) -> &mut Map<String, Value> {
        let mut table = &mut self.0;
        for key in path {
            let next = table.entry(*key).or_insert_with(|| Value::Object(Map::new()));
            if !next.is_object() {
                *next = Value::Object(Map::new());
            }
            table = match next {
                Value::Object(table) => table,
                _ => unreachable!("it was made one"),
            };
        }
        table
    }

    /// As a person writes it.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        write_table(&mut text, &[], &self.0);
        text
    }
}

fn merge(into: &mut Map<String, Value>, from: &Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            _ => drop(into.insert(key.clone(), value.clone())),
        }
    }
}

/// Whether a list is written as tables of its own: `[[files]]`.
fn is_tables(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object))
}

fn write_table(text: &mut String, path: &[&str], table: &Map<String, Value>) {
    let within = |value: &Value| value.is_object() || is_tables(value);
    let plain: Vec<_> = table.iter().filter(|(_, value)| !within(value)).collect();
    if !path.is_empty() && (!plain.is_empty() || table.is_empty()) {
        header(text, &format!("[{}]", joined(path)));
    }
    for (key, value) in plain {
        *text += &format!("{} = {}\n", toml_key(key), inline(value));
    }
    for (key, value) in table.iter().filter(|(_, value)| within(value)) {
        let path: Vec<&str> = path.iter().copied().chain([key.as_str()]).collect();
        match value {
            Value::Object(table) => write_table(text, &path, table),
            Value::Array(entries) => {
                for entry in entries.iter().filter_map(Value::as_object) {
                    header(text, &format!("[[{}]]", joined(&path)));
                    for (key, value) in entry {
                        *text += &format!("{} = {}\n", toml_key(key), inline(value));
                    }
                }
            }
            _ => {}
        }
    }
}

fn header(text: &mut String, header: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    *text += header;
    text.push('\n');
}

fn joined(path: &[&str]) -> String {
    path.iter().map(|key| toml_key(key)).collect::<Vec<_>>().join(".")
}

fn inline(value: &Value) -> String {
    match value {
        // TOML has none: an empty text is nearest, and nobody can type it.
        Value::Null => toml_text(""),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => toml_text(text),
        Value::Array(list) => {
            format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Object(table) => {
            let pair =
                |(key, value): (&String, &Value)| format!("{} = {}", toml_key(key), inline(value));
            match table.is_empty() {
                true => "{}".to_owned(),
                false => format!("{{ {} }}", table.iter().map(pair).collect::<Vec<_>>().join(", ")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_typed_is_written_as_a_person_would() {
        let mut typed = Typed::default();
        typed.set(&["image", "name"], "x");
        typed.add(&["image", "elements"], [json!("debian"), json!("vm")]);
        typed.add(&["packages"], [json!("nginx")]);
        typed.add(&["packages"], [json!("curl")]);
        typed.add(&["files"], [json!({ "path": "/a \"b\"", "options": { "x": [1, true] } })]);
        typed.set(&["parameters", "debian-minimal", "release"], "sid");
        typed.set(&["parameters", "debian-minimal", "release"], "trixie");
        typed.set(&["sysctl", "net.ipv4.ip_forward"], "1");
        typed.merge(
            json!({ "image": { "name": "y" }, "disk": { "size": "2GiB" } }).as_object().unwrap(),
        );
        insta::assert_snapshot!(typed.to_toml(), @r#"
        packages = ["nginx", "curl"]

        [image]
        name = "y"
        elements = ["debian", "vm"]

        [[files]]
        path = "/a \"b\""
        options = { x = [1, true] }

        [parameters.debian-minimal]
        release = "trixie"

        [sysctl]
        "net.ipv4.ip_forward" = "1"

        [disk]
        size = "2GiB"
        "#);
        let read: toml::Table = typed.to_toml().parse().unwrap();
        assert_eq!(serde_json::to_value(read).unwrap(), Value::Object(typed.0));
    }
}
