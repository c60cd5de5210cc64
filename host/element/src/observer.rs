//! Who is told what an element says and does while it runs.

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
