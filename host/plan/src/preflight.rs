//! Grants before anything runs: what elements request against what the definition grants.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_check::Check;
use dibhost_definition::{
    Definition, Diagnostic, Diagnostics, ElementGrants, FirstPartyTrust, LockedImage, scope_lines,
    toml_key,
};

use crate::description::Request;
use crate::grant::{Grants, Right};
use crate::lock;
use crate::parameters::{not_in_image, one_line};
use crate::plan::{HeldGrant, PlanFinding};
use crate::resolve::{Elements, Resolved, trail};

/// What each element holds, by name.
pub(crate) type Held = BTreeMap<String, Vec<HeldGrant>>;

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
    let held = elements.iter().map(|(name, element)| {
        (name.clone(), of_element(definition, elements, element, lock, wrong, findings))
    });
    held.collect()
}

fn of_element(
    definition: &Definition,
    elements: &Elements,
    element: &Resolved,
    lock: Option<&LockedImage>,
    wrong: &mut Diagnostics,
    findings: &mut Vec<PlanFinding>,
) -> Vec<HeldGrant> {
    let description = element.description();
    let section = definition.grants.get(&description.name);
    let trusted =
        element.described.first_party && definition.trust.first_party == FirstPartyTrust::Shipped;
    if trusted {
        findings.extend(section.map(|s| needless(s, &description.name)));
    } else {
        findings.extend(
            section
                .iter()
                .flat_map(|s| never_requested(s, &description.name, &description.requests)),
        );
        let granted = section.map(Grants::given).unwrap_or_default();
        let missing = granted.missing(&description.requests);
        if Check::GrantRequested.holds() && !missing.is_empty() {
            let mut refusal = refusal(elements, element, section, &missing);
            let growth = lock.and_then(|lock| lock::growth_of(lock, &element.described));
            refusal.context.splice(0..0, growth.map(|growth| growth.to_string()));
            wrong.push(refusal);
        }
    }
    // All of it: an element of which something is refused does not run at all.
    let mut held: Vec<HeldGrant> = description
        .requests
        .iter()
        .filter_map(|r| Some(HeldGrant { right: r.right().ok()?, reason: one_line(&r.reason) }))
        .collect();
    held.sort_by_cached_key(|held| (held.right.said(), held.reason.clone()));
    held.dedup_by(|a, b| a.right == b.right);
    held
}

fn refusal(
    elements: &Elements,
    element: &Resolved,
    section: Option<&ElementGrants>,
    missing: &[&Request],
) -> Diagnostic {
    let name = &element.description().name;
    let (lines, listed_at) = trail(elements, name);
    let place = section.and_then(|s| s.element.location.clone()).or(listed_at);
    let asks = missing.iter().map(|r| {
        let scope = if r.scope.is_empty() { String::new() } else { format!(" `{}`", r.scope) };
        let reason = one_line(&r.reason);
        let reason = if reason.is_empty() { "it gives no reason".to_owned() } else { reason };
        format!("`{}`{scope} ({reason})", r.capability)
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
