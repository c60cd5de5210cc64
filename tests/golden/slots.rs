//! The table of the host's slots in `docs/slots.md`: from the host's schemas, and from what the
//! elements that come with dibhost declare.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use dibhost_plan::schema::{HOST_SLOTS, HostSlot, LAYOUT};
use serde_json::Value;

/// The table as Markdown. `listed` is what `dibhost element list --format json` says.
pub(crate) fn table(listed: &Value) -> Result<String> {
    let mut table = String::from(
        "| slot | values | known | says | a value has | provided by | read by |\n|---|---|---|---|---|---|---|\n",
    );
    for slot in HOST_SLOTS {
        let schema: Value = serde_json::from_str(slot.schema).context(slot.name)?;
        let mut provided = elements(listed, "provides", slot.name);
        if slot.name == LAYOUT {
            provided.insert("the host".to_owned());
        }
        let cells = [
            format!("`{}`", slot.name),
            slot.arity.name().to_owned(),
            slot.timing.name().to_owned(),
            title(&slot)?,
            shape(&schema),
            names(&provided),
            names(&elements(listed, "consumes", slot.name)),
        ];
        let cells = cells.map(|cell| cell.replace('|', "\\|"));
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    Ok(table)
}

fn title(slot: &HostSlot) -> Result<String> {
    let title = slot.planned().doc;
    anyhow::ensure!(!title.is_empty(), "{} has no title", slot.name);
    Ok(title)
}

/// Shipped elements with a step that provides or consumes a slot.
fn elements(listed: &Value, how: &str, slot: &str) -> BTreeSet<String> {
    let all = listed.as_array().into_iter().flatten();
    let declare = |element: &&Value| {
        let steps = element["element"]["description"]["steps"].as_array().into_iter().flatten();
        steps.filter_map(|s| s[how].as_array()).flatten().any(|s| s["name"] == slot)
    };
    all.filter(|e| e["element"]["first-party"] == true)
        .filter(declare)
        .filter_map(|e| e["name"].as_str().map(|n| format!("`{n}`")))
        .collect()
}

fn names(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return "–".to_owned();
    }
    names.iter().cloned().collect::<Vec<_>>().join(", ")
}

/// The properties of an object, those that may be left out marked; else the kind of a value.
fn shape(schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object() else { return kind(schema) };
    let required: BTreeSet<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let told = properties.iter().map(|(name, of)| {
        let none = |set: &Value, none: Value| set.as_array().is_some_and(|all| all.contains(&none));
        let nullable = none(&of["type"], "null".into()) || none(&of["enum"], Value::Null);
        let optional = nullable || !required.contains(name.as_str());
        format!("`{name}`{}: {}", if optional { "?" } else { "" }, kind(of))
    });
    told.collect::<Vec<_>>().join("; ")
}

/// One word or a few: `string`, `"bios"` or `"uefi"`, a list of strings, an object of …
fn kind(schema: &Value) -> String {
    if let Some(choices) = schema["enum"].as_array() {
        let choices: Vec<String> =
            choices.iter().filter(|c| !c.is_null()).map(|c| format!("`{c}`")).collect();
        return choices.join(" or ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let words = types.iter().filter(|t| **t != "null").map(|t| match *t {
        "array" => format!("list of ({})", shape(&schema["items"])),
        "object" => format!("({})", shape(schema)),
        other => other.to_owned(),
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { "any value".to_owned() } else { words.join(" or ") }
}
