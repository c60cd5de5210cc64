//! What a store holds for the one call it is made for, and the checks every interface shares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dibhost_check::Check;
use dibhost_definition::{Limit, Limits};
use dibhost_inputs::Inputs;
use dibhost_plan::description::{Description, StepDeclaration};
use dibhost_plan::grant::{Grants, Right, need};
use dibhost_plan::planner::TargetMachine;
use dibhost_plan::{Phase, Taint};
use dibhost_sys::Cancel;
use dibhost_tree::{Room, Written};
use serde_json::Value;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::effects::Effects;
use crate::held::{blobs, cache, clock::GuestClock, facts, log, outputs, wishes};
use crate::limits::{Exceeded, HANDLES, Memory, in_force};
use crate::record::Tape;
use crate::refusal::{Refusal, grant_lines};
use crate::remote::Remote;
use crate::secrets::SecretStore;

/// Which export is being called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Describe,
    Plan,
    Run,
}

impl Mode {
    /// The limit of how long it may take.
    pub(crate) fn time(self) -> Limit {
        match self {
            Self::Describe | Self::Plan => Limit::PlanTime,
            Self::Run => Limit::StepTime,
        }
    }
}

/// Who calls what with what.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) element: String,
    pub(crate) mode: Mode,
    /// The step, by its name; none while describing.
    pub(crate) step: String,
    pub(crate) phase: Phase,
    pub(crate) machine: TargetMachine,
    pub(crate) parameters: BTreeMap<String, Value>,
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    /// How long a step may run was set for the whole host.
    pub(crate) time_is_ours: bool,
    /// None while describing.
    pub(crate) description: Option<Arc<Description>>,
}

impl Call {
    /// What the element declared for this step.
    pub(crate) fn step(&self) -> Option<&StepDeclaration> {
        self.description.as_ref()?.step(&self.step)
    }
}

/// Data of one store.
pub(crate) struct State {
    pub(crate) call: Call,
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) memory: Memory,
    pub(crate) log: Arc<log::Log>,
    pub(crate) facts: facts::Facts,
    pub(crate) wishes: wishes::Wishes,
    pub(crate) blobs: blobs::Blobs,
    /// Those of the definition, whoever is granted them.
    pub(crate) inputs: Inputs,
    pub(crate) outputs: outputs::Outputs,
    pub(crate) cache: cache::Cache,
    pub(crate) written: Written,
    /// Why nothing of the step may be kept.
    pub(crate) tainted: BTreeSet<Taint>,
    pub(crate) tape: Tape,
    /// What was told once and is not told again.
    pub(crate) told: BTreeSet<String>,
    pub(crate) effects: Option<Effects>,
    pub(crate) secrets: Arc<dyn SecretStore>,
    /// The way outside; none: nothing is fetched.
    pub(crate) remote: Option<Remote>,
    /// Any of them ends what it waits for.
    pub(crate) stops: Vec<Cancel>,
    pub(crate) clock: GuestClock,
    /// When the call has to be over.
    pub(crate) deadline: std::time::Instant,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// A table that an element cannot make the host grow without end.
pub(crate) fn table() -> ResourceTable {
    let mut table = ResourceTable::new();
    if Check::Handles.holds() {
        table.set_max_capacity(HANDLES);
    }
    table
}

impl State {
    /// What of a limit is in force.
    pub(crate) fn limit(&self, limit: Limit) -> u64 {
        in_force(&self.call.limits, limit)
    }

    /// Ends the element when `amount` is more than `limit` allows.
    pub(crate) fn within(&self, limit: Limit, amount: u64) -> Result<(), Refusal> {
        if amount > self.limit(limit) {
            return Err(Refusal::Trap(Exceeded(limit).into()));
        }
        Ok(())
    }

    /// What the step may still write into the target.
    pub(crate) fn room(&self) -> Room {
        Room {
            bytes: self.limit(Limit::Written).saturating_sub(self.written.bytes),
            files: self.limit(Limit::Files).saturating_sub(self.written.files),
        }
    }

    /// Wishes are made while planning only.
    pub(crate) fn planning(&self, what: &str) -> Result<(), Refusal> {
        match self.call.mode {
            Mode::Plan => Ok(()),
            Mode::Describe => Err(Refusal::denied(format!("{what} while describing itself"))),
            Mode::Run if !Check::WishInRun.holds() => Ok(()),
            Mode::Run => Err(Refusal::denied(format!(
                "{what} in `run`; wishes are made in `plan`, so that the plan shows them"
            ))),
        }
    }

    /// An element that describes itself does nothing else.
    pub(crate) fn calling(&self, what: &str) -> Result<(), Refusal> {
        match self.call.mode {
            Mode::Describe => Err(Refusal::denied(format!("{what} while describing itself"))),
            Mode::Plan | Mode::Run => Ok(()),
        }
    }

    /// Effects happen while running only; gives the way to them.
    pub(crate) fn running(&self, what: &str) -> Result<&Effects, Refusal> {
        let denied = |when| Refusal::denied(format!("{what} while {when}; only `run` has effects"));
        match (self.call.mode, &self.effects) {
            (Mode::Run, Some(effects)) => Ok(effects),
            (Mode::Describe, _) => Err(denied("describing itself")),
            _ => Err(denied("planning")),
        }
    }

    /// What is to be done is held.
    pub(crate) fn grant(&self, asked: Right) -> Result<(), Refusal> {
        need(&self.call.grants, asked).map_err(|missing| self.not_granted(&missing.0))
    }

    /// The refusal of what is not held, with what to do: the image definition is the place only
    /// when the element asked for it.
    pub(crate) fn not_granted(&self, asked: &Right) -> Refusal {
        let element = &self.call.element;
        let (capability, scope) = asked.said();
        let named = if scope.is_empty() {
            format!("`{capability}`")
        } else {
            format!("`{capability}` of `{}`", dibhost_text::harmless(&scope, 200))
        };
        let requests = self.call.description.iter().flat_map(|d| &d.requests);
        let requested: Vec<_> = requests
            .filter_map(|r| Some((r.right().ok()?, &r.when)))
            .filter(|(right, _)| right.capability() == capability)
            .collect();
        let mut covering = requested.iter().filter(|(right, _)| right.covers(asked));
        if let Some((right, when)) = covering.next() {
            let refusal = Refusal::denied(format!("{named} is not granted"));
            return match when.first() {
                // Were it so, the element would hold it, or nothing would have been planned.
                Some(condition) => refusal.with_help(format!(
                    "`{element}` asks for it only where {condition}, which is not so, or not known yet in `root`"
                )),
                None => {
                    let lines = grant_lines(element, right);
                    refusal.with_help(format!("add this to the image definition:\n{lines}"))
                }
            };
        }
        let requests = if requested.is_empty() {
            format!("`{element}` requests no `{capability}` in its description")
        } else {
            let scopes: Vec<_> =
                requested.iter().map(|(right, _)| format!("`{}`", right.text())).collect();
            format!("`{element}` requests only {}", scopes.join(", "))
        };
        let lines = grant_lines(element, asked);
        Refusal::denied(format!("{named} is not granted: {requests}")).with_help(format!(
            "its author has to request it; then the image definition can grant it:\n{lines}"
        ))
    }
}
