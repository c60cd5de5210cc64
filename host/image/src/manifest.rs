//! What an image is made of.
//!
//! Other programs read it, older and newer ones too. `version` is `MAJOR.MINOR`: a field more makes
//! another minor one, which every reader of the major one reads by leaving out what it does not know;
//! what an older reader would understand wrongly makes another major one, which it refuses.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is written. Before it, manifests had no version; they are read as `1.0`.
const VERSION: (u32, u32) = (1, 0);

/// What an image is made of: written beside it, as `NAME.manifest.json`. It has no times and no
/// names of the machine that built it: equal builds have equal manifests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    /// The version of its form.
    #[serde(default)]
    pub version: ManifestVersion,
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
    /// Files that elements put beside the image files, by their names; filled in when they are
    /// published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<ManifestFile>,
}

/// `MAJOR.MINOR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestVersion {
    /// Another one is not read.
    pub major: u32,
    /// One more for fields that may be left out.
    pub minor: u32,
}

impl Default for ManifestVersion {
    fn default() -> Self {
        Self { major: VERSION.0, minor: VERSION.1 }
    }
}

impl Serialize for ManifestVersion {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{}.{}", self.major, self.minor))
    }
}

impl<'de> Deserialize<'de> for ManifestVersion {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let parsed = text.split_once('.').and_then(|(major, minor)| {
            Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
        });
        parsed.ok_or_else(|| D::Error::custom(format!("`{text}` is no version such as `1.0`")))
    }
}

/// A text that is no manifest, or one of a later kind.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not JSON, or a field that has to be there is missing or wrong.
    #[error("this is no manifest of an image: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It is of a later major version.
    #[error(
        "this manifest is of version {major}.{minor}, and this dibhost reads up to {}: \
         read it with a newer dibhost", VERSION.0
    )]
    Newer {
        /// Its major version.
        major: u32,
        /// Its minor version.
        minor: u32,
    },
}

/// An element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
#[serde(rename_all = "kebab-case")]
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
#[serde(rename_all = "kebab-case")]
pub struct ManifestOutput {
    /// Its name, without a folder.
    pub file: String,
    /// The name of its format; one of a later version is no reason not to read the others.
    pub format: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of the disk in it.
    pub virtual_size: u64,
    /// In hexadecimal.
    pub sha256: String,
}

/// A file of an element.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ManifestFile {
    /// Its name, without a folder.
    pub file: String,
    /// In hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Reads one, of this or an older version, or of a newer minor one, whose new fields are left
    /// out.
    ///
    /// # Errors
    /// When it is of a newer major version, or no manifest.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Head {
            #[serde(default)]
            version: ManifestVersion,
        }
        // The version first: nothing else of a newer one need be as it is here.
        let Head { version: ManifestVersion { major, minor } } = serde_json::from_str(text)?;
        if major > VERSION.0 {
            return Err(ManifestError::Newer { major, minor });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// As it is written: JSON with two blanks for each level, and a line's end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings and numbers alone: nothing in it can fail to be written.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it was written before manifests had a version.
    const OLDER: &str = r#"{
  "name": "x", "arch": "amd64", "plan": "sha256:00",
  "elements": [{ "name": "vm", "version": "0.1.0", "digest": "sha256:01" }],
  "packages": [{ "name": "dpkg", "version": "1.21", "arch": "amd64" }],
  "outputs": [
    { "file": "x.raw", "format": "raw", "bytes": 1, "virtual-size": 1, "sha256": "02" }
  ]
}"#;

    #[test]
    fn an_older_text_is_read() {
        let manifest = Manifest::parse(OLDER).unwrap();
        assert_eq!(manifest.version, ManifestVersion { major: 1, minor: 0 });
        assert_eq!((manifest.packages.len(), manifest.outputs.len()), (1, 1));
        assert_eq!(manifest.beside, []);
    }

    #[test]
    fn a_newer_text_is_read_without_what_is_new_in_it() {
        let newer = OLDER.replacen('{', r#"{ "version": "1.7", "signed-by": ["me"],"#, 1);
        let newer = newer.replace(r#""version": "1.21","#, r#""version": "1.21", "layer": 3,"#);
        let manifest = Manifest::parse(&newer).unwrap();
        assert_eq!(manifest.version, ManifestVersion { major: 1, minor: 7 });
        assert_eq!(manifest.packages, Manifest::parse(OLDER).unwrap().packages);
    }

    #[test]
    fn a_text_of_a_newer_major_version_is_refused_with_words() {
        let error = Manifest::parse(r#"{ "version": "2.1", "images": {} }"#).unwrap_err();
        let said = "this manifest is of version 2.1, and this dibhost reads up to 1: \
                    read it with a newer dibhost";
        assert_eq!(error.to_string(), said);
        for other in ["{", r#"{ "version": "two" }"#, r#"{ "version": "1.0" }"#] {
            assert!(matches!(Manifest::parse(other), Err(ManifestError::Malformed(_))), "{other}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut manifest = Manifest::parse(OLDER).unwrap();
        manifest.beside.push(ManifestFile { file: "x.notes".into(), sha256: "03".into() });
        assert!(manifest.to_json().starts_with("{\n  \"version\": \"1.0\",\n"));
        assert_eq!(Manifest::parse(&manifest.to_json()).unwrap(), manifest);
    }
}
