//! Lines and tables of a text for people.

use std::fmt::{self, Write as _};

/// The text so far.
#[derive(Default)]
pub(super) struct Text {
    out: String,
    /// Everything is told: parameters and grants of all elements, who wished for what in which
    /// step, facts, keys of actions.
    pub(super) all: bool,
    /// What the outputs are called, without their endings; none: as the image.
    pub(super) stem: Option<String>,
}

impl Text {
    pub(super) fn new(all: bool) -> Self {
        Self { all, ..Self::default() }
    }

    pub(super) fn into_text(self) -> String {
        self.out
    }

    /// A line, and below it what `rest` adds; neither where that is nothing.
    pub(super) fn unless_empty(&mut self, line: &str, rest: impl FnOnce(&mut Self)) {
        let before = self.out.len();
        self.line(1, line);
        let begun = self.out.len();
        rest(self);
        if self.out.len() == begun {
            self.out.truncate(before);
        }
    }

    pub(super) fn line(&mut self, indent: usize, text: impl fmt::Display) {
        let text = text.to_string();
        // Elements' texts were checked to have no control characters; this keeps one line one
        // line whatever comes.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(self.out, "{}{}", "  ".repeat(indent), text.trim_end());
    }

    pub(super) fn heading(&mut self, text: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.line(0, text);
    }

    /// Rows with their columns aligned.
    pub(super) fn table(&mut self, indent: usize, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |i: usize| {
            rows.iter()
                .filter_map(|r| r.get(i))
                .map(|c| c.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in rows {
            let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            self.line(indent, padded.collect::<Vec<_>>().join("  "));
        }
    }
}
