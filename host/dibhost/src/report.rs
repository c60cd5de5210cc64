//! Shows what a build tells: a progress line on a terminal, plain lines elsewhere, or JSON.

use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dibhost_engine::{Activity, Event, Level, Timing};
use dibhost_text::{for_terminal, json_for_terminal};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::{LogFormat, Messages};
use crate::failure::Failure;

/// Where progress and messages go: standard error.
pub(crate) struct Reporter {
    form: Form,
    verbose: AtomicBool,
    /// Warnings and failures alone.
    quiet: bool,
    /// Gets every line, whatever else is shown.
    log: OnceLock<Mutex<File>>,
    begun: Instant,
    /// Lines of the running activity that were not shown, for when it fails.
    withheld: Mutex<Vec<String>>,
}

enum Form {
    Terminal(ProgressBar),
    Plain,
    Json,
}

/// Which lines are shown where a person wants few of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// All but these are left out.
    Warning,
    Other,
}

/// How many lines that were not shown are shown after all when a build fails.
const WITHHELD: usize = 40;

impl Reporter {
    pub(crate) fn new(messages: &Messages) -> Self {
        let form = match messages.log_format {
            LogFormat::Json => Form::Json,
            LogFormat::Text if messages.quiet => Form::Plain,
            LogFormat::Text if std::io::stderr().is_terminal() => Form::Terminal(bar()),
            LogFormat::Text => Form::Plain,
        };
        Self::with(form, messages.verbose, messages.quiet)
    }

    /// One that shows nothing but warnings.
    #[cfg(test)]
    pub(crate) fn silent() -> Self {
        Self::with(Form::Plain, false, true)
    }

    fn with(form: Form, verbose: bool, quiet: bool) -> Self {
        Self {
            form,
            verbose: AtomicBool::new(verbose),
            quiet,
            log: OnceLock::new(),
            begun: Instant::now(),
            withheld: Mutex::default(),
        }
    }

    /// Shows more from now on: lines that are not shown else, and all lines in a file.
    pub(crate) fn also(&self, verbose: bool, log: Option<&Path>) -> Result<(), Failure> {
        if verbose {
            self.verbose.store(true, Ordering::Relaxed);
        }
        if let Some(path) = log {
            let file = File::create(path).map_err(|error| {
                Failure::wrong(format!("writing the log file `{}`: {error}", path.display()))
            })?;
            // The first one that was named counts: an option goes before a variable.
            let _ = self.log.set(Mutex::new(file));
        }
        Ok(())
    }

    fn is_verbose(&self) -> bool {
        self.verbose.load(Ordering::Relaxed)
    }

    /// Shows one event.
    pub(crate) fn event(&self, event: &Event) {
        match &self.form {
            Form::Json => self.put(&json_of(event).to_string(), weight(event)),
            Form::Terminal(bar) => self.on_terminal(bar, event),
            Form::Plain => self.plainly(event),
        }
        let mut withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started(_) => withheld.clear(),
            Event::Line { level: Level::Debug, source, text } if !self.is_verbose() => {
                if withheld.len() == WITHHELD {
                    withheld.remove(0);
                }
                withheld.push(format!("{source}: {text}"));
            }
            _ => {}
        }
    }

    fn on_terminal(&self, bar: &ProgressBar, event: &Event) {
        match event {
            Event::Started(activity) => {
                bar.set_message(for_terminal(&line_of(activity)).into_owned());
            }
            Event::Progress { done, total: Some(total) } if *total > 0 => {
                bar.set_prefix(format!("{:3} %", done * 100 / total));
            }
            Event::Progress { .. } => {}
            Event::Ended { activity, took } => {
                bar.set_prefix("");
                // What takes no time is in the table at the end.
                if *took >= Duration::from_millis(500) {
                    let line = format!("{:>7.1} s  {}", took.as_secs_f64(), line_of(activity));
                    self.put(&line, Weight::Other);
                }
            }
            Event::Line { .. } => self.line(event),
        }
    }

    fn plainly(&self, event: &Event) {
        match event {
            Event::Started(activity) => {
                let at = self.begun.elapsed().as_secs_f64();
                self.put(&format!("[{at:7.1}] {}", line_of(activity)), Weight::Other);
            }
            Event::Line { .. } => self.line(event),
            Event::Progress { .. } | Event::Ended { .. } => {}
        }
    }

    fn line(&self, event: &Event) {
        let Event::Line { level, source, text } = event else { return };
        match level {
            Level::Debug if !self.is_verbose() => self.log(&format!("           {source}: {text}")),
            Level::Debug | Level::Info => {
                self.put(&format!("           {source}: {text}"), Weight::Other);
            }
            Level::Warning => self.write(&format!("warning: {source}: {text}")),
        }
    }

    /// Writes one line to standard error, and into the log file.
    pub(crate) fn write(&self, line: &str) {
        self.put(line, Weight::Warning);
    }

    /// Writes a line of a tool of the machine: what it does while one waits.
    pub(crate) fn tool(&self, line: &str) {
        match &self.form {
            Form::Json => self.put(&serde_json::json!({ "tool": line }).to_string(), Weight::Other),
            Form::Terminal(_) | Form::Plain => self.put(line, Weight::Other),
        }
    }

    /// Where nobody reads it any more (`2>&1 | head`), what is done is done all the same.
    fn put(&self, line: &str, weight: Weight) {
        // Here and nowhere before, whoever's words are in it: an element's, a program's, a name's.
        let line = match &self.form {
            Form::Json => json_for_terminal(line),
            Form::Terminal(_) | Form::Plain => for_terminal(line),
        };
        let line = &*line;
        self.log(line);
        // As in DIB, a file of all lines takes them off the screen.
        if weight == Weight::Other && (self.quiet || self.log.get().is_some()) {
            return;
        }
        let write = || {
            let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
        };
        match &self.form {
            Form::Terminal(bar) => bar.suspend(write),
            Form::Plain | Form::Json => write(),
        }
    }

    /// A line for the file alone, which somebody reads in a terminal. A full disk is no reason to end
    /// a build.
    fn log(&self, line: &str) {
        if let Some(log) = self.log.get() {
            let mut file = log.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = writeln!(file, "{}", for_terminal(line));
        }
    }

    /// Does something while nothing is shown of the progress.
    pub(crate) fn aside<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.form {
            Form::Terminal(bar) => bar.suspend(act),
            Form::Plain | Form::Json => act(),
        }
    }

    /// Shows why it ended early, after the last lines that were not shown.
    pub(crate) fn failure(&self, message: &str) {
        if let Form::Json = self.form {
            self.write(&json!({ "event": "failed", "message": message }).to_string());
            return;
        }
        let withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        if !withheld.is_empty() {
            self.write("the last lines before it failed:");
            withheld.iter().for_each(|line| self.write(&format!("    {line}")));
        }
        self.write(&format!("error: {message}"));
    }

    /// Shows what a person may do next; a program that reads JSON knows.
    pub(crate) fn advice(&self, what: &str, lines: &[String]) {
        if let Form::Json = self.form {
            return;
        }
        self.write(what);
        lines.iter().for_each(|line| self.write(&format!("  {line}")));
    }

    /// Shows where the time went.
    pub(crate) fn timings(&self, timings: &[Timing], total: Duration) {
        if let Form::Json = self.form {
            let total = u64::try_from(total.as_millis()).unwrap_or(u64::MAX);
            let parts = json!({ "event": "timings", "milliseconds": total, "parts": timings });
            self.put(&parts.to_string(), Weight::Other);
            return;
        }
        if let Form::Terminal(bar) = &self.form {
            bar.finish_and_clear();
        }
        self.put("Where the time went:", Weight::Other);
        for timing in timings.iter().filter(|t| t.milliseconds >= 10) {
            let share = 100.0 * timing.milliseconds as f64 / total.as_millis().max(1) as f64;
            let phase = timing.phase.map_or("", |phase| phase.name());
            let who = timing.label().unwrap_or_else(|| "host".to_owned());
            let line = format!(
                "{:>8.2} s {share:>4.0} %  {phase:<12}  {who:<16}  {}",
                timing.milliseconds as f64 / 1000.0,
                timing.name
            );
            self.put(&line, Weight::Other);
        }
        self.put(&format!("{:>8.2} s  in all", total.as_secs_f64()), Weight::Other);
    }
}

fn weight(event: &Event) -> Weight {
    match event {
        Event::Line { level: Level::Warning, .. } => Weight::Warning,
        _ => Weight::Other,
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {prefix} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn line_of(activity: &Activity) -> String {
    let phase = activity.phase.map_or("", |phase| phase.name());
    match activity.label() {
        Some(step) => format!("{phase:<12}  {step}: {}", activity.name),
        None => format!("{phase:<12}  {}", activity.name),
    }
}

fn json_of(event: &Event) -> serde_json::Value {
    let activity = |kind: &str, activity: &Activity| {
        let mut told = json!({
            "event": kind,
            "phase": activity.phase.map(|p| p.name()),
            "element": activity.element,
            "name": activity.name,
        });
        if let Some(step) = &activity.step {
            told["step"] = json!(step);
        }
        told
    };
    match event {
        Event::Started(a) => activity("started", a),
        Event::Ended { activity: a, took } => {
            let mut value = activity("ended", a);
            // To the microsecond: a step that does little takes a fraction of a millisecond.
            value["milliseconds"] = json!((took.as_secs_f64() * 1e6).round() / 1e3);
            value
        }
        Event::Progress { done, total } => {
            json!({ "event": "progress", "done": done, "total": total })
        }
        Event::Line { level, source, text } => {
            let level = match level {
                Level::Debug => "debug",
                Level::Info => "info",
                Level::Warning => "warning",
            };
            json!({ "event": "line", "level": level, "source": source, "text": text })
        }
    }
}
