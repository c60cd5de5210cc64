//! All mistakes of each kind that can be made in samples, more than anybody needs.

mod damaged;
mod misnamed;
mod wrong;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::chance::Chance;
use super::lines::{Line, Part, lines};
use super::{Kind, Mistake, Sample};

/// Tables whose keys whoever writes a definition chooses.
pub(super) const FREE: [&str; 4] = ["sysctl", "secrets", "disk.volumes", "environment"];

/// Makes candidates.
pub(super) struct Candidates<'a> {
    chance: &'a mut Chance,
    /// All words of the samples: what is one of them is no misspelt one.
    words: BTreeSet<String>,
    /// The keys of each table, as far as the samples have them.
    keys: BTreeMap<String, BTreeSet<String>>,
    made: Vec<Mistake>,
}

/// One sample, line by line.
struct Text<'a> {
    sample: &'a Sample,
    lines: Vec<Line<'a>>,
}

impl<'a> Candidates<'a> {
    /// All mistakes that are made in these samples.
    pub(super) fn of(samples: &[Sample], chance: &'a mut Chance) -> Vec<Mistake> {
        let text = |sample| Text { sample, lines: lines(&sample.text) };
        let texts: Vec<Text<'_>> = samples.iter().map(text).collect();
        let apart = |c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c));
        let words = samples.iter().flat_map(|sample| sample.text.split(apart)).map(str::to_owned);
        let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for text in &texts {
            for line in text.lines.iter().filter(|line| line.part == Part::Entry) {
                keys.entry(text.home(line)).or_default().insert(line.key.to_owned());
            }
        }
        let words = words.collect();
        let mut all = Candidates { chance, words, keys, made: Vec::new() };
        for text in &texts {
            all.misnamed(text);
            all.wrong(text);
            all.damaged(text);
        }
        all.misplaced(&texts);
        all.made
    }

    /// A mistake: `line` says otherwise, and is what is wrong. It is about `subject`.
    fn edit(
        &mut self,
        kind: Kind,
        text: &Text<'_>,
        (line, subject): (&Line<'_>, String),
        said: &str,
        right: Option<&str>,
    ) {
        let lines = text.lines.iter().map(|there| match there.number == line.number {
            true => said,
            false => there.text,
        });
        let whole = lines.collect::<Vec<_>>();
        let at = (line.number, said);
        self.push(kind, text, subject, &whole, at, right);
    }

    /// A word of a line is misspelt.
    fn misspell(&mut self, kind: Kind, text: &Text<'_>, line: &Line<'_>, at: Range<usize>) {
        let word = &line.text[at.clone()];
        let Some(slip) = self.chance.misspelt(word, &self.words) else { return };
        let said = format!("{}{slip}{}", &line.text[..at.start], &line.text[at.end..]);
        // Of tables there are many of the same name.
        let subject = if kind == Kind::Table { word.to_owned() } else { text.subject(line) };
        self.edit(kind, text, (line, subject), &said, Some(word));
    }

    /// A mistake: the sample has these lines then. `number` is the one that is wrong.
    fn push(
        &mut self,
        kind: Kind,
        text: &Text<'_>,
        subject: String,
        whole: &[&str],
        (number, shown): (usize, &str),
        right: Option<&str>,
    ) {
        self.made.push(Mistake {
            kind,
            planned: text.sample.planned.clone(),
            file: text.sample.file.clone(),
            text: whole.join("\n") + "\n",
            line: number,
            right: right.map(str::to_owned),
            shown: shown.trim().to_owned(),
            subject,
        });
    }

    fn free(line: &Line<'_>) -> bool {
        FREE.contains(&line.plain_table())
    }
}

impl Text<'_> {
    /// The table of a line as it is known by its keys: without a variant's name, the elements' of
    /// limits alike, and nodes by their type.
    fn home(&self, line: &Line<'_>) -> String {
        match line.plain_table() {
            "block-device" => {
                format!("block-device {}", self.entry(line, "type").unwrap_or_default())
            }
            table if table.starts_with("limits.elements.") => "limits".to_owned(),
            table if table.starts_with("grants.") => "grants".to_owned(),
            table if table.starts_with("inputs.") => "inputs".to_owned(),
            table => table.to_owned(),
        }
    }

    /// What a mistake in a line is about: its table and key.
    fn subject(&self, line: &Line<'_>) -> String {
        format!("{} {}", self.home(line), line.key)
    }

    /// The text at a key of the same table.
    fn entry(&self, line: &Line<'_>, key: &str) -> Option<&str> {
        let same = |there: &&Line<'_>| {
            there.part == Part::Entry && there.head == line.head && there.key == key
        };
        self.lines.iter().find(same).map(|there| there.value().trim_matches('"'))
    }
}
