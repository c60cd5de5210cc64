//! Settings of a layout that is not taken.

use dibhost_definition::Definition;

use crate::Phase;
use crate::disk::Wished;
use crate::plan::PlanFinding;
use crate::resolve::Elements;

/// The role of an element that says what is on the disk.
const LAYOUT: &str = "layout";

/// Parameters that are set of layouts which added nothing, for another one was there.
pub(super) fn settings(
    definition: &Definition,
    elements: &Elements,
    wished: &Wished,
) -> Vec<PlanFinding> {
    let (adders, stated) = wished.adders();
    let whose = match (stated, adders.first()) {
        (true, _) => "`[[block-device]]` of the definition says".to_owned(),
        (false, Some(other)) => format!("`{other}` says"),
        (false, None) => return Vec::new(),
    };
    let mut findings = Vec::new();
    for (name, element) in elements {
        let description = element.description();
        let is_layout = description.stands_in_for.iter().any(|role| role == LAYOUT);
        if !is_layout || adders.contains(name.as_str()) {
            continue;
        }
        let Some(parameters) = definition.parameters.get(name) else { continue };
        for (parameter, setting) in &parameters.settings {
            findings.push(PlanFinding {
                element: Some(name.clone()),
                phase: Some(Phase::BlockDevice),
                location: setting.value.location.as_ref().map(ToString::to_string),
                message: format!(
                    "`{name}`, of its parameter `{parameter}`: it has no effect on the disk, for {whose} what is on it"
                ),
                help: Some("take it away, or say it of the nodes that are there".to_owned()),
            });
        }
    }
    findings
}
