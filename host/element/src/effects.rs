//! The ways from the threads that run wasm to the thread that holds the target and the observers.

use std::sync::mpsc::{SyncSender, sync_channel};

use dibhost_plan::planner::ElementFailure;
use dibhost_tree::Target;

use crate::observer::Observer;
use crate::outcome::RunAnswer;

type Job = Box<dyn FnOnce(&mut dyn Target, &mut dyn Observer) + Send>;
type Answer = Result<RunAnswer, ElementFailure>;

/// What a thread that runs an element sends.
pub(crate) enum Message {
    /// Something to be done or told for the step of this number.
    Do(usize, Job),
    /// The step of this number ended; nothing else comes of it.
    Ended(usize, Answer),
}

/// Jobs that may wait: a flood of log lines then holds up the elements and not the host's memory.
pub(crate) const WAITING: usize = 64;

/// One step's way to what has effects.
///
/// A wasmtime store owns its data, so it cannot hold a `&mut dyn Target`; what needs one is sent
/// as a closure to the caller's thread, which runs it and answers.
#[derive(Clone)]
pub struct Effects {
    step: usize,
    way: SyncSender<Message>,
}

impl Effects {
    /// The way of the step of this number.
    pub(crate) fn new(step: usize, way: SyncSender<Message>) -> Self {
        Self { step, way }
    }

    /// Says that the step ended; whoever receives waits for it, or is unwinding.
    pub(crate) fn end(&self, answer: Answer) {
        let _ = self.way.send(Message::Ended(self.step, answer));
    }

    /// Tells the observer, without waiting.
    pub fn tell(&self, job: impl FnOnce(&mut dyn Observer) + Send + 'static) {
        // The receiver lives as long as any step runs.
        let _ = self.way.send(Message::Do(self.step, Box::new(move |_, observer| job(observer))));
    }

    /// Has the target do something, and waits. None when the other thread is gone.
    pub fn ask<R: Send + 'static>(
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
        let thread = scope.spawn(move || guest(Effects::new(0, way)));
        for message in receiver {
            if let Message::Do(_, job) = message {
                job(&mut *target, &mut *observer);
            }
        }
        thread.join()
    })
}
