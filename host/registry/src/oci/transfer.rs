//! Elements to registries, from them, and from one to another, their signatures with them.

use super::artifact::{self, BUNDLE, Element, Form, Packed, TITLE, VERSION};
use super::digest::Digest;
use super::error::RegistryError;
use super::manifest::{Descriptor, ImageManifest, Manifest, Parsed};
use super::reference::{Pointer, Repository};
use super::registry::Registry;

/// Of a component. Python's interpreter in one has 40 MiB.
pub const MOST_COMPONENT: u64 = 256 << 20;
/// Of a configuration, and of a signature.
pub(crate) const MOST_SMALL: u64 = 1 << 20;
/// Of what refers to one manifest, that much is looked at.
pub(crate) const MOST_REFERRERS: usize = 64;
/// Of a blob that is only passed on.
const MOST_COPIED: u64 = 512 << 20;

/// What a push came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The manifest.
    pub manifest: Descriptor,
    /// The component.
    pub component: Digest,
    /// How it was written.
    pub form: Form,
    /// The tag had this already.
    pub was_there: bool,
}

/// An element from a registry, or from a file of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Its manifest, as it was sent.
    pub manifest: Manifest,
    /// Its configuration.
    pub config: Vec<u8>,
    /// The component.
    pub component: Vec<u8>,
    /// That of the component.
    pub component_digest: Digest,
    /// What its publisher calls it.
    pub title: Option<String>,
    /// What its publisher says its version is.
    pub version: Option<String>,
    /// The tag that it was asked for by.
    pub tag: Option<String>,
}

/// Signatures that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundles {
    /// Their bytes.
    pub bundles: Vec<Vec<u8>>,
    /// Why others of them are of no use, a sentence each.
    pub unusable: Vec<String>,
}

impl Registry {
    /// Puts an element there under a tag.
    ///
    /// # Errors
    /// The tag is another element already, unless `replace`; the registry was not reached, or refuses
    /// it.
    pub fn push_element(
        &self,
        repository: &Repository,
        tag: &str,
        element: &Element,
        replace: bool,
    ) -> Result<Pushed, RegistryError> {
        let pointer = Pointer::Tag(tag.to_owned());
        let forms = [Form::Wasm, Form::EmptyConfig].map(|form| (form, element.pack(form)));
        let there = match self.manifest(repository, &pointer) {
            Ok(manifest) => Some(manifest.digest),
            Err(RegistryError::Absent { .. }) => None,
            Err(error) => return Err(error),
        };
        let pushed = |form, packed: &Packed, was_there| Pushed {
            manifest: packed.manifest.descriptor(),
            component: Digest::of(&element.component),
            form,
            was_there,
        };
        if let Some(there) = there {
            if let Some((form, packed)) = forms.iter().find(|(_, p)| p.manifest.digest == there) {
                return Ok(pushed(*form, packed, true));
            }
            if !replace {
                return Err(RegistryError::Taken {
                    repository: repository.to_string(),
                    tag: tag.to_owned(),
                    there,
                    pushed: forms[0].1.manifest.digest.clone(),
                });
            }
        }
        self.push_blob(repository, &element.component)?;
        let put = |packed: &Packed| -> Result<(), RegistryError> {
            self.push_blob(repository, &packed.config)?;
            let Manifest { bytes, media_type, .. } = &packed.manifest;
            self.push_manifest(repository, &pointer, bytes, media_type).map(drop)
        };
        let [(wasm, first), (empty, second)] = &forms;
        match put(first) {
            Ok(()) => Ok(pushed(*wasm, first, false)),
            // As registries say it that know the types of configurations: GitLab does.
            Err(RegistryError::Refused { said, .. }) if unknown_type(&said) => {
                put(second)?;
                Ok(pushed(*empty, second, false))
            }
            Err(error) => Err(error),
        }
    }

    /// The manifest of an element, out of an index where it is in one.
    ///
    /// # Errors
    /// It could not be had, or is not one element.
    pub fn element_manifest(
        &self,
        repository: &Repository,
        pointer: &Pointer,
    ) -> Result<(Manifest, ImageManifest), RegistryError> {
        let what = || format!("`{pointer}` of `{repository}`");
        let manifest = self.manifest(repository, pointer)?;
        let unsound = |why: String| RegistryError::unsound(what(), why);
        let index = match manifest.parse().map_err(unsound)? {
            Parsed::Image(image) => return Ok((manifest, *image)),
            Parsed::Index(index) => index,
        };
        let chosen = artifact::choose(&index.manifests).map_err(unsound)?;
        let manifest = self.manifest(repository, &Pointer::Digest(chosen.digest.clone()))?;
        match manifest.parse().map_err(unsound)? {
            Parsed::Image(image) => Ok((manifest, *image)),
            Parsed::Index(_) => Err(unsound("it is an index of indexes".to_owned())),
        }
    }

    /// An element: manifest, configuration and component, each verified.
    ///
    /// # Errors
    /// It could not be had, is no element, or is not the version that its tag says.
    pub fn pull_element(
        &self,
        repository: &Repository,
        pointer: &Pointer,
    ) -> Result<Pulled, RegistryError> {
        let what = || format!("`{pointer}` of `{repository}`");
        let (manifest, image) = self.element_manifest(repository, pointer)?;
        let tag = match pointer {
            Pointer::Tag(tag) => Some(tag.clone()),
            Pointer::Digest(_) => None,
        };
        read(manifest, &image, tag, &mut |of, most| self.content(repository, of, most)).map_err(
            |error| match error {
                RegistryError::Unsound { why, .. } => RegistryError::unsound(what(), why),
                other => other,
            },
        )
    }

    /// The signatures of a manifest.
    ///
    /// # Errors
    /// What refers to it could not be listed; what is wrong with one of them is told beside the others.
    pub fn bundles(
        &self,
        repository: &Repository,
        subject: &Digest,
    ) -> Result<Bundles, RegistryError> {
        let mut found = Bundles::default();
        for of in self.referrers(repository, subject, Some(BUNDLE))?.iter().take(MOST_REFERRERS) {
            match self.bundle(repository, subject, of) {
                Ok(bundle) => found.bundles.extend(bundle),
                Err(RegistryError::Unreachable { what, why, passing, wait }) => {
                    return Err(RegistryError::Unreachable { what, why, passing, wait });
                }
                Err(error) => found.unusable.push(error.to_string()),
            }
        }
        Ok(found)
    }

    /// None: it is something else.
    fn bundle(
        &self,
        repository: &Repository,
        subject: &Digest,
        of: &Descriptor,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        let manifest = self.manifest(repository, &Pointer::Digest(of.digest.clone()))?;
        match bundle_layer(&manifest, subject) {
            Ok(Some(layer)) => self.content(repository, &layer, MOST_SMALL).map(Some),
            Ok(None) => Ok(None),
            Err(why) => Err(RegistryError::unsound(
                format!("the signature {} of {subject}", of.digest),
                why,
            )),
        }
    }

    /// Copies an element as it is, byte for byte, with all that refers to it, to a tag elsewhere.
    ///
    /// # Errors
    /// Something could not be had, or was refused; the tag is something else already, unless `replace`.
    pub fn copy_element(
        &self,
        (from, pointer): (&Repository, &Pointer),
        to: &Self,
        (repository, tag): (&Repository, Option<&str>),
        replace: bool,
    ) -> Result<Copied, RegistryError> {
        let (manifest, image) = self.element_manifest(from, pointer)?;
        artifact::component_of(&image)
            .map(drop)
            .and_then(|()| tag.map_or(Ok(()), |tag| own_tag(tag, &image)))
            .map_err(|why| RegistryError::unsound(format!("`{pointer}` of `{from}`"), why))?;
        let target = match tag {
            Some(tag) => Pointer::Tag(tag.to_owned()),
            None => Pointer::Digest(manifest.digest.clone()),
        };
        match to.manifest(repository, &target) {
            Ok(there) if there.digest != manifest.digest && !replace => {
                return Err(RegistryError::Taken {
                    repository: repository.to_string(),
                    tag: tag.unwrap_or_default().to_owned(),
                    there: there.digest,
                    pushed: manifest.digest,
                });
            }
            Ok(_) | Err(RegistryError::Absent { .. }) => {}
            Err(error) => return Err(error),
        }
        self.copy_blobs(from, &image, to, repository)?;
        to.push_manifest(repository, &target, &manifest.bytes, &manifest.media_type)?;
        let mut referrers = 0;
        for of in self.referrers(from, &manifest.digest, None)?.iter().take(MOST_REFERRERS) {
            let what = format!("{}, which refers to {}", of.digest, manifest.digest);
            let referrer = self.manifest(from, &Pointer::Digest(of.digest.clone()))?;
            let about = |image: &ImageManifest| {
                image.subject.as_ref().is_some_and(|subject| subject.digest == manifest.digest)
            };
            match referrer.parse() {
                Ok(Parsed::Image(image)) if about(&image) => {
                    self.copy_blobs(from, &image, to, repository)?;
                    to.push_referrer(repository, &manifest.digest, &referrer)?;
                    referrers += 1;
                }
                Ok(_) => return Err(RegistryError::unsound(what, "it is about something else")),
                Err(why) => return Err(RegistryError::unsound(what, why)),
            }
        }
        Ok(Copied { manifest: manifest.digest, referrers })
    }

    fn copy_blobs(
        &self,
        from: &Repository,
        image: &ImageManifest,
        to: &Self,
        repository: &Repository,
    ) -> Result<(), RegistryError> {
        for of in image.layers.iter().chain([&image.config]) {
            to.push_blob(repository, &self.content(from, of, MOST_COPIED)?)?;
        }
        Ok(())
    }
}

/// What a copy came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The manifest.
    pub manifest: Digest,
    /// How many that refer to it came with it.
    pub referrers: usize,
}

/// Gives the bytes of a descriptor, at most so many.
pub(crate) type ContentOf<'a> = dyn FnMut(&Descriptor, u64) -> Result<Vec<u8>, RegistryError> + 'a;

/// Reads an element of its manifest and of what gives the bytes of a descriptor.
///
/// # Errors
/// It is no element, or not the version that its tag says; what `content` says.
pub(crate) fn read(
    manifest: Manifest,
    image: &ImageManifest,
    tag: Option<String>,
    content: &mut ContentOf<'_>,
) -> Result<Pulled, RegistryError> {
    let unsound =
        |why: String| RegistryError::unsound(format!("the manifest {}", manifest.digest), why);
    let layer = artifact::component_of(image).map_err(unsound)?;
    if let Some(tag) = &tag {
        own_tag(tag, image).map_err(unsound)?;
    }
    let config = content(&image.config, MOST_SMALL)?;
    let component = content(layer, MOST_COMPONENT)?;
    let title = layer.annotation(TITLE).map(|title| title.trim_end_matches(".wasm"));
    Ok(Pulled {
        component_digest: layer.digest.clone(),
        title: title.or_else(|| image.annotation(TITLE)).map(str::to_owned),
        version: image.annotation(VERSION).map(str::to_owned),
        tag,
        config,
        component,
        manifest,
    })
}

/// A version stands under its own tag: an older one under that of a newer one brings its mistakes back.
fn own_tag(tag: &str, image: &ImageManifest) -> Result<(), String> {
    match image.annotation(VERSION) {
        Some(version) if version != tag && semver::Version::parse(tag).is_ok() => Err(format!(
            "its tag is `{}`, and it says itself that it is version `{}`: a version stands under its \
             own tag",
            dibhost_text::harmless(tag, 130),
            dibhost_text::harmless(version, 130)
        )),
        _ => Ok(()),
    }
}

/// The layer of a signature's manifest that is the signature; none: it is no signature.
pub(crate) fn bundle_layer(
    manifest: &Manifest,
    subject: &Digest,
) -> Result<Option<Descriptor>, String> {
    let Parsed::Image(image) = manifest.parse()? else {
        return Err("it is an index".to_owned());
    };
    if image.subject.as_ref().map(|s| &s.digest) != Some(subject) {
        return Err("it is about something else".to_owned());
    }
    Ok(image.layers.into_iter().find(|layer| layer.media_type == BUNDLE))
}

fn unknown_type(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    ["media type", "mediatype", "manifest_invalid", "unsupported", "config type"]
        .iter()
        .any(|words| said.contains(words))
}
