//! Runs the steps of a phase: side by side where nobody can tell, and told as if one after another.
//!
//! However many run at the same time, what is told, kept and answered is what the plan's order
//! gives: lines of a step are kept until all steps before it have ended, files beside the image are
//! taken in that order, and of several failures the first in that order counts. A step that fails
//! stops those behind it; those before it are let end, for one of them may fail too.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dibhost_check::Check;
use dibhost_element::{
    Observer, Outcome, ReadyStep, Remote, RunAnswer, RunCall, Runner, SecretStore, SideBySide,
};
use dibhost_inputs::Inputs;
use dibhost_plan::planner::ElementFailure;
use dibhost_plan::{Observed, Phase, Plan, PlannedElement, Step};
use dibhost_sys::Cancel;
use dibhost_tree::Target;

use crate::batch::{Batch, Member, batches};
use crate::event::Level;
use crate::facts::Facts;
use crate::failure::BuildFailure;
use crate::journal::Journal;
use crate::observer::{Saying, Sink as _, StepObserver};
use crate::teller::{self, Teller};

/// What steps are run with.
pub(crate) struct Steps<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) runner: &'a dyn Runner,
    pub(crate) cancel: &'a Cancel,
    /// Where elements keep bytes between builds.
    pub(crate) cache: &'a Path,
    /// How many run at the same time, at most.
    pub(crate) jobs: NonZeroUsize,
    pub(crate) facts: Facts,
    /// Those that parameters name.
    pub(crate) secrets: Arc<dyn SecretStore>,
    /// Their way outside.
    pub(crate) remote: Remote,
    /// Those of the definition.
    pub(crate) inputs: &'a Inputs,
    /// What changed the tree, by these steps or by other actions.
    pub(crate) journal: Journal,
}

impl Steps<'_> {
    /// Runs the steps of one phase, and adds what they bring to light.
    pub(crate) fn run(
        &mut self,
        phase: Phase,
        target: &mut dyn Target,
        observed: &mut Observed,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let plan = self.plan;
        let writes =
            |step: &Step| plan.element(&step.element).is_none_or(PlannedElement::writes_target);
        for Batch(members) in batches(plan.steps_of(phase), writes) {
            // Who writes runs alone.
            members.iter().filter(|m| writes(m.step)).for_each(|m| self.journal.step(m.step));
            let progress = members.iter().map(|_| Progress::default()).collect();
            let mut under_way = UnderWay {
                steps: self,
                members: &members,
                progress,
                running: 0,
                front: 0,
                failed: None,
                observed,
                teller,
            };
            dibhost_element::run_side_by_side(target, &mut under_way);
            if let Some((_, failure)) = under_way.failed {
                return Err(failure);
            }
        }
        Ok(())
    }

    fn prepare(&self, step: &Step) -> Result<Box<dyn ReadyStep>, BuildFailure> {
        self.cancel.check().map_err(|e| {
            BuildFailure::new(e).doing(format!("beginning the step of `{}`", step.element))
        })?;
        let planned = self.plan.element(&step.element).ok_or_else(|| {
            BuildFailure::new(format!("the plan has no element `{}`", step.element))
        })?;
        let failed = |failure| BuildFailure::of_step(step, failure);
        let facts = self.facts.for_step(step).map_err(|why| failed(ElementFailure::new(why)))?;
        let call = RunCall {
            element: &step.element,
            step: step.name(),
            phase: step.phase,
            machine: &self.plan.machine(),
            parameters: &planned.parameters,
            grants: &planned.held(),
            facts: &facts,
            limits: &planned.limits,
            inputs: self.inputs,
            secrets: &self.secrets,
            cache: Some(&self.cache.join(kept_by(planned))),
            remote: Some(&self.remote),
            cancel: self.cancel,
        };
        self.runner.prepare(&call).map_err(failed)
    }
}

/// The folder of what an element keeps between builds: another component of its name has another.
fn kept_by(element: &PlannedElement) -> String {
    if !Check::CacheNamesake.holds() {
        return element.name.clone();
    }
    let digest = element.digest.rsplit(':').next().unwrap_or_default();
    format!("{}-{}", element.name, digest.get(..16).unwrap_or(digest))
}

/// How far one step of a batch got.
#[derive(Default)]
struct Progress {
    begun: Option<Instant>,
    /// That it began was told: it is the front, or was.
    told: Option<teller::Running>,
    /// What it said before it was the front.
    kept: Vec<Saying>,
    ended: Option<(Duration, RunAnswer)>,
}

/// A batch that is under way.
struct UnderWay<'a, 'b, 't> {
    steps: &'a mut Steps<'b>,
    members: &'a [Member<'a>],
    progress: Vec<Progress>,
    running: usize,
    /// The first step that has not ended; what it says is told at once.
    front: usize,
    /// The first that failed, in the order of the plan.
    failed: Option<(usize, BuildFailure)>,
    observed: &'a mut Observed,
    teller: &'a mut Teller<'t>,
}

impl UnderWay<'_, '_, '_> {
    /// The first step that may start now.
    fn ready(&self) -> Option<usize> {
        if self.running >= self.steps.jobs.get() {
            return None;
        }
        let failed = self.failed.as_ref().map_or(self.members.len(), |(at, _)| *at);
        let ended = |at: &usize| self.progress[*at].ended.is_some();
        (0..failed).find(|at| {
            self.progress[*at].begun.is_none() && self.members[*at].waits_for.iter().all(ended)
        })
    }

    fn fail(&mut self, at: usize, failure: BuildFailure) {
        if self.wanted(at) {
            self.failed = Some((at, failure));
        }
    }

    /// Tells what can be told by now.
    fn tell(&mut self) {
        while let (Some(member), Some(progress)) =
            (self.members.get(self.front), self.progress.get_mut(self.front))
        {
            let Some(begun) = progress.begun else { break };
            if progress.told.is_none() {
                let step = Some(member.step);
                progress.told = Some(self.teller.begin_since(step, "run", begun));
            }
            progress.kept.drain(..).for_each(|saying| self.teller.say(saying));
            let Some((took, answer)) = &mut progress.ended else { break };
            if let Some(told) = progress.told.take() {
                self.teller.end_after(told, *took);
            }
            if let Outcome::Skipped(reason) = &answer.outcome {
                let text = format!("nothing to do: {reason}");
                self.teller.line(Level::Debug, &member.step.label(), &text);
            }
            let new = std::mem::take(&mut answer.observed);
            let put_twice = apart(&self.observed.outputs, &new.outputs).err();
            self.observed.extend(new);
            if let Some(why) = put_twice {
                let failure = BuildFailure::of_step(member.step, why);
                self.fail(self.front, failure);
            }
            self.front += 1;
        }
    }
}

/// Holds the files that a step put beside the image apart from those before. In the plan's order, so
/// that of two steps with one name it is always the same that fails; and now, not when the image is
/// made.
fn apart(
    before: &[(String, Arc<[u8]>)],
    outputs: &[(String, Arc<[u8]>)],
) -> Result<(), ElementFailure> {
    for (suffix, _) in outputs {
        if before.iter().any(|(other, _)| other == suffix) {
            return Err(ElementFailure::new(format!(
                "a step before put a file beside the image as `{suffix}` already"
            ))
            .with_help("grant `outputs` of that ending to one element only"));
        }
    }
    Ok(())
}

impl SideBySide for UnderWay<'_, '_, '_> {
    fn next(&mut self) -> Option<(usize, Box<dyn ReadyStep>)> {
        loop {
            let at = self.ready()?;
            self.progress[at].begun = Some(Instant::now());
            self.tell();
            match self.steps.prepare(self.members[at].step) {
                Ok(prepared) => {
                    self.running += 1;
                    return Some((at, prepared));
                }
                Err(failure) => self.fail(at, failure),
            }
        }
    }

    fn lend_observer(&mut self, at: usize, to: &mut dyn FnMut(&mut dyn Observer)) {
        let label = self.members[at].step.label();
        if at == self.front {
            to(&mut StepObserver::new(&label, self.teller));
        } else {
            to(&mut StepObserver::new(&label, &mut self.progress[at].kept));
        }
    }

    fn ended(&mut self, at: usize, answer: Result<RunAnswer, ElementFailure>) {
        self.running -= 1;
        let step = self.members[at].step;
        let kept = answer.and_then(|answer| {
            let facts = answer.observed.facts.clone();
            let kept = self.steps.facts.observed(step, facts);
            kept.map(|()| answer).map_err(ElementFailure::new)
        });
        match kept {
            Ok(answer) => {
                let took = self.progress[at].begun.map_or(Duration::ZERO, |begun| begun.elapsed());
                self.progress[at].ended = Some((took, answer));
            }
            Err(failure) => {
                self.fail(at, BuildFailure::of_step(step, failure));
            }
        }
        self.tell();
    }

    fn wanted(&self, at: usize) -> bool {
        self.failed.as_ref().is_none_or(|(failed, _)| at < *failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beside_the_image_has_one_step_that_writes_it() {
        let file = |suffix: &str| (suffix.to_owned(), Arc::from(b"x".as_slice()));
        let before = [file(".vmlinuz"), file(".initrd")];
        apart(&before, &[file("-notes")]).unwrap();
        let failure = apart(&before, &[file("-more"), file(".initrd")]).unwrap_err();
        assert!(failure.message.contains("`.initrd` already"), "{}", failure.message);
    }
}
