//! Which elements are in the image: those the definition names, and all they require.
//! `requires` selects and never orders, so everything here is sorted by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dibhost_check::Check;
use dibhost_definition::{Contents, Definition, Diagnostic, Diagnostics, Location};
use dibhost_dib::words::{Here, element};
use dibhost_inputs::Inputs;
use dibhost_text::did_you_mean;
use semver::{Version, VersionReq};

use crate::contents;
use crate::description::{Description, Requirement};
use crate::planner::{Described, ElementFailure, Planner};
use crate::soundness;

/// An element of the image.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub(crate) described: Described,
    /// What the planner found it by.
    pub(crate) reference: String,
    /// Where the definition names it.
    pub(crate) location: Option<Location>,
    /// The definition names it.
    pub(crate) listed: bool,
    /// Elements that require it.
    pub(crate) required_by: BTreeSet<String>,
}

impl Resolved {
    pub(crate) fn description(&self) -> &Description {
        &self.described.description
    }

    /// Whether it is called `name` or stands in for it.
    pub(crate) fn is_or_stands_for(&self, name: &str) -> bool {
        let description = self.description();
        description.name == name || description.stands_in_for.iter().any(|n| n == name)
    }
}

/// The elements of the image, by name.
pub(crate) type Elements = BTreeMap<String, Resolved>;

/// How an element came into the image, for the trail of a diagnostic: innermost first.
pub(crate) fn trail(elements: &Elements, name: &str) -> (Vec<String>, Option<Location>) {
    let mut lines = Vec::new();
    let mut seen = BTreeSet::new();
    let mut at = name;
    while seen.insert(at) {
        let Some(element) = elements.get(at) else { break };
        if element.listed || element.location.is_some() {
            return (lines, element.location.clone());
        }
        let Some(parent) = element.required_by.first() else { break };
        lines.push(format!("taking in `{at}`, which `{parent}` requires"));
        at = parent;
    }
    (lines, None)
}

/// Finds and describes all elements.
pub(crate) fn resolve(
    definition: &Definition,
    planner: &dyn Planner,
    inputs: &Inputs,
    wrong: &mut Diagnostics,
) -> Elements {
    let mut elements = Elements::new();
    for reference in &definition.image.elements {
        let place = reference.location.as_ref();
        match planner.describe(reference, &definition.base) {
            _ if called(reference) == Contents::ELEMENT => wrong.push(contents::named(place)),
            Ok(described) => {
                add(&mut elements, described, reference, Some(place.cloned()), wrong);
            }
            Err(failure) => wrong.push(not_found(planner, reference, failure).at(place)),
        }
    }
    close(definition, planner, &mut elements, wrong);
    own(definition, planner, inputs, &mut elements, wrong);
    versions(&elements, wrong);
    conflicts(&elements, wrong);
    elements
}

/// Takes in the element that carries out what the definition says in its own keys.
fn own(
    definition: &Definition,
    planner: &dyn Planner,
    inputs: &Inputs,
    elements: &mut Elements,
    wrong: &mut Diagnostics,
) {
    if definition.contents.is_empty() {
        return;
    }
    let name = Contents::ELEMENT;
    let location = definition.contents.first_place().cloned();
    match planner.describe(name, &definition.base) {
        Ok(found) if found.first_party => {
            let mut described = contents::narrowed(found, definition, inputs, wrong);
            contents::last_of_phase(&mut described, elements.values().map(Resolved::description));
            let (reference, listed, required_by) = (name.to_owned(), false, BTreeSet::new());
            let own = Resolved { described, reference, location, listed, required_by };
            elements.insert(name.to_owned(), own);
        }
        Ok(found) => wrong.push(contents::another(&found, location.as_ref())),
        Err(failure) => wrong.push(not_found(planner, name, failure).at(location.as_ref())),
    }
}

/// The name that a reference has, whatever is in the file.
fn called(reference: &str) -> &str {
    let called = reference.rsplit('/').next().unwrap_or(reference);
    if let Some(elsewhere) = reference.strip_prefix("oci://") {
        let last = elsewhere.split('@').next().and_then(|name| name.rsplit('/').next());
        return last.and_then(|last| last.split(':').next()).unwrap_or(called);
    }
    called.strip_suffix(".wasm").unwrap_or(called)
}

/// Takes in what is required until nothing is missing.
fn close(
    definition: &Definition,
    planner: &dyn Planner,
    elements: &mut Elements,
    wrong: &mut Diagnostics,
) {
    // Names that could not be found yet: one taken in later may stand in for them.
    let mut failed: BTreeMap<String, ElementFailure> = BTreeMap::new();
    loop {
        let missing = missing(elements);
        let Some(name) = missing.keys().find(|name| !failed.contains_key(*name)).cloned() else {
            break;
        };
        match planner.describe(&name, &definition.base) {
            _ if name == Contents::ELEMENT => {
                let Diagnostic { message, help, .. } = contents::named(None);
                failed.insert(name, ElementFailure { message, context: Vec::new(), help });
            }
            Ok(described) if described.description.name == name => {
                add(elements, described, &name, None, wrong);
            }
            Ok(described) => {
                let says = &described.description.name;
                let message = format!(
                    "the element found as `{name}` calls itself `{says}`: a file is named as its element"
                );
                failed.insert(name, ElementFailure::new(message));
            }
            Err(failure) => {
                failed.insert(name, failure);
            }
        }
    }
    note_requirers(elements);
    let missing = missing(elements);
    for (name, failure) in failed.into_iter().filter(|(name, _)| missing.contains_key(name)) {
        let parent = &missing[&name];
        let (lines, place) = trail(elements, parent);
        let mut diagnostic = not_found(planner, &name, failure).at(place.as_ref());
        diagnostic.context.push(format!("taking in `{name}`, which `{parent}` requires"));
        diagnostic.context.extend(lines);
        wrong.push(diagnostic);
    }
}

/// Who requires whom is told of all, not only of those that were taken in for it.
fn note_requirers(elements: &mut Elements) {
    let required: Vec<(String, String)> = elements
        .values()
        .flat_map(|e| {
            let by = &e.description().name;
            e.description().requires.iter().map(move |r| (r.name.clone(), by.clone()))
        })
        .collect();
    for (name, by) in required {
        if let Some(element) = elements.get_mut(&name) {
            element.required_by.insert(by);
        }
    }
}

/// Names that are required and not there, each with the first element that requires it.
fn missing(elements: &Elements) -> BTreeMap<String, String> {
    let mut missing = BTreeMap::new();
    for element in elements.values() {
        for required in element.description().requires.iter().filter(|r| !r.optional) {
            if !elements.values().any(|e| e.is_or_stands_for(&required.name)) {
                missing
                    .entry(required.name.clone())
                    .or_insert_with(|| element.description().name.clone());
            }
        }
    }
    missing
}

/// Adds an element; `listed` says where the definition names it.
fn add(
    elements: &mut Elements,
    described: Described,
    reference: &str,
    listed: Option<Option<Location>>,
    wrong: &mut Diagnostics,
) {
    let place = listed.clone().flatten();
    let name = described.description.name.clone();
    let called = called(reference);
    if Check::ElementName.holds() && called != name {
        let message = format!("the element found as `{reference}` calls itself `{name}`");
        wrong.push(
            Diagnostic::new(message)
                .at(place.as_ref())
                .with_help(format!("a name is no proof of what is in a file: name the file `{name}.wasm`, or write `{name}`")),
        );
        return;
    }
    let problems = soundness::problems(&described.description);
    if !problems.is_empty() {
        let message = format!("the element `{name}` ({}) is unsound", described.origin);
        let help = format!("whoever wrote the element has to mend that\n{}", problems.join("\n"));
        wrong.push(Diagnostic::new(message).at(place.as_ref()).with_help(help));
    }
    match elements.get_mut(&name) {
        Some(there) if there.described.digest != described.digest => {
            let message = format!(
                "two different elements are called `{name}`: {} and {}",
                there.described.origin, described.origin
            );
            wrong.push(
                Diagnostic::new(message).at(place.as_ref()).with_help("name one of them only"),
            );
        }
        Some(_) => {}
        None => {
            let mut described = described;
            // Here, for whatever planner it came from: what is not asked for is not refused.
            let description = Arc::unwrap_or_clone(described.description);
            described.description = Arc::new(description.with_implied_requests());
            let element = Resolved {
                described,
                reference: reference.to_owned(),
                location: place,
                listed: listed.is_some(),
                required_by: BTreeSet::new(),
            };
            elements.insert(name, element);
        }
    }
}

fn not_found(planner: &dyn Planner, reference: &str, failure: ElementFailure) -> Diagnostic {
    let known = planner.known_names();
    // A name that is known failed for another reason, which its own help explains.
    let meant = if known.iter().any(|k| k == reference) {
        None
    } else {
        let dibs =
            element(reference).map(|element| element.here).filter(|here| *here != Here::Same);
        dibs.map(|here| format!("diskimage-builder's `{reference}`: {}", here.in_words()))
            .or_else(|| did_you_mean(reference, known.iter().map(String::as_str)))
    };
    Diagnostic {
        message: failure.message,
        location: None,
        context: failure.context,
        help: meant.or(failure.help),
    }
}

fn versions(elements: &Elements, wrong: &mut Diagnostics) {
    for element in elements.values() {
        let by = &element.description().name;
        for required in &element.description().requires {
            let Some(found) = elements.get(&required.name) else { continue };
            let version = &found.description().version;
            if !fits(required, version) {
                let (lines, place) = trail(elements, by);
                let range = &required.version;
                let name = &required.name;
                let mut diagnostic = Diagnostic::new(format!(
                    "`{by}` requires `{name}` {range}, and `{name}` {version} is here"
                ))
                .at(place.as_ref())
                .with_help(format!(
                    "take a `{name}` whose version fits `{range}`, or another `{by}`"
                ));
                diagnostic.context = lines;
                wrong.push(diagnostic);
            }
        }
    }
}

/// Ranges and versions are sound: [`soundness`] saw them before.
fn fits(required: &Requirement, version: &str) -> bool {
    let range = match required.version.trim() {
        "" => VersionReq::STAR,
        range => VersionReq::parse(range).unwrap_or(VersionReq::STAR),
    };
    Version::parse(version).is_ok_and(|v| range.matches(&v) || range == VersionReq::STAR)
}

fn conflicts(elements: &Elements, wrong: &mut Diagnostics) {
    for element in elements.values() {
        let name = &element.description().name;
        for other in &element.description().conflicts_with {
            for found in elements.values().filter(|e| e.is_or_stands_for(other)) {
                let found_name = &found.description().name;
                if found_name == name {
                    continue;
                }
                let (lines, place) = trail(elements, name);
                let as_what = if found_name == other {
                    String::new()
                } else {
                    format!(", which stands in for `{other}`")
                };
                let mut diagnostic = Diagnostic::new(format!(
                    "`{name}` cannot be in an image with `{found_name}`{as_what}"
                ))
                .at(place.as_ref())
                .with_help("leave one of the two out");
                diagnostic.context = lines;
                diagnostic.context.extend(trail(elements, found_name).0);
                wrong.push(diagnostic);
            }
        }
    }
}
