//! How long the parts of a transaction take.

use std::time::Instant;

/// The times of one installation.
pub(crate) struct Clock {
    started: Instant,
    timings: Vec<(String, u64)>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now(), timings: Vec::new() }
    }

    /// Something was done.
    pub(crate) fn lap(&mut self, what: &str) {
        let took = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.timings.push((what.to_owned(), took));
        self.started = Instant::now();
    }

    /// What was done, and milliseconds of each.
    pub(crate) fn timings(self) -> Vec<(String, u64)> {
        self.timings
    }
}
