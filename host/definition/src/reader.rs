//! Reads TOML item by item: each has its place, and what is wrong with one is noted while the
//! reading goes on, so that all of it is told at once. What the items mean is said by those who
//! read with it.

use toml::de::{DeString, DeTable, DeValue};

use crate::capability::Capability;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::home;
use crate::location::{Source, Spanned};
use dibhost_text::{closest, did_you_mean, harmless, quoted_list};

pub(crate) type Key<'i> = toml::Spanned<DeString<'i>>;
pub(crate) type Item<'i> = toml::Spanned<DeValue<'i>>;

/// What is read, and what was found wrong so far.
pub(crate) struct Reader<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) wrong: Diagnostics,
}

impl Reader<'_> {
    /// Refuses keys that are unknown, and says whether there was none: where one is misspelt, what is
    /// missing is told of it alone.
    pub(crate) fn known_keys(&mut self, table: &DeTable<'_>, known: &[&str], place: &str) -> bool {
        self.known_words(table, known, place, "key")
    }

    /// The keys of a table that are capabilities.
    pub(crate) fn known_capabilities(&mut self, table: &DeTable<'_>, place: &str) {
        let known = Capability::ALL.map(Capability::name);
        self.known_words(
            table,
            &known,
            &format!("{place}, whose keys are capabilities,"),
            "capability",
        );
    }

    fn known_words(
        &mut self,
        table: &DeTable<'_>,
        known: &[&str],
        place: &str,
        what: &str,
    ) -> bool {
        let unknown = |key: &Key<'_>| !known.contains(&key.get_ref().as_ref());
        let before = self.wrong.0.len();
        for (key, item) in table.iter().filter(|(key, _)| unknown(key)) {
            let word = key.get_ref().as_ref();
            let near = did_you_mean(word, known.iter().copied());
            // What is a key elsewhere may have been meant for there.
            let said: Vec<String> = near.into_iter().chain(home::of(word, place)).collect();
            let help = match said.is_empty() {
                true => format!("{place} knows {}", quoted_list(known)),
                false => said.join(" "),
            };
            let top = place == "the definition" && matches!(item.get_ref(), DeValue::Table(_));
            let what = if top { "table" } else { what };
            let message = format!("unknown {what} `{word}`");
            let place = self.source.locate(&key.span());
            self.wrong.push(Diagnostic::new(message).at(Some(&place)).with_help(help));
        }
        self.wrong.0.len() == before
    }

    pub(crate) fn table<'t, 'i>(
        &mut self,
        item: &'t Item<'i>,
        name: &str,
    ) -> Option<&'t DeTable<'i>> {
        match item.get_ref() {
            DeValue::Table(table) => Some(table),
            value => {
                let message = format!("`{name}` has to be a table; this is {}", kind(value));
                self.refuse(
                    item,
                    Diagnostic::new(message).with_help(format!("write it as `[{name}]`")),
                );
                None
            }
        }
    }

    pub(crate) fn text(
        &mut self,
        item: &Item<'_>,
        key: &str,
        wanted: &str,
    ) -> Option<Spanned<String>> {
        match item.get_ref() {
            DeValue::String(text) => Some(self.spanned(item, text.to_string())),
            value => {
                let message = format!("`{key}` has to be {wanted}; this is {}", kind(value));
                self.refuse(item, Diagnostic::new(message));
                None
            }
        }
    }

    pub(crate) fn texts(
        &mut self,
        item: &Item<'_>,
        key: &str,
        wanted: &str,
    ) -> Vec<Spanned<String>> {
        if let DeValue::Array(array) = item.get_ref() {
            let entry = format!("an entry of `{key}`");
            return array.iter().filter_map(|item| self.text_entry(item, &entry)).collect();
        }
        let message = format!("`{key}` has to be {wanted}; this is {}", kind(item.get_ref()));
        self.refuse(item, Diagnostic::new(message));
        Vec::new()
    }

    fn text_entry(&mut self, item: &Item<'_>, entry: &str) -> Option<Spanned<String>> {
        match item.get_ref() {
            DeValue::String(text) => Some(self.spanned(item, text.to_string())),
            value => {
                self.refuse(
                    item,
                    Diagnostic::new(format!("{entry} has to be a text; this is {}", kind(value))),
                );
                None
            }
        }
    }

    pub(crate) fn checked_text<T>(
        &mut self,
        item: &Item<'_>,
        key: &str,
        check: impl FnOnce(&str) -> Result<T, Diagnostic>,
    ) -> Option<(Spanned<String>, T)> {
        let text = self.text(item, key, "a text")?;
        match check(&text) {
            Ok(checked) => Some((text, checked)),
            Err(diagnostic) => {
                self.refuse(item, diagnostic);
                None
            }
        }
    }

    /// A text that keeps to a rule.
    pub(crate) fn ruled(
        &mut self,
        item: &Item<'_>,
        key: &str,
        rule: fn(&str) -> Result<(), String>,
    ) -> Option<Spanned<String>> {
        let text = self.text(item, key, "a text")?;
        self.keeping(text, key, rule)
    }

    /// The texts of a list, each of which keeps to a rule.
    pub(crate) fn all_ruled(
        &mut self,
        item: &Item<'_>,
        key: &str,
        wanted: &str,
        rule: fn(&str) -> Result<(), String>,
    ) -> Vec<Spanned<String>> {
        let texts = self.texts(item, key, wanted);
        let entry = format!("an entry of `{key}`");
        texts.into_iter().filter_map(|text| self.keeping(text, &entry, rule)).collect()
    }

    fn keeping(
        &mut self,
        text: Spanned<String>,
        key: &str,
        rule: fn(&str) -> Result<(), String>,
    ) -> Option<Spanned<String>> {
        let Err(why) = rule(&text) else { return Some(text) };
        let what = if key.contains('`') { key.to_owned() } else { format!("`{key}`") };
        let shown = harmless(&text, 60);
        let mended = mended(&text).filter(|near| rule(near).is_ok());
        let help = mended.map(|near| format!("did you mean `{near}`?"));
        self.wrong.push(
            Diagnostic::new(format!("{what} \"{shown}\" {why}"))
                .at(text.location.as_ref())
                .with_optional_help(help),
        );
        None
    }

    /// A word of a short list.
    pub(crate) fn one_of(&mut self, item: &Item<'_>, key: &str, words: &[&str]) -> Option<String> {
        let word = self.text(item, key, &format!("one of {}", quoted_list(words)))?;
        if words.contains(&word.as_str()) {
            return Some(word.value);
        }
        let help = did_you_mean(&word, words.iter().copied())
            .unwrap_or_else(|| format!("`{key}` is one of {}", quoted_list(words)));
        let shown = harmless(&word, 60);
        self.refuse(
            item,
            Diagnostic::new(format!("`{key}` cannot be \"{shown}\"")).with_help(help),
        );
        None
    }

    /// `true` or `false`; what is neither is told, and false.
    pub(crate) fn boolean(&mut self, item: &Item<'_>, key: &str) -> bool {
        match item.get_ref() {
            DeValue::Boolean(value) => *value,
            value => {
                let message =
                    format!("`{key}` has to be `true` or `false`; this is {}", kind(value));
                self.refuse(item, Diagnostic::new(message));
                false
            }
        }
    }

    /// The path of a file or a folder of the builder.
    pub(crate) fn beside(&mut self, item: &Item<'_>, key: &str) -> Option<Spanned<String>> {
        let path = self.text(item, key, "the path of a file beside the definition")?;
        if path.is_empty() || path.contains('\0') {
            self.refuse(item, Diagnostic::new(format!("`{key}` is no path of a file")));
            return None;
        }
        Some(path)
    }

    /// The tables of a list of them, each an item: `[[files]]`.
    pub(crate) fn tables<'t, 'i>(&mut self, item: &'t Item<'i>, name: &str) -> Vec<&'t Item<'i>> {
        let entries = match item.get_ref() {
            DeValue::Array(array) => array.iter().collect(),
            _ => vec![item],
        };
        let mut tables = Vec::new();
        for entry in entries {
            let value = entry.get_ref();
            if matches!(value, DeValue::Table(_)) && matches!(item.get_ref(), DeValue::Array(_)) {
                tables.push(entry);
                continue;
            }
            let is = kind(value);
            self.refuse(
                entry,
                Diagnostic::new(format!("`{name}` has to be a list of tables; this is {is}"))
                    .with_help(format!("write each of them as `[[{name}]]`, in two brackets")),
            );
        }
        tables
    }

    pub(crate) fn refuse(&mut self, item: &Item<'_>, diagnostic: Diagnostic) {
        let place = self.source.locate(&item.span());
        self.wrong.push(diagnostic.at(Some(&place)));
    }

    pub(crate) fn spanned<T>(&self, item: &Item<'_>, value: T) -> Spanned<T> {
        Spanned::new(value, self.source.locate(&item.span()))
    }
}

/// Whether a key is nearly another one, so that it was probably meant to be that.
pub(crate) fn near(key: &Key<'_>, meant: &str) -> bool {
    let word: &str = key.get_ref();
    word != meant && closest(word, [meant]).is_some()
}

pub(crate) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let DeValue::Integer(integer) = value else { return None };
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

/// What a value is, for sentences that end in "this is …".
pub(crate) fn kind(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a text".to_owned(),
        DeValue::Integer(n) => format!("the number {n}"),
        DeValue::Float(n) => format!("the number {}", n.as_str()),
        DeValue::Boolean(b) => format!("`{b}`"),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// What somebody who wrote a name with capitals and spaces in it may have meant.
fn mended(text: &str) -> Option<String> {
    let words: Vec<_> = text.split_whitespace().map(str::to_lowercase).collect();
    let near = words.join("-");
    (near != text).then_some(near)
}

/// Whether a secret or an input may be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    !name.is_empty() && name.len() <= 100 && name.chars().all(fits) && !name.starts_with('-')
}
