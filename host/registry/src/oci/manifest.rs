//! Manifests and indexes as registries keep them: read whole, bounded, and named by the digest of
//! their bytes.
//!
//! Source: image-spec 1.1, `manifest.md`, `image-index.md` and `descriptor.md`. What is not known is
//! let be; what could be read in two ways is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;

/// An image manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An index of manifests.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's own manifest, which is read as ours.
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's own index.
pub(crate) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The specification has registries take as much.
pub(crate) const MOST_BYTES: u64 = 4 << 20;
/// Layers of a manifest; more than any artifact has.
const MOST_LAYERS: usize = 256;
/// Manifests of an index.
pub(crate) const MOST_MANIFESTS: usize = 1000;

/// A manifest or index as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// That of the bytes.
    pub digest: Digest,
    /// What it is.
    pub media_type: String,
}

impl Manifest {
    /// Of bytes, named by them.
    #[must_use]
    pub fn new(bytes: Vec<u8>, media_type: &str) -> Self {
        Self { digest: Digest::of(&bytes), bytes, media_type: media_type.to_owned() }
    }

    /// How others refer to it.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::of(&self.bytes, &self.media_type)
    }

    /// What it says.
    ///
    /// # Errors
    /// It is neither a manifest nor an index, could be both, or has more parts than any has.
    pub fn parse(&self) -> Result<Parsed, String> {
        parse(&self.bytes)
    }
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// It is one.
    Image(Box<ImageManifest>),
    /// It lists others.
    Index(ImageIndex),
}

/// A manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageManifest {
    /// 2.
    pub schema_version: u32,
    /// What it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What kind of artifact, where the configuration does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The content.
    pub layers: Vec<Descriptor>,
    /// What it is about: a signature's manifest names what is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl ImageManifest {
    /// What is said of it under a name.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageIndex {
    /// 2.
    pub schema_version: u32,
    /// What it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What it lists.
    pub manifests: Vec<Descriptor>,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl ImageIndex {
    /// An index of these.
    #[must_use]
    pub fn of(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: Some(INDEX.to_owned()), manifests, annotations: None }
    }
}

/// Something by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Of its bytes.
    pub digest: Digest,
    /// How many bytes.
    pub size: u64,
    /// What kind of artifact a manifest is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl Descriptor {
    /// Of bytes.
    #[must_use]
    pub fn of(bytes: &[u8], media_type: &str) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            platform: None,
            annotations: None,
        }
    }

    /// What is said of it under a name.
    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }
}

/// What something runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `wasm`, `amd64`, …
    #[serde(default)]
    pub architecture: String,
    /// `wasip2`, `linux`, …
    #[serde(default)]
    pub os: String,
    /// `v7`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// Which of the two lists a document has. One that had both would be read as a manifest by one
/// program and as an index by another (CVE-2021-41190).
#[derive(Deserialize)]
struct Shape {
    layers: Option<serde::de::IgnoredAny>,
    manifests: Option<serde::de::IgnoredAny>,
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    #[serde(rename = "schemaVersion")]
    schema_version: Option<u32>,
}

/// Reads a manifest or an index.
///
/// # Errors
/// It is neither, could be both, or has more parts than any has.
pub fn parse(bytes: &[u8]) -> Result<Parsed, String> {
    let shape: Shape = serde_json::from_slice(bytes).map_err(|e| no_manifest(bytes, &e))?;
    if shape.schema_version != Some(2) {
        return Err("it is no manifest of schema version 2".to_owned());
    }
    let said = shape.media_type.as_deref();
    match (shape.layers.is_some(), shape.manifests.is_some()) {
        (true, true) => {
            Err("it has both `layers` and `manifests`, so that it could be read in two ways"
                .to_owned())
        }
        (true, false) => {
            if said.is_some_and(|said| said == INDEX || said == DOCKER_INDEX) {
                return Err("it calls itself an index and is a manifest".to_owned());
            }
            let read: ImageManifest =
                serde_json::from_slice(bytes).map_err(|e| no_manifest(bytes, &e))?;
            match read.layers.len() {
                0..=MOST_LAYERS => Ok(Parsed::Image(Box::new(read))),
                many => {
                    Err(format!("it has {many} layers, and no more than {MOST_LAYERS} are read"))
                }
            }
        }
        (false, true) => {
            if said.is_some_and(|said| said == MANIFEST || said == DOCKER_MANIFEST) {
                return Err("it calls itself a manifest and is an index".to_owned());
            }
            let read: ImageIndex =
                serde_json::from_slice(bytes).map_err(|e| no_manifest(bytes, &e))?;
            match read.manifests.len() {
                0..=MOST_MANIFESTS => Ok(Parsed::Index(read)),
                many => Err(format!(
                    "it lists {many} manifests, and no more than {MOST_MANIFESTS} are read"
                )),
            }
        }
        (false, false) => Err("it has neither `layers` nor `manifests`".to_owned()),
    }
}

fn no_manifest(bytes: &[u8], error: &serde_json::Error) -> String {
    if bytes.trim_ascii_start().starts_with(b"<") {
        return "it is a page of HTML and no manifest: some login or proxy may stand before the \
                registry"
            .to_owned();
    }
    format!("it is no manifest: {}", dibhost_text::harmless(&error.to_string(), 300))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn descriptor() -> String {
        format!(r#"{{"mediaType":"a/b","digest":"{EMPTY}","size":2,"later":[1]}}"#)
    }

    #[test]
    fn manifests_and_indexes_are_told_apart_by_what_they_have() {
        let one = descriptor();
        let image = format!(
            r#"{{"schemaVersion":2,"config":{one},"layers":[{one}],"annotations":null,"later":{{}}}}"#
        );
        let Parsed::Image(read) = parse(image.as_bytes()).unwrap() else { panic!() };
        assert_eq!((read.layers.len(), read.layers[0].size), (1, 2));
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{one},{one}]}}"#);
        let Parsed::Index(read) = parse(index.as_bytes()).unwrap() else { panic!() };
        assert_eq!(read.manifests.len(), 2);
    }

    #[test]
    fn what_is_neither_or_both_is_said() {
        let one = descriptor();
        let many = vec![one.as_str(); 257].join(",");
        let manifests = vec![one.as_str(); 1001].join(",");
        for (text, says) in [
            ("<!DOCTYPE html><html>".to_owned(), "HTML"),
            ("{".to_owned(), "no manifest: EOF"),
            ("[]".to_owned(), "no manifest"),
            (r#"{"schemaVersion":1,"layers":[]}"#.to_owned(), "schema version 2"),
            (r#"{"schemaVersion":2}"#.to_owned(), "neither"),
            (format!(r#"{{"schemaVersion":2,"config":{one},"layers":[],"manifests":[]}}"#), "two ways"),
            (
                format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","config":{one},"layers":[]}}"#),
                "calls itself an index",
            ),
            (
                format!(r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","manifests":[]}}"#),
                "calls itself a manifest",
            ),
            (format!(r#"{{"schemaVersion":2,"config":{one},"layers":[{many}]}}"#), "257 layers"),
            (format!(r#"{{"schemaVersion":2,"manifests":[{manifests}]}}"#), "1001 manifests"),
            (
                r#"{"schemaVersion":2,"layers":[],"config":{"mediaType":"a","digest":"sha256:x","size":1}}"#
                    .to_owned(),
                "no digest",
            ),
            (
                format!(
                    r#"{{"schemaVersion":2,"layers":[],"config":{{"mediaType":"a","digest":"{EMPTY}","size":-1}}}}"#
                ),
                "no manifest",
            ),
            (format!(r#"{{"schemaVersion":2,"layers":[],"config":{one},"config":{one}}}"#), "duplicate"),
        ] {
            let why = parse(text.as_bytes()).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }
}
