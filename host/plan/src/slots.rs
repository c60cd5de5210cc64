//! The slots of a build: who provides, who reads, and whether every reader finds what it needs.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

use dibhost_check::Check;
use dibhost_definition::{Diagnostic, Diagnostics};
use dibhost_text::{did_you_mean, quoted_list};
use serde_json::Value;

use crate::Phase;
use crate::description::{Slot, SlotUse, StepDeclaration};
use crate::label::label;
use crate::plan::{FactEdge, HOST, PlanFinding};
use crate::planner::Planner;
use crate::resolve::{Elements, trail};
use crate::schema::{self, LAYOUT};
use crate::slot::{PlannedSlot, Timing};

/// A step that declares a slot.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) element: &'a str,
    step: &'a StepDeclaration,
    /// The step's name, where element and phase do not say which one it is.
    told: Option<&'a str>,
}

impl At<'_> {
    pub(crate) fn phase(&self) -> Phase {
        self.step.phase
    }

    fn is(&self, other: &At<'_>) -> bool {
        self.element == other.element && self.step.name == other.step.name
    }

    fn label(&self) -> String {
        label(self.element, self.told)
    }
}

/// A step that provides a slot, and how it declares that.
type Provider<'a> = (At<'a>, &'a Slot);
/// A step that reads one.
type Reader<'a> = (At<'a>, &'a SlotUse);

/// What steps declare, by slot.
pub(crate) struct Declared<'a> {
    providers: BTreeMap<&'a str, Vec<Provider<'a>>>,
    readers: BTreeMap<&'a str, Vec<Reader<'a>>>,
}

impl<'a> Declared<'a> {
    pub(crate) fn of(elements: &'a Elements) -> Self {
        let mut declared = Self { providers: BTreeMap::new(), readers: BTreeMap::new() };
        for element in elements.values() {
            let description = element.description();
            for step in &description.steps {
                let at = At { element: &description.name, step, told: description.told(step) };
                for slot in &step.provides {
                    declared.providers.entry(&slot.name).or_default().push((at, slot));
                }
                for slot in &step.consumes {
                    declared.readers.entry(&slot.name).or_default().push((at, slot));
                }
            }
        }
        declared
    }

    pub(crate) fn providers(&self, slot: &str) -> &[Provider<'a>] {
        self.providers.get(slot).map_or(&[], Vec::as_slice)
    }

    fn readers(&self, slot: &str) -> &[Reader<'a>] {
        self.readers.get(slot).map_or(&[], Vec::as_slice)
    }

    /// All slots that are provided, or are the host's and read; checked against one another.
    pub(crate) fn slots(&self, elements: &Elements, wrong: &mut Diagnostics) -> Vec<PlannedSlot> {
        let mut names: Vec<&str> =
            self.providers.keys().chain(self.readers.keys()).copied().collect();
        names.sort_unstable();
        names.dedup();
        let mut slots = Vec::new();
        for name in names {
            let slot = match (schema::host_slot(name), self.providers(name).first()) {
                (Some(host), _) => host.planned(),
                (None, Some((_, slot))) => PlannedSlot {
                    name: slot.name.clone(),
                    arity: slot.arity,
                    timing: slot.timing,
                    schema: self.joint_schema(name, elements, wrong),
                    doc: slot.doc.clone(),
                },
                (None, None) => continue,
            };
            self.agree(&slot, elements, wrong);
            slots.push(slot);
        }
        slots
    }

    /// The schema that has grown the furthest, and that all the others have grown to.
    fn joint_schema(
        &self,
        name: &str,
        elements: &Elements,
        wrong: &mut Diagnostics,
    ) -> Option<Value> {
        // A hundred elements that provide one slot have one schema between them, mostly.
        let mut distinct: Vec<(&str, Option<&Value>)> = Vec::new();
        for (at, slot) in self.providers(name) {
            let schema = slot.schema.as_ref();
            if !distinct.iter().any(|(_, there)| *there == schema) {
                distinct.push((at.element, schema));
            }
        }
        let holds = |of: Option<&Value>| {
            distinct.iter().all(|(_, s)| schema::relation(of, *s).is_ok_and(Ordering::is_ge))
        };
        let joint = distinct.iter().find(|(_, of)| holds(*of));
        let Some((_, schema)) = joint else {
            let clash = distinct.iter().enumerate().find_map(|(i, (one, a))| {
                distinct[i + 1..].iter().find_map(|(other, b)| {
                    let difference = schema::relation(*a, *b).err()?;
                    Some((one, other, difference.to_string()))
                })
            });
            let [first, .., last] = distinct.as_slice() else { return None };
            let (one, other, difference) = clash.unwrap_or_else(|| {
                let why = "each has properties that the other does not name".to_owned();
                (&first.0, &last.0, why)
            });
            let difference = format!("their schemas differ: {difference}");
            if Check::SlotClash.holds() {
                wrong.push(clashing(elements, name, one, other, &difference));
            }
            return first.1.cloned();
        };
        schema.cloned()
    }

    /// All who declare a slot mean the same.
    fn agree(&self, slot: &PlannedSlot, elements: &Elements, wrong: &mut Diagnostics) {
        if !Check::SlotClash.holds() {
            return;
        }
        let name = &slot.name;
        let providers = self.providers(name);
        // For slots of `dib:` this was said of the element alone.
        if let (None, Some((first, _))) = (schema::host_slot(name), providers.first()) {
            for (at, other) in providers {
                let (one, another) = if other.arity != slot.arity {
                    (slot.arity.name(), other.arity.name())
                } else if other.timing != slot.timing {
                    (slot.timing.name(), other.timing.name())
                } else {
                    continue;
                };
                let differs = format!("it is `{one}` to one and `{another}` to the other");
                wrong.push(clashing(elements, name, first.element, at.element, &differs));
            }
        }
        for (at, reader) in self.readers(name).iter().filter(|(_, r)| r.arity != slot.arity) {
            let element = at.element;
            let message = format!(
                "`{element}` reads the slot `{name}` as `{}`; it is `{}`",
                reader.arity.name(),
                slot.arity.name()
            );
            wrong.push(
                Diagnostic::new(message)
                    .at(trail(elements, element).1.as_ref())
                    .with_help("this is for whoever wrote the element to mend"),
            );
        }
    }

    /// Who hands values to whom. A reader sees its phase and earlier ones: as they are planned
    /// for planned slots, as they run for observed ones.
    pub(crate) fn edges(&self, slots: &[PlannedSlot]) -> Vec<FactEdge> {
        let mut edges = Vec::new();
        for slot in slots {
            for (to, _) in self.readers(&slot.name) {
                let phase = to.phase();
                let mut edge = |from: &str, from_phase: Phase, from_step: Option<&str>| {
                    edges.push(FactEdge {
                        phase,
                        slot: slot.name.clone(),
                        timing: slot.timing,
                        from: from.to_owned(),
                        from_phase,
                        to: to.element.to_owned(),
                        from_step: from_step.map(str::to_owned),
                        to_step: to.told.map(str::to_owned),
                    });
                };
                for (from, _) in self.providers(&slot.name) {
                    let before = rank(slot.timing, from.phase()) <= rank(slot.timing, phase);
                    if before && !from.is(to) {
                        edge(from.element, from.phase(), from.told);
                    }
                }
                if slot.name == LAYOUT && sees_layout(phase) {
                    edge(HOST, Phase::BlockDevice, None);
                }
            }
        }
        edges.sort();
        edges
    }

    /// Readers that find nothing, or too late.
    pub(crate) fn check_readers(
        &self,
        slots: &[PlannedSlot],
        elements: &Elements,
        planner: &dyn Planner,
        wrong: &mut Diagnostics,
        findings: &mut Vec<PlanFinding>,
    ) {
        for (name, readers) in &self.readers {
            let slot = slots.iter().find(|slot| slot.name == *name);
            let mut needing: Vec<&At<'_>> = Vec::new();
            for (at, slot_use) in readers {
                let provided = slot.is_some_and(|slot| {
                    self.check_reader(slot, (*at, slot_use), elements, wrong, findings)
                });
                if !provided && slot_use.required {
                    needing.push(at);
                }
            }
            // All that need it in one error: one element more is what they lack.
            if !needing.is_empty() {
                wrong.push(self.unprovided(name, &needing, elements, planner));
            }
        }
    }

    /// Whether the slot has a provider at all, in time or, which is said here, too late.
    fn check_reader(
        &self,
        slot: &PlannedSlot,
        (at, slot_use): Reader<'a>,
        elements: &Elements,
        wrong: &mut Diagnostics,
        findings: &mut Vec<PlanFinding>,
    ) -> bool {
        let name = &slot.name;
        let (phase, reader) = (at.phase(), at.label());
        if name == LAYOUT {
            if !sees_layout(phase) {
                let why = match phase {
                    Phase::BlockDevice => "whose wishes it comes of",
                    _ => "which is planned before it",
                };
                let message =
                    format!("`{reader}` reads the slot `{name}` in the phase `{phase}`, {why}");
                wrong.push(
                    Diagnostic::new(message).at(trail(elements, at.element).1.as_ref()).with_help(
                        "read it in another phase: all but `root` are planned after `block-device`",
                    ),
                );
            }
            return true;
        }
        if slot.timing == Timing::Observed && at.step.plan_only {
            let message = format!(
                "`{reader}` reads the slot `{name}` in the phase `{phase}` while planning, and its values are observed while building"
            );
            wrong
                .push(Diagnostic::new(message).at(trail(elements, at.element).1.as_ref()).with_help(
                "this is for whoever wrote the element to mend: a step that reads it has to run",
            ));
            return true;
        }
        let mine = rank(slot.timing, phase);
        let others = || self.providers(name).iter().map(|(p, _)| p).filter(|p| !p.is(&at));
        let in_time = others().any(|p| rank(slot.timing, p.phase()) <= mine);
        let late: Vec<_> = others().filter(|p| rank(slot.timing, p.phase()) > mine).collect();
        let provided = in_time || !late.is_empty();
        for provider in late {
            let (late_phase, provider) = (provider.phase(), provider.label());
            let what = match slot.timing {
                Timing::Observed => "runs",
                Timing::Planned => "is planned",
            };
            let message = format!(
                "`{reader}` reads the slot `{name}` in the phase `{phase}`, and `{provider}` provides it in `{late_phase}`, which {what} later"
            );
            let fatal = slot.timing == Timing::Observed || (slot_use.required && !in_time);
            let place = trail(elements, at.element).1;
            let help = format!(
                "read it in `{late_phase}` or later, or provide it in `{phase}` or earlier"
            );
            if fatal {
                wrong.push(Diagnostic::new(message).at(place.as_ref()).with_help(help));
            } else {
                findings.push(PlanFinding {
                    element: Some(at.element.to_owned()),
                    phase: Some(phase),
                    location: place.map(|p| p.to_string()),
                    message,
                    help: Some(help),
                });
            }
        }
        provided
    }

    /// `needing` has one at least, the first of which is told with how it came into the image.
    fn unprovided(
        &self,
        slot: &str,
        needing: &[&At<'_>],
        elements: &Elements,
        planner: &dyn Planner,
    ) -> Diagnostic {
        let first = needing.first().map(|at| at.element).unwrap_or_default();
        let (lines, place) = trail(elements, first);
        let mut labels: Vec<String> = needing.iter().map(|at| at.label()).collect();
        labels.dedup();
        let who = match (needing, labels.as_slice()) {
            ([one], _) => {
                format!("`{}` needs the slot `{slot}` in the phase `{}`", one.label(), one.phase())
            }
            (_, [one]) => format!("`{one}` needs the slot `{slot}`"),
            (_, several) => format!("{} need the slot `{slot}`", quoted_list(several)),
        };
        let near = did_you_mean(slot, self.providers.keys().copied());
        let help = near.unwrap_or_else(|| missing(slot, planner));
        let message = format!("{who}, and no element of the image provides it");
        let mut diagnostic = Diagnostic::new(message).at(place.as_ref()).with_help(help);
        diagnostic.context = lines;
        diagnostic
    }
}

/// What to do about a slot that nothing provides: those that would, else all there are.
fn missing(slot: &str, planner: &dyn Planner) -> String {
    let known = planner.known_names();
    let provides = |name: &&String| {
        let described = planner.describe(name, Path::new("."));
        let of = |step: &StepDeclaration| step.provides.iter().any(|s| s.name == slot);
        described.is_ok_and(|described| described.description.steps.iter().any(of))
    };
    let providers: Vec<&String> = known.iter().filter(provides).collect();
    match (providers.as_slice(), known.is_empty()) {
        ([], true) => "add an element that provides it".to_owned(),
        ([], false) => {
            format!("add an element that provides it; known elements are {}", quoted_list(&known))
        }
        (some, _) => format!("add one that provides it: {}", quoted_list(some)),
    }
}

/// Two providers of a slot that do not go together.
fn clashing(elements: &Elements, slot: &str, one: &str, other: &str, differs: &str) -> Diagnostic {
    let message =
        format!("`{one}` and `{other}` do not mean the same by the slot `{slot}`: {differs}");
    Diagnostic::new(message).at(trail(elements, other).1.as_ref()).with_help(
        "one of the elements is older than the other: take versions that fit, or leave one out",
    )
}

/// Where a phase stands among those in which values of a slot appear.
pub(crate) fn rank(timing: Timing, phase: Phase) -> usize {
    let position = match timing {
        Timing::Planned => Phase::in_planning_order().position(|p| p == phase),
        Timing::Observed => Phase::ALL.into_iter().position(|p| p == phase),
    };
    position.unwrap_or_default()
}

/// Whether a phase is planned when the layout is known.
fn sees_layout(phase: Phase) -> bool {
    rank(Timing::Planned, phase) > rank(Timing::Planned, Phase::BlockDevice)
}
