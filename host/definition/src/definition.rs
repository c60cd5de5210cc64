//! What a definition says, once it was read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use dibhost_block_device::Node;
use dibhost_block_device::config::DiskSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::limit::LimitSettings;
use crate::location::{Location, Spanned};

/// A kind of image file.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The bytes of the disk as they are.
    Raw,
    /// QEMU's copy-on-write format, version 3.
    Qcow2,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Raw, Self::Qcow2];

    /// The name in a definition, and the file's extension.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|f| f.name() == name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How clusters of a qcow2 are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Qcow2Compression {
    /// QEMU 5.1 and later read it.
    #[default]
    Zstd,
    /// Every reader of qcow2 reads it.
    Zlib,
    /// Not at all.
    None,
}

impl Qcow2Compression {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 3] =
        [("zstd", Self::Zstd), ("zlib", Self::Zlib), ("none", Self::None)];

    /// The name in a definition.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Zlib => "zlib",
            Self::None => "none",
        }
    }
}

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
    /// One of [`crate::capability::CAPABILITIES`].
    pub capability: Spanned<String>,
    /// Empty for those of [`crate::capability::UNSCOPED`].
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
    /// `[disks]`.
    pub disks: DiskSettings,
    /// `[[block-device]]`: the nodes, in their order. Empty: elements add them.
    pub block_device: Vec<Spanned<Node>>,
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
    /// The folder that paths in it are relative to.
    pub base: PathBuf,
    /// The file as the person named it; none: the command line.
    pub file: Option<String>,
}

impl Definition {
    /// Reads a definition from text. `file` is what places are told with; paths in the
    /// definition are relative to `base`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str, file: &str, base: &Path) -> Result<Self, Diagnostics> {
        crate::parse::parse(text, file, base)
    }

    /// Reads a definition from a file; paths in it are relative to its folder.
    ///
    /// # Errors
    /// When it cannot be read, or all that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, Diagnostics> {
        let file = path.display().to_string();
        let text = std::fs::read(path).map_err(|error| {
            let help = if error.kind() == std::io::ErrorKind::NotFound {
                "give the path of an image definition, a TOML file with an `[image]` table"
            } else {
                "make the file readable, or give the path of another one"
            };
            Diagnostic::new(format!("cannot read the image definition `{file}`: {error}"))
                .with_help(help)
        })?;
        let text = String::from_utf8(text).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let line = error.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
            Diagnostic::new("the file is not UTF-8 text, as TOML has to be")
                .at(Some(&Location::new(file.as_str(), line, 1)))
        })?;
        let base = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        Self::parse(&text, &file, base)
    }

    /// The formats, without their places.
    #[must_use]
    pub fn formats(&self) -> Vec<Format> {
        self.image.formats.iter().map(|f| f.value).collect()
    }
}
