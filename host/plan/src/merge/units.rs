//! Units of the init system.

use std::collections::BTreeMap;

use dibhost_definition::Diagnostics;

use super::conflict::{By, conflict, note};
use crate::plan::{PlannedDropIn, PlannedPreset, PlannedUnit, PlannedUnitState, PresetLine};
use crate::wish::{PresetAction, UnitState, Wish, WishRecord};

fn word(state: UnitState) -> &'static str {
    match state {
        UnitState::Enabled => "it enabled",
        UnitState::Disabled => "it disabled",
        UnitState::Masked => "it masked",
    }
}

/// Masked is disabled and more.
fn strength(state: UnitState) -> u8 {
    match state {
        UnitState::Enabled => 0,
        UnitState::Disabled => 1,
        UnitState::Masked => 2,
    }
}

/// Texts of units, each in the first phase that wishes for it.
pub(crate) fn definitions(wishes: &[WishRecord], wrong: &mut Diagnostics) -> Vec<PlannedUnit> {
    let mut units: BTreeMap<&str, (By<'_>, PlannedUnit)> = BTreeMap::new();
    for record in wishes {
        let Wish::ServiceDefinition { unit, content } = &record.wish else { continue };
        let by = By::of(record);
        let (first, planned) = units.entry(unit).or_insert_with(|| {
            let planned = PlannedUnit {
                phase: record.phase,
                unit: unit.clone(),
                content: content.clone(),
                wanted_by: Vec::new(),
            };
            (by, planned)
        });
        if planned.content != *content {
            wrong.push(conflict(
                &format!("the text of the unit `{unit}`"),
                *first,
                "one",
                by,
                "another",
            ));
        }
        note(&mut planned.wanted_by, &record.element);
    }
    let mut units: Vec<PlannedUnit> = units.into_values().map(|(_, unit)| unit).collect();
    units.sort_by(|a, b| (a.phase, &a.unit).cmp(&(b.phase, &b.unit)));
    units
}

/// Drop-ins of units, each in the first phase that wishes for it.
pub(crate) fn drop_ins(wishes: &[WishRecord], wrong: &mut Diagnostics) -> Vec<PlannedDropIn> {
    let mut drop_ins: BTreeMap<(&str, &str), (By<'_>, PlannedDropIn)> = BTreeMap::new();
    for record in wishes {
        let Wish::DropIn { unit, name, content } = &record.wish else { continue };
        let by = By::of(record);
        let (first, planned) = drop_ins.entry((unit, name)).or_insert_with(|| {
            let planned = PlannedDropIn {
                phase: record.phase,
                unit: unit.clone(),
                name: name.clone(),
                content: content.clone(),
                wanted_by: Vec::new(),
            };
            (by, planned)
        });
        if planned.content != *content {
            let subject = format!("the drop-in `{name}` of the unit `{unit}`");
            wrong.push(conflict(&subject, *first, "one", by, "another"));
        }
        note(&mut planned.wanted_by, &record.element);
    }
    let mut drop_ins: Vec<_> = drop_ins.into_values().map(|(_, planned)| planned).collect();
    drop_ins.sort_by(|a, b| (a.phase, &a.unit, &a.name).cmp(&(b.phase, &b.unit, &b.name)));
    drop_ins
}

/// Files of presets: one for each number, and again for each phase that adds to it.
pub(crate) fn presets(wishes: &[WishRecord], wrong: &mut Diagnostics) -> Vec<PlannedPreset> {
    let mut first: BTreeMap<(u8, &str), (By<'_>, PresetAction)> = BTreeMap::new();
    let mut files: BTreeMap<u8, Vec<PlannedPreset>> = BTreeMap::new();
    for record in wishes {
        let Wish::Preset { number, unit, action } = &record.wish else { continue };
        let by = By::of(record);
        let (other, said) = *first.entry((*number, unit)).or_insert((by, *action));
        if said != *action {
            let subject = format!("the preset {number:02} for `{unit}`");
            let word = |action: PresetAction| format!("`{}`", action.name());
            wrong.push(conflict(&subject, other, &word(said), by, &word(*action)));
            continue;
        }
        let of_number = files.entry(*number).or_default();
        let (last, known) = match of_number.last() {
            Some(last) => (last.phase, last.lines.iter().any(|line| line.unit == *unit)),
            None => (record.phase, false),
        };
        if of_number.is_empty() || (!known && last != record.phase) {
            let lines = of_number.last().map(|file| file.lines.clone()).unwrap_or_default();
            of_number.push(PlannedPreset { phase: record.phase, number: *number, lines });
        }
        let Some(file) = of_number.last_mut() else { continue };
        match file.lines.iter_mut().find(|line| line.unit == *unit) {
            Some(line) => note(&mut line.wanted_by, by.element),
            None => {
                let (unit, action) = (unit.clone(), *action);
                let wanted_by = vec![by.element.to_owned()];
                file.lines.push(PresetLine { unit, action, wanted_by });
                file.lines.sort_by(|a, b| strongest(&a.unit).cmp(&strongest(&b.unit)));
            }
        }
    }
    let mut files: Vec<_> = files.into_values().flatten().collect();
    files.sort_by_key(|file| (file.phase, file.number));
    files
}

/// The first line that fits a unit holds: a whole name before a pattern, and of two patterns the
/// longer one, so that it does not matter who wished first.
fn strongest(unit: &str) -> (bool, std::cmp::Reverse<usize>, &str) {
    (unit.contains('*'), std::cmp::Reverse(unit.len()), unit)
}

/// States of units, by phase: an entry for each phase that changes a state. An element may
/// change its mind from phase to phase; two elements may not contradict one another, but for
/// one that masks what the other disables.
pub(crate) fn states(wishes: &[WishRecord], wrong: &mut Diagnostics) -> Vec<PlannedUnitState> {
    let mut by_unit: BTreeMap<&str, Vec<(By<'_>, UnitState)>> = BTreeMap::new();
    for record in wishes {
        if let Wish::Service { unit, state } = &record.wish {
            let by = By::of(record);
            by_unit.entry(unit).or_default().push((by, *state));
        }
    }
    let mut planned: Vec<PlannedUnitState> = Vec::new();
    for (unit, wanted) in by_unit {
        if let Some(((one, state), (other, state_other))) = contradiction(&wanted) {
            wrong.push(conflict(
                &format!("the unit `{unit}`"),
                one,
                word(state),
                other,
                word(state_other),
            ));
            continue;
        }
        let mut current: Option<PlannedUnitState> = None;
        for (by, state) in wanted {
            // What another element wished for stays, if it is stronger.
            let state = match &current {
                Some(c)
                    if c.wanted_by != [by.element.to_owned()]
                        && strength(c.state) > strength(state) =>
                {
                    c.state
                }
                _ => state,
            };
            match &mut current {
                Some(c) if c.state == state => note(&mut c.wanted_by, by.element),
                Some(c) if c.phase == by.phase => {
                    c.state = state;
                    note(&mut c.wanted_by, by.element);
                }
                _ => {
                    let next = PlannedUnitState {
                        phase: by.phase,
                        unit: unit.to_owned(),
                        state,
                        wanted_by: vec![by.element.to_owned()],
                    };
                    planned.extend(current.replace(next));
                }
            }
        }
        planned.extend(current);
    }
    planned.sort_by(|a, b| (a.phase, &a.unit).cmp(&(b.phase, &b.unit)));
    planned
}

type Wanted<'a> = (By<'a>, UnitState);

/// The first two wishes that cannot both be.
fn contradiction<'a>(wanted: &[Wanted<'a>]) -> Option<(Wanted<'a>, Wanted<'a>)> {
    let at_odds = |(a, state_a): &Wanted<'_>, (b, state_b): &Wanted<'_>| {
        let one_enables = (*state_a == UnitState::Enabled) != (*state_b == UnitState::Enabled);
        if a.element == b.element { a.phase == b.phase && state_a != state_b } else { one_enables }
    };
    let pairs =
        wanted.iter().enumerate().flat_map(|(i, a)| wanted[i + 1..].iter().map(move |b| (*a, *b)));
    pairs.into_iter().find(|(a, b)| at_odds(a, b))
}
