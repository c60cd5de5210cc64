//! Values that are wrong, and what is there twice, not at all, or in a wrong table.

use super::super::Kind;
use super::super::lines::{Line, Part};
use super::super::values::{RANGES, REQUIRED, is_text_too, takes_lists};
use super::{Candidates, FREE, Text};

impl Candidates<'_> {
    pub(super) fn wrong(&mut self, text: &Text<'_>) {
        for line in text.lines.iter().filter(|line| line.part == Part::Entry) {
            if !line.goes_on() {
                self.wrong_type(text, line);
                self.out_of_range(text, line);
                self.written_twice(text, line);
                self.named_twice(text, line);
            }
            self.left_out(text, line);
        }
        for line in text.lines.iter().filter(|line| line.part == Part::Head) {
            self.table_twice(text, line);
        }
    }

    fn set(&mut self, kind: Kind, text: &Text<'_>, line: &Line<'_>, value: &str) {
        let range = line.value_range();
        let said = format!("{}{value}{}", &line.text[..range.start], &line.text[range.end..]);
        self.edit(kind, text, (line, text.subject(line)), &said, None);
    }

    fn wrong_type(&mut self, text: &Text<'_>, line: &Line<'_>) {
        let value = line.value();
        let (table, key) = (line.plain_table(), line.key);
        let quoted = format!("\"{value}\"");
        let first = value.trim_matches(['[', ']']).split(", ").next().unwrap_or_default();
        let others: Vec<&str> = match value.chars().next() {
            Some('"') => vec!["true", "1.5", "{ value = 1 }"],
            Some('[') if takes_lists(table, key) => vec!["true", "7"],
            Some('[') => vec![first, "true", "7"],
            Some('{') => vec!["7", "[\"one\", \"two\"]"],
            Some('t' | 'f') => vec![quoted.as_str(), "1", "\"yes\""],
            _ if is_text_too(table, key) => vec!["[1]", "1.5"],
            _ => vec![quoted.as_str(), "true", "1.5"],
        };
        for other in others {
            self.set(Kind::Type, text, line, other);
        }
    }

    fn out_of_range(&mut self, text: &Text<'_>, line: &Line<'_>) {
        let home = text.home(line);
        let of_it = RANGES.iter().filter(|(table, key, _)| *table == home && *key == line.key);
        for value in of_it.flat_map(|(_, _, values)| *values) {
            self.set(Kind::Range, text, line, value);
        }
    }

    fn written_twice(&mut self, text: &Text<'_>, line: &Line<'_>) {
        let mut whole: Vec<&str> = text.lines.iter().map(|there| there.text).collect();
        whole.insert(line.number, line.text);
        let at = (line.number + 1, line.text);
        let right = Some(line.key.trim_matches('"'));
        self.push(Kind::Twice, text, text.subject(line), &whole, at, right);
    }

    /// Two entries of a list of tables have one name.
    fn named_twice(&mut self, text: &Text<'_>, line: &Line<'_>) {
        let named = match line.plain_table() {
            "users" | "repositories" | "block-device" => line.key == "name",
            "files" => line.key == "path",
            // Several entries may be about one unit.
            _ => false,
        };
        let before = text.lines.iter().take_while(|there| there.number < line.number);
        let same = |there: &&Line<'_>| {
            (there.table, there.key, there.part) == (line.table, line.key, Part::Entry)
        };
        let Some(other) = before.filter(same).last().filter(|_| named) else { return };
        let said = format!("{} = {}", line.key, other.value());
        let right = other.value().trim_matches('"');
        let subject = format!("{} twice", line.plain_table());
        self.edit(Kind::Twice, text, (line, subject), &said, Some(right));
    }

    fn table_twice(&mut self, text: &Text<'_>, line: &Line<'_>) {
        let mut whole: Vec<&str> = text.lines.iter().map(|there| there.text).collect();
        whole.extend(["", line.text]);
        let at = (whole.len(), line.text);
        let last = line.table.rsplit('.').next();
        self.push(Kind::Twice, text, "tables".to_owned(), &whole, at, last);
    }

    fn left_out(&mut self, text: &Text<'_>, line: &Line<'_>) {
        let home = text.home(line);
        let required = REQUIRED.contains(&(home.as_str(), line.key))
            || home.starts_with("block-device ") && ["name", "type"].contains(&line.key);
        if !required {
            return;
        }
        // A value of several lines goes with them.
        let rest =
            text.lines[line.number..].iter().take_while(|t| t.key == line.key && line.goes_on());
        let end = line.number + rest.count();
        let kept = text.lines.iter().filter(|t| !(line.number..=end).contains(&t.number));
        let whole: Vec<&str> = kept.map(|there| there.text).collect();
        let shown = format!("{} without `{}`", text.lines[line.head - 1].text, line.key);
        let at = (line.head, shown.as_str());
        // Each type of node lacks its name in the same way.
        let subject = match ["name", "type"].contains(&line.key) {
            true => format!("{} {}", line.plain_table(), line.key),
            false => text.subject(line),
        };
        self.push(Kind::Missing, text, subject, &whole, at, Some(line.key));
    }

    /// A line of a table that no other one has such a key as, copied into another one.
    pub(super) fn misplaced(&mut self, texts: &[Text<'_>]) {
        let mut strays: Vec<(&Line<'_>, String)> = Vec::new();
        let mut places: Vec<(&Text<'_>, &Line<'_>, String)> = Vec::new();
        for text in texts {
            let entries = text.lines.iter().filter(|line| line.part == Part::Entry);
            for line in entries.filter(|line| !line.goes_on()) {
                let home = text.home(line);
                let homes = self.keys.values().filter(|keys| keys.contains(line.key)).count();
                if !is_closed(&home) {
                    continue;
                }
                if homes == 1 {
                    strays.push((line, home.clone()));
                }
                // Below the first line of each table.
                if text.lines.iter().find(|t| t.part == Part::Entry && t.head == line.head)
                    == Some(line)
                {
                    places.push((text, line, home));
                }
            }
        }
        for (text, line, home) in places {
            let Some((stray, from)) = self.chance.one_of(&strays).cloned() else { return };
            if from == home {
                continue;
            }
            let mut whole: Vec<&str> = text.lines.iter().map(|there| there.text).collect();
            whole.insert(line.number, stray.text);
            let at = (line.number + 1, stray.text);
            // Of a node its type; of a key above the tables, that it stands there.
            let right = match from.strip_prefix("block-device ") {
                Some(kind) => kind,
                None if from.is_empty() => "above the first table",
                None => from.rsplit('.').next().unwrap_or_default(),
            };
            self.push(Kind::Place, text, format!("{from} {}", stray.key), &whole, at, Some(right));
        }
    }
}

/// A table whose keys are known to everybody.
fn is_closed(home: &str) -> bool {
    let open = home.starts_with("parameters.") || home == "root-filesystem.tuning";
    !(FREE.contains(&home) || open)
}
