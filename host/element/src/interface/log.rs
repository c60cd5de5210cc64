//! `log`: lines, spans and progress; and what a guest prints.

use std::time::{Duration, Instant};

use wasmtime::component::{Linker, Resource};

use super::hook::{Own, hooked};
use crate::bindings::dib::element::log;
use crate::held::log::Span;
use crate::observer::Level;
use crate::state::State;

/// How often the bar of a span moves: no eye follows more.
const PROGRESS: Duration = Duration::from_millis(50);

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, Own>(linker, hooked)
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
        let id = self.log.span();
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
