//! `[[units]]`: units of the init system, texts of them, and what becomes of them.

use toml::de::DeValue;

use crate::diagnostic::Diagnostic;
use crate::keys::UNIT_KEYS;
use crate::location::Spanned;
use crate::reader::{Item, Reader};
use crate::rule;

const STATES: [&str; 3] = ["enabled", "disabled", "masked"];

/// Where the text of a unit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatedText {
    /// Here.
    Content(String),
    /// In a file beside the definition.
    Source(Spanned<String>),
}

/// An entry of `[[units]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedUnit {
    /// With its suffix.
    pub name: Spanned<String>,
    /// Its text, or that of the drop-in.
    pub text: Option<StatedText>,
    /// The name of the drop-in that the text is, without `.conf`; none: the text is the unit.
    pub drop_in: Option<String>,
    /// `enabled`, `disabled` or `masked`; none: nobody says.
    pub state: Option<String>,
}

impl Reader<'_> {
    pub(crate) fn units(&mut self, item: &Item<'_>) -> Vec<Spanned<StatedUnit>> {
        let mut units = Vec::new();
        for entry in self.tables(item, "units") {
            if let Some(unit) = self.unit(entry) {
                units.push(self.spanned(entry, unit));
            }
        }
        units
    }

    fn unit(&mut self, entry: &Item<'_>) -> Option<StatedUnit> {
        let DeValue::Table(table) = entry.get_ref() else { return None };
        let misspelt = !self.known_keys(table, &UNIT_KEYS, "`[[units]]`");
        let value =
            |name: &str| table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, item)| item);
        let refused = self.wrong.0.len();
        let name = match value("name") {
            Some(item) => self.unit_name(item),
            // It is the key that was misspelt.
            None if misspelt => None,
            None => {
                self.refuse(
                    entry,
                    Diagnostic::new("an entry of `[[units]]` says no `name`").with_help(
                        "write\n[[units]]\nname = \"hello.service\"\nstate = \"enabled\"",
                    ),
                );
                None
            }
        };
        let content = value("content").and_then(|item| {
            self.ruled(item, "content", rule::text).map(|text| StatedText::Content(text.value))
        });
        let source =
            value("source").and_then(|item| self.beside(item, "source").map(StatedText::Source));
        let drop_in = value("drop-in").and_then(|item| self.drop_in(item));
        let state = value("state").and_then(|item| self.one_of(item, "state", &STATES));
        if misspelt || self.wrong.0.len() > refused {
            return None;
        }
        let message = match (value("content"), value("source"), value("drop-in"), &state) {
            (Some(_), Some(item), ..) => {
                Some((item, "a unit has both `content` and `source`", "leave one of the two out"))
            }
            (None, None, Some(item), _) => Some((
                item,
                "a drop-in has no text",
                "`drop-in` is the name of it, such as \"10-limits.conf\"; its text is `content`, or a file that `source` names",
            )),
            (None, None, None, None) => Some((
                entry,
                "an entry of `[[units]]` says nothing of its unit",
                "say what becomes of it by `state = \"enabled\"`, `\"disabled\"` or `\"masked\"`, or give it a text by `content` or `source`",
            )),
            (content, source, None, Some(state)) if state == "masked" => {
                content.or(source).map(|item| {
                    (
                        item,
                        "a unit that is masked has a text",
                        "what is masked cannot be started: leave the text or the state out",
                    )
                })
            }
            _ => None,
        };
        if let Some((item, message, help)) = message {
            self.refuse(item, Diagnostic::new(message).with_help(help));
            return None;
        }
        Some(StatedUnit { name: name?, text: content.or(source), drop_in, state })
    }

    fn unit_name(&mut self, item: &Item<'_>) -> Option<Spanned<String>> {
        let name = self.text(item, "name", "a text")?;
        let Err(why) = rule::unit_name(&name) else { return Some(name) };
        let with_suffix = format!("{}.service", &*name);
        let help = (!name.contains('.') && rule::unit_name(&with_suffix).is_ok())
            .then(|| format!("a unit's name has its suffix: \"{with_suffix}\""));
        self.refuse(
            item,
            Diagnostic::new(format!("the unit {:?} {why}", &*name)).with_optional_help(help),
        );
        None
    }

    fn drop_in(&mut self, item: &Item<'_>) -> Option<String> {
        let name = self.text(item, "drop-in", "the name of a file, as `\"10-limits.conf\"`")?;
        let bare = name.strip_suffix(".conf").unwrap_or(&name);
        if let Err(why) = rule::drop_in_name(bare) {
            let help =
                "it is the name of a file, such as \"10-limits.conf\"; the text is `content`";
            self.refuse(
                item,
                Diagnostic::new(format!("the drop-in {:?} {why}", &*name)).with_help(help),
            );
            return None;
        }
        Some(bare.to_owned())
    }
}
