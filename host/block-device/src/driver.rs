//! Nodes of the kind `driver`: what the contract names by a word and a JSON document, so that it
//! need not change when the host learns another.
//!
//! | driver | stands on | settings |
//! |---|---|---|
//! | `raid` | two volumes or more | `level` 0 or 1, `name`, `chunk` in bytes, `metadata` 1.0 or 1.2 |
//! | `verity` | the volume with the data, the volume for the hashes | none |
//! | `subvolume` | a btrfs filesystem | `path` below its top level, `default` |

use serde::{Deserialize, Serialize};

use crate::graph::GraphError;
use crate::node::{Node, NodeKind};
use dibhost_volumes::md::{self, MdMetadata};

/// The level of a RAID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RaidLevel {
    /// Striped: as large as all members together, lost with any of them.
    Stripe,
    /// Mirrored: as large as one member, there as long as one is.
    Mirror,
}

impl RaidLevel {
    /// As md's superblock says it.
    pub(crate) fn of_md(self, chunk: u64) -> md::RaidLevel {
        match self {
            Self::Stripe => md::RaidLevel::Raid0 { chunk: u32::try_from(chunk).unwrap_or(0) },
            Self::Mirror => md::RaidLevel::Raid1,
        }
    }
}

/// What a driver's settings mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Driver {
    Raid {
        level: RaidLevel,
        name: String,
        chunk: u64,
        /// None: by what its members are.
        metadata: Option<MdMetadata>,
    },
    Verity,
    Subvolume {
        path: String,
        default: bool,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RaidSettings {
    level: u32,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    chunk: Option<u64>,
    #[serde(default)]
    metadata: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VeritySettings {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubvolumeSettings {
    path: String,
    #[serde(default)]
    default: bool,
}

/// The chunk of a striped RAID unless it is stated, as `mdadm` has it.
const CHUNK: u64 = 512 << 10;
/// md 1.2 keeps an array's name in 32 bytes.
pub(crate) const MD_NAME: usize = 32;

/// The names of all drivers.
pub(crate) const DRIVERS: [&str; 3] = ["raid", "verity", "subvolume"];

impl Driver {
    /// What a node of the kind `driver` is; none: it is of another kind.
    pub(crate) fn of(node: &Node) -> Result<Option<Self>, GraphError> {
        let NodeKind::Driver { name, settings } = &node.kind else { return Ok(None) };
        Self::parse(&node.name, name, settings).map(Some)
    }

    fn parse(node: &str, name: &str, settings: &str) -> Result<Self, GraphError> {
        let wrong = |error: serde_json::Error| {
            let problem = format!("its settings are not those of `{name}`: {error}");
            GraphError::at(node, problem, "see the drivers in `docs/block-device.md`")
        };
        match name {
            "raid" => {
                let settings: RaidSettings = serde_json::from_str(settings).map_err(wrong)?;
                let level = match settings.level {
                    0 => RaidLevel::Stripe,
                    1 => RaidLevel::Mirror,
                    other => {
                        let problem = format!("RAID level {other} is none that can be made");
                        return Err(GraphError::at(node, problem, "write 0 or 1").of("level"));
                    }
                };
                let chunk = settings.chunk.unwrap_or(CHUNK);
                if !chunk.is_power_of_two() || !(4096..=1 << 26).contains(&chunk) {
                    let problem = format!("a chunk of {chunk} bytes");
                    let help = "write a power of two from 4096 to 64 MiB";
                    return Err(GraphError::at(node, problem, help).of("chunk"));
                }
                let name = settings.name.unwrap_or_else(|| node.to_owned());
                let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
                if name.is_empty() || name.len() > MD_NAME || !name.chars().all(fine) {
                    let problem = format!("the name `{}` of the array", name.escape_debug());
                    let help = "write at most 32 letters, digits, `-`, `_` and `.`";
                    return Err(GraphError::at(node, problem, help).of("array"));
                }
                let metadata = match settings.metadata.as_deref() {
                    None => None,
                    Some("1.2") => Some(MdMetadata::Start),
                    Some("1.0") if level == RaidLevel::Mirror => Some(MdMetadata::End),
                    Some("1.0") => {
                        let problem = "a RAID 0 with metadata 1.0";
                        let help = "leave `metadata` out: only a mirror has a use for 1.0";
                        return Err(GraphError::at(node, problem, help).of("metadata"));
                    }
                    Some(other) => {
                        let problem = format!(
                            "`{}` is no version of metadata that can be made",
                            other.escape_debug()
                        );
                        let help = "write `1.0` or `1.2`";
                        return Err(GraphError::at(node, problem, help).of("metadata"));
                    }
                };
                Ok(Self::Raid { level, name, chunk, metadata })
            }
            "verity" => {
                let VeritySettings {} = serde_json::from_str(settings).map_err(wrong)?;
                Ok(Self::Verity)
            }
            "subvolume" => {
                let settings: SubvolumeSettings = serde_json::from_str(settings).map_err(wrong)?;
                let fine = |c: char| c.is_ascii_alphanumeric() || "-_.@+".contains(c);
                let part = |part: &str| {
                    let plain = part != "." && part != "..";
                    !part.is_empty() && part.len() <= 255 && plain && part.chars().all(fine)
                };
                if settings.path.len() > 1024 || !settings.path.split('/').all(part) {
                    let problem =
                        format!("`{}` is no subvolume's path", settings.path.escape_debug());
                    let help = "write names of letters, digits and `-_.@+`, with `/` between them";
                    return Err(GraphError::at(node, problem, help).of("path"));
                }
                let SubvolumeSettings { path, default } = settings;
                Ok(Self::Subvolume { path, default })
            }
            other => {
                let problem = format!("the host has no driver `{}`", other.escape_debug());
                let help = format!("the drivers are `{}`", DRIVERS.join("`, `"));
                Err(GraphError::at(node, problem, help))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, settings: &str) -> Result<Driver, GraphError> {
        Driver::parse("node", name, settings)
    }

    #[test]
    fn settings_are_read_and_nothing_else_is_taken() {
        let raid = |metadata| Driver::Raid {
            level: RaidLevel::Mirror,
            name: "node".into(),
            chunk: CHUNK,
            metadata,
        };
        assert_eq!(parse("raid", r#"{"level": 1}"#), Ok(raid(None)));
        let end = parse("raid", r#"{"level": 1, "metadata": "1.0"}"#);
        assert_eq!(end, Ok(raid(Some(MdMetadata::End))));
        assert_eq!(parse("verity", "{}"), Ok(Driver::Verity));
        let home = Driver::Subvolume { path: "a/@home".into(), default: false };
        assert_eq!(parse("subvolume", r#"{"path": "a/@home"}"#), Ok(home));
        for (name, settings) in [
            ("raid", "{}"),
            ("raid", r#"{"level": 5}"#),
            ("raid", r#"{"level": 1, "chunk": 5000}"#),
            ("raid", r#"{"level": 1, "name": "a b"}"#),
            ("raid", r#"{"level": 1, "opts": "-f"}"#),
            ("raid", r#"{"level": 1, "metadata": "0.90"}"#),
            ("raid", r#"{"level": 0, "metadata": "1.0"}"#),
            ("verity", r#"{"salt": ""}"#),
            ("verity", "nothing"),
            ("subvolume", r#"{"path": "../x"}"#),
            ("subvolume", r#"{"path": "/x"}"#),
            ("subvolume", r#"{"path": ""}"#),
            ("zfs", "{}"),
        ] {
            assert!(parse(name, settings).is_err(), "{name} {settings}");
        }
    }
}
