//! What a running step says, told as events: at once, or kept until those before it have spoken.

use dibhost_element::{Level as Said, Observer};

use crate::event::Level;
use crate::teller::Teller;

/// One thing a step said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Saying {
    /// How much it matters, who says it, what.
    Line(Level, String, String),
    /// Units done, units in all.
    Progress(u64, Option<u64>),
}

/// Where sayings go.
pub(crate) trait Sink {
    fn say(&mut self, saying: Saying);
}

impl Sink for Teller<'_> {
    fn say(&mut self, saying: Saying) {
        match saying {
            Saying::Line(level, source, text) => self.line(level, &source, &text),
            Saying::Progress(done, total) => self.progress(done, total),
        }
    }
}

impl Sink for Vec<Saying> {
    fn say(&mut self, saying: Saying) {
        // Of a bar that moved meanwhile, where it is now is all that there is to tell.
        if let (Some(Saying::Progress(..)), Saying::Progress(..)) = (self.last(), &saying) {
            self.pop();
        }
        self.push(saying);
    }
}

/// Passes on what one element's step says.
pub(crate) struct StepObserver<'a, S> {
    element: &'a str,
    sink: &'a mut S,
}

impl<'a, S: Sink> StepObserver<'a, S> {
    pub(crate) fn new(element: &'a str, sink: &'a mut S) -> Self {
        Self { element, sink }
    }

    fn line(&mut self, level: Level, source: String, text: String) {
        self.sink.say(Saying::Line(level, source, text));
    }
}

impl<S: Sink> Observer for StepObserver<'_, S> {
    fn log(&mut self, level: Said, message: &str, fields: &[(String, String)]) {
        let level = match level {
            Said::Trace | Said::Debug => Level::Debug,
            Said::Info => Level::Info,
            Said::Warn | Said::Error => Level::Warning,
        };
        let mut text = message.to_owned();
        for (name, value) in fields {
            text.push_str(&format!(" {name}={value}"));
        }
        self.line(level, self.element.to_owned(), text);
    }

    fn span_progress(&mut self, _id: u64, done: u64, total: Option<u64>) {
        self.sink.say(Saying::Progress(done, total));
    }

    fn program_started(&mut self, program: &str, args: &[String]) {
        let text = format!("starts `{program} {}`", args.join(" "));
        self.line(Level::Debug, self.element.to_owned(), text);
    }

    fn program_line(&mut self, program: &str, _error: bool, text: &str) {
        self.line(Level::Debug, format!("{}: {program}", self.element), text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_bar_that_moves_only_the_last_place_is_kept() {
        let mut kept = Vec::new();
        let mut observer = StepObserver::new("e", &mut kept);
        for done in 0..100_000 {
            observer.span_progress(1, done, Some(100_000));
        }
        observer.log(Said::Info, "half", &[]);
        observer.span_progress(1, 100_000, Some(100_000));
        let line = Saying::Line(Level::Info, "e".to_owned(), "half".to_owned());
        let [before, after] = [99_999, 100_000].map(|at| Saying::Progress(at, Some(100_000)));
        assert_eq!(kept, [before, line, after]);
    }
}
