//! Elements that were pulled: by digest, whole or not at all, verified whenever they are read.
//!
//! ```text
//! pulled/sha256-HEX              a manifest, a configuration, a component or a signature
//! pulled/record-1-HEX-HEX.json   of which repository (its digest) a manifest (its digest) is, by which
//!                                tags it was asked for, and its signatures. Another format has another
//!                                number, so that none of the old is found
//! ```
//!
//! What a record says is believed only as far as bytes with the right digest bear it out: version and
//! component are those that the manifest names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use dibhost_text::harmless;
use serde::{Deserialize, Serialize};

use super::artifact::component_of;
use super::digest::Digest;
use super::folder::{Folder, Unread};
use super::manifest::{ImageManifest, MANIFEST, MOST_BYTES, Manifest, Parsed};
use super::reference::Repository;
use super::transfer::{MOST_COMPONENT, MOST_REFERRERS, MOST_SMALL, Pulled, read};

/// The folder, in the cache.
const FOLDER: &str = "pulled";
/// The format of records.
const RECORDS: &str = "record-1-";
/// Of a record; tags are short and few.
const RECORD_BYTES: u64 = 256 << 10;
/// Tags that are remembered of one manifest.
const TAGS: usize = 100;

/// Something with the store of pulled elements went wrong.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder is not one that may be used.
    #[error("the store of pulled elements `{}` is refused: {why}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        why: String,
    },
    /// Something in it is not what was put there; it was removed.
    #[error(
        "{what} in the store of pulled elements is not what was put there: {why}; it was removed, and nothing of it was used"
    )]
    Spoilt {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// The kernel said so.
    #[error("{doing}: {why}")]
    Machine {
        /// What was being done.
        doing: String,
        /// What the kernel said.
        why: String,
    },
}

impl StoreError {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Folder { .. } => Some(
                "what lies there is run by builds: the folder has to be yours alone, with mode 0700; look \
                 at what is in it and remove it, or choose another cache by `--cache`",
            ),
            Self::Spoilt { .. } => Some("pull it again; and find out who or what changed it"),
            Self::Machine { .. } => None,
        }
    }

    fn machine(doing: impl Into<String>, why: impl ToString) -> Self {
        Self::Machine { doing: doing.into(), why: why.to_string() }
    }
}

/// The elements that were pulled.
#[derive(Debug)]
pub struct ElementStore {
    folder: Folder,
}

/// An element that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// That of its manifest.
    pub manifest: Digest,
    /// That of its component.
    pub component: Digest,
    /// What its publisher says its version is.
    pub version: Option<String>,
    /// What its publisher calls it.
    pub title: Option<String>,
    /// The component's bytes.
    pub path: PathBuf,
    /// Its signatures.
    pub bundles: Vec<Vec<u8>>,
}

/// An element with all its bytes, and its signatures.
pub type Whole = (Pulled, Vec<Vec<u8>>);

/// One of all that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedElement {
    /// `HOST/REPOSITORY`.
    pub repository: String,
    /// That of its manifest.
    pub manifest: Digest,
    /// The tags it was asked for by.
    pub tags: Vec<String>,
    /// When it was used last.
    pub used: SystemTime,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    repository: String,
    manifest: Digest,
    tags: BTreeSet<String>,
    bundles: BTreeSet<Digest>,
}

impl ElementStore {
    /// Opens the store in a cache, or makes it for this user alone.
    ///
    /// # Errors
    /// The folder is a link, another user's, or others get at it or at a folder above it.
    pub fn open(cache: &Path) -> Result<Self, StoreError> {
        let folder = cache.join(FOLDER);
        match Folder::open(&folder) {
            Ok(folder) => Ok(Self { folder }),
            Err(why) => Err(StoreError::Folder { folder, why: why.to_string() }),
        }
    }

    /// The same, where there is one: nothing is made.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn find(cache: &Path) -> Result<Option<Self>, StoreError> {
        match cache.join(FOLDER).symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            _ => Self::open(cache).map(Some),
        }
    }

    /// An element by its manifest; none: it was not pulled from there.
    ///
    /// # Errors
    /// Something of it is not what was put there; that is removed.
    pub fn pulled(
        &self,
        repository: &Repository,
        manifest: &Digest,
    ) -> Result<Option<Kept>, StoreError> {
        let _held = self.hold(false)?;
        let name = record_name(repository, manifest);
        let Some(record) = self.record(&name)? else { return Ok(None) };
        if record.repository != repository.to_string() || record.manifest != *manifest {
            return Err(self.spoilt(&name, "a record", "it is of something else"));
        }
        match self.kept(&record) {
            Ok(kept) => {
                self.folder.touch(&name);
                Ok(Some(kept))
            }
            Err(error) => {
                // Without one of its parts it is not there.
                let _ = self.folder.remove(&name);
                Err(error)
            }
        }
    }

    /// The versions of a repository that are there, the highest first: what the publisher calls each,
    /// else the tag it was asked for by.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn versions(&self, repository: &Repository) -> Result<Vec<(String, Digest)>, StoreError> {
        let _held = self.hold(false)?;
        let prefix = format!("{RECORDS}{}-", Digest::of(repository.to_string().as_bytes()).hex());
        let mut found = Vec::new();
        for name in self.names()?.into_iter().filter(|name| name.starts_with(&prefix)) {
            // One that is spoilt is said when it is asked for.
            let Ok(Some(record)) = self.record(&name) else { continue };
            let Ok((_, image)) = self.manifest(&record.manifest) else { continue };
            let version = image.annotation(super::artifact::VERSION).map(str::to_owned);
            if let Some(version) = version.or_else(|| record.tags.iter().next().cloned()) {
                found.push((version, record.manifest));
            }
        }
        found.sort_by(|(a, _), (b, _)| by_version(b, a));
        Ok(found)
    }

    /// Keeps an element and its signatures; those that were kept of it stay.
    ///
    /// # Errors
    /// It cannot be written, or is not what its own digests say.
    pub fn keep(
        &self,
        repository: &Repository,
        pulled: &Pulled,
        bundles: &[Vec<u8>],
    ) -> Result<Kept, StoreError> {
        // Alone: what another one found missing and puts there anew, it removes first; and of two records
        // of one element the second would be without what the first has.
        let _held = self.hold(true)?;
        let name = record_name(repository, &pulled.manifest.digest);
        let before = self.record(&name).ok().flatten();
        let mut record = before.unwrap_or_else(|| Record {
            repository: repository.to_string(),
            manifest: pulled.manifest.digest.clone(),
            tags: BTreeSet::new(),
            bundles: BTreeSet::new(),
        });
        if record.tags.len() < TAGS {
            record.tags.extend(pulled.tag.clone());
        }
        for bytes in [&pulled.manifest.bytes, &pulled.config, &pulled.component] {
            self.put(bytes)?;
        }
        for bundle in bundles.iter().take(MOST_REFERRERS - record.bundles.len().min(MOST_REFERRERS))
        {
            record.bundles.insert(self.put(bundle)?);
        }
        // Last of all: what it names is there.
        let text = serde_json::to_vec(&record)
            .map_err(|e| StoreError::machine("writing a record of a pulled element", e))?;
        self.write(&name, &text)?;
        self.kept(&record)
    }

    /// What was pulled, whole, with its configuration: to be passed on.
    ///
    /// # Errors
    /// As [`pulled`](Self::pulled).
    pub fn parts(
        &self,
        repository: &Repository,
        manifest: &Digest,
    ) -> Result<Option<Whole>, StoreError> {
        let Some(kept) = self.pulled(repository, manifest)? else { return Ok(None) };
        let _held = self.hold(false)?;
        Ok(Some((self.whole(manifest)?, kept.bundles)))
    }

    /// All that are there, by repository.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<ListedElement>, StoreError> {
        let _held = self.hold(false)?;
        let mut listed = Vec::new();
        for name in self.names()?.into_iter().filter(|name| name.starts_with(RECORDS)) {
            let (Ok(Some(record)), Ok((_, used))) = (self.record(&name), self.folder.about(&name))
            else {
                continue;
            };
            listed.push(ListedElement {
                repository: record.repository,
                manifest: record.manifest,
                tags: record.tags.into_iter().collect(),
                used,
            });
        }
        listed.sort_by(|a, b| (&a.repository, &a.manifest).cmp(&(&b.repository, &b.manifest)));
        Ok(listed)
    }

    /// Reads all that is there, and removes what is not what it was; a sentence for each.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn verify(&self) -> Result<Vec<String>, StoreError> {
        let _held = self.hold(true)?;
        let mut wrong = Vec::new();
        for name in self.names()? {
            if let Some(digest) = digest_of(&name) {
                if let Err(error) = self.blob(&digest, MOST_COMPONENT) {
                    wrong.push(error.to_string());
                }
            } else if !name.starts_with(RECORDS) {
                wrong.push(self.spoilt(&name, "a file", "it is none of its").to_string());
            }
        }
        for name in self.names()?.into_iter().filter(|name| name.starts_with(RECORDS)) {
            let checked = match self.record(&name) {
                Ok(Some(record)) => self.kept(&record).map(drop),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = checked {
                let _ = self.folder.remove(&name);
                wrong.push(error.to_string());
            }
        }
        Ok(wrong)
    }

    /// Removes the elements that were not used for so long, and all that no element needs; how many
    /// elements and how many bytes.
    ///
    /// # Errors
    /// The folder cannot be read, or something cannot be removed.
    pub fn collect(
        &self,
        unused: Option<Duration>,
        dry_run: bool,
    ) -> Result<(usize, u64), StoreError> {
        let _held = self.hold(true)?;
        let removing = |e| StoreError::machine("removing from the store of pulled elements", e);
        let now = SystemTime::now();
        let (mut elements, mut bytes, mut needed) = (0, 0, BTreeSet::new());
        let names = self.names()?;
        for name in names.iter().filter(|name| name.starts_with(RECORDS)) {
            let (_, used) = self.folder.about(name).map_err(removing)?;
            let old =
                unused.is_some_and(|most| now.duration_since(used).is_ok_and(|age| age > most));
            match self.record(name) {
                Ok(Some(record)) if !old => {
                    if let Ok((_, image)) = self.manifest(&record.manifest) {
                        needed.insert(image.config.digest.clone());
                        needed.extend(component_of(&image).ok().map(|layer| layer.digest.clone()));
                    }
                    needed.insert(record.manifest);
                    needed.extend(record.bundles);
                }
                Ok(Some(_)) => {
                    elements += 1;
                    if !dry_run {
                        self.folder.remove(name).map_err(removing)?;
                    }
                }
                Ok(None) | Err(_) => {}
            }
        }
        for name in &names {
            if digest_of(name).is_some_and(|digest| !needed.contains(&digest)) {
                bytes += self.folder.about(name).map_err(removing)?.0;
                if !dry_run {
                    self.folder.remove(name).map_err(removing)?;
                }
            }
        }
        Ok((elements, bytes))
    }

    fn hold(&self, alone: bool) -> Result<cap_std::fs::File, StoreError> {
        let doing = "locking the store of pulled elements";
        self.folder.hold(alone).map_err(|e| StoreError::machine(doing, e))
    }

    fn names(&self) -> Result<Vec<String>, StoreError> {
        let doing = "reading the store of pulled elements";
        self.folder.names().map_err(|e| StoreError::machine(doing, e))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        self.folder.write(name, bytes).map_err(|e| {
            StoreError::machine(format!("writing `{}`", self.folder.path_of(name).display()), e)
        })
    }

    /// Writes bytes under their digest, unless they are there.
    fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        if self.blob(&digest, bytes.len() as u64).is_err() {
            self.write(&blob_name(&digest), bytes)?;
        }
        Ok(digest)
    }

    /// The bytes of a digest.
    fn blob(&self, digest: &Digest, most: u64) -> Result<Vec<u8>, StoreError> {
        let name = blob_name(digest);
        let why = match self.folder.read(&name, most) {
            Ok(bytes) => {
                let found = Digest::of(&bytes);
                if found == *digest {
                    return Ok(bytes);
                }
                format!("its digest is {found}")
            }
            Err(why) => why.to_string(),
        };
        Err(self.spoilt(&name, &format!("the blob {digest}"), &why))
    }

    fn spoilt(&self, name: &str, what: &str, why: &str) -> StoreError {
        let _ = self.folder.remove(name);
        StoreError::Spoilt { what: what.to_owned(), why: why.to_owned() }
    }

    /// None: there is no such record.
    fn record(&self, name: &str) -> Result<Option<Record>, StoreError> {
        let why = match self.folder.read(name, RECORD_BYTES) {
            Ok(bytes) => match serde_json::from_slice::<Record>(&bytes) {
                Ok(record) => return Ok(Some(record)),
                Err(error) => format!("it is no record: {}", harmless(&error.to_string(), 200)),
            },
            Err(Unread::Absent) => return Ok(None),
            Err(why) => why.to_string(),
        };
        Err(self.spoilt(name, "a record", &why))
    }

    fn manifest(&self, digest: &Digest) -> Result<(Manifest, ImageManifest), StoreError> {
        let manifest = Manifest::new(self.blob(digest, MOST_BYTES)?, MANIFEST);
        match manifest.parse() {
            Ok(Parsed::Image(image)) => Ok((manifest, *image)),
            Ok(Parsed::Index(_)) | Err(_) => {
                let what = format!("the manifest {digest}");
                Err(self.spoilt(&blob_name(digest), &what, "it is none of an element"))
            }
        }
    }

    fn whole(&self, manifest: &Digest) -> Result<Pulled, StoreError> {
        let (manifest, image) = self.manifest(manifest)?;
        let digest = manifest.digest.clone();
        let mut wrong = None;
        let pulled = read(manifest, &image, None, &mut |of, most| {
            self.blob(&of.digest, of.size.min(most)).map_err(|error| {
                let told = super::error::RegistryError::unsound("a blob", error.to_string());
                wrong = Some(error);
                told
            })
        });
        pulled.map_err(|error| {
            wrong.unwrap_or_else(|| StoreError::Spoilt {
                what: format!("the manifest {digest}"),
                why: error.to_string(),
            })
        })
    }

    /// All of a record, read and found to be what it was.
    fn kept(&self, record: &Record) -> Result<Kept, StoreError> {
        let pulled = self.whole(&record.manifest)?;
        let bundles = record.bundles.iter().map(|digest| self.blob(digest, MOST_SMALL));
        Ok(Kept {
            bundles: bundles.collect::<Result<_, _>>()?,
            path: self.folder.path_of(&blob_name(&pulled.component_digest)),
            manifest: pulled.manifest.digest,
            component: pulled.component_digest,
            version: pulled.version,
            title: pulled.title,
        })
    }
}

fn blob_name(digest: &Digest) -> String {
    format!("sha256-{}", digest.hex())
}

fn digest_of(name: &str) -> Option<Digest> {
    format!("sha256:{}", name.strip_prefix("sha256-")?).parse().ok()
}

fn record_name(repository: &Repository, manifest: &Digest) -> String {
    let repository = Digest::of(repository.to_string().as_bytes());
    format!("{RECORDS}{}-{}.json", repository.hex(), manifest.hex())
}

/// Versions by what they mean, and before all that are none.
fn by_version(a: &str, b: &str) -> std::cmp::Ordering {
    (semver::Version::parse(a).ok(), a).cmp(&(semver::Version::parse(b).ok(), b))
}
