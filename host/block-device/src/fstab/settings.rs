//! How fstab writes a mount.

use serde::Serialize;

use crate::graph::GraphError;

/// What fstab names a filesystem by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FstabBy {
    /// The label where there is one, else the UUID.
    #[default]
    Any,
    /// `LABEL=`.
    Label,
    /// `UUID=`.
    Uuid,
    /// `PARTUUID=`.
    Partuuid,
    /// The path of its device: what device-mapper and md call it.
    Path,
}

/// How fstab writes a mount. Said by mount options that begin with `x-dibhost.`, which fstab does not
/// get to see: `x-dibhost.by=label|uuid|partuuid|path`, `x-dibhost.dump=N`, `x-dibhost.pass=N`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FstabSettings {
    /// What it is named by.
    pub by: FstabBy,
    /// The fifth field.
    pub dump: u8,
    /// The sixth; none: by its kind.
    pub pass: Option<u8>,
}

impl FstabSettings {
    /// Splits the options into what fstab is written with and what is written.
    pub(crate) fn of(node: &str, options: &[String]) -> Result<(Self, Vec<String>), GraphError> {
        let mut settings = Self::default();
        let mut rest = Vec::new();
        for option in options {
            let Some(own) = option.strip_prefix("x-dibhost.") else {
                rest.push(option.clone());
                continue;
            };
            let digit = |text: &str| text.parse().ok().filter(|digit| *digit <= 9);
            match own.split_once('=') {
                Some(("by", "label")) => settings.by = FstabBy::Label,
                Some(("by", "uuid")) => settings.by = FstabBy::Uuid,
                Some(("by", "partuuid")) => settings.by = FstabBy::Partuuid,
                Some(("by", "path")) => settings.by = FstabBy::Path,
                Some(("dump", text)) if digit(text).is_some() => {
                    settings.dump = digit(text).unwrap_or_default();
                }
                Some(("pass", text)) if digit(text).is_some() => settings.pass = digit(text),
                _ => {
                    let problem = format!("`{option}` is no option of fstab's own");
                    let help = "write `x-dibhost.by=` `label`, `uuid`, `partuuid` or `path`, `x-dibhost.dump=` or `x-dibhost.pass=` a digit";
                    return Err(GraphError::at(node, problem, help).of("options"));
                }
            }
        }
        Ok((settings, rest))
    }
}
