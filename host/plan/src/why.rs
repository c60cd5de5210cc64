//! Why something is in an image: who asked for it, in which phase, in whose words.

mod command;
mod outcome;
mod subject;
mod unknown;
mod wanted;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use dibhost_definition::{Contents, StatedCommand};
use serde::Serialize;

use self::outcome::{outcome, writers};
use self::subject::subject;
pub use self::subject::{Kind, NoSuchSubject, Reason};
use self::unknown::{unknown, without_kind};
use self::wanted::{named, presence, subjects};
use crate::label::label;
use crate::parameters::one_line;
use crate::plan::{HOST, Plan};
use crate::wish::WishRecord;

/// The answer to "why".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Why {
    /// The kind of the subject.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What becomes of it: sentences.
    pub outcome: Vec<String>,
    /// Who asked, in the order of the phases.
    pub wanted_by: Vec<Reason>,
    /// How each of those came into the image: element, sentence part after "is in the image".
    pub elements: BTreeMap<String, String>,
}

impl Plan {
    /// Who wants `subject` (`package:openssh-server`, `unit:ssh.service`, `fact:SLOT`), and why.
    ///
    /// # Errors
    /// When nothing in the plan is called so, with what could have been meant.
    pub fn why(&self, subject: &str) -> Result<Why, NoSuchSubject> {
        let mut subjects = subjects(self);
        let asked = subject
            .split_once(':')
            .and_then(|(kind, name)| Kind::of(kind).map(|kind| (kind, name.to_owned())));
        let Some(key) = asked else { return Err(without_kind(subject, &subjects)) };
        let (kind, name) = &key;
        let Some(wanted_by) = subjects.remove(&key) else {
            return match writers(self, name) {
                writers if *kind == Kind::File && !writers.is_empty() => {
                    Ok(self.written_by(name, writers))
                }
                _ => Err(unknown(&key, &subjects, self)),
            };
        };
        let elements = wanted_by
            .iter()
            .filter_map(|r| r.element.clone())
            .filter(|element| element != HOST && element != Contents::ELEMENT);
        let elements = self.presences(elements);
        let outcome = outcome(self, *kind, name);
        let (kind, name) = key;
        Ok(Why { kind, name, outcome, wanted_by, elements })
    }

    /// A file that no wish places: a step may.
    fn written_by(&self, path: &str, writers: Vec<(String, String)>) -> Why {
        let (elements, told): (Vec<_>, Vec<_>) = writers.into_iter().unzip();
        let nobody = "no wish places it: a package brings it, or a step writes it".to_owned();
        Why {
            kind: Kind::File,
            name: path.to_owned(),
            outcome: std::iter::once(nobody).chain(told).collect(),
            wanted_by: Vec::new(),
            elements: self.presences(elements.into_iter()),
        }
    }

    /// How each of these came into the image.
    fn presences(&self, elements: impl Iterator<Item = String>) -> BTreeMap<String, String> {
        elements.map(|name| (name.clone(), presence(self, &name))).collect()
    }
}

/// The subjects that a wish is about.
pub(crate) fn of(record: &WishRecord) -> Vec<String> {
    named(&record.wish).into_iter().map(|(kind, name, _)| subject(kind, &name)).collect()
}

/// The subjects that an argument of the kernel is: it, and the word before its `=`.
pub(crate) fn of_argument(argument: &str) -> Vec<String> {
    let word = argument.split('=').next().unwrap_or_default();
    [argument, word].map(|name| subject(Kind::KernelArgument, name)).to_vec()
}

/// The subject that a command of the definition is.
pub(crate) fn of_command(command: &StatedCommand) -> String {
    subject(Kind::Command, &command::name_of(command))
}

impl Why {
    /// The answer for people. Ends in a newline.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let mut line = |indent: usize, text: String| {
            let _ = writeln!(out, "{}{}", "  ".repeat(indent), one_line(&text).trim_end());
        };
        line(0, format!("{}:{}", self.kind.name(), self.name));
        for outcome in &self.outcome {
            line(1, outcome.clone());
        }
        let verb =
            if matches!(self.kind, Kind::Fact | Kind::KernelArgument) { "gives" } else { "wants" };
        for reason in &self.wanted_by {
            let who = reason.element.as_ref().map_or_else(
                || "the definition".to_owned(),
                |element| match reason.phase {
                    _ if reason.place.is_some() => {
                        format!("the definition ({})", reason.place.as_deref().unwrap_or_default())
                    }
                    Some(phase) => {
                        format!("`{}` (`{phase}`)", label(element, reason.step.as_deref()))
                    }
                    None => format!("`{element}`"),
                },
            );
            // Who reads the line knows why it is there.
            let why = reason.reason.as_ref().filter(|_| reason.place.is_none());
            let why = why.map(|r| format!(": {r}")).unwrap_or_default();
            line(1, format!("{who} {verb} {}{why}", reason.wants));
        }
        for (element, how) in &self.elements {
            line(1, format!("`{element}` is in the image: {how}"));
        }
        out
    }
}
