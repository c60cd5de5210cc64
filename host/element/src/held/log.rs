//! The log of a call.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use dibhost_definition::Limit;
use dibhost_text::harmless;

use crate::effects::Effects;
use crate::limits::{Exceeded, LOG_LINE_BYTES};
use crate::observer::Level;
use crate::secrets::SecretStore;

/// Lines kept for the message of a failure.
const TAIL: usize = 20;
/// Fields of a line that are kept.
const FIELDS: usize = 32;
/// Bytes of a text that are looked at: far more than are kept, so that what is struck out of them does not
/// bring the end of a secret to where it is kept.
const MOST: usize = 1 << 20;

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

    /// Counts a line of so many bytes: a long one as one for each KiB.
    pub(crate) fn count(&self, bytes: usize) -> Result<(), Exceeded> {
        self.inner().lines += 1 + (bytes >> 10) as u64;
        self.counted()
    }

    /// Whether what was counted is within the limit.
    pub(crate) fn counted(&self) -> Result<(), Exceeded> {
        if self.inner().lines > self.limit { Err(Exceeded(Limit::LogLines)) } else { Ok(()) }
    }

    /// The number of another span.
    pub(crate) fn span(&self) -> u64 {
        let mut inner = self.inner();
        inner.spans += 1;
        inner.spans
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
        // Fields are the first line's, and share one line's bytes with it.
        let mut fields = self.fields(fields);
        for line in message.lines() {
            self.line(level, self.safe(line, LOG_LINE_BYTES), std::mem::take(&mut fields))?;
        }
        Ok(())
    }

    fn fields(&self, fields: &[(String, String)]) -> Vec<(String, String)> {
        let mut room = LOG_LINE_BYTES;
        let mut taken = Vec::new();
        for (name, value) in fields.iter().take(FIELDS) {
            let (name, value) = (self.safe(name, 100), self.safe(value, room));
            room = room.saturating_sub(name.len() + value.len());
            taken.push((name, value));
            if room == 0 {
                break;
            }
        }
        taken
    }

    /// Without secrets first: a line that is cut may end in half of one.
    pub(crate) fn safe(&self, text: &str, limit: usize) -> String {
        // Not all of a text of many megabytes is copied for a line of some KiB.
        let text = &text[..text.floor_char_boundary(MOST)];
        harmless(&self.secrets.redact(text.to_owned()), limit)
    }

    fn line(
        &self,
        level: Level,
        line: String,
        fields: Vec<(String, String)>,
    ) -> Result<(), Exceeded> {
        let of_fields = fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        self.count(line.len() + of_fields)?;
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
    pub(crate) id: u64,
    pub(crate) told: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::NoSecrets;

    fn log(limit: u64) -> Log {
        Log::new(limit, None, Arc::new(NoSecrets))
    }

    #[test]
    fn fields_share_the_bytes_of_one_line() {
        let long = "x".repeat(LOG_LINE_BYTES);
        let fields: Vec<_> = (0..FIELDS).map(|n| (format!("f{n}"), long.clone())).collect();
        let kept = log(10).fields(&fields);
        let bytes: usize = kept.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(bytes <= LOG_LINE_BYTES + 200, "{bytes}");
        let few = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())];
        assert_eq!(log(10).fields(&few), few);
    }

    #[test]
    fn a_long_line_counts_as_many() {
        let log = log(10);
        log.write(Level::Info, &"x".repeat(4 << 10), &[]).unwrap();
        assert!(log.write(Level::Info, &"x".repeat(8 << 10), &[]).is_err());
    }
}
