//! Units of the init system.

use std::collections::BTreeMap;

use dibhost_definition::Diagnostics;

use super::conflict::{By, conflict, note};
use crate::plan::{PlannedUnit, PlannedUnitState};
use crate::wish::{UnitState, Wish, WishRecord};

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
