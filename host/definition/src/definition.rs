//! What a definition says, once it was read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use dibhost_block_device::config::DiskSettings;
use dibhost_block_device::{Node, Size};
use dibhost_image::{Format, Qcow2Compression};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::capability::Capability;
use crate::contents::Contents;
use crate::diagnostic::Diagnostic;
use crate::limit::LimitSettings;
use crate::location::{Location, Spanned};

/// `[image]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSection {
    /// Letters, digits, `.`, `_` and `-`.
    pub name: Spanned<String>,
    /// Names or paths, as they were written; their order means nothing.
    pub elements: Vec<Spanned<String>>,
    /// Never empty, none twice.
    pub formats: Vec<Spanned<Format>>,
    /// As Debian names it; none: the builder's.
    pub arch: Option<Spanned<String>>,
    /// Seconds since the epoch that every timestamp is clamped to.
    pub source_date_epoch: Option<Spanned<u64>>,
    /// How clusters of a qcow2 are compressed.
    pub qcow2_compression: Qcow2Compression,
}

/// `[root-filesystem]`: settings of the filesystem that is mounted at `/`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RootFilesystem {
    /// Where the section stands.
    pub location: Option<Location>,
    /// Its label.
    pub label: Option<Spanned<String>>,
    /// Bytes it can be grown to while mounted.
    pub max_online_resize: Option<Spanned<u64>>,
    /// Bytes left free on top of what its content needs.
    pub free_space: Option<Spanned<u64>>,
    /// Settings of its kind, each from a closed list, by name.
    pub tuning: Vec<(Spanned<String>, String)>,
}

/// `[disk]`: how large the disk is, and what is on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DiskSection {
    /// Bytes of the whole disk; of several, of each. None: from its content.
    pub size: Option<Spanned<u64>>,
    /// Sizes of partitions and volumes, by mount point (`/var`, `var`) or node.
    pub volumes: Vec<VolumeSize>,
}

/// An entry of `[disk.volumes]`.
#[derive(Debug, Clone, PartialEq)]
pub struct VolumeSize {
    /// Which.
    pub name: Spanned<String>,
    /// How large.
    pub size: Spanned<Size>,
}

/// One parameter as it was set.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The parameter's name.
    pub name: Spanned<String>,
    /// Its value; whether it fits is for the plan to say, which knows what the element declares.
    pub value: Spanned<Value>,
}

/// `[parameters.ELEMENT]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ElementParameters {
    /// The element.
    pub element: Spanned<String>,
    /// By name.
    pub settings: BTreeMap<String, Setting>,
}

/// One scope of one capability.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// Which.
    pub capability: Spanned<Capability>,
    /// Empty for one that has none: [`Capability::unscoped`].
    pub scope: Spanned<String>,
}

/// `[grants.ELEMENT]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ElementGrants {
    /// The element.
    pub element: Spanned<String>,
    /// In the order of the definition.
    pub grants: Vec<Grant>,
}

/// Where the host finds a secret, when a build comes to need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// The bytes of a file; a relative path is relative to the definition.
    File(PathBuf),
    /// The value of a variable of the builder's environment.
    Environment(String),
    /// What a program of the builder writes to its standard output; no shell.
    Command(Vec<String>),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file `{}`", path.display()),
            Self::Environment(variable) => write!(f, "the variable `{variable}`"),
            // Its arguments may be nobody else's affair.
            Self::Command(command) => {
                write!(f, "the program `{}`", command.first().map_or("", String::as_str))
            }
        }
    }
}

/// An entry of `[secrets]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Secret {
    /// What parameters name it by.
    pub name: Spanned<String>,
    /// Where it is.
    pub source: SecretSource,
}

/// An entry of `[inputs]`.
#[derive(Debug, Clone, PartialEq)]
pub struct InputPlace {
    /// What grants and parameters name it by.
    pub name: Spanned<String>,
    /// A file or a folder of the builder; a relative path is relative to the definition.
    pub path: Spanned<PathBuf>,
}

/// What elements that were shipped with this host hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstPartyTrust {
    /// Exactly what they request.
    #[default]
    Shipped,
    /// What `[grants.…]` says, as for any other element.
    Explicit,
}

/// `[trust]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trust {
    /// What elements that were shipped with this host hold.
    pub first_party: FirstPartyTrust,
}

/// An image definition.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// `[image]`.
    pub image: ImageSection,
    /// `[root-filesystem]`.
    pub root_filesystem: RootFilesystem,
    /// `[disk]`.
    pub disk: DiskSection,
    /// `[disks]`.
    pub disks: DiskSettings,
    /// `[[block-device]]`: the nodes, in their order. Empty: elements add them.
    pub block_device: Vec<Spanned<Node>>,
    /// Where what stands at each key of a node is, by the names of both: `on`, `tuning.free-space`.
    pub node_keys: BTreeMap<(String, String), Location>,
    /// `[parameters.…]`, by element.
    pub parameters: BTreeMap<String, ElementParameters>,
    /// `[grants.…]`, by element.
    pub grants: BTreeMap<String, ElementGrants>,
    /// `[limits]`.
    pub limits: LimitSettings,
    /// `[trust]`.
    pub trust: Trust,
    /// `[secrets]`, by name.
    pub secrets: BTreeMap<String, Secret>,
    /// `[inputs]`, by name; those that its own keys name are [`stated_inputs`](Self::stated_inputs).
    pub inputs: BTreeMap<String, InputPlace>,
    /// What it says of the image's content in its own keys.
    pub contents: Contents,
    /// What whoever reads it should know of it, and nothing that is wrong.
    pub remarks: Vec<Diagnostic>,
    /// The folder that paths in it are relative to.
    pub base: PathBuf,
    /// The file as the person named it; none: the command line.
    pub file: Option<String>,
}

impl Definition {
    /// Where a node is stated, or what stands at one of its keys.
    #[must_use]
    pub fn place_of_node(&self, node: &str, key: Option<&str>) -> Option<&Location> {
        let at = |key: &str| self.node_keys.get(&(node.to_owned(), key.to_owned()));
        // A key of a table within may stand with others on one line, where no place is known.
        let key = key.and_then(|key| at(key).or_else(|| at(key.split_once('.')?.0)));
        let stated = || self.block_device.iter().find(|stated| stated.name == node);
        key.or_else(|| stated()?.location.as_ref())
    }

    /// The formats, without their places.
    #[must_use]
    pub fn formats(&self) -> Vec<Format> {
        self.image.formats.iter().map(|f| f.value).collect()
    }
}
