//! What the definition says in its own keys, and the element that carries it out.
//!
//! ```text
//!  packages, [[files]], … ──► settings: parameters of `definition`
//!           │
//!           └──► requests: what `definition` holds, and nothing else
//! ```
//!
//! The element asks for much, for it carries out whatever a definition may say. It is given what this
//! one says: only those rights, those steps, and a parameter for each password. Whoever wrote the
//! line granted it, so nothing else has to, whatever elements shipped with this host are trusted
//! with. It is known by its digest: another component of that name is refused.

mod places;
mod requests;
mod settings;
mod source;

use std::collections::BTreeSet;
use std::sync::Arc;

use dibhost_definition::{Contents, Definition, Diagnostic, Diagnostics, Location};
use dibhost_inputs::Inputs;

use crate::Phase;
use crate::description::{Description, Parameter, ParameterKind};
use crate::grant::Grants;
use crate::planner::Described;

pub(crate) use places::{place, place_of_argument};

/// The step that carries out what does not have to wait for anything.
const WISHES: &str = "install";
/// The step that puts the definition's files, units and settings over what elements wrote.
const OVER: &str = "post-install";
/// The step that places what is too large to be wished for.
const PLACE: &str = "place";
/// The step that looks at what was installed.
const SETTLE: &str = "settle";

/// The definition as it is planned: with what its own keys say as parameters of the element that
/// carries it out, and the files that they name among the inputs.
pub(crate) fn whole(
    definition: &Definition,
    inputs: &Inputs,
    wrong: &mut Diagnostics,
) -> Definition {
    let mut whole = definition.clone();
    if definition.contents.is_empty() {
        return whole;
    }
    whole.inputs = definition.all_inputs();
    let settings = settings::of(definition, inputs, wrong);
    whole.parameters.insert(Contents::ELEMENT.to_owned(), settings);
    whole
}

/// What the element is for this definition: of all that it asks for what the definition says, of
/// its steps those with something to do.
pub(crate) fn narrowed(
    described: Described,
    definition: &Definition,
    inputs: &Inputs,
    wrong: &mut Diagnostics,
) -> Described {
    let mut description = Arc::unwrap_or_clone(described.description);
    let asked = Grants::asked(&description.requests, &[]);
    let said = requests::of(definition, inputs, wrong);
    description.requests =
        said.into_iter().filter(|r| r.right().is_ok_and(|right| asked.include(&right))).collect();
    let contents = &definition.contents;
    let mut steps = BTreeSet::from([WISHES.to_owned(), OVER.to_owned()]);
    if source::placed(definition, inputs).next().is_some() {
        steps.insert(PLACE.to_owned());
    }
    if contents.hostname.is_some() || contents.timezone.is_some() {
        steps.insert(SETTLE.to_owned());
    }
    steps.extend(contents.commands.iter().map(|command| step_of(&command.phase)));
    description.steps.retain(|step| steps.contains(&step.name));
    if contents.kernel_arguments.is_empty() {
        description.steps.iter_mut().for_each(|step| step.provides.clear());
    }
    description.parameters.extend(passwords(definition));
    Described { description: Arc::new(description), ..described }
}

/// The step in which the commands of a phase run.
fn step_of(phase: &str) -> String {
    format!("run-{phase}")
}

/// A parameter for each password: a secret is handed on by the parameter that names it.
fn passwords(definition: &Definition) -> impl Iterator<Item = Parameter> {
    let users = definition.contents.users.iter().filter(|user| user.password.is_some());
    users.map(|user| Parameter {
        name: settings::password_of(&user.name),
        kind: ParameterKind::Secret,
        default: None,
        doc: format!("The password of {}.", user.name.value),
        aliases: Vec::new(),
    })
}

/// Commands come after the steps of all other elements in their phase, so that they find what those
/// did; but for those that say that they come after the definition.
pub(crate) fn last_of_phase<'a>(
    own: &mut Described,
    others: impl Iterator<Item = &'a Description> + Clone,
) {
    let description = Arc::make_mut(&mut own.description);
    let there = |name: &str| description.steps.iter().any(|step| step.name == name);
    let own: Vec<String> = [PLACE, SETTLE]
        .into_iter()
        .filter(|name| there(name))
        .map(|name| format!("{}/{name}", Contents::ELEMENT))
        .collect();
    for step in description.steps.iter_mut().filter(|step| step.name.starts_with("run-")) {
        if step.phase == Phase::PostInstall {
            step.after.extend(own.iter().cloned());
        }
        let after_us = |named: &String| named.split('/').next() == Some(Contents::ELEMENT);
        let before = others.clone().filter(|other| {
            let mut of_phase = other.steps_of(step.phase).peekable();
            of_phase.peek().is_some() && !of_phase.any(|s| s.after.iter().any(after_us))
        });
        let before: Vec<String> = before.map(|other| other.name.clone()).collect();
        step.after.extend(before);
    }
}

/// Nobody names the element, in `elements` or in `requires`: it is there where it has something to do.
pub(crate) fn named(place: Option<&Location>) -> Diagnostic {
    let name = Contents::ELEMENT;
    Diagnostic::new(format!("`{name}` is the name of the element that carries out what a definition says in keys of its own, and no other's"))
        .at(place)
        .with_help("it is in the image as soon as one of these keys is in the definition: leave it out; an element of yours has another name")
}

/// What was found under its name is not what was shipped with this host.
pub(crate) fn another(described: &Described, place: Option<&Location>) -> Diagnostic {
    Diagnostic::new(format!(
        "the element `{}` found at {} is not the one that was shipped with this host, and what the definition says in keys of its own is given to no other",
        Contents::ELEMENT,
        described.origin
    ))
    .at(place)
    .with_help("move that file away, or install dibhost with the elements that belong to it")
}
