//! Places in a definition: file, line, column, and the line itself to show them with.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A place in a text file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The file as the person named it.
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    excerpt: Option<Arc<Excerpt>>,
}

/// The line of a place, to show it with. Behind a pointer, so that errors stay small.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Excerpt {
    /// The whole line.
    text: String,
    /// Characters that are meant.
    width: usize,
}

impl Location {
    /// A place without an excerpt.
    pub fn new(file: impl Into<Arc<str>>, line: usize, column: usize) -> Self {
        Self { file: file.into(), line, column, excerpt: None }
    }

    /// The same place without its line, which may hold what nobody should read.
    #[must_use]
    pub fn without_excerpt(mut self) -> Self {
        self.excerpt = None;
        self
    }

    /// The line and a caret below what is meant; none when the line is unknown.
    #[must_use]
    pub fn excerpt(&self) -> Option<String> {
        let Excerpt { text, width } = self.excerpt.as_deref()?;
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        // Tabs are kept in the indentation, so that the caret stands below what it means.
        let indent: String = text
            .chars()
            .take(self.column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let text: String = text.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
        let carets = "^".repeat(*width);
        Some(format!("{number} | {text}\n{margin} | {indent}{carets}"))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value and where it stands; nowhere, when it came from the command line or is a default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub location: Option<Location>,
}

impl<T> Spanned<T> {
    /// A value that stands somewhere.
    pub fn new(value: T, location: Location) -> Self {
        Self { value, location: Some(location) }
    }

    /// A value that stands nowhere.
    pub fn unplaced(value: T) -> Self {
        Self { value, location: None }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Texts whose byte ranges can be told as lines and columns. The ranges of a text that was added
/// begin where the one before it ends.
pub(crate) struct Source<'a> {
    parts: Vec<Part<'a>>,
}

/// One of the texts.
struct Part<'a> {
    file: Arc<str>,
    text: &'a str,
    /// Where its ranges begin.
    from: usize,
    /// Byte offset of each line's start, in the text.
    starts: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &str, text: &'a str) -> Self {
        Self { parts: vec![Part::new(file, text, 0)] }
    }

    /// Adds a text, and says where its ranges begin.
    pub(crate) fn add(&mut self, file: &str, text: &'a str) -> usize {
        // One more: what stands at a text's end is not what stands at the next one's start.
        let from = self.parts.last().map_or(0, |part| part.from + part.text.len() + 1);
        self.parts.push(Part::new(file, text, from));
        from
    }

    pub(crate) fn locate(&self, range: &Range<usize>) -> Location {
        let after = self.parts.partition_point(|part| part.from <= range.start);
        let part = &self.parts[after.saturating_sub(1)];
        part.locate(&(range.start - part.from..range.end.saturating_sub(part.from)))
    }
}

impl<'a> Part<'a> {
    fn new(file: &str, text: &'a str, from: usize) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        Self { file: file.into(), text, from, starts: std::iter::once(0).chain(newlines).collect() }
    }

    fn locate(&self, range: &Range<usize>) -> Location {
        let at = self.boundary(range.start);
        let line = self.starts.partition_point(|start| *start <= at) - 1;
        let start = self.starts[line];
        let end = self.text[start..].find('\n').map_or(self.text.len(), |n| start + n);
        let text = self.text[start..end].trim_end_matches('\r');
        let until = self.boundary(range.end).clamp(at, end.max(at));
        Location {
            file: Arc::clone(&self.file),
            line: line + 1,
            column: self.text[start..at].chars().count() + 1,
            excerpt: Some(Arc::new(Excerpt {
                text: text.to_owned(),
                width: self.text[at..until].trim_end().chars().count().max(1),
            })),
        }
    }

    /// The nearest character boundary at or before `at`: a parser may point into the middle.
    fn boundary(&self, at: usize) -> usize {
        let at = at.min(self.text.len());
        (0..=at).rev().find(|i| self.text.is_char_boundary(*i)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_ranges_are_cut_at_the_line() {
        let source = Source::new("a.toml", "é = 1\nname = \"ü\"\r\nlast");
        let at = source.locate(&(14..18));
        assert_eq!((at.line, at.column), (2, 8));
        assert_eq!(at.excerpt().unwrap(), "2 | name = \"ü\"\n  |        ^^^");
        assert_eq!(source.locate(&(1..2)).column, 1, "inside of é");
        assert_eq!(source.locate(&(99..120)).to_string(), "a.toml:3:5");
    }

    #[test]
    fn a_text_that_was_added_has_its_own_lines() {
        let mut source = Source::new("a.toml", "x = 1\n");
        assert_eq!(source.add("b.toml", "y = 2\nz = 3"), 7);
        assert_eq!(source.locate(&(4..5)).to_string(), "a.toml:1:5");
        assert_eq!(source.locate(&(6..6)).to_string(), "a.toml:2:1", "the end of the first one");
        assert_eq!(source.locate(&(7..8)).to_string(), "b.toml:1:1");
        assert_eq!(source.locate(&(17..18)).to_string(), "b.toml:2:5");
        assert_eq!(source.locate(&(99..99)).to_string(), "b.toml:2:6");
    }

    #[test]
    fn the_caret_stands_below_its_word_after_tabs_too() {
        let source = Source::new("a.toml", "\tx = 1");
        assert_eq!(source.locate(&(1..2)).excerpt().unwrap(), "1 | \tx = 1\n  | \t^");
    }
}
