//! Mistakes that people make in image definitions, made on purpose: a generator with a fixed seed.
//!
//! ```text
//! samples (valid definitions) ─► lines ─► candidates of each kind ─► so many, spread over kinds and keys
//! ```
//!
//! A mistake is one edit of one sample. It knows the line that is wrong and, where there is one, the
//! word that was meant.

mod candidates;
mod chance;
mod lines;
mod values;

use std::collections::BTreeMap;
use std::fmt;

use candidates::Candidates;
use chance::Chance;

/// A valid definition, or a file that one includes.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The file that is planned.
    pub planned: String,
    /// The file that mistakes are made in: the same, or one that it includes.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// What kind of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The name of a key is misspelt.
    Key,
    /// The name of a table is misspelt.
    Table,
    /// A key stands in a table that it is no key of.
    Place,
    /// A value is of another type.
    Type,
    /// A value is none that can be.
    Range,
    /// A word of a closed list is misspelt.
    Word,
    /// The name of an element is misspelt.
    Element,
    /// The name of an element's parameter is misspelt.
    Parameter,
    /// What something else is named by is misspelt: a secret, an input, a node, a file.
    Reference,
    /// A quote, a bracket, a brace, a comma or an equals sign is missing.
    Syntax,
    /// Something is there twice.
    Twice,
    /// Something is missing that has to be there.
    Missing,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Key,
        Self::Table,
        Self::Place,
        Self::Type,
        Self::Range,
        Self::Word,
        Self::Element,
        Self::Parameter,
        Self::Reference,
        Self::Syntax,
        Self::Twice,
        Self::Missing,
    ];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "a misspelt key",
            Self::Table => "a misspelt table",
            Self::Place => "a key in a wrong table",
            Self::Type => "a value of a wrong type",
            Self::Range => "a value that cannot be",
            Self::Word => "a misspelt word of a list",
            Self::Element => "a misspelt element",
            Self::Parameter => "a misspelt parameter",
            Self::Reference => "a misspelt name of another thing",
            Self::Syntax => "a missing sign",
            Self::Twice => "something that is there twice",
            Self::Missing => "something that is missing",
        })
    }
}

/// A definition with one mistake in it.
#[derive(Debug, Clone)]
pub struct Mistake {
    /// What kind of mistake it is.
    pub kind: Kind,
    /// The file that is planned.
    pub planned: String,
    /// The file that is wrong.
    pub file: String,
    /// All that is in it then.
    pub text: String,
    /// The line that is wrong, from 1.
    pub line: usize,
    /// The word that was meant, where there is one.
    pub right: Option<String>,
    /// What the line, or the lines about it, look like: for people.
    pub shown: String,
    /// What it was made of, for spreading: table and key.
    subject: String,
}

/// So many different mistakes, of all kinds alike as far as there are as many of each; the same for
/// the same samples and the same seed.
#[must_use]
pub fn mistakes(samples: &[Sample], seed: u64, count: usize) -> Vec<Mistake> {
    let mut chance = Chance::new(seed);
    let mut of_kind: BTreeMap<Kind, Vec<Mistake>> = BTreeMap::new();
    for mistake in Candidates::of(samples, &mut chance) {
        of_kind.entry(mistake.kind).or_default().push(mistake);
    }
    for candidates in of_kind.values_mut() {
        chance.shuffle(candidates);
        *candidates = spread(std::mem::take(candidates));
    }
    let mut made: Vec<Mistake> = Vec::new();
    while made.len() < count && of_kind.values().any(|candidates| !candidates.is_empty()) {
        for candidates in of_kind.values_mut() {
            // Two edits may come to the same.
            let same = |a: &Mistake, b: &Mistake| a.file == b.file && a.text == b.text;
            candidates.retain(|candidate| !made.iter().any(|there| same(there, candidate)));
            if made.len() < count && !candidates.is_empty() {
                made.push(candidates.remove(0));
            }
        }
    }
    made
}

/// Puts those first whose table and key no other before them has: each is there once before one is
/// there twice.
fn spread(candidates: Vec<Mistake>) -> Vec<Mistake> {
    let mut turns: BTreeMap<String, usize> = BTreeMap::new();
    let turn_of = |mistake: Mistake| {
        let turn = turns.entry(mistake.subject.clone()).or_default();
        *turn += 1;
        (*turn, mistake)
    };
    let mut turned: Vec<(usize, Mistake)> = candidates.into_iter().map(turn_of).collect();
    turned.sort_by_key(|(turn, _)| *turn);
    turned.into_iter().map(|(_, mistake)| mistake).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
packages = [\"nginx\"]

[image]
name = \"web\"
elements = [\"debian\", \"vm\"]
arch = \"amd64\"

[[users]]
name = \"deploy\"
sudo = \"password\"
";

    fn sample() -> Sample {
        let file = "web.toml".to_owned();
        Sample { planned: file.clone(), file, text: TEXT.to_owned() }
    }

    #[test]
    fn mistakes_are_the_same_for_a_seed_and_of_all_kinds_alike() {
        let made = |seed| mistakes(&[sample()], seed, 40);
        let told = |made: Vec<Mistake>| made.into_iter().map(|m| m.text).collect::<Vec<_>>();
        assert_eq!(told(made(1)), told(made(1)));
        assert_ne!(told(made(1)), told(made(2)));
        let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
        for mistake in made(3) {
            *counts.entry(mistake.kind).or_default() += 1;
        }
        // It has no parameters, and nothing that names another thing.
        assert_eq!(counts.len(), Kind::ALL.len() - 2, "{counts:?}");
        let (least, most) = (counts.values().min(), counts.values().max());
        assert!(least >= Some(&2) && most <= Some(&6), "{counts:?}");
    }

    #[test]
    fn a_mistake_is_on_its_line_and_no_mistake_is_made_twice() {
        let made = mistakes(&[sample()], 4, 60);
        let right: Vec<&str> = TEXT.lines().collect();
        for (at, mistake) in made.iter().enumerate() {
            assert_ne!(mistake.text, TEXT, "{mistake:?}");
            assert!(made[..at].iter().all(|other| other.text != mistake.text), "{mistake:?}");
            let wrong: Vec<&str> = mistake.text.lines().collect();
            let first = wrong.iter().zip(&right).position(|(wrong, right)| wrong != right);
            // What is missing is missed at the head of its table.
            let first = first.map_or(right.len(), |first| first) + 1;
            assert!(mistake.line <= first + 1, "{mistake:?}");
        }
    }
}
