//! Grants before anything runs: what elements request against what the definition grants.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_check::Check;
use dibhost_definition::{
    Contents, Definition, Diagnostic, Diagnostics, ElementGrants, FirstPartyTrust, Grant, Location,
    LockedImage, scope_lines, toml_key,
};
use dibhost_text::closest;

use crate::condition::in_words;
use crate::description::Request;
use crate::fact::Fact;
use crate::grant::{Grants, Right};
use crate::lock;
use crate::parameters::{not_in_image, one_line};
use crate::plan::{HeldGrant, PlanFinding};
use crate::resolve::{Elements, Resolved, trail};

/// What each element holds, by name.
pub(crate) type Held = BTreeMap<String, Vec<HeldGrant>>;

/// What each holds whatever the system is. What is asked for only of some systems is decided when
/// `root` is planned.
pub(crate) fn check(
    definition: &Definition,
    elements: &Elements,
    lock: Option<&LockedImage>,
    wrong: &mut Diagnostics,
    findings: &mut Vec<PlanFinding>,
) -> Held {
    for section in definition.grants.values() {
        if !elements.contains_key(&section.element.value) {
            wrong.push(not_in_image("grants", &section.element, elements));
        }
        for given in &section.grants {
            if let Err(why) = Right::parse(given.capability.value, &given.scope) {
                wrong.push(
                    Diagnostic::new(format!("this grants {why}")).at(given.scope.location.as_ref()),
                );
            }
        }
    }
    for (name, element) in elements {
        let Some(section) = definition.grants.get(name) else { continue };
        if trusted(definition, element) {
            findings.push(needless(section, name));
        } else {
            findings.extend(never_requested(section, name, &element.description().requests));
        }
    }
    let always = |request: &Request| request.when.is_empty();
    elements
        .iter()
        .map(|(name, element)| {
            let held = settle(definition, elements, element, &always, lock, wrong);
            (name.clone(), held)
        })
        .collect()
}

/// Adds what is asked for of a system of which this is known.
pub(crate) fn decide(
    definition: &Definition,
    elements: &Elements,
    lock: Option<&LockedImage>,
    facts: &[Fact],
    held: &mut Held,
    wrong: &mut Diagnostics,
    findings: &mut Vec<PlanFinding>,
) {
    let applies = |request: &Request| !request.when.is_empty() && request.applies(facts);
    for (name, element) in elements {
        let requests = &element.description().requests;
        if requests.iter().all(|request| request.when.is_empty()) {
            continue;
        }
        let more = settle(definition, elements, element, &applies, lock, wrong);
        let held = held.entry(name.clone()).or_default();
        held.extend(more);
        in_order(held);
        if let Some(section) = definition.grants.get(name).filter(|_| !trusted(definition, element))
        {
            findings.extend(asked_elsewhere(section, name, requests, facts));
        }
    }
}

/// All that is asked for by anybody, whatever the system is.
pub(crate) fn asked(elements: &Elements) -> Held {
    let held = elements.iter().map(|(name, element)| (name.clone(), held(element, &|_| true)));
    held.collect()
}

/// It need not be granted anything: it was shipped with this host, or is what the definition itself
/// says.
pub(crate) fn trusted(definition: &Definition, element: &Resolved) -> bool {
    let shipped = definition.trust.first_party == FirstPartyTrust::Shipped;
    element.described.first_party && (shipped || element.description().name == Contents::ELEMENT)
}

/// What an element holds of its requests that count now; refuses it where they are not granted.
fn settle(
    definition: &Definition,
    elements: &Elements,
    element: &Resolved,
    counts: &dyn Fn(&Request) -> bool,
    lock: Option<&LockedImage>,
    wrong: &mut Diagnostics,
) -> Vec<HeldGrant> {
    let description = element.description();
    let held = held(element, counts);
    if !trusted(definition, element) {
        let section = definition.grants.get(&description.name);
        let granted = section.map(Grants::given).unwrap_or_default();
        // What grants of a capability, and cannot be read, was told.
        let unreadable = |request: &Request| {
            section.iter().flat_map(|section| &section.grants).any(|given| {
                let right = Right::parse(given.capability.value, &given.scope);
                given.capability.value.name() == request.capability && right.is_err()
            })
        };
        // A request that cannot be read is granted by nobody.
        let missing: Vec<&Request> = description
            .requests
            .iter()
            .filter(|r| counts(r) && !r.right().is_ok_and(|asked| granted.include(&asked)))
            .filter(|request| !unreadable(request))
            .collect();
        // A section whose name is nearly the element's was told; nothing is granted all the same.
        let misnamed = || {
            let mut others = definition.grants.keys().filter(|name| !elements.contains_key(*name));
            others.any(|name| closest(name, [description.name.as_str()]).is_some())
        };
        if Check::GrantRequested.holds()
            && !missing.is_empty()
            && (section.is_some() || !misnamed())
        {
            let mut refusal = refusal(elements, element, section, &missing);
            let asked = held.iter().map(|grant| grant.right.clone());
            let growth =
                lock.and_then(|lock| lock::growth_of(lock, &element.described, asked.collect()));
            refusal.context.splice(0..0, growth.map(|growth| growth.to_string()));
            wrong.push(refusal);
        }
    }
    // All of it: an element of which something is refused does not run at all.
    held
}

fn held(element: &Resolved, counts: &dyn Fn(&Request) -> bool) -> Vec<HeldGrant> {
    let requests = element.description().requests.iter().filter(|request| counts(request));
    let mut held: Vec<HeldGrant> = requests
        .filter_map(|r| {
            let (reason, when) = (one_line(&r.reason), r.when.clone());
            Some(HeldGrant { right: r.right().ok()?, reason, when })
        })
        .collect();
    in_order(&mut held);
    held
}

fn in_order(held: &mut Vec<HeldGrant>) {
    held.sort_by_cached_key(|held| (held.right.said(), held.reason.clone(), held.when.clone()));
    held.dedup_by(|a, b| a.right == b.right);
}

fn refusal(
    elements: &Elements,
    element: &Resolved,
    section: Option<&ElementGrants>,
    missing: &[&Request],
) -> Diagnostic {
    let name = &element.description().name;
    let (lines, listed_at) = trail(elements, name);
    let place = section
        .and_then(|s| beside(s, element, missing).or(s.element.location.as_ref()).cloned())
        .or(listed_at);
    let asks = missing.iter().map(|r| {
        let scope = if r.scope.is_empty() { String::new() } else { format!(" `{}`", r.scope) };
        let reason = one_line(&r.reason);
        let reason = if reason.is_empty() { "it gives no reason".to_owned() } else { reason };
        let when = in_words(&r.when);
        let when = if when.is_empty() { when } else { format!("; as {when}") };
        format!("`{}`{scope} ({reason}{when})", r.capability)
    });
    let asks: Vec<String> = asks.collect();
    let has_section = section.is_some();
    let help = if has_section {
        "if you trust it with that, replace the section by"
    } else {
        "if you trust it with that, add"
    };
    let mut diagnostic = Diagnostic::new(format!(
        "`{name}` asks for what the definition does not grant: {}",
        asks.join(", ")
    ))
    .at(place.as_ref())
    .with_help(format!("{help}\n{}", toml_lines(name, section, missing)));
    diagnostic.context = lines;
    diagnostic
}

/// Where something is granted of a capability that is missing, and it is nothing that was asked for:
/// that is the line to mend.
fn beside<'d>(
    section: &'d ElementGrants,
    element: &Resolved,
    missing: &[&Request],
) -> Option<&'d Location> {
    let idle = |given: &&Grant| {
        missing.iter().any(|request| request.capability == given.capability.value.name())
            && Right::parse(given.capability.value, &given.scope).is_ok_and(|right| {
                let mut asked = element.description().requests.iter();
                !asked.any(|request| request.right().is_ok_and(|asked| right.covers(&asked)))
            })
    };
    section.grants.iter().find(idle)?.scope.location.as_ref()
}

/// The section as it has to be: what is granted and what is missing.
fn toml_lines(name: &str, section: Option<&ElementGrants>, missing: &[&Request]) -> String {
    let granted = section.iter().flat_map(|s| &s.grants);
    let granted = granted.map(|g| (g.capability.value, g.scope.value.clone()));
    let missing = missing.iter().filter_map(|r| Some(r.right().ok()?.said()));
    let all: BTreeSet<_> = granted.chain(missing).collect();
    format!("[grants.{}]\n{}", toml_key(name), scope_lines(&all).trim_end())
}

fn needless(section: &ElementGrants, name: &str) -> PlanFinding {
    PlanFinding {
        element: Some(name.to_owned()),
        phase: None,
        location: section.element.location.as_ref().map(ToString::to_string),
        message: format!(
            "`[grants.{name}]` changes nothing: elements shipped with this host hold what they request"
        ),
        help: Some("take it away, or set `first-party = \"explicit\"` in `[trust]`".to_owned()),
    }
}

/// What is granted and asked for, but of another system than this one.
fn asked_elsewhere(
    section: &ElementGrants,
    name: &str,
    requests: &[Request],
    facts: &[Fact],
) -> Vec<PlanFinding> {
    let elsewhere = section.grants.iter().filter_map(|given| {
        let right = Right::parse(given.capability.value, &given.scope).ok()?;
        let covered = |r: &&Request| r.right().is_ok_and(|asked| right.covers(&asked));
        let mut of_it = requests.iter().filter(covered).peekable();
        let first = *of_it.peek()?;
        if of_it.any(|request| request.applies(facts)) {
            return None;
        }
        Some(PlanFinding {
            element: Some(name.to_owned()),
            phase: None,
            location: given.scope.location.as_ref().map(ToString::to_string),
            message: format!(
                "`{name}` is granted `{right}` and asks for it only where {}, which is not so here",
                in_words(&first.when)
            ),
            help: Some(
                "take the grant away, unless the definition is for other systems too".to_owned(),
            ),
        })
    });
    elsewhere.collect()
}

fn never_requested(section: &ElementGrants, name: &str, requests: &[Request]) -> Vec<PlanFinding> {
    let idle = section.grants.iter().filter(|given| {
        // One that cannot be read is refused elsewhere.
        Right::parse(given.capability.value, &given.scope).is_ok_and(|given| {
            !requests.iter().any(|r| r.right().is_ok_and(|asked| given.covers(&asked)))
        })
    });
    idle.map(|given| PlanFinding {
        element: Some(name.to_owned()),
        phase: None,
        location: given.scope.location.as_ref().map(ToString::to_string),
        message: match given.scope.as_str() {
            "" => format!("`{name}` is granted `{}` and never asks for it", given.capability.value),
            scope => format!(
                "`{name}` is granted `{}` `{scope}` and never asks for it",
                given.capability.value
            ),
        },
        help: Some("take the grant away: an element can do no more than it asks for".to_owned()),
    })
    .collect()
}
