//! The lines of a definition, each with the table and the key that it belongs to. Not a reader of
//! TOML: samples have one key a line, and mistakes are made in their text.

use std::ops::Range;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// `[table]`.
    Head,
    /// `[[table]]`.
    ListHead,
    /// `key = …`.
    Entry,
    /// An item of a list of several lines.
    Item,
    /// What has nothing in it to be mistaken: blank, a comment, the text of several lines, the end of
    /// a list.
    Other,
}

/// A line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line<'t> {
    /// From 1.
    pub(super) number: usize,
    pub(super) text: &'t str,
    pub(super) part: Part,
    /// The table, as its head names it; empty above the first one.
    pub(super) table: &'t str,
    /// The line of its head; 0 above the first one.
    pub(super) head: usize,
    /// The key; empty where the line has none.
    pub(super) key: &'t str,
}

impl<'t> Line<'t> {
    /// Whether it is of a variant: what is in one is read, and planned only where it is chosen.
    pub(super) fn of_variant(&self) -> bool {
        self.table.starts_with("variants.")
    }

    /// What stands behind the equals sign, without a remark at its end.
    pub(super) fn value(&self) -> &'t str {
        &self.text[self.value_range()]
    }

    pub(super) fn value_range(&self) -> Range<usize> {
        let start = match self.part {
            Part::Entry => self.text.find(" = ").map_or(self.text.len(), |at| at + 3),
            _ => 0,
        };
        let end = remark(self.text).unwrap_or(self.text.len());
        start..self.text[..end].trim_end().len().max(start)
    }

    /// Whether the value goes over several lines.
    pub(super) fn goes_on(&self) -> bool {
        ["[", "\"\"\""].contains(&self.value())
    }

    /// What stands between quotes, from `from` on.
    pub(super) fn quoted(&self, from: usize) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut open = None;
        let end = remark(self.text).unwrap_or(self.text.len());
        for (at, sign) in self.text[..end].char_indices().filter(|(_, sign)| *sign == '"') {
            let escaped = self.text[..at].ends_with('\\');
            match open {
                None => open = Some(at + sign.len_utf8()),
                Some(start) if !escaped => {
                    found.push(start..at);
                    open = None;
                }
                Some(_) => {}
            }
        }
        found.retain(|range| range.start > from && !range.is_empty());
        found
    }

    /// The keys of a table in braces.
    pub(super) fn inner_keys(&self) -> Vec<Range<usize>> {
        let value = self.value_range();
        if !self.text[value.clone()].starts_with('{') {
            return Vec::new();
        }
        let signs = self.text[value.clone()].match_indices(" = ");
        let key = |(at, _): (usize, &str)| {
            let end = value.start + at;
            let start = self.text[..end].rfind(' ').map_or(end, |at| at + 1);
            start..end
        };
        signs.map(key).collect()
    }

    /// The table without what only a variant has before its name: `files` of `variants.small.files`,
    /// and the definition itself of `variants.small`.
    pub(super) fn plain_table(&self) -> &'t str {
        match self.table.strip_prefix("variants.") {
            Some(variant) => variant.split_once('.').map_or("", |(_, table)| table),
            None => self.table,
        }
    }
}

/// Where a remark begins.
fn remark(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, sign)| {
        quoted ^= sign == '"';
        (sign == '#' && !quoted).then_some(at)
    })
}

/// The lines of a text.
pub(super) fn lines(text: &str) -> Vec<Line<'_>> {
    let mut all = Vec::new();
    let (mut table, mut head, mut key) = ("", 0, "");
    // What ends the value of several lines that a line is within.
    let mut until: Option<&str> = None;
    for (number, text) in (1..).zip(text.lines()) {
        let bare = text.trim();
        let mut part = Part::Other;
        if let Some(end) = until {
            if bare == end {
                until = None;
            } else if end == "]" && bare.starts_with('"') {
                part = Part::Item;
            }
        } else if let Some(name) = bare.strip_prefix("[[").and_then(|rest| rest.strip_suffix("]]"))
        {
            (table, head, key, part) = (name, number, "", Part::ListHead);
        } else if let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            (table, head, key, part) = (name, number, "", Part::Head);
        } else if let Some((name, value)) =
            bare.split_once(" = ").filter(|_| !bare.starts_with('#'))
        {
            (key, part) = (name, Part::Entry);
            until = match value {
                "[" => Some("]"),
                "\"\"\"" => Some("\"\"\""),
                _ => None,
            };
        } else {
            key = "";
        }
        all.push(Line { number, text, part, table, head, key });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_know_their_tables_and_keys() {
        let text = "a = 1 # one\n[t]\nlist = [\n    \"x\",\n]\n[[u.v]]\nb = { c = \"#\", d = 2 }\n";
        let lines = lines(text);
        let told: Vec<_> = lines.iter().map(|l| (l.part, l.table, l.head, l.key)).collect();
        assert_eq!(
            told,
            [
                (Part::Entry, "", 0, "a"),
                (Part::Head, "t", 2, ""),
                (Part::Entry, "t", 2, "list"),
                (Part::Item, "t", 2, "list"),
                (Part::Other, "t", 2, "list"),
                (Part::ListHead, "u.v", 6, ""),
                (Part::Entry, "u.v", 6, "b"),
            ]
        );
        assert_eq!((lines[0].value(), lines[6].value()), ("1", "{ c = \"#\", d = 2 }"));
        let inner: Vec<_> =
            lines[6].inner_keys().into_iter().map(|at| &lines[6].text[at]).collect();
        assert_eq!(inner, ["c", "d"]);
        assert_eq!(
            lines[3].quoted(0).into_iter().map(|at| &lines[3].text[at]).collect::<Vec<_>>(),
            ["x"]
        );
    }
}
