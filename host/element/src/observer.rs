//! Who is told what an element says and does while it runs.

use std::sync::mpsc::{SyncSender, sync_channel};

use dibhost_target::Target;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of use to the element's author only.
    Trace,
    /// Of use when something is wrong.
    Debug,
    /// Of use to the person who waits.
    Info,
    /// Should be looked at.
    Warn,
    /// Went wrong.
    Error,
}

/// Told what a running step says. Every text has its control characters made harmless.
pub trait Observer {
    /// One line of the element's log. `fields` are names and values.
    fn log(&mut self, level: Level, message: &str, fields: &[(String, String)]);

    /// A stretch of work began. `id` is unique within the step.
    fn span_started(&mut self, id: u64, name: &str) {
        let _ = (id, name);
    }

    /// A stretch of work got on: `done` of `total` (none: unknown).
    fn span_progress(&mut self, id: u64, done: u64, total: Option<u64>) {
        let _ = (id, done, total);
    }

    /// A stretch of work ended.
    fn span_ended(&mut self, id: u64) {
        let _ = id;
    }

    /// A program is about to be started in the target.
    fn program_started(&mut self, program: &str, args: &[String]) {
        let _ = (program, args);
    }

    /// A line that a program in the target said; `error`: on standard error.
    fn program_line(&mut self, program: &str, error: bool, text: &str) {
        let _ = (program, error, text);
    }

    /// A program in the target ended. None: by a signal.
    fn program_ended(&mut self, program: &str, status: Option<i32>) {
        let _ = (program, status);
    }
}

/// Nobody is told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn log(&mut self, _level: Level, _message: &str, _fields: &[(String, String)]) {}
}

type Job = Box<dyn FnOnce(&mut dyn Target, &mut dyn Observer) + Send>;

/// The way from the thread that runs wasm to the thread that holds the target and the observer.
///
/// A wasmtime store owns its data, so it cannot hold a `&mut dyn Target`; what needs one is sent
/// as a closure to the caller's thread, which runs it and answers.
#[derive(Clone)]
pub(crate) struct Effects(SyncSender<Job>);

/// Jobs that may wait: a flood of log lines then holds up the element and not the host's memory.
const WAITING: usize = 64;

impl Effects {
    /// Runs `guest` on a thread of its own and its effects on this one.
    pub(crate) fn serve<R: Send>(
        target: &mut dyn Target,
        observer: &mut dyn Observer,
        guest: impl FnOnce(Self) -> R + Send,
    ) -> std::thread::Result<R> {
        let (sender, receiver) = sync_channel::<Job>(WAITING);
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || guest(Self(sender)));
            for job in receiver {
                job(&mut *target, &mut *observer);
            }
            thread.join()
        })
    }

    /// Tells the observer, without waiting.
    pub(crate) fn tell(&self, job: impl FnOnce(&mut dyn Observer) + Send + 'static) {
        // The receiver lives as long as any sender does.
        let _ = self.0.send(Box::new(move |_, observer| job(observer)));
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
        self.0.send(Box::new(job)).ok()?;
        wait.recv().ok()
    }
}
