//! Images of containers, as far as a tree is made of them: which layers they have, and the bytes of
//! those.
//!
//! Source: image-spec 1.1, `manifest.md`, `image-index.md`, `layer.md`. Docker's own media types are read
//! as OCI's. What an image says of how it is run is not looked at.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use dibhost_sys::Cancel;
use dibhost_text::harmless;

use super::digest::Digest;
use super::error::RegistryError;
use super::manifest::{Descriptor, MANIFEST, Manifest, Parsed};
use super::reference::{Pointer, Repository, SCHEME, is_tag};
use super::registry::{Registries, Registry};
use crate::store::Store;

/// Of one layer, as it is sent.
const MOST_LAYER: u64 = 16 << 30;

/// Which image: `HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`, with or without `oci://` before it. A tag beside a
/// digest says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerReference {
    /// The repository.
    pub repository: Repository,
    /// Its manifest, or its index.
    pub pointer: Pointer,
}

impl FromStr for ContainerReference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix(SCHEME).unwrap_or(text);
        let (name, digest) = match rest.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse::<Digest>()?)),
            None => (rest, None),
        };
        // A port stands before the first `/`.
        let slash = name.rfind('/').unwrap_or_default();
        let (name, tag) = match name[slash..].split_once(':') {
            Some((before, tag)) if slash > 0 => (&name[..slash + before.len()], Some(tag)),
            _ => (name, None),
        };
        if let Some(odd) = tag.filter(|tag| !is_tag(tag)) {
            return Err(format!("`{}` is no tag", harmless(odd, 150)));
        }
        let tag = || Pointer::Tag(tag.unwrap_or("latest").to_owned());
        let repository = name.parse()?;
        Ok(Self { repository, pointer: digest.map_or_else(tag, Pointer::Digest) })
    }
}

impl fmt::Display for ContainerReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pointer {
            Pointer::Tag(tag) => write!(f, "{}:{tag}", self.repository),
            Pointer::Digest(digest) => write!(f, "{}@{digest}", self.repository),
        }
    }
}

/// How a layer, which is a tar archive, is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// By gzip.
    Gzip,
    /// By Zstandard.
    Zstd,
}

/// A layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerLayer {
    /// That of its bytes, as they are sent.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
    /// How they are packed.
    pub packing: Packing,
}

/// Gets images of containers. Manifests and layers are kept: by SHA-256, whole or not at all, verified
/// whenever they are used.
#[derive(Debug)]
pub struct Containers {
    registries: Registries,
    store: Arc<Store>,
}

impl Containers {
    /// With the store in that folder, which may be that of fetched files; `work` is the build's own, on
    /// the same filesystem.
    ///
    /// # Errors
    /// A folder cannot be opened, or others may write to the store.
    pub fn open(store: &Path, work: &Path, registries: Registries) -> Result<Self, RegistryError> {
        Ok(Self { registries, store: Arc::new(Store::open(store, work)?) })
    }

    /// What a reference means now.
    ///
    /// # Errors
    /// It could not be had.
    pub fn digest(&self, reference: &ContainerReference) -> Result<Digest, RegistryError> {
        let ContainerReference { repository, pointer } = reference;
        Ok(self.registries.of(repository)?.manifest(repository, pointer)?.digest)
    }

    /// The layers of an image for a machine of Linux, the lowest first. `platform` is a processor and
    /// its variant, as OCI calls them.
    ///
    /// # Errors
    /// It could not be had, is none for that machine, or has a layer that is no tar archive.
    pub fn layers(
        &self,
        reference: &ContainerReference,
        platform: (&str, Option<&str>),
    ) -> Result<Vec<ContainerLayer>, RegistryError> {
        let ContainerReference { repository, pointer } = reference;
        let registry = self.registries.of(repository)?;
        let unsound = |why: String| RegistryError::unsound(format!("the image `{reference}`"), why);
        let manifest = self.manifest(&registry, repository, pointer)?;
        let manifest = match chosen(&manifest, platform).map_err(unsound)? {
            Some(digest) => self.manifest(&registry, repository, &Pointer::Digest(digest))?,
            None => manifest,
        };
        let Parsed::Image(image) = manifest.parse().map_err(unsound)? else {
            return Err(unsound("it is an index of indexes".to_owned()));
        };
        image.layers.iter().map(|layer| layer_of(layer).map_err(unsound)).collect()
    }

    /// From the store, where it is there.
    fn manifest(
        &self,
        registry: &Registry,
        repository: &Repository,
        pointer: &Pointer,
    ) -> Result<Manifest, RegistryError> {
        if let Pointer::Digest(digest) = pointer {
            let mut bytes = Vec::new();
            let reading = |e| RegistryError::machine("reading the store of fetched files", e);
            if self.store.copy(digest.as_str(), &mut bytes).map_err(reading)? {
                return Ok(Manifest::new(bytes, MANIFEST));
            }
        }
        let manifest = registry.manifest(repository, pointer)?;
        let keeping = |e| RegistryError::machine("keeping a manifest", e);
        let mut draft = self.store.draft().map_err(keeping)?;
        draft.write_all(&manifest.bytes).map_err(keeping)?;
        draft.keep().map_err(keeping)?;
        Ok(manifest)
    }

    /// Writes the bytes of a layer, from the store or from its registry.
    ///
    /// # Errors
    /// It could not be had, or is not what its descriptor says; it cannot be written.
    pub fn write_layer(
        &self,
        repository: &Repository,
        layer: &ContainerLayer,
        into: &Path,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), RegistryError> {
        let what = || format!("the layer {} of `{repository}`", layer.digest);
        let digest = layer.digest.as_str();
        for _ in 0..2 {
            let writing = |e| RegistryError::machine(format!("writing `{}`", into.display()), e);
            let mut file = std::fs::File::create(into).map_err(writing)?;
            if self.store.copy(digest, &mut file).map_err(writing)? {
                return Ok(());
            }
            let keeping = |e| RegistryError::machine(format!("keeping {}", what()), e);
            let mut draft = self.store.draft().map_err(keeping)?;
            let mut watched = Watched { inner: &mut draft, cancel, progress, done: 0 };
            let registry = self.registries.of(repository)?;
            let found = registry.blob(repository, &layer.digest, layer.size, &mut watched)?;
            if found != layer.size {
                return Err(RegistryError::Size { what: what(), wanted: layer.size, found });
            }
            draft.keep().map_err(keeping)?;
        }
        Err(RegistryError::machine(
            "reading the store of fetched files",
            "what was just written there is not what is read",
        ))
    }
}

/// The manifest of the image for a machine, of an index; none: it is no index.
fn chosen(
    manifest: &Manifest,
    (arch, variant): (&str, Option<&str>),
) -> Result<Option<Digest>, String> {
    let Parsed::Index(index) = manifest.parse()? else { return Ok(None) };
    let platforms = || index.manifests.iter().filter_map(|m| Some((m, m.platform.as_ref()?)));
    let fits: Vec<_> =
        platforms().filter(|(_, p)| p.os == "linux" && p.architecture == arch).collect();
    let same = |other: Option<&str>| other.is_none() || variant.is_none() || other == variant;
    let fit = fits.iter().find(|(_, p)| same(p.variant.as_deref()));
    let Some((descriptor, _)) = fit else {
        let mut there: Vec<String> = platforms()
            .filter(|(_, p)| p.os == "linux")
            .map(|(_, p)| {
                let variant = p.variant.iter().map(|v| format!("/{v}")).collect::<String>();
                harmless(&format!("{}{variant}", p.architecture), 40)
            })
            .collect();
        there.dedup();
        return Err(format!("it is for {}, and not for {arch}", there.join(", ")));
    };
    Ok(Some(descriptor.digest.clone()))
}

fn layer_of(layer: &Descriptor) -> Result<ContainerLayer, String> {
    let kind = layer.media_type.as_str();
    let packing = match kind {
        "application/vnd.oci.image.layer.v1.tar" => Packing::Plain,
        "application/vnd.oci.image.layer.v1.tar+gzip"
        | "application/vnd.docker.image.rootfs.diff.tar.gzip" => Packing::Gzip,
        "application/vnd.oci.image.layer.v1.tar+zstd"
        | "application/vnd.docker.image.rootfs.diff.tar.zstd" => Packing::Zstd,
        _ => {
            let kind = harmless(kind, 120);
            return Err(format!("it has a layer of the type `{kind}`, which is no tar archive"));
        }
    };
    if layer.size > MOST_LAYER {
        return Err(format!("its layer {} is larger than 16 GiB", layer.digest));
    }
    Ok(ContainerLayer { digest: layer.digest.clone(), size: layer.size, packing })
}

/// Counts what is written, and ends it when the build is to end.
struct Watched<'a> {
    inner: &'a mut dyn Write,
    cancel: &'a Cancel,
    progress: &'a mut dyn FnMut(u64),
    done: u64,
}

impl Write for Watched<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.cancel.check().map_err(std::io::Error::other)?;
        let written = self.inner.write(bytes)?;
        self.done += written as u64;
        (self.progress)(self.done);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::manifest::{ImageIndex, Platform};

    #[test]
    fn of_an_index_it_is_the_one_for_the_machine() {
        let of = |text: &str, architecture: &str, variant: Option<&str>, os: &str| Descriptor {
            platform: Some(Platform {
                architecture: architecture.to_owned(),
                os: os.to_owned(),
                variant: variant.map(str::to_owned),
            }),
            ..Descriptor::of(text.as_bytes(), MANIFEST)
        };
        let index = ImageIndex::of(vec![
            of("windows", "amd64", None, "windows"),
            of("attestation", "unknown", None, "unknown"),
            of("v6", "arm", Some("v6"), "linux"),
            of("v7", "arm", Some("v7"), "linux"),
            of("pc", "amd64", None, "linux"),
            of("eight", "arm64", Some("v8"), "linux"),
        ]);
        let manifest = Manifest::new(serde_json::to_vec(&index).unwrap(), MANIFEST);
        for (platform, text) in
            [(("amd64", None), "pc"), (("arm", Some("v7")), "v7"), (("arm64", Some("v8")), "eight")]
        {
            assert_eq!(chosen(&manifest, platform), Ok(Some(Digest::of(text.as_bytes()))));
        }
        let why = chosen(&manifest, ("riscv64", None)).unwrap_err();
        assert_eq!(why, "it is for arm/v6, arm/v7, amd64, arm64/v8, and not for riscv64");
    }

    #[test]
    fn what_is_no_layer_is_said() {
        let layer = |kind: &str, size| {
            layer_of(&Descriptor { size, ..Descriptor::of(b"", kind) }).map(|layer| layer.packing)
        };
        let zstd = "application/vnd.oci.image.layer.v1.tar+zstd";
        assert_eq!(layer(zstd, 1), Ok(Packing::Zstd));
        assert!(layer(zstd, u64::MAX).unwrap_err().contains("larger than 16 GiB"));
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        assert!(layer(foreign, 1).unwrap_err().contains("no tar archive"));
    }

    #[test]
    fn references_are_read_with_tag_and_digest() {
        let digest = Digest::of(b"x");
        for (text, read) in [
            ("h.example/a/b:1", "h.example/a/b:1".to_owned()),
            ("oci://h.example:5000/a", "h.example:5000/a:latest".to_owned()),
            (&format!("h.example:5000/a:12@{digest}"), format!("h.example:5000/a@{digest}")),
            (&format!("h.example/a@{digest}"), format!("h.example/a@{digest}")),
        ] {
            assert_eq!(text.parse::<ContainerReference>().unwrap().to_string(), read);
        }
        for (odd, says) in [
            ("debian:12", "is no repository"),
            ("h.example/a:", "is no tag"),
            ("h.example/a@sha256:00", "is no digest"),
            ("h.example/A", "small letters"),
        ] {
            let why = odd.parse::<ContainerReference>().unwrap_err();
            assert!(why.contains(says), "{odd}: {why}");
        }
    }
}
