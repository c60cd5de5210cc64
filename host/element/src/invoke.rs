//! One call of an element: a fresh store, a bounded time, and a sentence when it fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dibhost_check::Check;
use dibhost_definition::{Limit, Limits};
use dibhost_inputs::{Changed, Inputs};
use dibhost_plan::description::Description;
use dibhost_plan::fact::Fact;
use dibhost_plan::grant::Grants;
use dibhost_plan::planner::{ElementFailure, Finding, StepAnswer, StepCall, TargetMachine};
use dibhost_plan::{Observed, Phase};
use dibhost_sys::Cancel;
use dibhost_tree::Written;
use serde_json::Value;
use wasmtime::component::Resource;
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::bindings::Element;
use crate::bindings::exports::dib::element::lifecycle;
use crate::component::Code;
use crate::convert;
use crate::effects::Effects;
use crate::held::clock::GuestClock;
use crate::held::handles::Build;
use crate::held::{blobs, cache, facts, log::Log, outputs, wishes};
use crate::limits::{
    DESCRIBE_MEMORY, DESCRIPTION_LIFTED, Exceeded, LIFTED_BYTES, Memory, in_force, spoken_bytes,
};
use crate::outcome::{Outcome, RunAnswer};
use crate::record::{Differs, Ending, Half, Record, Tape};
use crate::remote::Remote;
use crate::secrets::{NoSecrets, SecretStore};
use crate::side_by_side::ReadyStep;
use crate::state::{Call, Mode, State, table};
use dibhost_text::harmless;

/// One call of `run(step)`.
#[derive(Debug)]
pub struct RunCall<'a> {
    /// The element, by its name; it was described before.
    pub element: &'a str,
    /// The step, by its name; the element declared it.
    pub step: &'a str,
    /// Its phase.
    pub phase: Phase,
    /// The machine.
    pub machine: &'a TargetMachine,
    /// Its parameters: set ones and defaults, checked.
    pub parameters: &'a BTreeMap<String, Value>,
    /// What it holds.
    pub grants: &'a Grants,
    /// Values of the slots it consumes, planned and observed: slot → facts ordered by provider
    /// and key.
    pub facts: &'a BTreeMap<String, Vec<Fact>>,
    /// What it may not go beyond.
    pub limits: &'a Limits,
    /// Inputs of the definition, those that it does not hold among them.
    pub inputs: &'a Inputs,
    /// Whoever holds the secrets that parameters name.
    pub secrets: &'a Arc<dyn SecretStore>,
    /// A folder of the host that is this element's own, for `cache`. None: nothing is kept.
    pub cache: Option<&'a Path>,
    /// The way outside, for `fetch`. None: nothing is fetched.
    pub remote: Option<&'a Remote>,
    /// Thrown, it stops the element within some 20 ms (a program it waits for is the target's).
    pub cancel: &'a Cancel,
}

/// The limits of a run, those of the host before those of the call.
pub(crate) struct RunLimits {
    pub(crate) limits: Limits,
    /// The time was set for the whole host: no definition changes it.
    pub(crate) time_is_ours: bool,
}

/// Why the epoch stopped an element.
#[derive(Debug, thiserror::Error)]
enum Stopped {
    #[error("ran out of time")]
    Time,
    #[error("cancelled")]
    Cancelled,
}

/// What a store holds for `call`.
pub(crate) fn state(call: Call, effects: Option<Effects>, secrets: Arc<dyn SecretStore>) -> State {
    let limit = |limit| in_force(&call.limits, limit);
    let lines = limit(Limit::LogLines);
    let log = Arc::new(Log::new(lines, effects.clone(), Arc::clone(&secrets)));
    // A year is longer than any build, and no overflow.
    let most = Duration::from_hours(24 * 365);
    let time = Duration::from_millis(limit(call.mode.time())).min(most);
    State {
        wasi: crate::wasi::context(&call.element, call.machine.source_date_epoch, &log),
        table: table(),
        memory: Memory::new(limit(Limit::Memory)),
        log,
        facts: facts::Facts::default(),
        wishes: wishes::Wishes::default(),
        blobs: blobs::Blobs::default(),
        inputs: Inputs::default(),
        outputs: outputs::Outputs::default(),
        cache: cache::Cache::default(),
        written: Written::default(),
        tainted: BTreeSet::new(),
        tape: Tape::Off,
        told: BTreeSet::new(),
        effects,
        secrets,
        remote: None,
        stops: Vec::new(),
        clock: GuestClock::default(),
        deadline: Instant::now() + time,
        call,
    }
}

/// Everything one call needs.
struct Session<'a> {
    code: &'a Code,
    store: Store<State>,
}

impl<'a> Session<'a> {
    fn new(
        code: &'a Code,
        call: Call,
        effects: Option<Effects>,
        stops: Vec<Cancel>,
        secrets: Arc<dyn SecretStore>,
    ) -> Self {
        let fuel = in_force(&call.limits, Limit::Fuel);
        let lifted = match call.mode {
            Mode::Describe => DESCRIPTION_LIFTED,
            Mode::Plan | Mode::Run => LIFTED_BYTES,
        };
        let state = state(call, effects, secrets);
        let deadline = state.deadline;
        let mut store = Store::new(&code.runtime.engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_hostcall_fuel(if Check::LiftedBytes.holds() { lifted } else { usize::MAX });
        if code.runtime.metered {
            // It is the engine's own that fuel is to be had, so this cannot fail.
            let _ = store.set_fuel(fuel);
        }
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            if stops.iter().any(Cancel::is_cancelled) {
                Err(Stopped::Cancelled.into())
            } else if Instant::now() >= deadline {
                Err(Stopped::Time.into())
            } else {
                Ok(UpdateDeadline::Continue(1))
            }
        });
        Self { code, store }
    }

    /// Instantiates the element and calls it.
    fn call<R>(
        &mut self,
        call: impl FnOnce(&Element, &mut Store<State>) -> wasmtime::Result<R>,
    ) -> Result<R, ElementFailure> {
        let instance = self.code.element.instantiate(&mut self.store);
        let result = instance.and_then(|element| call(&element, &mut self.store));
        result.map_err(|error| self.failure(&error))
    }

    /// Lends the build for a call.
    fn lend(&mut self) -> Result<Resource<Build>, ElementFailure> {
        let build = self.store.data_mut().table.push(Build);
        build.map_err(|e| ElementFailure::new(format!("lending the build failed: {e}")))
    }

    /// Calls `plan(step)` and waits.
    fn plan(&mut self) -> Result<Vec<Finding>, ElementFailure> {
        let build = self.lend()?;
        let lent = Resource::new_borrow(build.rep());
        let step = self.store.data().call.step.clone();
        let said = self
            .call(|element, store| element.dib_element_lifecycle().call_plan(store, &step, lent))?;
        let mut findings = Vec::new();
        for finding in said.map_err(convert::failure)? {
            findings.extend(convert::finding(finding).map_err(ElementFailure::new)?);
        }
        Ok(findings)
    }

    /// Calls `run(step)` and waits.
    fn run(&mut self) -> Result<Outcome, ElementFailure> {
        let build = self.lend()?;
        let lent = Resource::new_borrow(build.rep());
        let step = self.store.data().call.step.clone();
        let said = self
            .call(|element, store| element.dib_element_lifecycle().call_run(store, &step, lent))?;
        Ok(match said.map_err(convert::failure)? {
            lifecycle::Outcome::Done => Outcome::Done,
            lifecycle::Outcome::Skipped(why) => Outcome::Skipped(harmless(&why, 1000)),
        })
    }

    /// A trap as a sentence: the reason, then what the element said last.
    fn failure(&self, error: &wasmtime::Error) -> ElementFailure {
        let state = self.store.data();
        let call = match state.call.mode {
            Mode::Describe => "`describe`".to_owned(),
            Mode::Plan => format!("`plan({})`", state.call.step),
            Mode::Run => format!("`run({})`", state.call.step),
        };
        let limits = &state.call.limits;
        let exceeded = |exceeded: Exceeded| {
            // No definition is at hand when an element describes itself.
            let help = (state.call.mode != Mode::Describe)
                .then(|| exceeded.help(limits, &state.call.element));
            (exceeded.sentence(limits, &call), help)
        };
        let stopped = error.downcast_ref::<Stopped>();
        let trap = error.downcast_ref::<Trap>();
        let exit = error.downcast_ref::<wasmtime_wasi::I32Exit>();
        if let Some(differs) = error.downcast_ref::<Differs>() {
            return ElementFailure::new(format!("{differs} (in {call})"));
        }
        if let Some(changed) = error.downcast_ref::<Changed>() {
            return ElementFailure::new(format!("{changed} (in {call})"))
                .with_help("start again: the image is planned with what is there now");
        }
        let (message, help) = if let Some(Stopped::Cancelled) = stopped {
            return ElementFailure::new(format!("was stopped in {call}: the build was cancelled"));
        } else if let Some(Stopped::Time) = stopped {
            let (message, help) = exceeded(Exceeded(state.call.mode.time()));
            let ours = "`--step-timeout SECONDS` gives every step another time";
            let ours = (state.call.mode == Mode::Run).then(|| ours.to_owned());
            (message, if state.call.time_is_ours { ours } else { help })
        } else if let Some(over) = error.downcast_ref::<Exceeded>() {
            exceeded(*over)
        } else if matches!(trap, Some(Trap::OutOfFuel)) {
            exceeded(Exceeded(Limit::Fuel))
        } else if let Some(wanted) = state.memory.refused {
            let most = spoken_bytes(limits.get(Limit::Memory));
            let wanted = spoken_bytes(wanted);
            let (_, help) = exceeded(Exceeded(Limit::Memory));
            (
                format!("asked for more than {most} of memory in {call} ({wanted})"),
                Some(format!(
                    "large data belongs into blobs, which the host holds{}",
                    help.map(|h| format!("; {h}")).unwrap_or_default()
                )),
            )
        } else if error.root_cause().to_string().contains(LIFTED_TOO_MUCH) {
            (
                format!("handed over more data at once in {call} than the host takes"),
                Some("one call takes 16 MiB of content; more goes in several calls".to_owned()),
            )
        } else if let Some(trap) = trap {
            let said = trap.to_string();
            let said = said.strip_prefix("wasm trap: ").unwrap_or(&said);
            (format!("trapped in {call}: {said}"), None)
        } else if let Some(wasmtime_wasi::I32Exit(status)) = exit {
            (format!("ended its process with status {status} in {call} instead of returning"), None)
        } else {
            (format!("failed in {call}: {}", harmless(&format!("{error:#}"), 1000)), None)
        };
        let said = state.log.last_words().map(|said| format!("; it said: {said}"));
        ElementFailure {
            message: format!("{message}{}", said.unwrap_or_default()),
            context: Vec::new(),
            help,
        }
    }
}

/// What wasmtime says of a call whose arguments are too large; it has no type of its own.
const LIFTED_TOO_MUCH: &str = "fuel allocated for hostcalls has been exhausted";

fn none() -> Arc<dyn SecretStore> {
    Arc::new(NoSecrets)
}

/// Calls `describe`.
pub(crate) fn describe(
    code: &Code,
    name: &str,
    time: Duration,
) -> Result<Description, ElementFailure> {
    let call = Call {
        element: name.to_owned(),
        mode: Mode::Describe,
        step: String::new(),
        phase: Phase::Root,
        machine: TargetMachine {
            arch: String::new(),
            image_name: String::new(),
            source_date_epoch: 0,
        },
        parameters: BTreeMap::new(),
        grants: Grants::default(),
        limits: Limits::default()
            .with(Limit::PlanTime, u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
            .with(Limit::Memory, DESCRIBE_MEMORY),
        time_is_ours: true,
        description: None,
    };
    let mut session = Session::new(code, call, None, Vec::new(), none());
    let said =
        session.call(|element, store| element.dib_element_metadata().call_describe(store))?;
    convert::description(said)
        .map_err(|why| ElementFailure::new(format!("its description is not sound: {why}")))
}

/// Calls `plan(step)`.
pub(crate) fn plan(
    code: &Code,
    description: &Arc<Description>,
    call: &StepCall<'_>,
    tape: &mut Tape,
) -> Result<StepAnswer, ElementFailure> {
    let state = Call {
        element: call.element.to_owned(),
        mode: Mode::Plan,
        step: call.step.to_owned(),
        phase: call.phase,
        machine: call.machine.clone(),
        parameters: call.parameters.clone(),
        grants: call.grants.clone(),
        limits: call.limits.clone(),
        time_is_ours: false,
        description: Some(Arc::clone(description)),
    };
    let mut session = Session::new(code, state, None, Vec::new(), none());
    let data = session.store.data_mut();
    data.facts = facts::Facts::new(call.facts.clone());
    data.wishes = wishes::Wishes::new(call.nodes.to_vec(), call.builder.clone());
    data.inputs = call.inputs.clone();
    data.tape = std::mem::take(tape);
    let said = session.plan();
    *tape = std::mem::take(&mut session.store.data_mut().tape);
    let mut findings = said?;
    let data = session.store.data_mut();
    // A plan has no log: what was said aloud is shown as remarks.
    findings.extend(data.log.remarks().into_iter().map(|message| Finding {
        parameter: None,
        message,
        help: None,
        fatal: false,
    }));
    Ok(StepAnswer { facts: data.facts.provided(), wishes: data.wishes.made(), findings })
}

/// A call of `run(step)` that can be taken to a thread of its own.
pub struct Prepared {
    code: Arc<Code>,
    call: Call,
    facts: BTreeMap<String, Vec<Fact>>,
    cache: Option<PathBuf>,
    remote: Option<Remote>,
    cancel: Cancel,
    stop: Cancel,
    secrets: Arc<dyn SecretStore>,
    inputs: Inputs,
    /// What becomes of its calls: taken while it runs, and put back.
    tape: Arc<Mutex<Tape>>,
}

impl Prepared {
    pub(crate) fn new(
        code: Arc<Code>,
        description: &Arc<Description>,
        call: &RunCall<'_>,
        limits: RunLimits,
    ) -> Self {
        Self {
            code,
            call: Call {
                element: call.element.to_owned(),
                mode: Mode::Run,
                step: call.step.to_owned(),
                phase: call.phase,
                machine: call.machine.clone(),
                parameters: call.parameters.clone(),
                grants: call.grants.clone(),
                limits: limits.limits,
                time_is_ours: limits.time_is_ours,
                description: Some(Arc::clone(description)),
            },
            facts: call.facts.clone(),
            cache: call.cache.map(Path::to_owned),
            remote: call.remote.cloned(),
            cancel: call.cancel.clone(),
            stop: Cancel::new(),
            secrets: Arc::clone(call.secrets),
            inputs: call.inputs.clone(),
            tape: Arc::default(),
        }
    }

    /// Has its calls recorded on this tape.
    pub(crate) fn record(&mut self, tape: &Arc<Mutex<Tape>>) {
        self.tape = Arc::clone(tape);
    }

    fn call(self, effects: Effects) -> Result<RunAnswer, ElementFailure> {
        let Self { code, call, facts, cache, remote, cancel, stop, secrets, inputs, tape } = self;
        let told = Arc::clone(&secrets);
        let stops = vec![cancel, stop];
        let mut session = Session::new(&code, call, Some(effects), stops.clone(), secrets);
        let data = session.store.data_mut();
        data.facts = facts::Facts::new(facts);
        data.inputs = inputs;
        data.cache = cache::Cache::at(cache);
        (data.remote, data.stops) = (remote, stops);
        data.tape = std::mem::take(&mut *lock(&tape));
        let outcome = session.run();
        *lock(&tape) = std::mem::take(&mut session.store.data_mut().tape);
        let outcome = match outcome? {
            Outcome::Skipped(why) => Outcome::Skipped(told.redact(why)),
            Outcome::Done => Outcome::Done,
        };
        let data = session.store.data_mut();
        let observed = Observed {
            facts: data.facts.provided(),
            outputs: data.outputs.emitted(),
            deferred: Vec::new(),
            tainted: std::mem::take(&mut data.tainted),
        };
        Ok(RunAnswer { outcome, observed })
    }
}

impl ReadyStep for Prepared {
    fn stop(&self) -> Cancel {
        self.stop.clone()
    }

    fn run(self: Box<Self>, effects: Effects) -> Result<RunAnswer, ElementFailure> {
        let told = Arc::clone(&self.secrets);
        self.call(effects).map_err(|failure| {
            let redact = |text| told.redact(text);
            ElementFailure {
                message: redact(failure.message),
                context: failure.context.into_iter().map(redact).collect(),
                help: failure.help.map(redact),
            }
        })
    }
}

fn lock(tape: &Mutex<Tape>) -> MutexGuard<'_, Tape> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls what was recorded again, with the answers of the record: no target, no effects.
pub(crate) fn replay(
    code: &Code,
    description: &Arc<Description>,
    record: &Record,
) -> Result<Ending, ElementFailure> {
    let call = Call {
        element: record.element.clone(),
        mode: match record.half {
            Half::Plan => Mode::Plan,
            Half::Run => Mode::Run,
        },
        step: record.step().to_owned(),
        phase: record.phase,
        machine: record.machine.clone(),
        parameters: record.parameters.clone(),
        grants: record.grants.clone(),
        limits: record.limits.clone(),
        time_is_ours: false,
        description: Some(Arc::clone(description)),
    };
    let mut session = Session::new(code, call, None, Vec::new(), none());
    session.store.data_mut().tape = Tape::replay(record.calls.clone());
    let ended = match record.half {
        Half::Plan => session.plan().map(|_| Outcome::Done),
        Half::Run => session.run(),
    };
    let ending = Ending::of(&ended);
    let tape = &session.store.data().tape;
    match ended {
        Err(failure) if tape.differed() => return Err(failure),
        _ => tape.left().map_err(|differs| ElementFailure::new(differs.to_string()))?,
    }
    if record.ends_as(&ending) {
        return Ok(ending);
    }
    let (before, now) = (record.ending.shown(), ending.shown());
    Err(ElementFailure::new(format!(
        "ends otherwise than its record: it {before}, and now it {now}"
    )))
}
