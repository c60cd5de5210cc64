//! Units of the init system that elements wished for.

use dibhost_plan::wish::UnitState;
use dibhost_tree::{Attributes, Change, Command, Scope, Target, TargetError, TargetPath};

use crate::accounts::expect_success;

/// Writes a unit.
pub(crate) fn define(
    target: &mut dyn Target,
    unit: &str,
    content: &str,
) -> Result<(), TargetError> {
    let path = TargetPath::new(&format!("/etc/systemd/system/{unit}"))
        .map_err(|e| TargetError::Invalid(e.to_string()))?;
    let content = content.as_bytes().to_vec();
    let write = Change::Write { path, content, attributes: Attributes::default() };
    target.apply(&Scope::all(), &[write])
}

/// Sets the state of units, all of one state in one call.
pub(crate) fn set_states(
    target: &mut dyn Target,
    states: &[(String, UnitState)],
    line: &mut dyn FnMut(dibhost_tree::Line),
) -> Result<(), TargetError> {
    for (state, verb) in [
        (UnitState::Enabled, "enable"),
        (UnitState::Disabled, "disable"),
        (UnitState::Masked, "mask"),
    ] {
        let units = states.iter().filter(|(_, s)| *s == state).map(|(unit, _)| unit.clone());
        let mut args = vec![verb.to_owned(), "--".to_owned()];
        args.extend(units);
        if args.len() == 2 {
            continue;
        }
        let mut command = Command { program: "systemctl".to_owned(), args, ..Command::default() };
        // There is no systemd to talk to in the target; links are all that is wanted.
        command.env.insert("SYSTEMD_OFFLINE".to_owned(), "1".to_owned());
        expect_success(target, &command, line)?;
    }
    Ok(())
}
