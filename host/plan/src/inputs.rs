//! Inputs: those that elements ask for against those that the definition names.

use dibhost_definition::{Definition, Diagnostic, Diagnostics, Location, toml_key};
use dibhost_inputs::Inputs;
use dibhost_text::{did_you_mean, quoted_list};

use crate::grant::{InputChoice, Right, named_inputs};
use crate::parameters::{Parameters, one_line};
use crate::plan::{PlanFinding, PlannedElement, PlannedInput};
use crate::resolve::{Elements, trail};

/// Every input can be had, and every one that is asked for is there.
pub(crate) fn check(
    definition: &Definition,
    elements: &Elements,
    parameters: &Parameters,
    inputs: &Inputs,
    wrong: &mut Diagnostics,
) {
    for (name, declared) in &definition.inputs {
        let why = match inputs.failure(name) {
            Some(why) => why.to_string(),
            None if inputs.get(name).is_some() => continue,
            None => "was not read".to_owned(),
        };
        let (what, help) = match declared.is_stated() {
            true => (
                format!("`{}`", declared.path.display()),
                Some("a path is relative to the folder of the definition".to_owned()),
            ),
            false => (format!("the input `{name}`"), None),
        };
        wrong.push(
            Diagnostic::new(format!("{what} {why}"))
                .at(declared.path.location.as_ref())
                .with_optional_help(help),
        );
    }
    for (name, element) in elements {
        let requests = element.description().requests.iter();
        for request in requests {
            match request.right() {
                Ok(Right::Inputs(InputChoice::Named(wanted))) if !wanted.as_str().contains('*') => {
                    let wanted = wanted.as_str();
                    if !definition.inputs.contains_key(wanted) {
                        wrong.push(missing(elements, name, wanted, &request.reason));
                    }
                }
                Ok(Right::Inputs(InputChoice::OfParameter(parameter))) => {
                    let value = parameters.get(name).and_then(|all| all.get(&parameter));
                    for wanted in named_inputs(value) {
                        if !definition.inputs.contains_key(&wanted) {
                            let place = place(definition, name, &parameter);
                            wrong.push(unknown(definition, name, &parameter, &wanted, place));
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn place(definition: &Definition, element: &str, parameter: &str) -> Option<Location> {
    definition.parameters.get(element)?.settings.get(parameter)?.value.location.clone()
}

fn missing(elements: &Elements, element: &str, input: &str, reason: &str) -> Diagnostic {
    let (lines, at) = trail(elements, element);
    let key = toml_key(input);
    let reason = match one_line(reason) {
        reason if reason.is_empty() => "it gives no reason".to_owned(),
        reason => reason,
    };
    let mut diagnostic = Diagnostic::new(format!(
        "`{element}` asks for the input `{input}` ({reason}), which the definition does not have"
    ))
    .at(at.as_ref())
    .with_help(format!("say which file or folder it is\n[inputs.{key}]\npath = \"…\""));
    diagnostic.context = lines;
    diagnostic
}

fn unknown(
    definition: &Definition,
    element: &str,
    parameter: &str,
    input: &str,
    place: Option<Location>,
) -> Diagnostic {
    let known = || definition.inputs.keys();
    let help = did_you_mean(input, known().map(String::as_str)).unwrap_or_else(|| match definition
        .inputs
        .is_empty()
    {
        true => {
            format!("say which file or folder it is\n[inputs.{}]\npath = \"…\"", toml_key(input))
        }
        false => format!("the inputs of this definition are {}", quoted_list(known())),
    });
    Diagnostic::new(format!(
        "the parameter `{parameter}` of `{element}` names the input `{}`, which the definition does not have",
        one_line(input)
    ))
    .at(place.as_ref())
    .with_help(help)
}

/// What is in each, and who may read it.
pub(crate) fn planned(
    definition: &Definition,
    inputs: &Inputs,
    elements: &[PlannedElement],
) -> Vec<PlannedInput> {
    let planned = inputs.iter().filter_map(|input| {
        let name = input.name();
        let right = Right::Inputs(InputChoice::Named(name.into()));
        let holders = elements.iter().filter(|element| element.held().include(&right));
        let manifest = input.manifest();
        Some(PlannedInput {
            path: definition.inputs.get(name)?.path.value.display().to_string(),
            digest: manifest.digest().to_owned(),
            nodes: (!manifest.is_file()).then(|| manifest.nodes().len()),
            size: manifest.size(),
            given_to: holders.map(|element| element.name.clone()).collect(),
            name: name.to_owned(),
        })
    });
    planned.collect()
}

/// Inputs that no element may read.
pub(crate) fn idle(definition: &Definition, inputs: &[PlannedInput]) -> Vec<PlanFinding> {
    let idle = inputs.iter().filter(|input| input.given_to.is_empty());
    let finding = |input: &PlannedInput| PlanFinding {
        element: None,
        phase: None,
        location: definition
            .inputs
            .get(&input.name)
            .and_then(|declared| declared.name.location.as_ref())
            .map(ToString::to_string),
        message: format!("the input `{}` is given to no element", input.name),
        help: Some("set the parameter of an element to its name, or take it away".to_owned()),
    };
    idle.map(finding).collect()
}
