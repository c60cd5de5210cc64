//! An element as an artifact of a registry: written in the layout of the CNCF, read in the older ones
//! too.
//!
//! ```text
//! manifest   application/vnd.oci.image.manifest.v1+json     title, version, licenses, description
//! ├─ config  application/vnd.wasm.config.v0+json            imports and exports, sorted; a fixed time
//! └─ layer   application/wasm                               the component; title `NAME.wasm`
//! ```
//!
//! Source: the CNCF's TAG Runtime, "Wasm OCI Artifact", as `wkg` and Spin write it. What is written
//! depends on the element alone, so that who pushes it twice has one digest: what is changed here
//! changes the digest of what is pushed again, and `tests/oci` pins it.

use std::collections::BTreeMap;

use dibhost_text::Moment;
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::manifest::{Descriptor, ImageManifest, MANIFEST, Manifest};
use super::referrers::{EMPTY, EMPTY_BYTES, json};

/// The configuration of a component.
pub const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The layer that is the component.
pub const WASM: &str = "application/wasm";
/// The same as Envoy's and Kubewarden's older layout has it.
const WASM_BEFORE: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// What kind of artifact it is where a registry does not take the configuration.
pub const ELEMENT: &str = "application/vnd.dib.element.v0+json";
/// A signature.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

pub(crate) const TITLE: &str = "org.opencontainers.image.title";
pub(crate) const VERSION: &str = "org.opencontainers.image.version";
const LICENSES: &str = "org.opencontainers.image.licenses";
const DESCRIPTION: &str = "org.opencontainers.image.description";

/// An element on its way to a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// Kebab-case.
    pub name: String,
    /// Semver.
    pub version: String,
    /// SPDX expression.
    pub license: String,
    /// One line.
    pub summary: String,
    /// Interfaces with package and version that it imports.
    pub imports: Vec<String>,
    /// Those that it exports.
    pub exports: Vec<String>,
    /// The component.
    pub component: Vec<u8>,
    /// Seconds since 1970 that it says it was made at.
    pub created: u64,
}

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As the CNCF has it.
    Wasm,
    /// With the empty configuration, for registries that know the types of configurations and not
    /// this one.
    EmptyConfig,
}

/// An element as a registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The configuration.
    pub config: Vec<u8>,
    /// The manifest.
    pub manifest: Manifest,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    created: String,
    architecture: &'a str,
    os: &'a str,
    layer_digests: Vec<Digest>,
    component: Interfaces<'a>,
}

#[derive(Serialize)]
struct Interfaces<'a> {
    exports: Vec<&'a str>,
    imports: Vec<&'a str>,
}

impl Element {
    /// As a registry has it.
    #[must_use]
    pub fn pack(&self, form: Form) -> Packed {
        let mut layer = Descriptor::of(&self.component, WASM);
        layer.annotations =
            Some(BTreeMap::from([(TITLE.to_owned(), format!("{}.wasm", self.name))]));
        let (config, kind) = match form {
            Form::Wasm => (self.config(&layer.digest), WASM_CONFIG),
            Form::EmptyConfig => (EMPTY_BYTES.to_vec(), EMPTY),
        };
        let said = [
            (TITLE, &self.name),
            (VERSION, &self.version),
            (LICENSES, &self.license),
            (DESCRIPTION, &self.summary),
        ];
        let said = said.into_iter().filter(|(_, text)| !text.is_empty());
        let manifest = ImageManifest {
            schema_version: 2,
            media_type: Some(MANIFEST.to_owned()),
            artifact_type: (form == Form::EmptyConfig).then(|| ELEMENT.to_owned()),
            config: Descriptor::of(&config, kind),
            layers: vec![layer],
            subject: None,
            annotations: Some(said.map(|(n, text)| (n.to_owned(), text.clone())).collect()),
        };
        Packed { config, manifest: Manifest::new(json(&manifest), MANIFEST) }
    }

    fn config(&self, component: &Digest) -> Vec<u8> {
        json(&Config {
            created: Moment::of(i64::try_from(self.created).unwrap_or(i64::MAX)).rfc3339(),
            architecture: "wasm",
            os: "wasip2",
            layer_digests: vec![component.clone()],
            component: Interfaces {
                exports: sorted(&self.exports),
                imports: sorted(&self.imports),
            },
        })
    }
}

fn sorted(names: &[String]) -> Vec<&str> {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The layer of a manifest that is the component: the only one of its type, whatever else there is.
///
/// # Errors
/// There is none, or are several.
pub(crate) fn component_of(manifest: &ImageManifest) -> Result<&Descriptor, String> {
    let is_wasm = |layer: &&Descriptor| layer.media_type == WASM || layer.media_type == WASM_BEFORE;
    let mut found = manifest.layers.iter().filter(is_wasm);
    match (found.next(), found.count()) {
        (Some(one), 0) => Ok(one),
        (Some(_), more) => {
            Err(format!("it has {} layers of WebAssembly, and an element is one", more + 1))
        }
        (None, _) => {
            let kinds: Vec<_> = manifest
                .layers
                .iter()
                .take(5)
                .map(|layer| dibhost_text::harmless(&layer.media_type, 80))
                .collect();
            Err(match kinds.is_empty() {
                true => "it has no layers".to_owned(),
                false => format!(
                    "it is no element: no layer of it is `{WASM}`, its layers are {}",
                    dibhost_text::quoted_list(&kinds)
                ),
            })
        }
    }
}

/// The manifest of an index that is an element: the only one that says it is for `wasm`, or the only
/// one there is.
///
/// # Errors
/// There is none, or it is not clear which.
pub(crate) fn choose(manifests: &[Descriptor]) -> Result<&Descriptor, String> {
    if let [one] = manifests {
        return Ok(one);
    }
    let is_wasm = |of: &&Descriptor| {
        of.platform.as_ref().is_some_and(|platform| platform.architecture == "wasm")
            || of.artifact_type.as_deref().is_some_and(|t| t == WASM_CONFIG || t == ELEMENT)
    };
    let mut found = manifests.iter().filter(is_wasm);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err("it is an index, and nothing in it is for `wasm`".to_owned()),
        (Some(_), Some(_)) => {
            Err("it is an index with several manifests for `wasm`: name one by its digest"
                .to_owned())
        }
    }
}

/// A signature as what is attached to a manifest: the same bytes are the same artifact.
#[must_use]
pub fn bundle(bytes: &[u8]) -> super::referrers::Artifact {
    // What kind of statement is in it says itself; who lists them can tell them apart.
    #[derive(Deserialize)]
    struct Bundle {
        #[serde(rename = "dsseEnvelope")]
        envelope: Option<Envelope>,
    }
    #[derive(Deserialize)]
    struct Envelope {
        payload: String,
    }
    #[derive(Deserialize)]
    struct Statement {
        #[serde(rename = "predicateType")]
        predicate: String,
    }
    let envelope = serde_json::from_slice::<Bundle>(bytes).ok().and_then(|b| b.envelope);
    let payload = envelope.and_then(|e| data_encoding::BASE64.decode(e.payload.as_bytes()).ok());
    let statement = payload.and_then(|p| serde_json::from_slice::<Statement>(&p).ok());
    let mut annotations = BTreeMap::new();
    if let Some(statement) = statement {
        annotations.insert("dev.sigstore.bundle.content".to_owned(), "dsse-envelope".to_owned());
        annotations.insert("dev.sigstore.bundle.predicateType".to_owned(), statement.predicate);
    }
    super::referrers::Artifact {
        artifact_type: BUNDLE.to_owned(),
        layers: vec![(BUNDLE.to_owned(), bytes.to_vec())],
        annotations,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element() -> Element {
        Element {
            name: "motd".to_owned(),
            version: "1.2.0".to_owned(),
            license: "Apache-2.0".to_owned(),
            summary: "Says hello.".to_owned(),
            imports: vec!["dib:element/log@0.1.0".to_owned(), "dib:element/facts@0.1.0".to_owned()],
            exports: vec!["dib:element/element@0.1.0".to_owned()],
            component: b"\0asm".to_vec(),
            created: 0,
        }
    }

    #[test]
    fn an_element_is_written_in_one_way() {
        let packed = element().pack(Form::Wasm);
        assert_eq!(
            String::from_utf8(packed.config).unwrap(),
            r#"{"created":"1970-01-01T00:00:00Z","architecture":"wasm","os":"wasip2","layerDigests":["sha256:cd5d4935a48c0672cb06407bb443bc0087aff947c6b864bac886982c73b3027f"],"component":{"exports":["dib:element/element@0.1.0"],"imports":["dib:element/facts@0.1.0","dib:element/log@0.1.0"]}}"#
        );
        assert_eq!(
            String::from_utf8(packed.manifest.bytes).unwrap(),
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.wasm.config.v0+json","digest":"sha256:b97517ffd787e31e51fce87a1cef6501c1d5e7c154ef0e1da7aa906936d7a51a","size":277},"layers":[{"mediaType":"application/wasm","digest":"sha256:cd5d4935a48c0672cb06407bb443bc0087aff947c6b864bac886982c73b3027f","size":4,"annotations":{"org.opencontainers.image.title":"motd.wasm"}}],"annotations":{"org.opencontainers.image.description":"Says hello.","org.opencontainers.image.licenses":"Apache-2.0","org.opencontainers.image.title":"motd","org.opencontainers.image.version":"1.2.0"}}"#
        );
        let mut other = element();
        other.imports.reverse();
        assert_eq!(
            other.pack(Form::Wasm).manifest.digest,
            element().pack(Form::Wasm).manifest.digest
        );
    }

    #[test]
    fn the_component_is_the_one_layer_that_is_webassembly() {
        let layer = |kind: &str| Descriptor::of(kind.as_bytes(), kind);
        let of = |layers: Vec<Descriptor>| ImageManifest {
            schema_version: 2,
            media_type: None,
            artifact_type: None,
            config: Descriptor::of(b"{}", EMPTY),
            layers,
            subject: None,
            annotations: None,
        };
        for kind in [WASM, WASM_BEFORE] {
            let manifest = of(vec![layer("text/plain"), layer(kind), layer("a/b")]);
            assert_eq!(component_of(&manifest).unwrap().media_type, kind);
        }
        for (layers, says) in [
            (vec![], "no layers"),
            (vec![layer("text/\u{1b}[31mplain")], "no layer of it is `application/wasm`"),
            (vec![layer(WASM), layer(WASM_BEFORE)], "2 layers of WebAssembly"),
        ] {
            let why = component_of(&of(layers)).unwrap_err();
            assert!(why.contains(says) && !why.contains('\u{1b}'), "{why}");
        }
    }

    #[test]
    fn of_an_index_it_is_the_one_for_wasm() {
        let of = |kind: &str, architecture: &str| Descriptor {
            platform: Some(super::super::manifest::Platform {
                architecture: architecture.to_owned(),
                os: String::new(),
                variant: None,
            }),
            ..Descriptor::of(kind.as_bytes(), MANIFEST)
        };
        let (one, two, other) = (of("1", "wasm"), of("2", "wasm"), of("3", "amd64"));
        assert_eq!(choose(&[other.clone(), one.clone()]).unwrap(), &one);
        assert_eq!(choose(std::slice::from_ref(&other)).unwrap(), &other);
        assert!(choose(&[]).unwrap_err().contains("nothing in it"));
        assert!(choose(&[one, two]).unwrap_err().contains("several"));
    }

    #[test]
    fn a_signature_says_what_kind_of_statement_it_has() {
        let payload = data_encoding::BASE64.encode(br#"{"predicateType":"https://x/y"}"#);
        let text = format!(r#"{{"dsseEnvelope":{{"payload":"{payload}"}}}}"#);
        let artifact = bundle(text.as_bytes());
        assert_eq!(artifact.annotations["dev.sigstore.bundle.predicateType"], "https://x/y");
        assert!(bundle(b"garbage").annotations.is_empty());
    }
}
