//! A runner without components: steps are closures of a test, which do what a component could ask
//! for. What is tested of the runner's promises is tested with it too.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use dibhost_plan::fact::Fact;
use dibhost_plan::planner::ElementFailure;
use dibhost_sys::Cancel;

use crate::effects::Effects;
use crate::invoke::RunCall;
use crate::outcome::RunAnswer;
use crate::remote::Remote;
use crate::runner::Runner;
use crate::side_by_side::ReadyStep;

/// What a simulated step is given.
pub struct Scene {
    /// Its way to the target and to whoever listens.
    pub effects: Effects,
    /// The values of the slots it reads.
    pub facts: BTreeMap<String, Vec<Fact>>,
    /// The way outside, if it has one.
    pub remote: Option<Remote>,
    /// The build is cancelled, or this step is of no use any more.
    stops: [Cancel; 2],
}

impl Scene {
    /// Whether the step is to end.
    ///
    /// # Errors
    /// It is.
    pub fn check(&self) -> Result<(), ElementFailure> {
        if self.stops.iter().any(Cancel::is_cancelled) {
            return Err(ElementFailure::new("was stopped: the build was cancelled"));
        }
        Ok(())
    }

    /// What ends what it waits for.
    #[must_use]
    pub fn stops(&self) -> &[Cancel] {
        &self.stops
    }
}

/// What a simulated step does.
pub type Act = Arc<dyn Fn(&Scene) -> Result<RunAnswer, ElementFailure> + Send + Sync>;

/// A runner whose steps are closures.
#[derive(Clone, Default)]
pub struct SimulatedRunner {
    acts: BTreeMap<(String, String), Act>,
}

impl fmt::Debug for SimulatedRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.acts.keys()).finish()
    }
}

impl SimulatedRunner {
    /// Has an element do this in the step of that name.
    #[must_use]
    pub fn step(
        mut self,
        element: &str,
        step: &str,
        act: impl Fn(&Scene) -> Result<RunAnswer, ElementFailure> + Send + Sync + 'static,
    ) -> Self {
        self.acts.insert((element.to_owned(), step.to_owned()), Arc::new(act));
        self
    }
}

struct Ready {
    act: Act,
    facts: BTreeMap<String, Vec<Fact>>,
    remote: Option<Remote>,
    cancel: Cancel,
    stop: Cancel,
}

impl Runner for SimulatedRunner {
    fn prepare(&self, call: &RunCall<'_>) -> Result<Box<dyn ReadyStep>, ElementFailure> {
        let key = (call.element.to_owned(), call.step.to_owned());
        let act = self
            .acts
            .get(&key)
            .ok_or_else(|| ElementFailure::new(format!("declares no step `{}`", call.step)))?;
        Ok(Box::new(Ready {
            act: Arc::clone(act),
            facts: call.facts.clone(),
            remote: call.remote.cloned(),
            cancel: call.cancel.clone(),
            stop: Cancel::new(),
        }))
    }
}

impl ReadyStep for Ready {
    fn stop(&self) -> Cancel {
        self.stop.clone()
    }

    fn run(self: Box<Self>, effects: Effects) -> Result<RunAnswer, ElementFailure> {
        let Self { act, facts, remote, cancel, stop } = *self;
        let scene = Scene { effects, facts, remote, stops: [cancel, stop] };
        act(&scene)
    }
}
