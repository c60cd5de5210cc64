//! What the elements of an image ask for, and why: for the person who is to grant it.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_definition::{Capability, Definition, Diagnostics, LockedElement, Scoped};
use serde::Serialize;

use crate::condition::in_words;
use crate::consent;
use crate::contents;
use crate::grant::{Grants, meaning};
use crate::lock;
use crate::parameters::one_line;
use crate::planner::Planner;
use crate::planning::{self, PlanInputs};
use crate::preflight::trusted;
use crate::resolve::resolve;

/// Something that an element asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ask {
    /// Which capability.
    pub capability: Capability,
    /// See [`crate::grant`].
    pub scope: String,
    /// What granting it means.
    pub meaning: String,
    /// Why, as the element says it.
    pub reason: String,
    /// It asks for it only where this holds; empty: always.
    pub when: String,
    /// It holds in this image.
    pub applies: bool,
    /// The definition grants it, or the element need not be granted anything.
    pub granted: bool,
}

/// An element and what it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Asking {
    /// Its name.
    pub name: String,
    /// Semver.
    pub version: String,
    /// `sha256:…` of the component.
    pub digest: String,
    /// As the definition, or `requires`, names it.
    pub reference: String,
    /// It was shipped with this host and holds what it requests.
    pub trusted: bool,
    /// By capability and scope.
    pub asks: Vec<Ask>,
    /// What it asks for beside what `dib.lock` has of it: a line each.
    pub more: Vec<String>,
    /// What `dib.lock` has of what it fetches without saying the digest of it.
    #[serde(skip)]
    pub pins: BTreeMap<String, String>,
}

impl Asking {
    /// What is asked and not granted.
    #[must_use]
    pub fn missing(&self) -> BTreeSet<Scoped> {
        let missing = self.asks.iter().filter(|a| a.applies && !a.granted);
        missing.map(|a| (a.capability, a.scope.clone())).collect()
    }

    /// What the lock file is to say of it.
    #[must_use]
    pub fn locked(&self) -> LockedElement {
        LockedElement {
            from: self.reference.clone(),
            version: self.version.clone(),
            digest: self.digest.clone(),
            manifest: None,
            key: None,
            requests: self
                .asks
                .iter()
                .filter(|a| a.applies)
                .map(|a| (a.capability, a.scope.clone()))
                .collect(),
            pins: self.pins.clone(),
        }
    }
}

/// What all elements of an image ask for, by name. Calls nothing of them but `describe`, and where
/// one asks depending on what the system is, the plans of the phase `root`.
///
/// # Errors
/// Elements that are not found, are unsound or exclude one another, or `root` that cannot be
/// planned.
pub fn ask(
    definition: &Definition,
    planner: &dyn Planner,
    inputs: &PlanInputs,
) -> Result<Vec<Asking>, Diagnostics> {
    let mut wrong = Diagnostics::default();
    let definition = &contents::whole(definition, &inputs.inputs, &mut wrong);
    let mut elements = resolve(definition, planner, &inputs.inputs, &mut wrong);
    wrong.or(())?;
    consent::ask(&mut elements);
    let conditional =
        elements.values().flat_map(|e| &e.description().requests).any(|r| !r.when.is_empty());
    let facts = match conditional {
        true => planning::root(definition, planner, inputs, &elements)?,
        false => Vec::new(),
    };
    let kept = inputs.lock.as_ref();
    let asking = elements.values().map(|element| {
        let description = element.description();
        let described = &element.described;
        let trusted = trusted(definition, element);
        let section = definition.grants.get(&description.name);
        let granted = section.map(Grants::given).unwrap_or_default();
        // Those that cannot be read were refused with the description.
        let asked = description.requests.iter().filter_map(|r| Some((r.right().ok()?, r)));
        let mut asks: Vec<Ask> = asked
            .map(|(scope, request)| Ask {
                capability: scope.capability(),
                scope: scope.text(),
                meaning: meaning(&scope).to_owned(),
                reason: one_line(&request.reason),
                when: in_words(&request.when),
                applies: request.applies(&facts),
                granted: trusted || granted.include(&scope),
            })
            .collect();
        asks.sort();
        asks.dedup_by(|a, b| a.capability == b.capability && a.scope == b.scope);
        let asked = Grants::asked(&description.requests, &facts).iter().cloned().collect();
        let growth =
            kept.filter(|_| !trusted).and_then(|kept| lock::growth_of(kept, described, asked));
        Asking {
            name: description.name.clone(),
            version: description.version.clone(),
            digest: described.digest.clone(),
            reference: element.reference.clone(),
            trusted,
            asks,
            more: growth.iter().flat_map(lock::Growth::lines).collect(),
            pins: kept
                .and_then(|kept| kept.get(&description.name))
                .map(|locked| locked.pins.clone())
                .unwrap_or_default(),
        }
    });
    Ok(asking.collect())
}
