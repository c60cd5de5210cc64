//! What is told of an element that was pulled or loaded: what it is, and what it asks for.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use dibhost_element::{Inspection, Library};
use dibhost_plan::description::Request;
use dibhost_registry::oci::{Bundles, Digest, ElementStore, MOST_COMPONENT, Pulled, Repository};
use dibhost_sys::read_regular;
use semver::Version;
use serde_json::json;

use crate::failure::Failure;
use crate::registries::of_store;

/// What is told of one.
pub(crate) struct Told {
    /// That of its manifest.
    pub(crate) manifest: Digest,
    repository: Repository,
    tag: Option<String>,
    is: Inspection,
    signatures: usize,
    unusable: Vec<String>,
    /// The highest earlier version that is in the store, and what this one asks for beyond it.
    before: Option<(String, Vec<Request>)>,
}

impl Told {
    /// Of what came, before it is kept.
    pub(crate) fn new(
        store: &ElementStore,
        library: &Library,
        repository: &Repository,
        pulled: &Pulled,
        found: &Bundles,
        is: Inspection,
    ) -> Result<Self, Failure> {
        Ok(Self {
            before: grown(store, library, repository, pulled, &is)?,
            manifest: pulled.manifest.digest.clone(),
            repository: repository.clone(),
            tag: pulled.tag.clone(),
            signatures: found.bundles.len(),
            unusable: found.unusable.clone(),
            is,
        })
    }

    /// For programs.
    pub(crate) fn json(&self) -> serde_json::Value {
        let description = &self.is.description;
        json!({
            "name": description.name,
            "version": description.version,
            "repository": self.repository.to_string(),
            "tag": self.tag,
            "manifest-digest": self.manifest,
            "component-digest": self.is.digest,
            "signatures": self.signatures,
            "unusable-signatures": self.unusable,
            "requests": description.requests,
            "earlier-version": self.before.as_ref().map(|(version, _)| version),
            "new-requests": self.before.as_ref().map(|(_, requests)| requests),
        })
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let description = &self.is.description;
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        let mut text = format!(
            "{} {}: {}\n  from       oci://{}{tag}\n  manifest   {}\n  component  {}\n  signatures {}\n",
            description.name,
            description.version,
            description.summary,
            self.repository,
            self.manifest,
            self.is.digest,
            self.signatures
        );
        for why in &self.unusable {
            let _ = writeln!(text, "  a signature is of no use: {why}");
        }
        if description.requests.is_empty() {
            text.push_str("it requests nothing\n");
        } else {
            text.push_str("requests\n");
        }
        for request in &description.requests {
            text += &line(request);
        }
        if let Some((version, requests)) = &self.before {
            let _ = match requests.len() {
                0 => writeln!(
                    text,
                    "{} asks for no right that {version} did not ask for",
                    description.version
                ),
                1 => {
                    writeln!(text, "{} asks for one more right than {version}", description.version)
                }
                n => writeln!(
                    text,
                    "{} asks for {n} more rights than {version}",
                    description.version
                ),
            };
            for request in requests {
                text += &line(request);
            }
        }
        text
    }
}

fn line(request: &Request) -> String {
    let mut text = format!("  {} {}  {}\n", request.capability, request.scope, request.reason);
    for condition in &request.when {
        let _ = writeln!(text, "    only where {condition}");
    }
    text
}

/// What an element asks for beyond the highest earlier version of it that is here; none: there is none.
fn grown(
    store: &ElementStore,
    library: &Library,
    repository: &Repository,
    pulled: &Pulled,
    is: &Inspection,
) -> Result<Option<(String, Vec<Request>)>, Failure> {
    let Ok(own) = Version::parse(&is.description.version) else { return Ok(None) };
    let versions = store.versions(repository).map_err(of_store)?;
    let earlier = versions.into_iter().filter(|(version, manifest)| {
        *manifest != pulled.manifest.digest && Version::parse(version).is_ok_and(|v| v < own)
    });
    for (version, manifest) in earlier {
        // One that is spoilt, or that this host does not take any more, says nothing.
        let Ok(Some(kept)) = store.pulled(repository, &manifest) else { continue };
        let Ok(bytes) = read_regular(&kept.path, MOST_COMPONENT) else { continue };
        let Ok(before) = library.inspect_component(&bytes, &kept.path) else { continue };
        if before.digest != kept.component.as_str() {
            continue;
        }
        let asked: BTreeSet<_> = before
            .description
            .requests
            .iter()
            .map(|r| (&r.capability, &r.scope, &r.when))
            .collect();
        let more = is.description.requests.iter();
        let more = more.filter(|r| !asked.contains(&(&r.capability, &r.scope, &r.when)));
        return Ok(Some((version, more.cloned().collect())));
    }
    Ok(None)
}
