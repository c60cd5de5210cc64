//! One entry of `[[block-device]]`: its keys, each of which is taken once and typed.

use std::collections::BTreeMap;
use std::ops::Range;

use dibhost_text::{closest, did_you_mean, parse_size, quoted_list};
use toml::de::{DeString, DeTable, DeValue};

use super::error::ConfigError;
use super::size::{self, SIZES};
use crate::node::Size;
use crate::percent::percent;

pub(super) type Item<'i> = toml::Spanned<DeValue<'i>>;
type Key<'i> = toml::Spanned<DeString<'i>>;

/// A table of the text, and what was found wrong so far.
pub(super) struct Entry<'a, 'i> {
    table: &'a DeTable<'i>,
    /// The whole of it.
    pub(super) span: Range<usize>,
    /// What it is called in errors.
    pub(super) called: String,
    pub(super) wrong: &'a mut Vec<ConfigError>,
}

impl<'a, 'i> Entry<'a, 'i> {
    /// A table, called so in errors; none: it is no table.
    pub(super) fn of_table(
        item: &'a Item<'i>,
        called: &str,
        wrong: &'a mut Vec<ConfigError>,
    ) -> Option<Self> {
        let DeValue::Table(table) = item.get_ref() else { return None };
        Some(Self { table, span: item.span(), called: called.to_owned(), wrong })
    }

    pub(super) fn get(&self, key: &str) -> Option<(&'a Key<'i>, &'a Item<'i>)> {
        self.table.iter().find(|(known, _)| known.get_ref() == key)
    }

    pub(super) fn refuse(&mut self, span: Range<usize>, problem: &str, help: impl Into<String>) {
        self.wrong.push(ConfigError::new(span, format!("{}: {problem}", self.called), help));
    }

    /// A key that is nearly this one: then this one is not missing.
    pub(super) fn misspelt(&self, key: &str) -> Option<&'a Key<'i>> {
        let near = |name: &&Key<'_>| closest(name.get_ref(), [key]).is_some();
        self.table.keys().find(near).filter(|_| self.get(key).is_none())
    }

    pub(super) fn missing(&mut self, key: &str, example: &str) {
        if self.misspelt(key).is_some() {
            return;
        }
        let problem = format!("it has no `{key}`");
        self.refuse(self.span.clone(), &problem, format!("add `{key} = {example}`"));
    }

    pub(super) fn known_keys(&mut self, kind: &str, keys: &[&str], common: &[&str]) {
        let table = self.table;
        for (key, _) in table {
            let name: &str = key.get_ref();
            if keys.contains(&name) || common.contains(&name) {
                continue;
            }
            let known: Vec<&str> = common.iter().chain(keys).copied().collect();
            let homes = || {
                let homes = super::keys::types_with(name);
                (!homes.is_empty()).then(|| format!("`{name}` is a key of {}.", quoted_list(homes)))
            };
            let near =
                did_you_mean(name, known.iter().copied()).or_else(homes).map(|meant| meant + " ");
            let unknown = near.is_none().then(|| name.to_owned());
            let help =
                format!("{}{kind} has the keys `{}`", near.unwrap_or_default(), known.join("`, `"));
            self.refuse(key.span(), &format!("the key `{}` is unknown", name.escape_debug()), help);
            if let Some(error) = self.wrong.last_mut() {
                error.unknown = unknown;
            }
        }
    }

    fn not(&mut self, item: &Item<'_>, key: &str, wanted: &str) {
        let is = match item.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with decimals",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let problem = format!("`{key}` is {is}");
        self.refuse(item.span(), &problem, format!("write {wanted}"));
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let (_, item) = self.get(key)?;
        if let DeValue::String(text) = item.get_ref() {
            return Some(text.to_string());
        }
        self.not(item, key, "a text in quotes");
        None
    }

    /// One of a few words, and what it stands for.
    pub(super) fn one_of<T: Copy, const N: usize>(
        &mut self,
        key: &str,
        words: [(&str, T); N],
    ) -> Option<T> {
        let text = self.text(key)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words = words.map(|(word, _)| word);
        let near = did_you_mean(&text, words).map(|meant| meant + " ");
        let help = format!("{}write `{}`", near.unwrap_or_default(), words.join("` or `"));
        let span = self.get(key).map_or(self.span.clone(), |(_, item)| item.span());
        self.refuse(span, &format!("`{key}` is `{}`", text.escape_debug()), help);
        None
    }

    /// A text, or a list of texts.
    pub(super) fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let (_, item) = self.get(key)?;
        match item.get_ref() {
            DeValue::String(text) => Some(vec![text.to_string()]),
            DeValue::Array(items) => {
                let mut texts = Vec::new();
                for item in items.iter() {
                    match item.get_ref() {
                        DeValue::String(text) => texts.push(text.to_string()),
                        _ => self.not(item, key, "texts in quotes"),
                    }
                }
                Some(texts)
            }
            _ => {
                self.not(item, key, "a text in quotes or a list of them");
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        let (_, item) = self.get(key)?;
        if let DeValue::Boolean(value) = item.get_ref() {
            return Some(*value);
        }
        self.not(item, key, "`true` or `false`");
        None
    }

    /// A whole number within bounds.
    pub(super) fn number(
        &mut self,
        key: &str,
        bounds: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let (_, item) = self.get(key)?;
        let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        if let DeValue::Integer(integer) = item.get_ref() {
            let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
            if let Some(number) = number.filter(|n| bounds.contains(n)) {
                return Some(number);
            }
            let problem = format!("`{key}` is {}", integer.as_str());
            self.refuse(item.span(), &problem, format!("write {wanted}"));
        } else {
            self.not(item, key, &wanted);
        }
        None
    }

    /// Bytes, with a unit or none.
    pub(super) fn bytes(&mut self, key: &str) -> Option<u64> {
        match self.sized(
            key,
            |text| parse_size(text).ok().map(Size::Bytes),
            "bytes such as `4 MiB`",
        )? {
            Size::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// How large.
    pub(super) fn size(&mut self, key: &str) -> Option<Size> {
        let size = self.sized(key, size::size_of, SIZES.trim_start_matches("write "))?;
        if let (Size::Share(share) | Size::ShareOfRest(share), Some((_, item))) =
            (size, self.get(key))
            && !(1..=1_000_000).contains(&share)
        {
            let problem = format!("`{key}` is {}", percent(share));
            self.refuse(item.span(), &problem, "write from 0.0001% to 100%");
            return None;
        }
        Some(size)
    }

    fn sized(
        &mut self,
        key: &str,
        parse: impl Fn(&str) -> Option<Size>,
        wanted: &str,
    ) -> Option<Size> {
        let (_, item) = self.get(key)?;
        match item.get_ref() {
            DeValue::Integer(_) => self.number(key, 0..=u64::MAX).map(Size::Bytes),
            DeValue::String(text) => {
                let size = parse(text);
                if size.is_none() {
                    let problem = format!("`{key}` is `{}`, which is no size", text.escape_debug());
                    self.refuse(item.span(), &problem, format!("write {wanted}"));
                }
                size
            }
            _ => {
                self.not(item, key, wanted);
                None
            }
        }
    }

    /// The pairs of a table: texts, numbers and truths, as texts.
    pub(super) fn pairs(&mut self, key: &str) -> Vec<(String, String)> {
        let Some((_, item)) = self.get(key) else { return Vec::new() };
        let DeValue::Table(table) = item.get_ref() else {
            self.not(item, key, "a table such as `{ free-space = \"64 MiB\" }`");
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for (name, value) in table {
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Boolean(value) => value.to_string(),
                DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().to_owned(),
                _ => {
                    self.not(value, name.get_ref(), "a text, a whole number, or `true` or `false`");
                    continue;
                }
            };
            pairs.push((name.get_ref().to_string(), text));
        }
        pairs
    }

    /// What stands at `mount`: a path, or a table of a mount's own keys.
    pub(super) fn mount(&mut self, keys: &[&str]) -> Option<MountEntry<'a, 'i>> {
        let (_, item) = self.get("mount")?;
        match item.get_ref() {
            DeValue::String(path) => Some(MountEntry::At(path.to_string())),
            DeValue::Table(table) => {
                let mut inner = Entry {
                    table,
                    span: item.span(),
                    called: format!("{}, its mount", self.called),
                    wrong: &mut *self.wrong,
                };
                inner.known_keys("a mount", keys, &[]);
                Some(MountEntry::Table(table, item.span()))
            }
            _ => {
                self.not(item, "mount", "a path, or a table such as `{ at = \"/\" }`");
                None
            }
        }
    }

    /// Where what stands at each key is.
    pub(super) fn places(&self) -> BTreeMap<String, Range<usize>> {
        places_in(self.table)
    }

    /// Where the mount is that a filesystem or subvolume says itself, and what stands at its keys.
    pub(super) fn places_of_mount(&self) -> (Range<usize>, BTreeMap<String, Range<usize>>) {
        let Some((_, item)) = self.get("mount") else { return (self.span.clone(), self.places()) };
        let keys = match item.get_ref() {
            DeValue::Table(table) => places_in(table),
            _ => BTreeMap::from([("at".to_owned(), item.span())]),
        };
        (item.span(), keys)
    }

    /// The same errors, for a table within.
    pub(super) fn within<'b>(
        &'b mut self,
        table: &'b DeTable<'i>,
        span: Range<usize>,
    ) -> Entry<'b, 'i> {
        let called = format!("{}, its mount", self.called);
        Entry { table, span, called, wrong: &mut *self.wrong }
    }
}

fn places_in(table: &DeTable<'_>) -> BTreeMap<String, Range<usize>> {
    let mut places = BTreeMap::new();
    for (key, item) in table {
        if let DeValue::Table(inner) = item.get_ref() {
            let within = inner.iter().map(|(name, item)| (name.get_ref(), item.span()));
            places.extend(within.map(|(name, span)| (format!("{}.{name}", key.get_ref()), span)));
        }
        places.insert(key.get_ref().to_string(), item.span());
    }
    places
}

/// What stands at `mount` of a filesystem or subvolume.
pub(super) enum MountEntry<'a, 'i> {
    At(String),
    Table(&'a DeTable<'i>, Range<usize>),
}
