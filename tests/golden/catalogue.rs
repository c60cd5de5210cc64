//! `docs/catalogue.md`: the elements that come with dibhost, as they describe themselves.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

const HEAD: &str = "\
# The elements that come with dibhost

Written by `make golden` from what the elements say of themselves; `dibhost element inspect NAME` says it of any element, and each has a page of its own
in [elements](../elements). A parameter is set by `[parameters.NAME]` of the [definition](definition.md).
";

/// The page. `listed` is what `dibhost element list --format json` says.
pub(crate) fn page(listed: &Value) -> Result<String> {
    let all: Vec<&Value> = listed
        .as_array()
        .context("a list")?
        .iter()
        .map(|listed| &listed["element"])
        .filter(|element| element["first-party"] == true)
        .map(|element| &element["description"])
        .collect();
    ensure!(!all.is_empty(), "no element is shipped");
    let mut page = HEAD.to_owned();
    page.push_str("\n| element | |\n|---|---|\n");
    for element in &all {
        let name = text(&element["name"])?;
        page.push_str(&format!("| [{name}](#{name}) | {} |\n", cell(text(&element["summary"])?)));
    }
    for element in all {
        page.push_str(&one(element)?);
    }
    Ok(page)
}

fn one(element: &Value) -> Result<String> {
    let name = text(&element["name"])?;
    let mut told = format!("\n## {name}\n\n{}\n", text(&element["summary"])?);
    let parameters = list(&element["parameters"]);
    if !parameters.is_empty() {
        told.push_str("\n| parameter | kind | default | |\n|---|---|---|---|\n");
        for parameter in parameters {
            let default = match parameter.get("default") {
                None => "has to be set".to_owned(),
                Some(Value::Null) => "none".to_owned(),
                Some(value) => format!("`{value}`"),
            };
            told.push_str(&format!(
                "| `{}` | {} | {} | {} |\n",
                text(&parameter["name"])?,
                cell(&kind(&parameter["kind"])?),
                cell(&default),
                cell(text(&parameter["doc"])?)
            ));
        }
    }
    let requires = list(&element["requires"]).iter().map(|r| text(&r["name"]).map(code));
    let requires = requires.collect::<Result<Vec<_>>>()?;
    let slots = |how: &str| -> BTreeSet<String> {
        let steps = list(&element["steps"]).iter();
        let names =
            steps.flat_map(|step| list(&step[how])).filter_map(|slot| slot["name"].as_str());
        names.map(code).collect()
    };
    let (provides, reads) = (slots("provides"), slots("consumes"));
    let stands = list(&element["stands_in_for"]).iter().filter_map(Value::as_str).map(code);
    let mut asks: BTreeSet<&str> = BTreeSet::new();
    for request in list(&element["requests"]) {
        asks.insert(text(&request["capability"])?);
    }
    let rows = [
        ("brings", requires),
        ("stands in for", stands.collect()),
        ("reads", reads.into_iter().collect()),
        ("provides", provides.into_iter().collect()),
        ("asks for", asks.into_iter().map(code).collect()),
    ];
    let rows: Vec<_> = rows.into_iter().filter(|(_, words)| !words.is_empty()).collect();
    if !rows.is_empty() {
        told.push_str("\n| | |\n|---|---|\n");
    }
    for (what, words) in rows {
        told.push_str(&format!("| {what} | {} |\n", words.join(", ")));
    }
    Ok(told)
}

/// The kind of a parameter, as `dibhost element inspect` says it.
fn kind(kind: &Value) -> Result<String> {
    if let Some(choices) = kind["choice"].as_array() {
        let choices: Vec<String> = choices.iter().filter_map(Value::as_str).map(code).collect();
        return Ok(choices.join(", "));
    }
    if kind.get("json").is_some() {
        return Ok("any value".to_owned());
    }
    Ok(match text(kind)? {
        "text-list" => "list of texts".to_owned(),
        other => other.to_owned(),
    })
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().with_context(|| format!("{value} is no text"))
}

fn code(word: &str) -> String {
    format!("`{word}`")
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
