//! What refers to a manifest: signatures, by the referrers API and by the tag that stands in for it.
//!
//! Source: distribution-spec 1.1, "Listing Referrers" and "Referrers Tag Schema". The tag
//! `sha256-HEX` is an index of all that refers; whoever adds to it reads, changes and writes it, and
//! two who do so at once may lose one: so it is looked at again.

use std::collections::BTreeMap;

use url::form_urlencoded::byte_serialize;

use super::digest::Digest;
use super::error::RegistryError;
use super::manifest::{
    Descriptor, INDEX, ImageIndex, ImageManifest, MANIFEST, MOST_BYTES, MOST_MANIFESTS, Manifest,
    Parsed, parse,
};
use super::reference::{Pointer, Repository};
use super::registry::{Registry, get, pull};

/// The configuration of artifacts that have none.
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// What that is.
pub(crate) const EMPTY_BYTES: &[u8] = b"{}";
/// How often the fallback index is written anew when somebody else was as quick.
const ATTEMPTS: usize = 5;

/// Something that is attached to a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// What kind.
    pub artifact_type: String,
    /// Media types and bytes.
    pub layers: Vec<(String, Vec<u8>)>,
    /// What is said of it.
    pub annotations: BTreeMap<String, String>,
}

impl Artifact {
    /// Its manifest.
    #[must_use]
    pub fn manifest(&self, subject: &Descriptor) -> Manifest {
        let layer = |(kind, bytes): &(String, Vec<u8>)| Descriptor::of(bytes, kind);
        let image = ImageManifest {
            schema_version: 2,
            media_type: Some(MANIFEST.to_owned()),
            artifact_type: Some(self.artifact_type.clone()),
            config: Descriptor::of(EMPTY_BYTES, EMPTY),
            layers: self.layers.iter().map(layer).collect(),
            subject: Some(subject.clone()),
            annotations: (!self.annotations.is_empty()).then(|| self.annotations.clone()),
        };
        Manifest::new(json(&image), MANIFEST)
    }
}

/// What is ours in JSON, which is always possible.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// The tag that stands in for the API.
pub(crate) fn fallback_tag(subject: &Digest) -> Pointer {
    Pointer::Tag(format!("sha256-{}", subject.hex()))
}

impl Registry {
    /// What refers to a manifest and is of a type; those whose type is not said may be of it.
    ///
    /// # Errors
    /// It could not be had, or is no index.
    pub fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let mut all = self.by_api(repository, subject, artifact_type)?.unwrap_or_default();
        // Some registries have the API and list nothing by it.
        if all.is_empty() {
            all = self.by_tag(repository, subject)?;
        }
        let wanted = |of: &Descriptor| match (artifact_type, of.artifact_type.as_deref()) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => true,
        };
        all.retain(wanted);
        Ok(all)
    }

    /// None: there is no such API.
    fn by_api(
        &self,
        repository: &Repository,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let what = format!("the list of what refers to {subject} in `{repository}`");
        let query = artifact_type
            .map(|t| format!("?artifactType={}", byte_serialize(t.as_bytes()).collect::<String>()));
        let rest = format!("referrers/{subject}{}", query.unwrap_or_default());
        let url = self.session.url(repository, &rest)?;
        let bytes = self.session.patiently(|| {
            let mut answer = self.session.send(&get(&url, &what, &pull(repository)))?;
            self.whole(&what, answer.body_mut(), MOST_BYTES)
        });
        match bytes {
            Ok(bytes) => Ok(Some(index(&what, &bytes)?.manifests)),
            // What a registry says that does not know the path.
            Err(RegistryError::Absent { .. } | RegistryError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn by_tag(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let tag = fallback_tag(subject);
        match self.manifest(repository, &tag) {
            Ok(manifest) => {
                let what = format!("the index `{tag}` of `{repository}`");
                Ok(index(&what, &manifest.bytes)?.manifests)
            }
            Err(RegistryError::Absent { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Attaches something to a manifest; the digest of its own manifest.
    ///
    /// # Errors
    /// The registry was not reached, or refuses it.
    pub fn attach(
        &self,
        repository: &Repository,
        subject: &Descriptor,
        artifact: &Artifact,
    ) -> Result<Digest, RegistryError> {
        self.push_blob(repository, EMPTY_BYTES)?;
        for (_, bytes) in &artifact.layers {
            self.push_blob(repository, bytes)?;
        }
        let manifest = artifact.manifest(subject);
        self.push_referrer(repository, &subject.digest, &manifest)?;
        Ok(manifest.digest)
    }

    /// Puts the manifest of something that refers there, whose blobs are there, so that it is found.
    ///
    /// # Errors
    /// The registry was not reached, or refuses it.
    pub fn push_referrer(
        &self,
        repository: &Repository,
        subject: &Digest,
        manifest: &Manifest,
    ) -> Result<(), RegistryError> {
        let pointer = Pointer::Digest(manifest.digest.clone());
        let pushed =
            self.push_manifest(repository, &pointer, &manifest.bytes, &manifest.media_type)?;
        if pushed.referrer {
            return Ok(());
        }
        let mut descriptor = manifest.descriptor();
        if let Ok(Parsed::Image(image)) = manifest.parse() {
            descriptor.artifact_type =
                Some(image.artifact_type.unwrap_or_else(|| image.config.media_type.clone()));
            descriptor.annotations = image.annotations;
        }
        let tag = fallback_tag(subject);
        let what = format!("the index `{tag}` of `{repository}`");
        for _ in 0..ATTEMPTS {
            let mut all = self.by_tag(repository, subject)?;
            if all.iter().any(|there| there.digest == descriptor.digest) {
                return Ok(());
            }
            if all.len() >= MOST_MANIFESTS {
                let why = format!("it lists {} already, and no more are read", all.len());
                return Err(RegistryError::unsound(what, why));
            }
            all.push(descriptor.clone());
            let index = json(&ImageIndex::of(all));
            self.push_manifest(repository, &tag, &index, INDEX)?;
        }
        match self.by_tag(repository, subject)?.iter().any(|t| t.digest == descriptor.digest) {
            true => Ok(()),
            false => Err(RegistryError::unsound(
                what,
                "others write it at the same time, each time it was written",
            )),
        }
    }
}

fn index(what: &str, bytes: &[u8]) -> Result<ImageIndex, RegistryError> {
    match parse(bytes) {
        Ok(Parsed::Index(index)) => Ok(index),
        Ok(Parsed::Image(_)) => Err(RegistryError::unsound(what, "it is a manifest and no index")),
        Err(why) => Err(RegistryError::unsound(what, why)),
    }
}
