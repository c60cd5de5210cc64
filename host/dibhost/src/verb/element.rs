//! `dibhost element`: what elements there are, and what one is.

use std::fmt::Write as _;
use std::path::Path;

use dibhost_element::{Inspection, Listed};
use dibhost_plan::description::{Arity, ParameterKind, Timing};
use serde_json::json;

use crate::cli::{DataFormat, ElementOptions};
use crate::failure::Failure;

/// Lists the elements that can be found.
pub(crate) fn list(options: &ElementOptions, format: DataFormat) -> Result<(), Failure> {
    let library = super::library(options)?;
    let listed = library.list().map_err(super::said)?;
    if format == DataFormat::Json {
        let elements: Vec<_> = listed.iter().map(listed_as_json).collect();
        return super::show_json(&elements);
    }
    if listed.is_empty() {
        return Err(Failure::failed(
            "no element was found\n  help: name a folder with `--elements DIR` or in `DIBHOST_ELEMENTS`",
        ));
    }
    let width = listed.iter().map(|l| l.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Listed { name, inspection, .. } in &listed {
        let _ = match inspection {
            Ok(found) => {
                let trust = if found.first_party { "" } else { "  (not shipped with this host)" };
                writeln!(text, "{name:width$}  {}{trust}", found.description.summary)
            }
            Err(failure) => writeln!(text, "{name:width$}  cannot be used: {}", failure.message),
        };
    }
    super::show(&text)
}

fn listed_as_json(listed: &Listed) -> serde_json::Value {
    match &listed.inspection {
        Ok(inspection) => json!({ "name": listed.name, "element": inspection }),
        Err(failure) => json!({ "name": listed.name, "error": failure.message }),
    }
}

/// Shows one element.
pub(crate) fn inspect(
    options: &ElementOptions,
    element: &str,
    format: DataFormat,
) -> Result<(), Failure> {
    let library = super::library(options)?;
    let found = library.inspect(element, Path::new(".")).map_err(super::wrong_element)?;
    match format {
        DataFormat::Json => super::show_json(&found),
        DataFormat::Text => super::show(&as_text(&found)),
    }
}

fn as_text(described: &Inspection) -> String {
    let description = &described.description;
    let mut text = String::new();
    let mut line = |line: String| {
        text += &line;
        text.push('\n');
    };
    line(format!("{} {}: {}", description.name, description.version, description.summary));
    line(format!("  licence  {}", description.license));
    line(format!("  origin   {}", described.origin.display()));
    line(format!("  digest   {}", described.digest));
    line(format!("  shipped  {}", if described.first_party { "with this host" } else { "no" }));
    for requirement in &description.requires {
        let version = if requirement.version.is_empty() { "any" } else { &requirement.version };
        line(format!("  requires {} ({version})", requirement.name));
    }
    if !description.parameters.is_empty() {
        line("parameters".to_owned());
    }
    for parameter in &description.parameters {
        let default = match &parameter.default {
            Some(value) => format!("default {value}"),
            None => "must be set".to_owned(),
        };
        line(format!(
            "  {} ({}, {default})  {}",
            parameter.name,
            kind(&parameter.kind),
            parameter.doc
        ));
    }
    for step in &description.steps {
        match description.told(step) {
            Some(name) => line(format!("phase {}, step {name}", step.phase)),
            None => line(format!("phase {}", step.phase)),
        }
        for slot in &step.provides {
            line(format!(
                "  provides {} ({}, {})",
                slot.name,
                arity(slot.arity),
                timing(slot.timing)
            ));
        }
        for used in &step.consumes {
            let required = if used.required { ", required" } else { "" };
            line(format!("  reads    {} ({}{required})", used.name, arity(used.arity)));
        }
        for after in &step.after {
            line(format!("  after    {after}"));
        }
        for before in &step.before {
            line(format!("  before   {before}"));
        }
    }
    if !description.requests.is_empty() {
        line("requests".to_owned());
    }
    for request in &description.requests {
        line(format!("  {} {}  {}", request.capability, request.scope, request.reason));
        for condition in &request.when {
            line(format!("    only where {condition}"));
        }
    }
    text
}

fn kind(kind: &ParameterKind) -> String {
    match kind {
        ParameterKind::Text => "text".to_owned(),
        ParameterKind::Integer => "integer".to_owned(),
        ParameterKind::Boolean => "boolean".to_owned(),
        ParameterKind::TextList => "list of texts".to_owned(),
        ParameterKind::Choice(choices) => format!("one of {}", choices.join(", ")),
        ParameterKind::Secret => "secret".to_owned(),
        ParameterKind::Json(_) => "json".to_owned(),
    }
}

fn arity(arity: Arity) -> &'static str {
    match arity {
        Arity::One => "one",
        Arity::Optional => "at most one",
        Arity::Many => "many",
    }
}

fn timing(timing: Timing) -> &'static str {
    match timing {
        Timing::Planned => "known while planning",
        Timing::Observed => "known once the target was looked at",
    }
}
