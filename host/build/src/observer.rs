//! What a running step says, told as events.

use dibhost_element::{Level as Said, Observer};

use crate::event::Level;
use crate::teller::Teller;

/// Passes on what one element's step says.
pub(crate) struct StepObserver<'a, 'b> {
    element: &'a str,
    teller: &'a mut Teller<'b>,
}

impl<'a, 'b> StepObserver<'a, 'b> {
    pub(crate) fn new(element: &'a str, teller: &'a mut Teller<'b>) -> Self {
        Self { element, teller }
    }
}

impl Observer for StepObserver<'_, '_> {
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
        self.teller.line(level, self.element, &text);
    }

    fn span_progress(&mut self, _id: u64, done: u64, total: Option<u64>) {
        self.teller.progress(done, total);
    }

    fn program_started(&mut self, program: &str, args: &[String]) {
        let text = format!("starts `{program} {}`", args.join(" "));
        self.teller.line(Level::Debug, self.element, &text);
    }

    fn program_line(&mut self, program: &str, _error: bool, text: &str) {
        self.teller.line(Level::Debug, &format!("{}: {program}", self.element), text);
    }
}
