//! What holds programs in the target on this machine: whether it is enough for elements that did
//! not come with dibhost, and what to tell about it.

use dibhost_check::Check;
use dibhost_definition::Capability;
use dibhost_plan::PlannedElement;
use dibhost_tree::Worker;

use crate::event::Level;
use crate::failure::BuildFailure;
use crate::teller::Teller;

/// Tells what is missing, and refuses when it is too much.
pub(crate) fn check(
    elements: &[PlannedElement],
    worker: &Worker,
    teller: &mut Teller<'_>,
) -> Result<(), BuildFailure> {
    for note in worker.notes() {
        teller.line(Level::Info, "host", note);
    }
    if let Some(element) = third_party_exec(elements) {
        limited(&element.name, worker)?;
    }
    let Some(why) = worker.unlimited() else { return Ok(()) };
    let text = format!(
        "programs in the target have no limits of memory and processes in all on this machine, but \
         each process its own: {why}"
    );
    teller.line(Level::Warning, "host", &text);
    Ok(())
}

/// Refuses an element from elsewhere that may start programs, where nothing limits what they take.
///
/// # Errors
/// Nothing does.
pub fn limited(element: &str, worker: &Worker) -> Result<(), BuildFailure> {
    match worker.unlimited() {
        Some(why) if Check::ProgramUnlimited.holds() => Err(unlimited(element, why)),
        _ => Ok(()),
    }
}

/// An element from elsewhere that may start programs.
fn third_party_exec(elements: &[PlannedElement]) -> Option<&PlannedElement> {
    elements.iter().find(|e| {
        !e.first_party && e.grants.iter().any(|g| g.right.capability() == Capability::Exec)
    })
}

fn unlimited(element: &str, why: &str) -> BuildFailure {
    BuildFailure {
        element: Some(element.to_owned()),
        ..BuildFailure::new(format!(
            "`{element}` may start programs in the target, but this machine cannot limit their \
             memory and processes: {why}"
        ))
    }
    .with_help(
        "Build where control groups can be used: as root on a system with systemd, or with \
         `systemd-run --scope -p Delegate=yes dibhost build …`; in a container, with its \
         control groups writable.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibhost_plan::HeldGrant;
    use dibhost_plan::grant::Right;

    fn element(first_party: bool, capability: &str, scope: &str) -> PlannedElement {
        PlannedElement {
            name: "theirs".to_owned(),
            version: "1.0.0".to_owned(),
            digest: "sha256:0".to_owned(),
            origin: String::new(),
            reference: "theirs".to_owned(),
            first_party,
            summary: String::new(),
            required_by: Vec::new(),
            listed: true,
            pins: std::collections::BTreeMap::new(),
            limits: dibhost_definition::Limits::default(),
            parameters: std::collections::BTreeMap::new(),
            parameters_set: std::collections::BTreeSet::new(),
            grants: vec![HeldGrant {
                right: Right::of(capability, scope).unwrap(),
                reason: String::new(),
                when: Vec::new(),
            }],
        }
    }

    #[test]
    fn only_elements_from_elsewhere_that_may_start_programs_need_limits() {
        let elements = [element(true, "exec", "sh"), element(false, "rootfs", "write /")];
        assert!(third_party_exec(&elements).is_none());
        assert!(third_party_exec(&[element(false, "exec", "sh")]).is_some());
    }

    #[test]
    fn the_refusal_names_the_element_and_the_reason() {
        let failure = unlimited("theirs", "no hierarchy of control groups has `pids`");
        assert_eq!(failure.element.as_deref(), Some("theirs"));
        assert!(failure.message.ends_with(": no hierarchy of control groups has `pids`"));
        assert!(failure.help.unwrap().contains("Delegate=yes"));
    }
}
