//! The plan as a picture: a band for each phase, in it what the host carries out and then the
//! steps as they run, and a lane for each slot that joins those who give with those who read.
//!
//! ```text
//!            ┌ host ────────┐  ┌ vm ───────────────────────┐
//!  install   │ install 27 … │  │ gives boot/kernel-arg…   ─┼──┐
//!            └──────────────┘  └───────────────────────────┘  │  a lane: one slot
//!                              ┌ bootloader ───────────────┐  │
//!                              │ reads boot/kernel-arg…   ◄┼──┘
//!                              └───────────────────────────┘
//! ```
//!
//! Steps stand below one another, so nothing has to be laid out by guessing and no wire crosses
//! a box, however many steps there are.

mod dot;
mod svg;

use std::collections::{BTreeMap, BTreeSet};

use crate::Phase;
use crate::description::Timing;
use crate::phrases::{account, how, node, source, state};
use crate::plan::{FactEdge, HOST, Plan};
use crate::transaction::{PackageWant, Transaction};
use crate::wish::{Bootstrap, UnitState};

/// What a phase has to show.
struct Band<'a> {
    phase: Phase,
    /// What the host does before the steps: a heading and what belongs to it.
    host: Vec<(String, Vec<String>)>,
    steps: Vec<Box<'a>>,
}

/// A step, or the host where it gives a fact.
struct Box<'a> {
    /// `ELEMENT`, or `ELEMENT/STEP`.
    name: String,
    /// It is the host that gives.
    is_host: bool,
    /// `planned only`, `after vm`.
    notes: Vec<String>,
    ports: Vec<Port<'a>>,
}

/// A slot that a step gives or reads.
struct Port<'a> {
    slot: &'a str,
    gives: bool,
    timing: Timing,
    /// Somebody is at the other end.
    joined: bool,
}

/// Bands of the phases that have something to show.
fn bands(plan: &Plan) -> Vec<Band<'_>> {
    let timing: BTreeMap<&str, Timing> =
        plan.slots.iter().map(|s| (s.name.as_str(), s.timing)).collect();
    // Looked up for every port: a plan may have a hundred elements.
    let mut given: BTreeSet<(Phase, String, &str)> = BTreeSet::new();
    let mut read = BTreeSet::new();
    for edge in &plan.edges {
        given.insert((edge.from_phase, edge.from_label(), edge.slot.as_str()));
        read.insert((edge.phase, edge.to_label(), edge.slot.as_str()));
    }
    let port = |slot, gives, joined| Port {
        slot,
        gives,
        timing: timing.get(slot).copied().unwrap_or(Timing::Planned),
        joined,
    };
    let bands = Phase::ALL.into_iter().map(|phase| {
        let host_gives: BTreeSet<&str> = plan
            .edges
            .iter()
            .filter(|e: &&FactEdge| e.from == HOST && e.from_phase == phase)
            .map(|e| e.slot.as_str())
            .collect();
        let host_box = (!host_gives.is_empty()).then(|| Box {
            name: HOST.to_owned(),
            is_host: true,
            notes: Vec::new(),
            ports: host_gives.into_iter().map(|slot| port(slot, true, true)).collect(),
        });
        let steps = plan.steps_of(phase).map(|step| {
            let after =
                (!step.after.is_empty()).then(|| format!("after {}", step.after.join(", ")));
            let only = step.plan_only.then(|| "planned only".to_owned());
            let name = step.label();
            let reads = step.reads.iter().map(|slot| {
                port(slot, false, read.contains(&(phase, name.clone(), slot.as_str())))
            });
            let gives = step.writes.iter().map(|slot| {
                port(slot, true, given.contains(&(phase, name.clone(), slot.as_str())))
            });
            let ports = reads.chain(gives).collect();
            Box { name, is_host: false, notes: only.into_iter().chain(after).collect(), ports }
        });
        Band {
            phase,
            host: host_work(plan, phase),
            // The layout is known once all steps of its phase have wished.
            steps: steps.chain(host_box).collect(),
        }
    });
    bands.filter(|b| !b.host.is_empty() || !b.steps.is_empty()).collect()
}

/// What the host does before the steps of a phase.
fn host_work(plan: &Plan, phase: Phase) -> Vec<(String, Vec<String>)> {
    let mut work = Vec::new();
    let mut add = |what: &str, names: Vec<String>| {
        if !names.is_empty() {
            work.push((what.to_owned(), names));
        }
    };
    if let Some(transaction) = plan.transaction_before(phase) {
        packages(transaction, &mut add);
    }
    add("group", plan.groups_of(phase).map(|g| g.name.clone()).collect());
    add("user", plan.users_of(phase).map(|u| account(&u.user)).collect());
    add("place", plan.files_of(phase).map(|f| f.path.clone()).collect());
    add("write unit", plan.unit_definitions_of(phase).map(|u| u.unit.clone()).collect());
    let drop_ins = plan.unit_drop_ins_of(phase).map(|d| format!("{} {}", d.unit, d.name));
    add("drop-in", drop_ins.collect());
    for preset in plan.unit_presets_of(phase) {
        let lines = preset.lines.iter().map(|l| format!("{} {}", l.action.name(), l.unit));
        add(&format!("preset {:02}", preset.number), lines.collect());
    }
    for wanted in [UnitState::Enabled, UnitState::Disabled, UnitState::Masked] {
        let of_state = plan.unit_states_of(phase).filter(|u| u.state == wanted);
        add(state(wanted), of_state.map(|u| u.unit.clone()).collect());
    }
    add("run once", plan.triggers_before(phase).map(|t| t.program.clone()).collect());
    if phase == Phase::BlockDevice {
        add("disk", plan.block_device.nodes.iter().map(node).collect());
        add("disks", how(&plan.block_device));
    }
    work
}

fn packages(transaction: &Transaction, add: &mut impl FnMut(&str, Vec<String>)) {
    if let Some(bootstrap) = &transaction.bootstrap {
        let told = match &bootstrap.source {
            // Its mirror is the builder's, or told by `dibhost plan`: too long for a box.
            Bootstrap::Distribution(d) => {
                format!("{} {} {}", d.package_manager, d.release, d.components.join(" "))
            }
            other => source(other),
        };
        add("first tree", vec![told]);
    }
    let repositories = transaction.repositories.iter();
    add("repository", repositories.map(|r| r.repository.name().to_owned()).collect());
    let modules = transaction.modules.iter();
    add("module", modules.map(|m| format!("{}:{}", m.name, m.stream)).collect());
    if transaction.upgrade_all {
        add("upgrade", vec!["everything".to_owned()]);
    }
    let names = |list: &[PackageWant]| -> Vec<String> {
        let version = |p: &PackageWant| p.version.as_ref().map(|v| format!("={v}"));
        list.iter().map(|p| format!("{}{}", p.name, version(p).unwrap_or_default())).collect()
    };
    add("install", names(&transaction.install));
    add("install for the build", names(&transaction.build_only));
    add("install group", transaction.groups.iter().map(|g| g.id.clone()).collect());
    add("remove", names(&transaction.remove));
    add("hold", names(&transaction.hold));
}

/// `boot/kernel-argument` of `dib:boot/kernel-argument@1`; the whole name of a slot that is not
/// the host's.
fn short_slot(slot: &str) -> &str {
    let own = slot.strip_prefix("dib:");
    own.map_or(slot, |rest| rest.rsplit_once('@').map_or(rest, |(name, _)| name))
}
