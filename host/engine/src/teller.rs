//! Tells what happens, and keeps how long each thing took.

use std::time::{Duration, Instant};

use dibhost_plan::{Phase, Step};
use dibhost_text::harmless_line;

use crate::event::{Activity, Event, Level, Timing};

/// Whoever is told.
pub(crate) struct Teller<'a> {
    tell: &'a mut dyn FnMut(Event),
    timings: Vec<Timing>,
    /// The host's own work that has begun and not ended.
    under_way: Vec<String>,
    pub(crate) phase: Option<Phase>,
}

/// An activity that has begun.
pub(crate) struct Running {
    activity: Activity,
    begun: Instant,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(tell: &'a mut dyn FnMut(Event)) -> Self {
        Self { tell, timings: Vec::new(), under_way: Vec::new(), phase: None }
    }

    /// Begins a stretch of the host's own work.
    pub(crate) fn begin(&mut self, name: impl Into<String>) -> Running {
        self.begin_since(None, name, Instant::now())
    }

    /// Tells of a stretch of work, a step's or the host's, that began before.
    pub(crate) fn begin_since(
        &mut self,
        step: Option<&Step>,
        name: impl Into<String>,
        begun: Instant,
    ) -> Running {
        let element = step.map(|step| step.element.clone());
        let step = step.and_then(|step| step.name.clone());
        let activity = Activity { phase: self.phase, element, step, name: name.into() };
        if activity.element.is_none() {
            self.under_way.push(activity.name.clone());
        }
        (self.tell)(Event::Started(activity.clone()));
        Running { activity, begun }
    }

    /// Ends it.
    pub(crate) fn end(&mut self, running: Running) {
        let took = running.begun.elapsed();
        self.end_after(running, took);
    }

    /// Tells of the end of a stretch of work that took so long.
    pub(crate) fn end_after(&mut self, running: Running, took: Duration) {
        let Activity { phase, element, step, name } = running.activity.clone();
        if element.is_none() {
            self.under_way.pop();
        }
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.timings.push(Timing { phase, element, step, name, milliseconds });
        (self.tell)(Event::Ended { activity: running.activity, took });
    }

    /// The host's own work that goes on, if any does.
    pub(crate) fn doing(&self) -> Option<&str> {
        self.under_way.last().map(String::as_str)
    }

    /// Tells how far the running activity got.
    pub(crate) fn progress(&mut self, done: u64, total: Option<u64>) {
        (self.tell)(Event::Progress { done, total });
    }

    /// Tells a line.
    pub(crate) fn line(&mut self, level: Level, source: &str, text: &str) {
        let text = harmless_line(text);
        (self.tell)(Event::Line { level, source: harmless_line(source), text });
    }

    /// What took how long, longest kept in the order it happened.
    pub(crate) fn into_timings(self) -> Vec<Timing> {
        self.timings
    }
}
