//! Names that are misspelt: of keys, tables, elements, parameters, words, and what is referred to.

use std::ops::Range;

use super::super::Kind;
use super::super::lines::{Line, Part};
use super::super::values::{is_word, refers};
use super::{Candidates, Text};

/// So many slips are made of each name.
const SLIPS: usize = 3;

impl Candidates<'_> {
    pub(super) fn misnamed(&mut self, text: &Text<'_>) {
        for line in &text.lines {
            for _ in 0..SLIPS {
                match line.part {
                    Part::Head | Part::ListHead => self.misspell_head(text, line),
                    Part::Entry => {
                        self.misspell_key(text, line);
                        self.misspell_values(text, line);
                    }
                    Part::Item => self.misspell_values(text, line),
                    Part::Other => {}
                }
            }
        }
    }

    /// The parts of a table's name: those of a variant and of an input are nobody's but the writer's.
    fn misspell_head(&mut self, text: &Text<'_>, line: &Line<'_>) {
        let mut from = line.text.rfind('[').map_or(0, |at| at + 1);
        let parts: Vec<&str> = line.table.split('.').collect();
        for (at, part) in parts.iter().enumerate() {
            let range = from..from + part.len();
            from = range.end + 1;
            let kind = match (parts.as_slice(), at) {
                (["variants", ..] | ["inputs", _], 1) => continue,
                (["parameters" | "grants", _], 1) | (["limits", "elements", _], 2) => Kind::Element,
                _ => Kind::Table,
            };
            self.misspell(kind, text, line, range);
        }
    }

    fn misspell_key(&mut self, text: &Text<'_>, line: &Line<'_>) {
        let plain = line.plain_table();
        let kind = if plain.starts_with("parameters.") { Kind::Parameter } else { Kind::Key };
        if !Self::free(line) {
            let start = line.text.len() - line.text.trim_start().len();
            self.misspell(kind, text, line, start..start + line.key.len());
        }
        if line.key != "environment" || plain == "secrets" {
            for key in line.inner_keys() {
                self.misspell(Kind::Key, text, line, key);
            }
        }
    }

    fn misspell_values(&mut self, text: &Text<'_>, line: &Line<'_>) {
        // A key in quotes is no value.
        for range in line.quoted(line.value_range().start) {
            let word = &line.text[range.clone()];
            let (table, key) = (line.plain_table(), Self::key_of(line, &range));
            if (table, key) == ("image", "elements") {
                match word.rfind('/') {
                    None => self.misspell(Kind::Element, text, line, range),
                    // The name of a file, in a path.
                    Some(at) => {
                        let name = range.start + at + 1..range.end;
                        self.misspell(Kind::Reference, text, line, name);
                    }
                }
            } else if is_word(table, key) {
                // The first word of a scope, as in `write /etc`.
                let end = word.find(' ').map_or(range.end, |at| range.start + at);
                self.misspell(Kind::Word, text, line, range.start..end);
            } else if refers(table, key) && !line.of_variant() {
                self.misspell(Kind::Reference, text, line, range);
            }
        }
        // The names of volumes are keys.
        if line.part == Part::Entry && line.plain_table() == "disk.volumes" {
            let name = line.key.trim_matches('"');
            let start = line.text.find(name).unwrap_or(0);
            self.misspell(Kind::Reference, text, line, start..start + name.len());
        }
    }

    /// The key that a value stands at: within braces the inner one.
    fn key_of<'t>(line: &Line<'t>, at: &Range<usize>) -> &'t str {
        let inner = line.inner_keys().into_iter().rfind(|key| key.end < at.start);
        inner.map_or(line.key, |key| &line.text[key])
    }
}
