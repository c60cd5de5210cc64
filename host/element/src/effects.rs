//! The ways from the threads that run wasm to the thread that holds the target and the observers.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};

use dibhost_plan::planner::ElementFailure;
use dibhost_sys::Cancel;
use dibhost_tree::Target;

use crate::invoke::{Prepared, RunAnswer};
use crate::observer::Observer;

type Job = Box<dyn FnOnce(&mut dyn Target, &mut dyn Observer) + Send>;
type Answer = Result<RunAnswer, ElementFailure>;

/// What a thread that runs an element sends.
enum Message {
    /// Something to be done or told for the step of this number.
    Do(usize, Job),
    /// The step of this number ended; nothing else comes of it.
    Ended(usize, Answer),
}

/// Jobs that may wait: a flood of log lines then holds up the elements and not the host's memory.
const WAITING: usize = 64;

/// One step's way to what has effects.
///
/// A wasmtime store owns its data, so it cannot hold a `&mut dyn Target`; what needs one is sent
/// as a closure to the caller's thread, which runs it and answers.
#[derive(Clone)]
pub(crate) struct Effects {
    step: usize,
    way: SyncSender<Message>,
}

impl Effects {
    /// Tells the observer, without waiting.
    pub(crate) fn tell(&self, job: impl FnOnce(&mut dyn Observer) + Send + 'static) {
        // The receiver lives as long as any step runs.
        let _ = self.way.send(Message::Do(self.step, Box::new(move |_, observer| job(observer))));
    }

    /// Has the target do something, and waits. None when the other thread is gone.
    pub(crate) fn ask<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut dyn Target, &mut dyn Observer) -> R + Send + 'static,
    ) -> Option<R> {
        let (answer, wait) = sync_channel(1);
        let job = move |target: &mut dyn Target, observer: &mut dyn Observer| {
            let _ = answer.send(job(target, observer));
        };
        self.way.send(Message::Do(self.step, Box::new(job))).ok()?;
        wait.recv().ok()
    }
}

/// Runs `guest` on a thread of its own and its effects on this one.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn serve<R: Send>(
    target: &mut dyn Target,
    observer: &mut dyn Observer,
    guest: impl FnOnce(Effects) -> R + Send,
) -> std::thread::Result<R> {
    let (way, receiver) = sync_channel(WAITING);
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || guest(Effects { step: 0, way }));
        for message in receiver {
            if let Message::Do(_, job) = message {
                job(&mut *target, &mut *observer);
            }
        }
        thread.join()
    })
}

/// Steps that run at the same time, and who decides which and when.
pub trait SideBySide {
    /// The next step that may start now, under a number of the caller's own. Asked again until it
    /// answers none, at the beginning and after each end.
    fn next(&mut self) -> Option<(usize, Prepared)>;

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
                running.insert(step, prepared.stop().clone());
                let effects = Effects { step, way: sender.clone() };
                scope.spawn(move || {
                    let way = effects.way.clone();
                    let answer = catch_unwind(AssertUnwindSafe(|| prepared.run(effects)));
                    let answer = answer.unwrap_or_else(|panic| Err(panicked(&*panic)));
                    // The receiver waits for this message, or is unwinding.
                    let _ = way.send(Message::Ended(step, answer));
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
