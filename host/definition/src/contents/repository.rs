//! `[[repositories]]`: where packages come from besides.

use toml::de::DeValue;

use crate::diagnostic::Diagnostic;
use crate::keys::{DEB_KEYS, REPOSITORY_KEYS, RPM_KEYS};
use crate::location::Spanned;
use crate::reader::{Item, Reader, integer, kind, near};
use crate::rule;
use dibhost_text::quoted_list;

/// Keys of every repository.
const FORMATS: [&str; 2] = ["deb", "rpm"];
const LOCATIONS: [&str; 3] = ["baseurl", "metalink", "mirrorlist"];

/// How one is written.
const EXAMPLE: &str = "[[repositories]]\nname = \"vendor\"\nurl = \"https://…\"\nsuites = [\"stable\"]\ncomponents = [\"main\"]\nkey = \"keys/vendor.asc\"";

/// What a repository has that those of the other family have not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatedFormat {
    /// Of Debian packages.
    Deb {
        /// At least one.
        suites: Vec<String>,
        /// None where a suite has no components.
        components: Vec<String>,
    },
    /// Of RPM packages.
    Rpm {
        /// What is at the URL: `baseurl`, `metalink` or `mirrorlist`.
        location: String,
        /// The lower the better; none: 1000.
        cost: Option<i64>,
        /// Its packages come before those of modules.
        module_hotfixes: bool,
    },
}

/// An entry of `[[repositories]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedRepository {
    /// It becomes a file's name.
    pub name: Spanned<String>,
    /// `http:` or `https:`.
    pub url: Spanned<String>,
    /// Of which packages.
    pub format: StatedFormat,
    /// Files beside the definition: armoured public keys. One for Debian packages, at least one for RPM.
    pub keys: Vec<Spanned<String>>,
    /// None: the package manager's own.
    pub priority: Option<i64>,
    /// The image itself is not to know it.
    pub build_only: bool,
}

impl Reader<'_> {
    pub(crate) fn repositories(&mut self, item: &Item<'_>) -> Vec<Spanned<StatedRepository>> {
        let mut repositories = Vec::new();
        for entry in self.tables(item, "repositories") {
            if let Some(repository) = self.repository(entry) {
                repositories.push(self.spanned(entry, repository));
            }
        }
        repositories
    }

    fn repository(&mut self, entry: &Item<'_>) -> Option<StatedRepository> {
        let DeValue::Table(table) = entry.get_ref() else { return None };
        let value =
            |name: &str| table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, item)| item);
        let refused = self.wrong.0.len();
        let known: Vec<&str> =
            REPOSITORY_KEYS.iter().chain(&DEB_KEYS).chain(&RPM_KEYS).copied().collect();
        let all_known = self.known_keys(table, &known, "`[[repositories]]`");
        // Which keys belong to it is not known where this one is misspelt.
        if !all_known && table.keys().any(|key| near(key, "format")) {
            return None;
        }
        let format = value("format")
            .map_or(Some("deb".to_owned()), |item| self.one_of(item, "format", &FORMATS))?;
        let (others, other) = match format.as_str() {
            "rpm" => (&DEB_KEYS[..], "deb"),
            _ => (&RPM_KEYS[..], "rpm"),
        };
        for key in others {
            if let Some(item) = value(key) {
                self.refuse(
                    item,
                    Diagnostic::new(format!("a repository of {format} packages has no `{key}`"))
                        .with_help(format!("it is of repositories with format = \"{other}\"")),
                );
            }
        }
        let needed: &[&str] = if format == "rpm" {
            &["name", "url", "key"]
        } else {
            &["name", "url", "suites", "key"]
        };
        let missing: Vec<&&str> = needed.iter().filter(|key| value(key).is_none()).collect();
        // Where a key was misspelt, it is that.
        if !missing.is_empty() && all_known {
            let why = match missing.as_slice() {
                [key] if ***key == *"key" => ": there are no unsigned ones",
                _ => "",
            };
            let message =
                format!("an entry of `[[repositories]]` says no {}{why}", quoted_list(missing));
            self.refuse(entry, Diagnostic::new(message).with_help(format!("write\n{EXAMPLE}")));
        }
        let name = value("name").and_then(|item| self.ruled(item, "name", rule::repository_name));
        let url = value("url").and_then(|item| self.ruled(item, "url", rule::url));
        let keys = value("key").map(|item| self.keys(item, &format)).unwrap_or_default();
        let bounds = if format == "rpm" { 1..=9999 } else { -9999..=9999 };
        let priority = value("priority").and_then(|item| self.number(item, "priority", bounds));
        let build_only = value("build-only").is_some_and(|item| self.boolean(item, "build-only"));
        let format = match format.as_str() {
            "rpm" => StatedFormat::Rpm {
                location: value("location")
                    .and_then(|item| self.one_of(item, "location", &LOCATIONS))
                    .unwrap_or_else(|| "baseurl".to_owned()),
                cost: value("cost").and_then(|item| self.number(item, "cost", 0..=1_000_000)),
                module_hotfixes: value("module-hotfixes")
                    .is_some_and(|item| self.boolean(item, "module-hotfixes")),
            },
            _ => StatedFormat::Deb {
                suites: self.words_of(value("suites"), "suites", "stable", rule::suite),
                components: self.words_of(
                    value("components"),
                    "components",
                    "main",
                    rule::component,
                ),
            },
        };
        if self.wrong.0.len() > refused {
            return None;
        }
        Some(StatedRepository { name: name?, url: url?, format, keys, priority, build_only })
    }

    fn keys(&mut self, item: &Item<'_>, format: &str) -> Vec<Spanned<String>> {
        match item.get_ref() {
            DeValue::Array(array) if format == "rpm" && !array.is_empty() => {
                array.iter().filter_map(|item| self.beside(item, "key")).collect()
            }
            DeValue::Array(_) => {
                let message = match format {
                    "rpm" => "`key` is an empty list: there are no unsigned repositories",
                    _ => "`key` has to be one file; a file may have several keys in it",
                };
                self.refuse(item, Diagnostic::new(message));
                Vec::new()
            }
            _ => self.beside(item, "key").into_iter().collect(),
        }
    }

    fn words_of(
        &mut self,
        item: Option<&Item<'_>>,
        key: &str,
        example: &str,
        rule: fn(&str) -> Result<(), String>,
    ) -> Vec<String> {
        let Some(item) = item else { return Vec::new() };
        let wanted = format!("a list of names, as `[\"{example}\"]`");
        let words = self.all_ruled(item, key, &wanted, rule);
        if let DeValue::Array(array) = item.get_ref()
            && array.is_empty()
            && key == "suites"
        {
            self.refuse(item, Diagnostic::new("`suites` is empty: name at least one"));
        }
        words.into_iter().map(|word| word.value).collect()
    }

    fn number(
        &mut self,
        item: &Item<'_>,
        key: &str,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let number = integer(item.get_ref()).filter(|n| bounds.contains(n));
        if number.is_none() {
            let message = format!(
                "`{key}` has to be a whole number from {} to {}; this is {}",
                bounds.start(),
                bounds.end(),
                kind(item.get_ref())
            );
            self.refuse(item, Diagnostic::new(message));
        }
        number
    }
}
