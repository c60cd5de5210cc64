//! What is known of a distribution's releases: a file of JSON for each, with where it is read.

use serde::Deserialize;

/// A file, and the texts of the keys that it names, in that order.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseFile {
    /// JSON, as [`Release`] reads it.
    pub text: &'static str,
    /// Armoured.
    pub keys: &'static [&'static str],
}

/// A release. `{release}` and `{arch}` in a path stand for what RPM calls them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Release {
    /// Where all of this is read.
    pub source: String,
    /// As the parameter `release` has it.
    pub release: String,
    /// `VERSION_ID` of os-release.
    pub version_id: String,
    /// What modules are made for.
    pub module_platform: Option<String>,
    /// Fingerprints of the keys, in the order of their texts.
    pub keys: Vec<String>,
    /// Its repositories.
    pub origins: Vec<Origin>,
    /// What every tree is made of.
    pub base: Vec<String>,
    /// On top of that, by name, each with why.
    pub packages: Vec<(String, String)>,
    /// Units that are enabled.
    pub units: Vec<(String, String)>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Origin {
    /// Its name.
    pub name: String,
    /// Below the mirror.
    pub path: String,
    /// Its index is not signed.
    #[serde(default)]
    pub index_unsigned: bool,
}

impl ReleaseFile {
    /// Reads it.
    ///
    /// # Panics
    /// It is part of this program, and a test reads each: it is never wrong.
    #[must_use]
    pub fn read(&self) -> Release {
        serde_json::from_str(self.text).expect("a release's file is JSON of a release")
    }
}

/// What RPM calls an architecture that Debian calls so.
pub(crate) fn arch(arch: &str) -> &str {
    match arch {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "ppc64el" => "ppc64le",
        other => other,
    }
}
