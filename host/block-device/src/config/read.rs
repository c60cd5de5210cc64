//! Reads nodes and settings of a text.

use std::collections::BTreeMap;
use std::ops::Range;

use dibhost_text::{did_you_mean, quoted_list};
use toml::de::{DeTable, DeValue};

use super::entry::{Entry, Item};
use super::error::ConfigError;
use super::settings::DiskSettings;
use super::{keys, kinds};
use crate::node::Node;

/// The nodes: a key of an image definition, and of a file of its own.
pub const KEY: &str = "block-device";

/// How all disks are made: a key of both too.
pub const SETTINGS_KEY: &str = "disks";

/// A file may have so many entries: a GPT ends at 128 partitions, and each may carry a few nodes.
const MOST_ENTRIES: usize = 4096;

/// The keys that every entry has.
pub(super) const COMMON: [&str; 3] = ["name", "type", "on"];

/// Whether a text is an image definition, which says more than a block device.
#[must_use]
pub fn is_image_definition(text: &str) -> bool {
    DeTable::parse_recoverable(text).0.get_ref().contains_key(IMAGE_KEY)
}

/// What every image definition has.
const IMAGE_KEY: &str = "image";

/// The nodes of `[[block-device]]`, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// For [`crate::Graph::new`].
    pub nodes: Vec<Node>,
    /// The bytes of the text that each of them comes from.
    pub spans: Vec<Range<usize>>,
    /// Those of what stands at its keys, for each of them; at those of tables too, as
    /// `tuning.free-space`.
    pub keys: Vec<BTreeMap<String, Range<usize>>>,
    /// `[disks]`, of a file of its own.
    pub settings: DiskSettings,
}

impl Config {
    /// Reads a file that holds nothing but `[[block-device]]` and `[disks]`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<ConfigError>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let wrong = |error: &toml::de::Error| {
                let problem = format!("this is no TOML: {}", error.message().trim_end());
                let span = error.span().unwrap_or_default();
                ConfigError::new(span, problem, "see the examples in `docs/block-device.md`")
            };
            return Err(errors.iter().map(wrong).collect());
        }
        let mut wrong = Vec::new();
        let mut config = None;
        let mut settings = DiskSettings::default();
        for (key, item) in root.get_ref() {
            if key.get_ref() == KEY {
                match Self::read(item) {
                    Ok(read) => config = Some(read),
                    Err(errors) => wrong.extend(errors),
                }
            } else if key.get_ref() == SETTINGS_KEY {
                match DiskSettings::read(item) {
                    Ok(read) => settings = read,
                    Err(errors) => wrong.extend(errors),
                }
            } else {
                let name: &str = key.get_ref();
                let problem = format!("`{}` does not belong here", name.escape_debug());
                let help = "this file holds `[[block-device]]` and `[disks]`; an image definition is \
                            built by `dibhost build`, and its disk is shown by `dibhost block-device \
                            plan`";
                wrong.push(ConfigError::new(key.span(), problem, help));
            }
        }
        match config {
            _ if !wrong.is_empty() => Err(wrong),
            Some(config) => Ok(Self { settings, ..config }),
            None => {
                let help = "begin with\n[[block-device]]\nname = \"disk\"\ntype = \"disk\"";
                Err(vec![ConfigError::new(0..0, "there is no `[[block-device]]`", help)])
            }
        }
    }

    /// Reads what stands at the key `block-device`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(item: &toml::Spanned<DeValue<'_>>) -> Result<Self, Vec<ConfigError>> {
        let DeValue::Array(entries) = item.get_ref() else {
            let help = "write `[[block-device]]` before each of its nodes";
            let problem = "`block-device` is no list of tables";
            return Err(vec![ConfigError::new(item.span(), problem, help)]);
        };
        if entries.is_empty() || entries.len() > MOST_ENTRIES {
            let problem = format!("`block-device` has {} entries", entries.len());
            let help = format!("write from 1 to {MOST_ENTRIES}");
            return Err(vec![ConfigError::new(item.span(), problem, help)]);
        }
        let mut config = Self::default();
        let mut wrong = Vec::new();
        for item in entries.iter() {
            self::entry(item, &mut config, &mut wrong);
        }
        if wrong.is_empty() { Ok(config) } else { Err(wrong) }
    }

    /// Adds what an entry stands for: a node, and the mount that it says itself.
    fn push(&mut self, nodes: Vec<Node>, entry: &Entry<'_, '_>) {
        let mut own = true;
        for node in nodes {
            let (span, keys) = match own {
                true => (entry.span.clone(), entry.places()),
                false => entry.places_of_mount(),
            };
            self.nodes.push(node);
            self.spans.push(span);
            self.keys.push(keys);
            own = false;
        }
    }
}

/// Reads an entry into the nodes it stands for.
fn entry(item: &Item<'_>, config: &mut Config, wrong: &mut Vec<ConfigError>) {
    if !matches!(item.get_ref(), DeValue::Table(_)) {
        let help = "write `[[block-device]]` before each of its nodes";
        wrong.push(ConfigError::new(item.span(), "an entry of `block-device` is no table", help));
    }
    let Some(mut entry) = Entry::of_table(item, "an entry of `block-device`", wrong) else {
        return;
    };
    let name = entry.text("name");
    if let Some(name) = &name {
        entry.called = format!("node `{}`", name.escape_debug());
    } else if entry.get("name").is_none() {
        entry.missing("name", "\"disk\"");
    }
    let Some(kind) = entry.text("type") else {
        if let Some(key) = entry.misspelt("type") {
            let problem = format!("the key `{}` is unknown", key.get_ref().escape_debug());
            entry.refuse(key.span(), &problem, "did you mean `type`?");
        } else if entry.get("type").is_none() {
            let help = format!("add `type`, one of {}", quoted_list(keys::names()));
            entry.refuse(entry.span.clone(), "it has no `type`", help);
        }
        return;
    };
    let Some(kind) = kinds::find(&kind) else {
        let near = did_you_mean(&kind, keys::names()).map(|meant| meant + " ");
        let help =
            format!("{}the types are {}", near.unwrap_or_default(), quoted_list(keys::names()));
        let span = entry.get("type").map_or(entry.span.clone(), |(_, item)| item.span());
        entry.refuse(span, &format!("`{}` is no type of node", kind.escape_debug()), help);
        return;
    };
    entry.known_keys(kind.name, keys::of(kind.name), &COMMON);
    let on = entry.texts("on").unwrap_or_default();
    let name = name.unwrap_or_default();
    let before = entry.wrong.len();
    let nodes = (kind.read)(&mut entry, &name, on);
    if entry.wrong.len() == before {
        config.push(nodes, &entry);
    }
}
