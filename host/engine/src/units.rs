//! Units of the init system that elements wished for.

use dibhost_plan::wish::UnitState;
use dibhost_plan::{Phase, Plan, PlannedDropIn, PlannedPreset, PlannedUnitState};
use dibhost_tree::{Attributes, Change, Command, Scope, Target, TargetError, TargetPath};

use crate::accounts::expect_success;
use crate::asked::asked_by;
use crate::failure::BuildFailure;

/// Units, drop-ins and presets are what whoever has the image would write there: `/etc`, and not
/// `/usr/lib`, which is the packages' own and may be replaced by an upgrade. Presets of both are read
/// as one list, by the names of the files.
const UNITS: &str = "/etc/systemd/system";
const PRESETS: &str = "/etc/systemd/system-preset";

fn path(text: &str) -> Result<TargetPath, TargetError> {
    TargetPath::new(text).map_err(|e| TargetError::Invalid(e.to_string()))
}

/// A file in a folder that is made where it is not there.
fn write(
    target: &mut dyn Target,
    folder: &str,
    name: &str,
    content: &str,
) -> Result<(), TargetError> {
    let (file, folder) = (path(&format!("{folder}/{name}"))?, path(folder)?);
    let content = content.as_bytes().to_vec();
    let changes = [
        Change::MakeDirectory { path: folder, attributes: Attributes::default() },
        Change::Write { path: file, content, attributes: Attributes::default() },
    ];
    target.apply(&Scope::own(), &changes)
}

/// Writes a unit.
pub(crate) fn define(
    target: &mut dyn Target,
    unit: &str,
    content: &str,
) -> Result<(), TargetError> {
    write(target, UNITS, unit, content)
}

/// Writes a drop-in of a unit.
pub(crate) fn extend(target: &mut dyn Target, planned: &PlannedDropIn) -> Result<(), TargetError> {
    let PlannedDropIn { unit, name, content, .. } = planned;
    write(target, &format!("{UNITS}/{unit}.d"), &format!("{name}.conf"), content)
}

/// Writes a file of presets, or writes it again with what was wished for since.
pub(crate) fn preset(target: &mut dyn Target, planned: &PlannedPreset) -> Result<(), TargetError> {
    let line = |line: &dibhost_plan::PresetLine| format!("{} {}\n", line.action.name(), line.unit);
    let content: String = planned.lines.iter().map(line).collect();
    write(target, PRESETS, &format!("{:02}-dibhost.preset", planned.number), &content)
}

/// States that could not be set: of the unit that the program complains of, else of all.
pub(crate) fn not_set(plan: &Plan, phase: Phase, why: &str) -> BuildFailure {
    let failure = BuildFailure::new(why);
    let states: Vec<_> = plan.unit_states_of(phase).collect();
    // The command that failed names them all once.
    let complained_of = |planned: &&&PlannedUnitState| why.matches(&planned.unit).count() > 1;
    let named: Vec<_> = states.iter().filter(complained_of).copied().collect();
    match (named.as_slice(), states.as_slice()) {
        ([one], _) | ([], [one]) => {
            let asked = asked_by(plan, &format!("unit:{}", one.unit), &one.wanted_by);
            failure.doing(format!("setting the state of `{}`{asked}", one.unit))
        }
        _ => failure.doing("setting the states of units"),
    }
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
