//! `log`: lines, spans and progress; and what a guest prints.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dibhost_definition::Limit;
use wasmtime::component::{Linker, Resource};

use super::hook::{Own, hooked};
use crate::bindings::dib::element::log;
use crate::effects::Effects;
use crate::limits::{Exceeded, LOG_LINE_BYTES};
use crate::observer::Level;
use crate::secrets::SecretStore;
use crate::state::State;
use dibhost_text::harmless;

/// How often the bar of a span moves: no eye follows more.
const PROGRESS: Duration = Duration::from_millis(50);
/// Lines kept for the message of a failure.
const TAIL: usize = 20;
/// Fields of a line that are kept.
const FIELDS: usize = 32;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, Own>(linker, hooked)
}

/// The log of one call, shared with the guest's standard output and error.
pub(crate) struct Log {
    /// Lines it may have.
    limit: u64,
    effects: Option<Effects>,
    secrets: Arc<dyn SecretStore>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    lines: u64,
    spans: u64,
    /// What the guest printed on standard error last.
    stderr: VecDeque<String>,
    /// Warnings and errors, for a plan that has no observer.
    remarks: Vec<String>,
}

impl Log {
    pub(crate) fn new(limit: u64, effects: Option<Effects>, secrets: Arc<dyn SecretStore>) -> Self {
        Self { limit, effects, secrets, inner: Mutex::default() }
    }

    /// Counts a line.
    pub(crate) fn count(&self) -> Result<(), Exceeded> {
        self.inner().lines += 1;
        self.counted()
    }

    /// Whether what was counted is within the limit.
    pub(crate) fn counted(&self) -> Result<(), Exceeded> {
        if self.inner().lines > self.limit { Err(Exceeded(Limit::LogLines)) } else { Ok(()) }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One entry; several lines become several.
    pub(crate) fn write(
        &self,
        level: Level,
        message: &str,
        fields: &[(String, String)],
    ) -> Result<(), Exceeded> {
        let fields: Vec<_> = fields
            .iter()
            .take(FIELDS)
            .map(|(k, v)| (self.safe(k, 100), self.safe(v, LOG_LINE_BYTES)))
            .collect();
        for line in message.lines() {
            self.line(level, self.safe(line, LOG_LINE_BYTES), fields.clone())?;
        }
        Ok(())
    }

    /// Without secrets first: a line that is cut may end in half of one.
    fn safe(&self, text: &str, limit: usize) -> String {
        harmless(&self.secrets.redact(text.to_owned()), limit)
    }

    fn line(
        &self,
        level: Level,
        line: String,
        fields: Vec<(String, String)>,
    ) -> Result<(), Exceeded> {
        self.count()?;
        let mut inner = self.inner();
        if level >= Level::Warn && inner.remarks.len() < TAIL {
            inner.remarks.push(line.clone());
        }
        drop(inner);
        if let Some(effects) = &self.effects {
            effects.tell(move |observer| observer.log(level, &line, &fields));
        }
        Ok(())
    }

    /// A line the guest printed.
    pub(crate) fn printed(&self, error: bool, line: &str) -> Result<(), Exceeded> {
        if line.is_empty() {
            return Ok(());
        }
        let safe = self.safe(line, LOG_LINE_BYTES);
        if error {
            let mut inner = self.inner();
            if inner.stderr.len() == TAIL {
                inner.stderr.pop_front();
            }
            inner.stderr.push_back(safe.clone());
        }
        self.line(if error { Level::Warn } else { Level::Info }, safe, Vec::new())
    }

    /// What it printed on standard error last, a panic's message for one.
    pub(crate) fn last_words(&self) -> Option<String> {
        let inner = self.inner();
        // What Rust prints of a panic begins with the thread and ends with a hint.
        let from = inner
            .stderr
            .iter()
            .rposition(|l| l.starts_with("thread "))
            .unwrap_or_else(|| inner.stderr.len().saturating_sub(3));
        let said: Vec<_> = inner
            .stderr
            .iter()
            .skip(from)
            .filter(|l| !l.starts_with("note: "))
            .map(String::as_str)
            .collect();
        (!said.is_empty()).then(|| said.join(" "))
    }

    /// Warnings and errors so far.
    pub(crate) fn remarks(&self) -> Vec<String> {
        self.inner().remarks.clone()
    }
}

/// A stretch of work.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "what `bindgen!` re-exports has to be `pub`")]
pub struct Span {
    id: u64,
    told: Option<Instant>,
}

impl log::Host for State {
    fn write(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        Ok(self.log.write(level, &message, &fields)?)
    }
}

impl log::HostSpan for State {
    fn new(&mut self, name: String) -> wasmtime::Result<Resource<Span>> {
        let id = {
            let mut inner = self.log.inner();
            inner.spans += 1;
            inner.spans
        };
        let span = self.table.push(Span { id, told: None })?;
        if let Some(effects) = &self.effects {
            let name = self.log.safe(&name, 200);
            effects.tell(move |observer| observer.span_started(id, &name));
        }
        Ok(span)
    }

    fn progress(
        &mut self,
        span: Resource<Span>,
        done: u64,
        total: Option<u64>,
    ) -> wasmtime::Result<()> {
        let span = self.table.get_mut(&span)?;
        let finished = total == Some(done);
        if !finished && span.told.is_some_and(|t| t.elapsed() < PROGRESS) {
            return Ok(());
        }
        span.told = Some(Instant::now());
        let id = span.id;
        if let Some(effects) = &self.effects {
            effects.tell(move |observer| observer.span_progress(id, done, total));
        }
        Ok(())
    }

    fn drop(&mut self, span: Resource<Span>) -> wasmtime::Result<()> {
        let Span { id, .. } = self.table.delete(span)?;
        if let Some(effects) = &self.effects {
            effects.tell(move |observer| observer.span_ended(id));
        }
        Ok(())
    }
}
