//! Namespaces of facts that are kept for a publisher: nobody else's elements provide slots in them.

use std::collections::BTreeMap;

use dibhost_definition::{Diagnostic, Diagnostics};

use super::inputs::KeptSlots;
use crate::resolve::{Elements, trail};

/// Refuses slots that are provided in the name of somebody else.
pub(super) fn check(
    elements: &Elements,
    kept: &BTreeMap<String, KeptSlots>,
    wrong: &mut Diagnostics,
) {
    for element in elements.values() {
        let description = element.description();
        let slots = description.steps.iter().flat_map(|step| &step.provides);
        for slot in slots {
            let Some((namespace, _)) = slot.name.split_once(':') else { continue };
            let Some(of) = kept.get(namespace) else { continue };
            if of.elements.contains(&element.described.digest) {
                continue;
            }
            let name = &description.name;
            let (lines, place) = trail(elements, name);
            let said = format!(
                "`{name}` provides `{}`, and the slots of `{namespace}:` are kept for the elements of {}",
                slot.name, of.publisher
            );
            let mut diagnostic = Diagnostic::new(said).at(place.as_ref()).with_help(
                "whoever made it has to name the slot after themselves; if it is that publisher's, it \
                 has to be signed: see `slots` of the policy",
            );
            diagnostic.context = lines;
            wrong.push(diagnostic);
        }
    }
}
