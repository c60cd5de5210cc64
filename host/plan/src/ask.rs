//! What the elements of an image ask for, and why: for the person who is to grant it.

use std::collections::BTreeSet;

use dibhost_definition::{
    Capability, Definition, Diagnostics, FirstPartyTrust, LockedElement, LockedImage, Scoped,
};
use serde::Serialize;

use crate::grant::{Grants, meaning};
use crate::lock;
use crate::parameters::one_line;
use crate::planner::Planner;
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
}

impl Asking {
    /// What is asked and not granted.
    #[must_use]
    pub fn missing(&self) -> BTreeSet<Scoped> {
        let missing = self.asks.iter().filter(|a| !a.granted);
        missing.map(|a| (a.capability, a.scope.clone())).collect()
    }

    /// What the lock file is to say of it.
    #[must_use]
    pub fn locked(&self) -> LockedElement {
        LockedElement {
            from: self.reference.clone(),
            version: self.version.clone(),
            digest: self.digest.clone(),
            requests: self.asks.iter().map(|a| (a.capability, a.scope.clone())).collect(),
        }
    }
}

/// What all elements of an image ask for, by name. Calls nothing of them but `describe`.
///
/// # Errors
/// Elements that are not found, are unsound or exclude one another.
pub fn ask(
    definition: &Definition,
    planner: &dyn Planner,
    kept: Option<&LockedImage>,
) -> Result<Vec<Asking>, Diagnostics> {
    let mut wrong = Diagnostics::default();
    let elements = resolve(definition, planner, &mut wrong);
    wrong.or(())?;
    let asking = elements.values().map(|element| {
        let description = element.description();
        let described = &element.described;
        let trusted =
            described.first_party && definition.trust.first_party == FirstPartyTrust::Shipped;
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
                granted: trusted || granted.include(&scope),
            })
            .collect();
        asks.sort();
        asks.dedup_by(|a, b| a.capability == b.capability && a.scope == b.scope);
        let growth = kept.filter(|_| !trusted).and_then(|kept| lock::growth_of(kept, described));
        Asking {
            name: description.name.clone(),
            version: description.version.clone(),
            digest: described.digest.clone(),
            reference: element.reference.clone(),
            trusted,
            asks,
            more: growth.iter().flat_map(lock::Growth::lines).collect(),
        }
    });
    Ok(asking.collect())
}
