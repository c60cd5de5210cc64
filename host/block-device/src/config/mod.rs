//! `[[block-device]]` and `[disks]`: the block device as TOML, in an image definition or a file of
//! its own.
//!
//! Each entry is a node: its `name`, its `type`, what it stands `on`, and the keys of its type.
//! Nothing is skipped: a key that is unknown is an error, and reading goes on after an error, so
//! that all of them are told at once.

mod entry;
mod kinds;
mod settings;
mod size;

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::node::Node;
use crate::position::{FileError, Position};

pub use settings::DiskSettings;

/// The nodes: a key of an image definition, and of a file of its own.
pub const KEY: &str = "block-device";

/// How all disks are made: a key of both too.
pub const SETTINGS_KEY: &str = "disks";

/// A file may have so many entries: a GPT ends at 128 partitions, and each may carry a few nodes.
const MOST_ENTRIES: usize = 4096;

/// What is wrong: where, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}: {help}")]
pub struct ConfigError {
    /// Bytes of the text that are meant.
    pub span: Range<usize>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub help: String,
}

impl ConfigError {
    fn new(span: Range<usize>, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { span, problem: problem.into(), help: help.into() }
    }

    /// The same with its place in the text as line and column.
    #[must_use]
    pub fn of(self, text: &str) -> FileError {
        FileError::new(Position::of(text, self.span.start), self.problem, self.help)
    }
}

/// The nodes of `[[block-device]]`, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// For [`crate::Graph::new`].
    pub nodes: Vec<Node>,
    /// The bytes of the text that each of them comes from.
    pub spans: Vec<Range<usize>>,
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
                            built by `dibhost build`";
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
        for entry in entries.iter() {
            entry::read(entry, &mut config, &mut wrong);
        }
        if wrong.is_empty() { Ok(config) } else { Err(wrong) }
    }

    fn push(&mut self, node: Node, span: Range<usize>) {
        self.nodes.push(node);
        self.spans.push(span);
    }
}

#[cfg(test)]
mod tests;
