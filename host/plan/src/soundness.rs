//! Whether a description makes sense in itself. What is wrong here is for the author of the
//! element to mend, not for whoever writes the definition.

use std::collections::BTreeSet;

use dibhost_check::Check;
use semver::{Version, VersionReq};
use serde_json::Value;

use crate::description::{
    Condition, Description, Extension, Parameter, ParameterKind, SlotUse, StepDeclaration, Timing,
};
use crate::grant::{InputChoice, Right};
use crate::phase::Phase;
use crate::plan::HOST;
use crate::schema;

/// All that is wrong with a description: sentence parts after "is unsound:".
pub(crate) fn problems(description: &Description) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(name(&description.name).err());
    if Check::HostName.holds() && description.name == HOST {
        found.push(format!("`{HOST}` is the name of the host itself"));
    }
    if let Err(error) = Version::parse(&description.version) {
        found
            .push(format!("its version `{}` is no semantic version: {error}", description.version));
    }
    for required in &description.requires {
        found.extend(name(&required.name).err());
        if !required.version.trim().is_empty()
            && let Err(error) = VersionReq::parse(&required.version)
        {
            found.push(format!("it requires `{}` in no version range: {error}", required.name));
        }
    }
    for other in description.stands_in_for.iter().chain(&description.conflicts_with) {
        found.extend(name(other).err());
    }
    found.extend(twice(description.parameters.iter().map(|p| p.name.as_str()), "the parameter"));
    found.extend(description.parameters.iter().filter_map(|p| parameter(p).err()));
    found.extend(twice(description.steps.iter().map(|s| s.name.as_str()), "the step"));
    for declared in &description.steps {
        step(declared, &mut found);
    }
    for request in &description.requests {
        let wrong = request.right().err();
        let wrong = wrong.filter(|_| Check::RequestScope.holds());
        found.extend(wrong.map(|why| format!("it requests {why}")));
        let wrong = request.when.iter().filter_map(|when| condition(when).err());
        found.extend(wrong.map(|why| {
            format!("it requests `{}` `{}` where {why}", request.capability, request.scope)
        }));
        if let Ok(Right::Inputs(InputChoice::OfParameter(named))) = request.right() {
            let kind = description.parameters.iter().find(|p| p.name == named).map(|p| &p.kind);
            let names = |kind: &ParameterKind| {
                let texts = [ParameterKind::Text, ParameterKind::TextList];
                texts.contains(kind) || matches!(kind, ParameterKind::Choice(_))
            };
            if !kind.is_some_and(names) {
                found.push(format!(
                    "it requests the inputs of its parameter `{named}`, and declares no text or texts of that name"
                ));
            }
        }
    }
    found.extend(refused_extensions(&description.extensions));
    found
}

/// The name of an element: kebab-case.
fn name(name: &str) -> Result<(), String> {
    word(name).map_err(|why| {
        format!("{why} of an element: lower-case letters and digits with single `-` between them")
    })
}

/// A word in kebab-case; else what it is not a name of is to be added.
fn word(text: &str) -> Result<(), String> {
    let part =
        |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
    match starts && text.len() <= 100 && text.split('-').all(part) {
        true => Ok(()),
        false => Err(format!("{text:?} is no name")),
    }
}

/// The name of a slot: `dib:boot/kernel-argument@1`.
fn slot_name(name: &str) -> Result<(), String> {
    let word = |w: &str| {
        w.starts_with(|c: char| c.is_ascii_lowercase())
            && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let parts = || {
        let (space, rest) = name.split_once(':')?;
        let (path, version) = rest.rsplit_once('@')?;
        let version: u32 = version.parse().ok()?;
        Some(word(space) && path.split('/').all(word) && version > 0)
    };
    match parts() {
        Some(true) if name.len() <= 200 => Ok(()),
        _ => Err(format!("{name:?} is no name of a slot, as `acme:net/interface@1` is")),
    }
}

/// A condition that could hold.
fn condition(when: &Condition) -> Result<(), String> {
    slot_name(&when.slot)?;
    let plain = |text: &str| text.len() <= 200 && !text.contains(char::is_control);
    if !plain(&when.field) || when.field.starts_with('/') || when.field.ends_with('/') {
        return Err(format!(
            "{:?} is no field of a value: names with `/` between them",
            when.field
        ));
    }
    if when.one_of.is_empty() {
        return Err(format!("`{}` of `{}` is one of no texts", when.field, when.slot));
    }
    match when.one_of.iter().find(|text| !plain(text)) {
        Some(odd) => {
            Err(format!("a field is {odd:?}, which has a control character in it or is long"))
        }
        None => Ok(()),
    }
}

fn twice<'a>(names: impl Iterator<Item = &'a str>, what: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.filter(|n| !seen.insert(*n)).map(|n| format!("it declares {what} `{n}` twice")).collect()
}

fn parameter(parameter: &Parameter) -> Result<(), String> {
    let name = &parameter.name;
    if Check::RequestScope.holds() && name.chars().any(dibhost_text::is_hidden) {
        return Err(format!(
            "its parameter {name:?} has a character in its name that shows nothing or turns the text around"
        ));
    }
    match &parameter.kind {
        ParameterKind::Choice(choices) if choices.is_empty() => {
            Err(format!("its parameter `{name}` is a choice of nothing"))
        }
        ParameterKind::Json(schema) => schema::compile(schema)
            .map(drop)
            .map_err(|why| format!("the schema of its parameter `{name}` is none: {why}")),
        ParameterKind::Secret if parameter.default.as_ref().is_some_and(|d| *d != Value::Null) => {
            Err(format!("its parameter `{name}` is a secret with a default"))
        }
        _ => Ok(()),
    }
}

fn step(step: &StepDeclaration, found: &mut Vec<String>) {
    let phase = step.phase;
    match step.name.parse::<Phase>() {
        Ok(other) if other != phase => found.push(format!(
            "its step `{other}` is one of the phase `{phase}`: the name of a phase is for a step of it"
        )),
        Ok(_) => {}
        Err(_) => found.extend(word(&step.name).err().map(|why| format!("{why} of a step"))),
    }
    for named in step.after.iter().chain(&step.before) {
        let (element, step) = named.split_once('/').unwrap_or((named, "a"));
        found.extend(name(element).err());
        found.extend(word(step).err().map(|why| format!("{why} of a step")));
    }
    let provided = step.provides.iter().map(|s| s.name.as_str());
    let consumed = step.consumes.iter().map(|s| s.name.as_str());
    for name in provided.clone().chain(consumed.clone()) {
        found.extend(slot_name(name).err().filter(|_| Check::SlotName.holds()));
    }
    let shown = &step.name;
    found.extend(twice(provided, &format!("in `{shown}` that it provides")));
    found.extend(twice(consumed, &format!("in `{shown}` that it consumes")));
    for slot in &step.provides {
        let name = &slot.name;
        if step.plan_only && slot.timing == Timing::Observed {
            found.push(format!(
                "its step `{shown}` only plans, and what `{name}` holds is observed while building"
            ));
        }
        if name.starts_with("dib:") {
            continue;
        }
        match &slot.schema {
            None => found
                .push(format!("its slot `{name}` has no schema: only those of `dib:` go without")),
            Some(schema) => found.extend(
                schema::compile(schema)
                    .err()
                    .filter(|_| Check::SchemaValid.holds())
                    .map(|why| format!("the schema of its slot `{name}` is none: {why}")),
            ),
        }
    }
    for SlotUse { name, .. } in &step.consumes {
        if name.starts_with("dib:") && schema::host_slot(name).is_none() {
            found.push(format!(
                "it reads `{name}`, and this host has no such slot: it may need a newer one"
            ));
        }
    }
    for slot in step.provides.iter().filter(|s| s.name.starts_with("dib:")) {
        let name = &slot.name;
        match schema::host_slot(name) {
            None => found.push(format!(
                "it provides `{name}`, and this host has no such slot: it may need a newer one"
            )),
            Some(host) if Check::HostSlot.holds() && host.name == schema::LAYOUT => {
                found.push(format!("it provides `{name}`, which is the host's alone"))
            }
            Some(host) if host.arity != slot.arity || host.timing != slot.timing => {
                found.push(format!(
                    "it declares `{name}` as {} and {}; it is {} and {}",
                    slot.arity.name(),
                    slot.timing.name(),
                    host.arity.name(),
                    host.timing.name()
                ))
            }
            Some(_) => {}
        }
    }
}

/// Extensions that this host does not know and may not overlook.
fn refused_extensions(extensions: &[Extension]) -> Vec<String> {
    let insisted = |key: &str| Check::InsistedExtension.holds() && key.starts_with('!');
    let refused = extensions.iter().filter(|extension| insisted(&extension.key));
    refused
        .map(|Extension { of, key, .. }| {
            let of = if of.is_empty() { String::new() } else { format!(" for {of}") };
            format!("it needs `{key}`{of}, which this host does not know: it may need a newer one")
        })
        .collect()
}
