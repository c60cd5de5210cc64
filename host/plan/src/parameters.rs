//! Parameters: what the definition sets, checked against what elements declare.

use std::collections::BTreeMap;

use dibhost_definition::{
    Definition, Diagnostic, Diagnostics, ElementParameters, Location, Setting, Spanned, toml_key,
    toml_text,
};
use dibhost_text::{closest, did_you_mean, quoted_list};
use serde_json::Value;

use crate::description::{Parameter, ParameterKind};
use crate::phase::Phase;
use crate::resolve::{Elements, Resolved, trail};
use crate::schema;

/// Set values and defaults, by element and name.
pub(crate) type Parameters = BTreeMap<String, BTreeMap<String, Value>>;

pub(crate) fn check(
    definition: &Definition,
    elements: &Elements,
    wrong: &mut Diagnostics,
) -> Parameters {
    for section in definition.parameters.values() {
        if !elements.contains_key(&section.element.value) {
            wrong.push(not_in_image("parameters", &section.element, elements));
        }
    }
    elements
        .iter()
        .map(|(name, element)| (name.clone(), of_element(definition, elements, element, wrong)))
        .collect()
}

/// A section of an element that is not in the image.
pub(crate) fn not_in_image(
    table: &str,
    element: &Spanned<String>,
    elements: &Elements,
) -> Diagnostic {
    let name = &element.value;
    let help = did_you_mean(name, elements.keys().map(String::as_str)).unwrap_or_else(|| {
        format!("the elements of this image are {}; add `{name}` to `elements` or take the section away", quoted_list(elements.keys()))
    });
    Diagnostic::new(format!("`[{table}.{name}]` is about an element that is not in the image"))
        .at(element.location.as_ref())
        .with_help(help)
}

/// Where a parameter is set to what a sentence about an element has in quotes: one of that element,
/// or of another one, which may have handed it on.
pub(crate) fn place_of_value<'d>(
    definition: &'d Definition,
    element: &str,
    sentence: &str,
) -> Option<&'d Location> {
    // A phase and an element are named for another reason.
    let other = |text: &str| {
        Phase::ALL.iter().any(|phase| phase.name() == text)
            || text == element
            || definition.image.elements.iter().any(|listed| listed.as_str() == text)
    };
    let about =
        |setting: &&Setting| sentence.contains(&format!("the parameter `{}`", setting.name.value));
    let named = |setting: &&Setting| {
        let text = setting.value.value.as_str().filter(|text| text.len() > 2 && !other(text));
        text.is_some_and(|text| {
            sentence.contains(&format!("`{}`", text.escape_debug()))
                || sentence.contains(&format!("{text:?}"))
        })
    };
    let of = |parameters: &'d ElementParameters| parameters.settings.values().find(named);
    let section = definition.parameters.get(element);
    let own = section.and_then(|section| section.settings.values().find(about));
    let own = own.or_else(|| section.and_then(of));
    let set = own.or_else(|| definition.parameters.values().find_map(of))?;
    set.value.location.as_ref()
}

fn of_element(
    definition: &Definition,
    elements: &Elements,
    element: &Resolved,
    wrong: &mut Diagnostics,
) -> BTreeMap<String, Value> {
    let description = element.description();
    let name = &description.name;
    let section = definition.parameters.get(name);
    let mut values = BTreeMap::new();
    for setting in section.iter().flat_map(|s| s.settings.values()) {
        if !description.parameters.iter().any(|p| p.name == setting.name.value) {
            let known = description.parameters.iter().map(|p| p.name.as_str());
            let aliased =
                description.parameters.iter().find(|p| p.aliases.contains(&setting.name.value));
            let help = match aliased {
                Some(parameter) => instead_of_alias(&setting.name.value, parameter),
                None => did_you_mean(&setting.name, known.clone()).unwrap_or_else(|| {
                    match known.clone().next() {
                        None => format!("`{name}` has no parameters"),
                        Some(_) => format!("the parameters of `{name}` are {}", quoted_list(known)),
                    }
                }),
            };
            wrong.push(
                Diagnostic::new(format!("`{name}` has no parameter `{}`", setting.name.value))
                    .at(setting.name.location.as_ref())
                    .with_help(help),
            );
        }
    }
    for parameter in &description.parameters {
        let set = section.and_then(|s| s.settings.get(&parameter.name));
        if let Some(set) = set {
            if matches!(parameter.kind, ParameterKind::Secret) {
                match secret_name(definition, name, parameter, &set.value) {
                    Ok(secret) => drop(values.insert(parameter.name.clone(), secret)),
                    Err(diagnostic) => wrong.push(*diagnostic),
                }
                continue;
            }
            if let Err(why) = fits(parameter, &set.value.value) {
                wrong.push(
                    Diagnostic::new(format!(
                        "the parameter `{}` of `{name}` {why}",
                        parameter.name
                    ))
                    .at(set.value.location.as_ref())
                    .with_help(declared(parameter)),
                );
            }
            values.insert(parameter.name.clone(), set.value.value.clone());
        } else if let Some(default) = parameter.default.as_ref().filter(|d| **d != Value::Null) {
            if let Err(why) = fits(parameter, default) {
                wrong.push(
                    Diagnostic::new(format!("the default of the parameter `{}` of `{name}` {why}", parameter.name))
                        .with_help("this is for whoever wrote the element to mend; setting the parameter helps till then"),
                );
            }
            values.insert(parameter.name.clone(), default.clone());
        } else if parameter.default.is_none() && !misnamed(definition, elements, name, parameter) {
            wrong.push(missing(elements, element, parameter, section.map(|s| &s.element)));
        }
    }
    values
}

/// Whether a parameter is set all the same, by a name that is nearly its own, or in a section whose
/// name is nearly the element's: then it is not missing, and what is misspelt was told.
fn misnamed(
    definition: &Definition,
    elements: &Elements,
    element: &str,
    parameter: &Parameter,
) -> bool {
    let meant = |name: &str, known: &str| closest(name, [known]).is_some();
    match definition.parameters.get(element) {
        Some(section) => section.settings.keys().any(|name| meant(name, &parameter.name)),
        None => {
            let mut sections = definition.parameters.keys();
            sections.any(|name| !elements.contains_key(name) && meant(name, element))
        }
    }
}

/// What to write instead of the name that a parameter has elsewhere, as a variable of DIB's. A
/// definition takes one name for one thing, so that two of them cannot disagree.
fn instead_of_alias(alias: &str, parameter: &Parameter) -> String {
    let name = toml_key(&parameter.name);
    format!("did you mean `{name}`? `{}` is what an older definition calls it", one_line(alias))
}

fn missing(
    elements: &Elements,
    element: &Resolved,
    parameter: &Parameter,
    section: Option<&Spanned<String>>,
) -> Diagnostic {
    let name = &element.description().name;
    let (lines, listed_at) = trail(elements, name);
    let place = section.and_then(|s| s.location.clone()).or(listed_at);
    let example = example(parameter);
    let header = match section {
        Some(_) => "add to this section".to_owned(),
        None => format!("add\n[parameters.{}]", toml_key(name)),
    };
    let mut diagnostic =
        Diagnostic::new(format!("`{name}` needs the parameter `{}`", parameter.name))
            .at(place.as_ref())
            .with_help(format!(
                "{}; {header}\n{} = {example}",
                declared(parameter),
                toml_key(&parameter.name)
            ));
    diagnostic.context = lines;
    diagnostic
}

/// The name of the secret that a parameter is set to. What is no name of one is not shown: it may
/// be the secret itself.
fn secret_name(
    definition: &Definition,
    element: &str,
    parameter: &Parameter,
    set: &Spanned<Value>,
) -> Result<Value, Box<Diagnostic>> {
    let named = set.value.as_str().filter(|name| definition.secrets.contains_key(*name));
    if let Some(name) = named {
        return Ok(Value::from(name));
    }
    let place = set.location.clone().map(Location::without_excerpt);
    let parameter = &parameter.name;
    let known = definition.secrets.keys();
    let help = set
        .value
        .as_str()
        .and_then(|name| did_you_mean(name, known.clone().map(String::as_str)))
        .unwrap_or_else(|| match definition.secrets.is_empty() {
            true => format!("a secret never stands in a definition; say where it is\n[secrets]\n{} = {{ file = \"…\" }}\nand set `{parameter}` to that name", toml_key(parameter)),
            false => format!("the secrets of this definition are {}", quoted_list(known)),
        });
    Err(Box::new(
        Diagnostic::new(format!(
            "the parameter `{parameter}` of `{element}` takes the name of a secret, and `[secrets]` has none of the name it is set to"
        ))
        .at(place.as_ref())
        .with_help(help),
    ))
}

/// The secrets that elements are given: name → who is given it, as `ELEMENT.PARAMETER`.
pub(crate) fn secrets(
    elements: &Elements,
    parameters: &Parameters,
) -> BTreeMap<String, Vec<String>> {
    let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, element) in elements {
        let secret = |p: &&Parameter| matches!(p.kind, ParameterKind::Secret);
        for parameter in element.description().parameters.iter().filter(secret) {
            let set = parameters.get(name).and_then(|p| p.get(&parameter.name));
            if let Some(secret) = set.and_then(Value::as_str) {
                given
                    .entry(secret.to_owned())
                    .or_default()
                    .push(format!("{name}.{}", parameter.name));
            }
        }
    }
    given
}

/// What an element declares, as a sentence.
fn declared(parameter: &Parameter) -> String {
    let kind = match &parameter.kind {
        ParameterKind::Text => "a text".to_owned(),
        ParameterKind::Integer => "a whole number".to_owned(),
        ParameterKind::Boolean => "`true` or `false`".to_owned(),
        ParameterKind::TextList => "a list of texts".to_owned(),
        ParameterKind::Choice(choices) => format!("one of {}", quoted_list(choices)),
        ParameterKind::Secret => "the name of a secret in `[secrets]`".to_owned(),
        ParameterKind::Json(_) => "a value that its schema describes".to_owned(),
    };
    match parameter.doc.trim() {
        "" => format!("`{}` is {kind}", parameter.name),
        doc => format!("`{}` is {kind}: {}", parameter.name, one_line(doc)),
    }
}

fn example(parameter: &Parameter) -> String {
    match &parameter.kind {
        ParameterKind::Text | ParameterKind::Secret => "\"…\"".to_owned(),
        ParameterKind::Integer => "0".to_owned(),
        ParameterKind::Boolean => "true".to_owned(),
        ParameterKind::TextList => "[\"…\"]".to_owned(),
        ParameterKind::Choice(choices) => toml_text(choices.first().map_or("…", String::as_str)),
        ParameterKind::Json(_) => "…".to_owned(),
    }
}

/// What is wrong with a value: a sentence part after the parameter's name.
fn fits(parameter: &Parameter, value: &Value) -> Result<(), String> {
    let is = || match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(b) => format!("`{b}`"),
        Value::Number(n) => format!("the number {n}"),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
    };
    let has_to_be = |what: &str| Err(format!("has to be {what}; this is {}", is()));
    match (&parameter.kind, value) {
        (ParameterKind::Text, Value::String(_)) | (ParameterKind::Boolean, Value::Bool(_)) => {
            Ok(())
        }
        (ParameterKind::Integer, Value::Number(n)) if n.is_i64() => Ok(()),
        (ParameterKind::TextList, Value::Array(items)) if items.iter().all(Value::is_string) => {
            Ok(())
        }
        (ParameterKind::TextList, Value::Array(_)) => {
            Err("has entries that are no texts".to_owned())
        }
        (ParameterKind::Choice(choices), Value::String(text)) => {
            if choices.contains(text) {
                return Ok(());
            }
            let meant =
                did_you_mean(text, choices.iter().map(String::as_str)).map(|m| format!(" ({m})"));
            Err(format!("cannot be {text:?}{}", meant.unwrap_or_default()))
        }
        (ParameterKind::Json(json_schema), value) => {
            let validator = schema::compile(json_schema)?;
            schema::check(&validator, value)
                .map_err(|why| format!("does not fit its schema: {why}"))
        }
        (ParameterKind::Text | ParameterKind::Choice(_), _) => has_to_be("a text"),
        (ParameterKind::Integer, _) => has_to_be("a whole number"),
        (ParameterKind::Boolean, _) => has_to_be("`true` or `false`"),
        (ParameterKind::TextList, _) => has_to_be("a list of texts"),
        (ParameterKind::Secret, _) => Ok(()),
    }
}

/// A text of an element on one line, so that it cannot pass for more lines of a message.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|c| !dibhost_text::is_hidden(*c))
        .collect()
}
