//! What a definition names of registries: found in the store, else fetched where that may be; used only
//! where the policy and `dib.lock` have it so.
//!
//! ```text
//! lock ──► manifest ◄── tags of the registry, or versions of the store
//!             │
//!          store, else registry
//!             │  policy: who signed that manifest
//!             │  what was signed: name, version, component
//!          kept
//!             │  described: contract, rights
//!          the library has it
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;

use dibhost_definition::{Definition, LockedElement, LockedImage, OciReference, Reference, Wanted};
use dibhost_element::{Inspection, Library, Stocked};
use dibhost_plan::KeptSlots;
use dibhost_registry::oci::{
    Bundles, Digest, ElementStore, Kept, Pointer, Registries, Registry, Repository, StoreError,
};
use dibhost_registry::trust::{Policy, TrustError, Verdict, refuse_older, simple_signing};
use dibhost_sys::read_regular;
use dibhost_text::harmless;
use semver::Version;

use crate::cli::{ElementOptions, StockOptions};
use crate::failure::{Failure, wrong_element};
use crate::lock;
use crate::registries::{of_registry, of_store, open_store, registries};
use crate::trust;

/// How elements of registries are had.
pub(crate) struct Stock {
    elements: ElementOptions,
    /// None: nothing is fetched.
    registries: Option<Registries>,
    pub(crate) allow_older: bool,
    /// What `dib.lock` pins counts for nothing: it is to be renewed.
    pub(crate) renew: bool,
    /// What `dib.lock` does not pin is refused.
    pub(crate) locked: bool,
    /// By what the definition names each by.
    placed: RefCell<BTreeMap<String, Placed>>,
}

/// An element of a registry that may be used.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) reference: OciReference,
    pub(crate) kept: Kept,
    pub(crate) verdict: Verdict,
    pub(crate) is: Inspection,
    /// It was not in the store before.
    pub(crate) fetched: bool,
}

/// What is looked for.
struct Asked<'a> {
    /// As the definition has it.
    text: &'a str,
    reference: OciReference,
    locked: Option<LockedElement>,
}

/// What was found, before it is trusted.
struct Found {
    kept: Kept,
    /// What its tag, or the lock, says its version is.
    version: Option<String>,
    fetched: bool,
}

impl Stock {
    /// From the store alone.
    pub(crate) fn offline(elements: &ElementOptions) -> Self {
        Self {
            elements: elements.clone(),
            registries: None,
            allow_older: false,
            renew: false,
            locked: false,
            placed: RefCell::default(),
        }
    }

    /// From registries, what the store has not.
    pub(crate) fn online(elements: &ElementOptions, options: &StockOptions) -> Self {
        let registries = Some(registries(&options.registries));
        Self { registries, allow_older: options.allow_older, ..Self::offline(elements) }
    }

    /// Puts what a definition names of registries into the library.
    pub(crate) fn fill(&self, definition: &Definition, library: &Library) -> Result<(), Failure> {
        let named = definition.image.elements.iter();
        let named: Vec<_> =
            named.filter_map(|e| Some((e, Reference::in_registry(&e.value)?))).collect();
        if named.is_empty() {
            return Ok(());
        }
        let known = lock::Kept::of(definition)?.and_then(|kept| kept.image().cloned());
        let known = known.unwrap_or_default();
        let (policy, _) = trust::policy(&self.elements)?;
        let store = open_store(&self.elements)?;
        let mut wrong = Vec::new();
        for (element, reference) in named {
            let text = element.value.as_str();
            if self.placed.borrow().contains_key(text) {
                continue;
            }
            let locked = known.values().find(|locked| locked.from == text).cloned();
            let asked = Asked { text, reference, locked };
            match self.place(&asked, &policy, &store, library) {
                Ok(placed) => {
                    self.placed.borrow_mut().insert(text.to_owned(), placed);
                }
                Err(failure) => {
                    let at = element.location.as_ref().map(|at| format!("{at}: "));
                    wrong.push(failure.map_text(&|said| at.clone().unwrap_or_default() + said));
                }
            }
        }
        match wrong.len() {
            0 => Ok(()),
            1 => Err(wrong.remove(0)),
            _ => Err(Failure::wrong(
                wrong.iter().map(Failure::message).collect::<Vec<_>>().join("\n"),
            )),
        }
    }

    /// What was put into the library, by name.
    pub(crate) fn placed(&self) -> BTreeMap<String, Placed> {
        let placed = self.placed.borrow();
        placed.values().map(|p| (p.is.description.name.clone(), p.clone())).collect()
    }

    /// Namespaces of facts that the policy keeps for publishers, with which of the elements are theirs.
    pub(crate) fn kept_slots(&self) -> Result<BTreeMap<String, KeptSlots>, Failure> {
        let (policy, _) = trust::policy(&self.elements)?;
        let placed = self.placed.borrow();
        let of = |slot: &str, publisher: &str| {
            let theirs = placed.values().filter(|placed| {
                let by = placed.verdict.publisher.as_ref();
                // Unsigned, it is anybody's who may write there.
                placed.verdict.key.is_some()
                    && by.is_some_and(|by| by.slots.iter().any(|kept| kept == slot))
            });
            let elements = theirs.map(|placed| placed.kept.component.to_string()).collect();
            KeptSlots { publisher: publisher.to_owned(), elements }
        };
        let kept = policy.kept_slots();
        Ok(kept.map(|(slot, publisher)| (slot.to_owned(), of(slot, publisher))).collect())
    }

    /// What a lock file says beside what a plan knows: what the elements are in their registries.
    pub(crate) fn complete(&self, mut image: LockedImage) -> LockedImage {
        let placed = self.placed.borrow();
        for element in image.values_mut() {
            if let Some(placed) = placed.get(&element.from) {
                element.manifest = Some(placed.kept.manifest.to_string());
                element.key = placed.verdict.key.clone();
            }
        }
        image
    }

    fn place(
        &self,
        asked: &Asked<'_>,
        policy: &Policy,
        store: &ElementStore,
        library: &Library,
    ) -> Result<Placed, Failure> {
        if self.locked && asked.locked.as_ref().and_then(|l| l.manifest.as_ref()).is_none() {
            return Err(Failure::wrong(format!(
                "`{}` is not in `dib.lock`, and `--locked` allows no change of it\n  help: build without \
                 `--locked` where it is looked at, and keep the file that is written",
                asked.text
            )));
        }
        let (found, verdict) = match self.pinned(asked)? {
            Some(manifest) => self.by_manifest(asked, &manifest, policy, store)?,
            None => self.by_version(asked, policy, store)?,
        };
        let refused = |error: TrustError| trust::refused(asked.text, &error);
        let Found { kept, version, fetched } = found;
        self.as_locked(asked, &kept, &verdict)?;
        let (library_name, digest) =
            (asked.reference.element().to_owned(), kept.component.to_string());
        library.stock(asked.text, Stocked { name: library_name, digest, path: kept.path.clone() });
        let base = std::path::Path::new(".");
        let is = library.inspect(asked.text, base).map_err(wrong_element)?;
        // A newer version's name on an older one brings back what was mended since.
        if let Some(version) = version.filter(|version| *version != is.description.version) {
            let is = harmless(&is.description.version, 100);
            return Err(Failure::wrong(format!(
                "`{}` is refused: its registry calls it version {version}, and it says itself that it is \
                 {is}\n  help: ask its publisher; it may be an older version under the name of a newer one",
                asked.text
            )));
        }
        if let Some(signed) = &verdict.claim {
            let bytes = read_regular(&kept.path, dibhost_registry::oci::MOST_COMPONENT)
                .map_err(|e| Failure::failed(format!("reading `{}`: {e}", kept.path.display())))?;
            let said = trust::claim(&is, &bytes).map_err(wrong_element)?;
            signed.agrees_with(&said).map_err(refused)?;
        }
        Ok(Placed { reference: asked.reference.clone(), kept, verdict, is, fetched })
    }

    /// The manifest that was agreed to, or that the definition itself names.
    fn pinned(&self, asked: &Asked<'_>) -> Result<Option<Digest>, Failure> {
        let digest = match (&asked.reference.wanted, &asked.locked) {
            (Wanted::Digest(digest), _) => Some(digest),
            (_, Some(locked)) if !self.renew => locked.manifest.as_ref(),
            _ => None,
        };
        digest.map(|digest| digest.parse().map_err(Failure::wrong)).transpose()
    }

    /// A manifest that is known: from the store, and else by its digest.
    fn by_manifest(
        &self,
        asked: &Asked<'_>,
        manifest: &Digest,
        policy: &Policy,
        store: &ElementStore,
    ) -> Result<(Found, Verdict), Failure> {
        let version = asked.locked.as_ref().map(|locked| locked.version.clone());
        let version = version.filter(|_| !matches!(asked.reference.wanted, Wanted::Digest(_)));
        if let Some(kept) = in_store(store, &asked.reference.repository, manifest)? {
            return self.of_stored(asked, kept, version, policy, store);
        }
        let registry = self.registry(asked)?;
        // The tag was looked up when it was agreed to; what it says now is told before anything is used.
        if let Some(version) = &version {
            let now =
                registry.manifest(&asked.reference.repository, &Pointer::Tag(version.clone()));
            match now {
                Ok(now) if now.digest != *manifest => {
                    return Err(Failure::wrong(format!(
                        "`{}` is refused: the tag `{version}` is the manifest {} now, and `dib.lock` has {manifest}\n  \
                         help: a version that was published does not change: ask its publisher; `dibhost update` \
                         looks for another version",
                        asked.text, now.digest
                    )));
                }
                Ok(_) => {}
                // Gone from the tags, it may be there by its digest still.
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(of_registry(error)),
            }
        }
        self.pull(asked, &registry, &Pointer::Digest(manifest.clone()), version, policy, store)
    }

    /// The newest version that fits.
    fn by_version(
        &self,
        asked: &Asked<'_>,
        policy: &Policy,
        store: &ElementStore,
    ) -> Result<(Found, Verdict), Failure> {
        let fits =
            |text: &str| Version::parse(text).ok().filter(|v| asked.reference.wanted.fits(v));
        let kept = store.versions(&asked.reference.repository).map_err(of_store)?;
        let mut there: Vec<(Version, Digest)> =
            kept.into_iter().filter_map(|(text, digest)| Some((fits(&text)?, digest))).collect();
        there.sort();
        let newest_there = there.pop();
        if self.registries.is_none() {
            let (version, manifest) = newest_there.ok_or_else(|| not_in_store(asked))?;
            let kept = in_store(store, &asked.reference.repository, &manifest)?;
            let kept = kept.ok_or_else(|| not_in_store(asked))?;
            return self.of_stored(asked, kept, Some(version.to_string()), policy, store);
        }
        let registry = self.registry(asked)?;
        let version = match &asked.reference.wanted {
            Wanted::Version(version) => version.clone(),
            _ => {
                let tags = registry.tags(&asked.reference.repository).map_err(of_registry)?;
                let newest = tags.iter().filter_map(|tag| fits(tag)).max();
                newest.ok_or_else(|| {
                    Failure::wrong(format!(
                        "`{}` has no version that fits\n  help: `dibhost element tags {}` lists those that there are",
                        asked.text,
                        asked.reference.name()
                    ))
                })?
            }
        };
        if !self.allow_older {
            let locked = asked.locked.as_ref().map(|locked| locked.version.clone());
            let seen = newest_there.map(|(version, _)| version.to_string());
            for was in locked.into_iter().chain(seen) {
                refuse_older(&was, &version.to_string())
                    .map_err(|error| trust::refused(asked.text, &error))?;
            }
        }
        let tag = version.to_string();
        let pointer = Pointer::Tag(tag.clone());
        self.pull(asked, &registry, &pointer, Some(tag), policy, store)
    }

    fn registry(&self, asked: &Asked<'_>) -> Result<Registry, Failure> {
        let registries = self.registries.as_ref().ok_or_else(|| not_in_store(asked))?;
        registries.of(&asked.reference.repository).map_err(of_registry)
    }

    /// What lies in the store is asked anew whether it is trusted: a policy may have changed.
    fn of_stored(
        &self,
        asked: &Asked<'_>,
        mut kept: Kept,
        version: Option<String>,
        policy: &Policy,
        store: &ElementStore,
    ) -> Result<(Found, Verdict), Failure> {
        let verdict = match decide(asked, policy, &kept.manifest, &kept.bundles) {
            Ok(verdict) => verdict,
            // It may have been signed since.
            Err(_) if self.registries.is_some() => {
                let registry = self.registry(asked)?;
                let bundles =
                    signatures(&registry, &asked.reference.repository, &kept.manifest)?.bundles;
                let verdict = decide(asked, policy, &kept.manifest, &bundles)
                    .map_err(|error| trust::refused(asked.text, &error))?;
                let parts =
                    store.parts(&asked.reference.repository, &kept.manifest).map_err(of_store)?;
                if let Some((pulled, _)) = parts {
                    kept = store
                        .keep(&asked.reference.repository, &pulled, &bundles)
                        .map_err(of_store)?;
                }
                verdict
            }
            Err(error) => return Err(trust::refused(asked.text, &error)),
        };
        let found = Found { kept, version, fetched: false };
        signed_so(asked, &verdict, found.version.as_deref(), &found.kept.component)?;
        Ok((found, verdict))
    }

    /// From the registry into the store, if it is trusted.
    fn pull(
        &self,
        asked: &Asked<'_>,
        registry: &Registry,
        pointer: &Pointer,
        version: Option<String>,
        policy: &Policy,
        store: &ElementStore,
    ) -> Result<(Found, Verdict), Failure> {
        let pulled =
            registry.pull_element(&asked.reference.repository, pointer).map_err(of_registry)?;
        let bundles =
            signatures(registry, &asked.reference.repository, &pulled.manifest.digest)?.bundles;
        let verdict = decide(asked, policy, &pulled.manifest.digest, &bundles)
            .map_err(|error| trust::refused(asked.text, &error))?;
        signed_so(asked, &verdict, version.as_deref(), &pulled.component_digest)?;
        let kept = store.keep(&asked.reference.repository, &pulled, &bundles).map_err(of_store)?;
        Ok((Found { kept, version, fetched: true }, verdict))
    }

    /// What was agreed to is what is there, whoever is trusted meanwhile.
    fn as_locked(&self, asked: &Asked<'_>, kept: &Kept, verdict: &Verdict) -> Result<(), Failure> {
        let Some(locked) = asked.locked.as_ref().filter(|_| !self.renew) else { return Ok(()) };
        let said = |what: &str, was: &str, is: &str| {
            Err(Failure::wrong(format!(
                "`{}` is refused: `dib.lock` has the {what} {was}, and this is {is}\n  help: `dibhost update` \
                 shows what changed, and with `--agree` agrees to it",
                asked.text
            )))
        };
        if locked.manifest.is_some() && kept.component.as_str() != locked.digest {
            return said("component", &locked.digest, kept.component.as_str());
        }
        match (&locked.key, &verdict.key) {
            (Some(was), is) if is.as_ref() != Some(was) => {
                said("key", was, is.as_deref().unwrap_or("signed by nobody who counts"))
            }
            _ => Ok(()),
        }
    }
}

fn decide(
    asked: &Asked<'_>,
    policy: &Policy,
    manifest: &Digest,
    bundles: &[Vec<u8>],
) -> Result<Verdict, TrustError> {
    trust::decide(policy, &asked.reference.name(), manifest, bundles)
}

/// What was signed is what was asked for, as far as that is known before it is compiled.
fn signed_so(
    asked: &Asked<'_>,
    verdict: &Verdict,
    version: Option<&str>,
    component: &Digest,
) -> Result<(), Failure> {
    let Some(signed) = &verdict.claim else { return Ok(()) };
    signed
        .is_of(asked.reference.element(), version, component)
        .map_err(|error| trust::refused(asked.text, &error))
}

/// What is spoilt there is gone, and comes anew.
fn in_store(
    store: &ElementStore,
    repository: &Repository,
    manifest: &Digest,
) -> Result<Option<Kept>, Failure> {
    match store.pulled(repository, manifest) {
        Err(StoreError::Spoilt { .. }) => Ok(None),
        other => other.map_err(of_store),
    }
}

/// Every signature that there is: bundles, and what cosign wrote before it had them.
pub(crate) fn signatures(
    registry: &Registry,
    repository: &Repository,
    manifest: &Digest,
) -> Result<Bundles, Failure> {
    let mut found = registry.bundles(repository, manifest).map_err(of_registry)?;
    let before = Pointer::Tag(format!("sha256-{}.sig", manifest.hex()));
    let signed = match registry.manifest(repository, &before) {
        Ok(signed) => signed,
        Err(error) if error.is_absent() => return Ok(found),
        Err(error) => return Err(of_registry(error)),
    };
    // What is wrong with these is no matter where another signature is good.
    let Ok(dibhost_registry::oci::Parsed::Image(image)) = signed.parse() else {
        return Ok(found);
    };
    let layers = image.layers.iter();
    let simple = layers.filter(|l| l.media_type == dibhost_registry::trust::SIMPLE_SIGNING_TYPE);
    for layer in simple.take(MOST_SIMPLE) {
        let signature = layer.annotation("dev.cosignproject.cosign/signature");
        if let Some(signature) = signature
            && let Ok(payload) = registry.content(repository, layer, LARGEST_SIMPLE)
        {
            found.bundles.push(simple_signing(&payload, signature));
        }
    }
    Ok(found)
}

/// Signatures of cosign's form before that are looked at.
const MOST_SIMPLE: usize = 16;
/// What is signed has some 300 bytes.
const LARGEST_SIMPLE: u64 = 64 << 10;

fn not_in_store(asked: &Asked<'_>) -> Failure {
    Failure::wrong(format!(
        "`{}` is not in the store\n  help: `dibhost fetch DEFINITION` gets what a definition names of \
         registries; this verb asks no network",
        asked.text
    ))
}
