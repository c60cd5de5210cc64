//! Elements and their signatures in one file, for where no registry is reached: an OCI image layout in
//! a tar archive.
//!
//! ```text
//! oci-layout            {"imageLayoutVersion":"1.0.0"}
//! index.json            a descriptor for each element, with where it is from, and for each signature
//! blobs/sha256/HEX      manifests, configurations, components, signatures
//! ```
//!
//! Source: image-spec 1.1, `image-layout.md`. What is written depends on the elements alone: names in
//! order, no times, no owners. What is read comes from anywhere: only plain files of those names are
//! taken, each once, none larger than it may be; a link, a device or a name that leads elsewhere ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use dibhost_text::harmless;
use tar::{Archive, Builder, EntryType, Header};

use super::artifact::{self, BUNDLE};
use super::digest::Digest;
use super::error::RegistryError;
use super::manifest::{
    Descriptor, ImageIndex, ImageManifest, MANIFEST, MOST_BYTES, Manifest, Parsed, parse,
};
use super::reference::{Pointer, Reference, Repository, SCHEME, is_tag};
use super::referrers::{EMPTY_BYTES, json};
use super::transfer::{MOST_COMPONENT, MOST_REFERRERS, Pulled, bundle_layer, read as read_element};

/// What such a file says it is.
const MARK: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// Of all blobs together: they are held in memory.
const MOST_ALL: u64 = 1 << 30;
/// Files in the archive.
const MOST_FILES: usize = 10_000;
/// Where an element is from, as image-spec has it.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The same without a tag.
const REPOSITORY: &str = "dev.dibhost.repository";

/// An element on its way in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// Where it is from.
    pub repository: Repository,
    /// The element.
    pub pulled: Pulled,
    /// Its signatures.
    pub bundles: Vec<Vec<u8>>,
}

/// Writes elements.
///
/// # Errors
/// What the writer says.
pub fn write(carried: &[Carried], into: &mut dyn Write) -> io::Result<()> {
    let mut blobs: BTreeMap<Digest, &[u8]> = BTreeMap::new();
    let mut signatures: BTreeMap<Digest, (Descriptor, Vec<u8>)> = BTreeMap::new();
    let mut order: Vec<&Carried> = carried.iter().collect();
    order.sort_by_key(|c| (&c.repository, &c.pulled.manifest.digest));
    order.dedup_by_key(|c| (&c.repository, &c.pulled.manifest.digest));
    let mut listed = Vec::new();
    for Carried { repository, pulled, bundles } in order {
        let subject = pulled.manifest.descriptor();
        for bytes in [&pulled.manifest.bytes, &pulled.config, &pulled.component] {
            blobs.insert(Digest::of(bytes), bytes);
        }
        for bundle in bundles {
            let manifest = artifact::bundle(bundle).manifest(&subject);
            blobs.insert(Digest::of(EMPTY_BYTES), EMPTY_BYTES);
            blobs.insert(Digest::of(bundle), bundle);
            let mut descriptor = manifest.descriptor();
            descriptor.artifact_type = Some(BUNDLE.to_owned());
            signatures.insert(manifest.digest.clone(), (descriptor, manifest.bytes));
        }
        let mut said = BTreeMap::from([(REPOSITORY.to_owned(), repository.to_string())]);
        let tag = pulled.tag.as_ref().or(pulled.version.as_ref()).filter(|tag| is_tag(tag));
        if let Some(tag) = tag {
            said.insert(REF_NAME.to_owned(), format!("{repository}:{tag}"));
        }
        listed.push(Descriptor { annotations: Some(said), ..subject });
    }
    for (digest, (descriptor, bytes)) in &signatures {
        blobs.insert(digest.clone(), bytes);
        listed.push(descriptor.clone());
    }
    let mut archive = Builder::new(into);
    put(&mut archive, "oci-layout", MARK)?;
    put(&mut archive, "index.json", &json(&ImageIndex::of(listed)))?;
    for (digest, bytes) in blobs {
        put(&mut archive, &format!("blobs/sha256/{}", digest.hex()), bytes)?;
    }
    archive.into_inner()?.flush()
}

fn put(archive: &mut Builder<&mut dyn Write>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, name, bytes)
}

/// Reads elements. Those that do not say where they are from are of `otherwise`.
///
/// # Errors
/// What is wrong with the file, and where in it.
pub fn read(
    from: &mut dyn Read,
    otherwise: Option<&Repository>,
) -> Result<Vec<Carried>, RegistryError> {
    let Files { index, blobs } = files(from)?;
    let odd = |why: String| RegistryError::unsound("`index.json` of the file", why);
    let index = match parse(&index).map_err(odd)? {
        Parsed::Index(index) => index,
        Parsed::Image(_) => return Err(odd("it is a manifest and no index".to_owned())),
    };
    let mut carried = Vec::new();
    let mut signatures = Vec::new();
    for of in &index.manifests {
        let what = format!("the manifest {}", of.digest);
        let unsound = |why: String| RegistryError::unsound(what.clone(), why);
        let bytes = blob(&blobs, of, MOST_BYTES)?;
        let manifest = Manifest::new(bytes, &of.media_type);
        match manifest.parse().map_err(unsound)? {
            Parsed::Image(image) if image.subject.is_some() => signatures.push(manifest),
            Parsed::Image(image) => {
                carried.push(element(of, manifest, &image, &blobs, otherwise)?);
            }
            Parsed::Index(_) => return Err(unsound("it is an index in an index".to_owned())),
        }
    }
    for manifest in signatures {
        for one in &mut carried {
            let Ok(Some(layer)) = bundle_layer(&manifest, &one.pulled.manifest.digest) else {
                continue;
            };
            if one.bundles.len() < MOST_REFERRERS {
                one.bundles.push(blob(&blobs, &layer, super::transfer::MOST_SMALL)?);
            }
        }
    }
    match carried.is_empty() {
        true => Err(odd("it lists no element".to_owned())),
        false => Ok(carried),
    }
}

fn element(
    of: &Descriptor,
    manifest: Manifest,
    image: &ImageManifest,
    blobs: &BTreeMap<Digest, Vec<u8>>,
    otherwise: Option<&Repository>,
) -> Result<Carried, RegistryError> {
    let what = || format!("the manifest {}", of.digest);
    let unsound = |why: String| RegistryError::unsound(what(), why);
    let named = of.annotation(REF_NAME).map(|name| format!("{SCHEME}{name}"));
    let named = named.and_then(|name| name.parse::<Reference>().ok());
    let repository = match (of.annotation(REPOSITORY), &named, otherwise) {
        (Some(said), _, _) => said.parse().map_err(unsound)?,
        (None, Some(named), _) => named.repository.clone(),
        (None, None, Some(repository)) => repository.clone(),
        (None, None, None) => {
            return Err(unsound(
                "the file does not say which repository it is from: say it by `--repository`"
                    .to_owned(),
            ));
        }
    };
    let tag = match named {
        Some(Reference { repository: of, pointer: Some(Pointer::Tag(tag)) })
            if of == repository =>
        {
            Some(tag)
        }
        _ => of.annotation(REF_NAME).filter(|tag| is_tag(tag)).map(str::to_owned),
    };
    let manifest = Manifest { media_type: MANIFEST.to_owned(), ..manifest };
    let pulled = read_element(manifest, image, tag, &mut |of, most| blob(blobs, of, most))?;
    Ok(Carried { repository, pulled, bundles: Vec::new() })
}

fn blob(
    blobs: &BTreeMap<Digest, Vec<u8>>,
    of: &Descriptor,
    most: u64,
) -> Result<Vec<u8>, RegistryError> {
    let what = || format!("the blob {} of the file", of.digest);
    let bytes =
        blobs.get(&of.digest).ok_or_else(|| RegistryError::unsound(what(), "it is missing"))?;
    let found = bytes.len() as u64;
    if found != of.size {
        return Err(RegistryError::Size { what: what(), wanted: of.size, found });
    }
    match found > most {
        true => Err(RegistryError::TooLarge { what: what(), most }),
        false => Ok(bytes.clone()),
    }
}

/// The files of an archive.
struct Files {
    index: Vec<u8>,
    blobs: BTreeMap<Digest, Vec<u8>>,
}

/// Takes the archive apart.
fn files(from: &mut dyn Read) -> Result<Files, RegistryError> {
    let broken = |e: io::Error| {
        let why = format!("it is no tar archive, or broken: {}", harmless(&e.to_string(), 200));
        RegistryError::unsound("the file", why)
    };
    let mut archive = Archive::new(from);
    // As they stand: names that come in entries of their own, and may be of any length, are not put
    // together.
    let entries = archive.entries().map_err(broken)?.raw(true);
    let (mut mark, mut index, mut blobs) = (None, None, BTreeMap::new());
    let mut seen = BTreeSet::new();
    let mut all = 0;
    for entry in entries {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path_bytes().into_owned();
        let shown = format!("`{}` in the file", harmless(&String::from_utf8_lossy(&path), 150));
        let odd = |why: &str| Err(RegistryError::unsound(shown.clone(), why));
        if seen.len() >= MOST_FILES {
            return odd("there are more files than any such archive has");
        }
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::Directory => {}
            EntryType::Symlink | EntryType::Link => return odd("it is a link"),
            EntryType::Char | EntryType::Block | EntryType::Fifo => {
                return odd("it is a device or pipe");
            }
            _ => return odd("it is neither a file nor a folder"),
        }
        let name = std::str::from_utf8(&path).unwrap_or("\u{fffd}");
        let name = name.strip_prefix("./").unwrap_or(name);
        if name.starts_with('/') || name.split('/').any(|part| part == "..") {
            return odd("its name leads out of the file");
        }
        if entry.header().entry_type() == EntryType::Directory {
            match name.trim_end_matches('/') {
                "" | "." | "blobs" | "blobs/sha256" => continue,
                _ => return odd("no such folder belongs there"),
            }
        }
        if !seen.insert(name.to_owned()) {
            return odd("it is there twice");
        }
        let digest = name.strip_prefix("blobs/sha256/").map(|hex| format!("sha256:{hex}").parse());
        let most = match (name, &digest) {
            ("oci-layout" | "index.json", _) => MOST_BYTES,
            (_, Some(Ok(_))) => MOST_COMPONENT,
            _ => return odd("no such file belongs there"),
        };
        let size = entry.header().entry_size().map_err(broken)?;
        all += size.min(MOST_ALL + 1);
        if size > most || all > MOST_ALL {
            let most = if size > most { most } else { MOST_ALL };
            return Err(RegistryError::TooLarge { what: shown, most });
        }
        let mut bytes = Vec::new();
        (&mut entry).take(size).read_to_end(&mut bytes).map_err(broken)?;
        if bytes.len() as u64 != size {
            return odd("the file ends within it");
        }
        match digest {
            Some(Ok(wanted)) => {
                let found = Digest::of(&bytes);
                if found != wanted {
                    return Err(RegistryError::Digest { what: shown, wanted, found });
                }
                blobs.insert(wanted, bytes);
            }
            _ if name == "index.json" => index = Some(bytes),
            _ => mark = Some(bytes),
        }
    }
    let missing = |name: &str| {
        let why = format!("there is no `{name}` in it: it is no OCI layout");
        RegistryError::unsound("the file", why)
    };
    let mark = mark.ok_or_else(|| missing("oci-layout"))?;
    let version = serde_json::from_slice::<serde_json::Value>(&mark).ok();
    let version = version.as_ref().and_then(|v| v.get("imageLayoutVersion")?.as_str());
    if !version.is_some_and(|version| version.starts_with("1.")) {
        let why = "it is none of version 1, which is the only one that is read";
        return Err(RegistryError::unsound("the layout", why));
    }
    Ok(Files { index: index.ok_or_else(|| missing("index.json"))?, blobs })
}
