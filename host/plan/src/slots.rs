//! The slots of a build: who provides, who reads, and whether every reader finds what it needs.

use std::collections::BTreeMap;

use dibhost_definition::{Diagnostic, Diagnostics, did_you_mean, quoted_list};

use crate::Phase;
use crate::description::{Slot, SlotUse, Timing};
use crate::plan::{FactEdge, HOST, PlanFinding, PlannedSlot};
use crate::resolve::{Elements, trail};
use crate::schema::{self, LAYOUT};

/// A step that provides a slot: phase, element, declaration.
type Provider<'a> = (Phase, &'a str, &'a Slot);
/// A step that reads one.
type Reader<'a> = (Phase, &'a str, &'a SlotUse);

/// What steps declare, by slot.
pub(crate) struct Declared<'a> {
    providers: BTreeMap<&'a str, Vec<Provider<'a>>>,
    readers: BTreeMap<&'a str, Vec<Reader<'a>>>,
}

impl<'a> Declared<'a> {
    pub(crate) fn of(elements: &'a Elements) -> Self {
        let mut declared = Self { providers: BTreeMap::new(), readers: BTreeMap::new() };
        for element in elements.values() {
            let name = element.description().name.as_str();
            for step in &element.description().steps {
                for slot in &step.provides {
                    declared
                        .providers
                        .entry(&slot.name)
                        .or_default()
                        .push((step.phase, name, slot));
                }
                for slot in &step.consumes {
                    declared.readers.entry(&slot.name).or_default().push((step.phase, name, slot));
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
                (None, Some((_, _, slot))) => PlannedSlot {
                    name: slot.name.clone(),
                    arity: slot.arity,
                    timing: slot.timing,
                    schema: slot.schema.clone(),
                    doc: slot.doc.clone(),
                },
                (None, None) => continue,
            };
            self.agree(&slot, elements, wrong);
            slots.push(slot);
        }
        slots
    }

    /// All who declare a slot mean the same.
    fn agree(&self, slot: &PlannedSlot, elements: &Elements, wrong: &mut Diagnostics) {
        let name = &slot.name;
        let providers = self.providers(name);
        let host = schema::host_slot(name).is_some();
        let first = providers.first().map_or(HOST, |(_, element, _)| element);
        for (_, element, other) in providers {
            let differs = if other.arity != slot.arity {
                format!(
                    "it is `{}` to one and `{}` to the other",
                    slot.arity.name(),
                    other.arity.name()
                )
            } else if other.timing != slot.timing {
                format!(
                    "it is `{}` to one and `{}` to the other",
                    slot.timing.name(),
                    other.timing.name()
                )
            } else if !host && !schema::same_schema(slot.schema.as_ref(), other.schema.as_ref()) {
                "their schemas differ".to_owned()
            } else {
                continue;
            };
            // For slots of `dib:` this was said of the element alone.
            if !host {
                let message = format!(
                    "`{first}` and `{element}` do not mean the same by the slot `{name}`: {differs}"
                );
                wrong.push(Diagnostic::new(message).at(trail(elements, element).1.as_ref()).with_help(
                    "one of the elements is older than the other: take versions that fit, or leave one out",
                ));
            }
        }
        for (_, element, reader) in
            self.readers(name).iter().filter(|(_, _, r)| r.arity != slot.arity)
        {
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
            for (phase, to, _) in self.readers(&slot.name) {
                let mut edge = |from: &str, from_phase: Phase| {
                    edges.push(FactEdge {
                        phase: *phase,
                        slot: slot.name.clone(),
                        timing: slot.timing,
                        from: from.to_owned(),
                        from_phase,
                        to: (*to).to_owned(),
                    });
                };
                for (from_phase, from, _) in self.providers(&slot.name) {
                    let itself = (from_phase, from) == (phase, to);
                    if !itself && rank(slot.timing, *from_phase) <= rank(slot.timing, *phase) {
                        edge(from, *from_phase);
                    }
                }
                if slot.name == LAYOUT && *phase != Phase::BlockDevice {
                    edge(HOST, Phase::BlockDevice);
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
        known: &[String],
        wrong: &mut Diagnostics,
        findings: &mut Vec<PlanFinding>,
    ) {
        for (name, readers) in &self.readers {
            let slot = slots.iter().find(|s| s.name == *name);
            for (phase, reader, slot_use) in readers {
                let Some(slot) = slot else {
                    if slot_use.required {
                        wrong.push(self.unprovided(name, *phase, reader, elements, known));
                    }
                    continue;
                };
                self.check_reader(
                    slot,
                    (*phase, reader, slot_use),
                    elements,
                    known,
                    wrong,
                    findings,
                );
            }
        }
    }

    fn check_reader(
        &self,
        slot: &PlannedSlot,
        (phase, reader, slot_use): Reader<'a>,
        elements: &Elements,
        known: &[String],
        wrong: &mut Diagnostics,
        findings: &mut Vec<PlanFinding>,
    ) {
        let name = &slot.name;
        if name == LAYOUT {
            if phase == Phase::BlockDevice {
                let message = format!(
                    "`{reader}` reads the slot `{name}` in the phase `{phase}`, whose wishes it comes of"
                );
                wrong.push(
                    Diagnostic::new(message).at(trail(elements, reader).1.as_ref()).with_help(
                        "read it in any other phase: all of them are planned after `block-device`",
                    ),
                );
            }
            return;
        }
        let mine = rank(slot.timing, phase);
        let others =
            || self.providers(name).iter().filter(move |(p, e, _)| (*p, *e) != (phase, reader));
        let in_time = others().any(|(p, _, _)| rank(slot.timing, *p) <= mine);
        let late: Vec<_> = others().filter(|(p, _, _)| rank(slot.timing, *p) > mine).collect();
        if slot_use.required && !in_time && late.is_empty() {
            wrong.push(self.unprovided(name, phase, reader, elements, known));
        }
        for (late_phase, provider, _) in late {
            let what = match slot.timing {
                Timing::Observed => "runs",
                Timing::Planned => "is planned",
            };
            let message = format!(
                "`{reader}` reads the slot `{name}` in the phase `{phase}`, and `{provider}` provides it in `{late_phase}`, which {what} later"
            );
            let fatal = slot.timing == Timing::Observed || (slot_use.required && !in_time);
            let place = trail(elements, reader).1;
            let help = format!(
                "read it in `{late_phase}` or later, or provide it in `{phase}` or earlier"
            );
            if fatal {
                wrong.push(Diagnostic::new(message).at(place.as_ref()).with_help(help));
            } else {
                findings.push(PlanFinding {
                    element: Some(reader.to_owned()),
                    phase: Some(phase),
                    location: place.map(|p| p.to_string()),
                    message,
                    help: Some(help),
                });
            }
        }
    }

    fn unprovided(
        &self,
        slot: &str,
        phase: Phase,
        reader: &str,
        elements: &Elements,
        known: &[String],
    ) -> Diagnostic {
        let (lines, place) = trail(elements, reader);
        let near = did_you_mean(slot, self.providers.keys().copied());
        let help = near.unwrap_or_else(|| match known.is_empty() {
            true => "add an element that provides it".to_owned(),
            false => format!(
                "add an element that provides it; known elements are {}",
                quoted_list(known)
            ),
        });
        let message = format!(
            "`{reader}` needs the slot `{slot}` in the phase `{phase}`, and no element of the image provides it"
        );
        let mut diagnostic = Diagnostic::new(message).at(place.as_ref()).with_help(help);
        diagnostic.context = lines;
        diagnostic
    }
}

/// Where a phase stands among those in which values of a slot appear.
pub(crate) fn rank(timing: Timing, phase: Phase) -> usize {
    let position = match timing {
        Timing::Planned => Phase::in_planning_order().position(|p| p == phase),
        Timing::Observed => Phase::ALL.into_iter().position(|p| p == phase),
    };
    position.unwrap_or_default()
}
