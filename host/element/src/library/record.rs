//! Steps that are recorded, and records that are replayed.

use std::sync::{Arc, Mutex};

use dibhost_plan::Phase;
use dibhost_plan::planner::{ElementFailure, StepAnswer, StepCall};
use dibhost_tree::Target;

use super::{Element, Library, lock, metered, run_alone};
use crate::invoke::{self, RunCall};
use crate::observer::Observer;
use crate::outcome::{Outcome, RunAnswer};
use crate::record::{Ending, FORMAT, Half, Record, Tape};

impl Library {
    /// Calls `run(step)` as [`Self::run_step`] does, and records it; a step that fails too.
    ///
    /// # Errors
    /// When the element was not described, has nothing to run in the phase, or does not load.
    pub fn record_step(
        &self,
        call: &RunCall<'_>,
        target: &mut dyn Target,
        observer: &mut dyn Observer,
    ) -> Result<(Record, Result<RunAnswer, ElementFailure>), ElementFailure> {
        let element = self.described(call.element)?;
        let mut prepared = self.prepare(call)?;
        let tape = Arc::new(Mutex::new(Tape::Record(Vec::new())));
        prepared.record(&tape);
        let answer = run_alone(prepared, target, observer);
        let ended = answer.as_ref().map(|a| a.outcome.clone()).map_err(Clone::clone);
        let record = Record {
            format: FORMAT,
            element: call.element.to_owned(),
            digest: element.digest.clone(),
            half: Half::Run,
            phase: call.phase,
            step: step_name(call.step, call.phase),
            machine: call.machine.clone(),
            parameters: call.parameters.clone(),
            grants: call.grants.clone(),
            limits: call.limits.clone(),
            facts: call.facts.clone(),
            calls: lock(&tape).recorded(),
            ending: Ending::of(&ended),
        };
        Ok((record, answer))
    }

    /// Plans a step, and records it; one that fails too.
    ///
    /// # Errors
    /// When the element was not described, or does not load.
    pub fn record_plan(
        &self,
        call: &StepCall<'_>,
    ) -> Result<(Record, Result<StepAnswer, ElementFailure>), ElementFailure> {
        let element: Arc<Element> = self.described(call.element)?;
        let code = self.code(&element, metered(call.limits))?;
        let mut tape = Tape::Record(Vec::new());
        let answer = invoke::plan(&code, call.description, call, &mut tape);
        let ended = answer.as_ref().map(|_| Outcome::Done).map_err(Clone::clone);
        let record = Record {
            format: FORMAT,
            element: call.element.to_owned(),
            digest: element.digest.clone(),
            half: Half::Plan,
            phase: call.phase,
            step: step_name(call.step, call.phase),
            machine: call.machine.clone(),
            parameters: call.parameters.clone(),
            grants: call.grants.clone(),
            limits: call.limits.clone(),
            facts: call.facts.clone(),
            calls: tape.recorded(),
            ending: Ending::of(&ended),
        };
        Ok((record, answer))
    }

    /// Does what a record says again, with the answers of the record: no target is needed, and
    /// nothing happens. The element was described before.
    ///
    /// # Errors
    /// The first call that differs from the record, or another ending.
    pub fn replay(&self, record: &Record) -> Result<Ending, ElementFailure> {
        let element = self.described(&record.element)?;
        let code = self.code(&element, metered(&record.limits))?;
        invoke::replay(&code, &element.about.description, record)
    }
}

/// The name of a step as a record has it.
fn step_name(step: &str, phase: Phase) -> Option<String> {
    (step != phase.name()).then(|| step.to_owned())
}
