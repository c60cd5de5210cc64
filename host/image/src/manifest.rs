//! What an image is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Format;

/// What an image is made of: written beside it, as `NAME.manifest.json`. It has no times and no
/// names of the machine that built it: equal builds have equal manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// The name of the image.
    pub name: String,
    /// Debian's name of its processor.
    pub arch: String,
    /// The digest of the plan it was built by.
    pub plan: String,
    /// The elements, in the order of the plan.
    pub elements: Vec<ManifestElement>,
    /// What is installed.
    pub packages: Vec<ManifestPackage>,
    /// Root hashes of dm-verity devices in hexadecimal digits, by their nodes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub root_hashes: BTreeMap<String, String>,
    /// The image files; filled in when they are published.
    #[serde(default)]
    pub outputs: Vec<ManifestOutput>,
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ManifestElement {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of its component.
    pub digest: String,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ManifestPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its processor.
    pub arch: String,
}

/// An image file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ManifestOutput {
    /// Its name, without a folder.
    pub file: String,
    /// Its format.
    pub format: Format,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of the disk in it.
    pub virtual_size: u64,
    /// In hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// As it is written: JSON with two blanks for each level, and a line's end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and numbers alone: nothing in it can fail to be written.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
