//! Steps that run at the same time, each on a thread of its own.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::sync_channel;

use dibhost_plan::planner::ElementFailure;
use dibhost_sys::Cancel;
use dibhost_tree::Target;

use crate::effects::{Effects, Message, WAITING};
use crate::observer::Observer;
use crate::outcome::RunAnswer;

/// A step that is ready to run, on a thread of its own.
pub trait ReadyStep: Send {
    /// Thrown, it stops this step and no other.
    fn stop(&self) -> Cancel;

    /// Runs it on this thread; what it does to the target and says goes by `effects`.
    ///
    /// # Errors
    /// The step fails, oversteps or is cancelled.
    fn run(self: Box<Self>, effects: Effects) -> Result<RunAnswer, ElementFailure>;
}

/// Steps that run at the same time, and who decides which and when.
pub trait SideBySide {
    /// The next step that may start now, under a number of the caller's own. Asked again until it
    /// answers none, at the beginning and after each end.
    fn next(&mut self) -> Option<(usize, Box<dyn ReadyStep>)>;

    /// Lends whoever is told what a running step says.
    fn lend_observer(&mut self, step: usize, to: &mut dyn FnMut(&mut dyn Observer));

    /// A step ended.
    fn ended(&mut self, step: usize, answer: Result<RunAnswer, ElementFailure>);

    /// Whether a running step is still of use. Asked after each end; one that is not is stopped.
    fn wanted(&self, step: usize) -> bool;
}

/// Runs steps until none runs and none may start. Each element runs on a thread of its own; what
/// they do to `target` and what they tell is done on this one, a call at a time in the order in
/// which the calls come, so that no two of them meet.
pub fn run_side_by_side(target: &mut dyn Target, steps: &mut dyn SideBySide) {
    let (sender, receiver) = sync_channel::<Message>(WAITING);
    std::thread::scope(|scope| {
        // Dropped first should a job panic, so that no step waits for it for ever.
        let receiver = receiver;
        let mut running: BTreeMap<usize, Cancel> = BTreeMap::new();
        loop {
            while let Some((step, prepared)) = steps.next() {
                running.insert(step, prepared.stop());
                let effects = Effects::new(step, sender.clone());
                scope.spawn(move || {
                    let way = effects.clone();
                    let answer = catch_unwind(AssertUnwindSafe(|| prepared.run(effects)));
                    let answer = answer.unwrap_or_else(|panic| Err(panicked(&*panic)));
                    way.end(answer);
                });
            }
            if running.is_empty() {
                break;
            }
            let (step, answer) = loop {
                match receiver.recv() {
                    Ok(Message::Do(step, job)) => {
                        let mut job = Some(job);
                        steps.lend_observer(step, &mut |observer| {
                            if let Some(job) = job.take() {
                                job(&mut *target, observer);
                            }
                        });
                    }
                    Ok(Message::Ended(step, answer)) => break (step, answer),
                    // Not while this function holds a sender.
                    Err(_) => return,
                }
            };
            running.remove(&step);
            steps.ended(step, answer);
            for (_, stop) in running.iter().filter(|(step, _)| !steps.wanted(**step)) {
                stop.cancel();
            }
        }
    });
}

fn panicked(panic: &(dyn Any + Send)) -> ElementFailure {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    ElementFailure::new(format!("the host's own code failed in a step: {said}"))
        .with_help("this is a defect of dibhost; please report it")
}
