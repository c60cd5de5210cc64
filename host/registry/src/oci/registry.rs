//! A client of one registry: manifests, blobs and tags.
//!
//! Source: distribution-spec 1.1. It stands on the crate's own HTTP (`outside`, `pace`): one stack in
//! the project, with its proxies, its authorities and its patience. `oci-client` was looked at and is
//! not used: it is asynchronous (`reqwest`, `tokio`), and reads manifests, errors and lists of tags
//! however long they are.

use std::collections::BTreeSet;
use std::io::Write;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use ureq::Body;
use ureq::http::{HeaderMap, Method, Response, StatusCode, header};
use url::Url;

use super::digest::Digest;
use super::error::RegistryError;
use super::logins::Logins;
use super::manifest::{
    DOCKER_INDEX, DOCKER_MANIFEST, Descriptor, INDEX, MANIFEST, MOST_BYTES, Manifest,
};
use super::reference::{Pointer, Repository, is_tag};
use super::session::{Ask, Session};
use crate::outside::{Outside, Way};

/// Tags of a repository; what has more is no repository of elements.
const MOST_TAGS: usize = 10_000;
/// Tags that are asked for at once.
const PAGE: usize = 1000;
/// Of one page of tags.
const PAGE_BYTES: u64 = 2 << 20;

/// How registries are reached, all of them.
#[derive(Debug, Clone, Default)]
pub struct Registries {
    /// The machine's way outside.
    pub outside: Outside,
    /// `HOST[:PORT]` of those that have no TLS, and may be asked without.
    pub plain: BTreeSet<String>,
    /// Who asks.
    pub logins: Logins,
}

impl Registries {
    /// A client of the registry that a repository is in. Nothing is asked yet.
    ///
    /// # Errors
    /// The host makes no address.
    pub fn of(&self, repository: &Repository) -> Result<Registry, RegistryError> {
        let host = repository.host();
        let way = Way::new(self.outside.clone());
        let plain = self.plain.contains(host);
        Ok(Registry { session: Session::new(host, plain, way, self.logins.clone())? })
    }
}

/// A client of one registry. Each request is a connection of its own; what is read is bounded.
#[derive(Debug)]
pub struct Registry {
    pub(crate) session: Session,
}

/// What became of a manifest that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedManifest {
    /// That of its bytes.
    pub digest: Digest,
    /// The registry understood its subject, and lists it as a referrer.
    pub referrer: bool,
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

impl Registry {
    /// A manifest, at most 4 MiB.
    ///
    /// # Errors
    /// It could not be had, or is not what was asked for.
    pub fn manifest(
        &self,
        repository: &Repository,
        pointer: &Pointer,
    ) -> Result<Manifest, RegistryError> {
        let what = format!("the manifest `{pointer}` of `{repository}`");
        let url = self.session.url(repository, &format!("manifests/{pointer}"))?;
        let scope = pull(repository);
        self.session.patiently(|| {
            let accept = format!("{MANIFEST}, {INDEX}, {DOCKER_MANIFEST}, {DOCKER_INDEX}");
            let ask = Ask { headers: vec![(header::ACCEPT, accept)], ..get(&url, &what, &scope) };
            let mut answer = self.session.send(&ask)?;
            let bytes = self.whole(&what, answer.body_mut(), MOST_BYTES)?;
            let kind = text(answer.headers(), header::CONTENT_TYPE.as_str()).unwrap_or(MANIFEST);
            let kind = kind.split(';').next().unwrap_or_default().trim();
            let manifest = Manifest::new(bytes, kind);
            let found = manifest.digest.clone();
            let wanted = match pointer {
                Pointer::Digest(digest) => Some(digest.clone()),
                // What it says of itself has to be so.
                Pointer::Tag(_) => text(answer.headers(), "docker-content-digest")
                    .map(str::parse)
                    .transpose()
                    .map_err(|why: String| RegistryError::unsound(&what, why))?,
            };
            match wanted {
                Some(wanted) if wanted != found => {
                    Err(RegistryError::Digest { what: what.clone(), wanted, found })
                }
                _ => Ok(manifest),
            }
        })
    }

    /// Writes a blob of at most `most` bytes; how many it has. Where the connection breaks, it goes on
    /// from there.
    ///
    /// What was written is only good once this returns: that it is what was asked for is known last.
    ///
    /// # Errors
    /// It could not be had, is larger, or is not what was asked for; it could not be written.
    pub fn blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        most: u64,
        into: &mut dyn Write,
    ) -> Result<u64, RegistryError> {
        let what = format!("the blob {digest} of `{repository}`");
        let url = self.session.url(repository, &format!("blobs/{digest}"))?;
        let patience = self.session.patience();
        let scope = pull(repository);
        let mut download = Download { what: &what, most, done: 0, hash: Sha256::new(), into };
        let (mut attempt, mut pause) = (1, patience.pause);
        loop {
            let before = download.done;
            let wait = match self.part(&url, &scope, &mut download) {
                Ok(()) => break,
                Err(RegistryError::Unreachable { passing: true, wait, .. })
                    if attempt < patience.attempts || download.done - before >= patience.least =>
                {
                    wait
                }
                Err(error) => return Err(error),
            };
            // Whoever gets on is not counted.
            match download.done - before >= patience.least {
                true => (attempt, pause) = (1, patience.pause),
                false => attempt += 1,
            }
            std::thread::sleep(wait.unwrap_or(pause).max(pause));
            pause *= 2;
        }
        let Download { done, hash, .. } = download;
        let found = Digest::of_hash(&hash.finalize());
        match found == *digest {
            true => Ok(done),
            false => Err(RegistryError::Digest { what, wanted: digest.clone(), found }),
        }
    }

    /// The bytes of something by its descriptor, at most `most` of them, as many as that says.
    ///
    /// # Errors
    /// As [`blob`](Self::blob), and when it is not as long as its descriptor says.
    pub fn content(
        &self,
        repository: &Repository,
        of: &Descriptor,
        most: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let what = || format!("the blob {} of `{repository}`", of.digest);
        if of.size > most {
            return Err(RegistryError::TooLarge { what: what(), most });
        }
        let mut bytes = Vec::new();
        let found = match self.blob(repository, &of.digest, of.size, &mut bytes) {
            Err(RegistryError::TooLarge { .. }) => of.size.saturating_add(1),
            found => found?,
        };
        match found == of.size {
            true => Ok(bytes),
            false => Err(RegistryError::Size { what: what(), wanted: of.size, found }),
        }
    }

    /// What is still missing of a blob.
    fn part(
        &self,
        url: &Url,
        scope: &str,
        download: &mut Download<'_>,
    ) -> Result<(), RegistryError> {
        let what = download.what;
        let from = download.done;
        let mut ask = Ask { follow: true, ..get(url, what, scope) };
        if from > 0 {
            ask.headers.push((header::RANGE, format!("bytes={from}-")));
        }
        let mut answer = self.session.send(&ask)?;
        // Who does not know ranges begins again.
        let mut skip = from;
        if answer.status() == StatusCode::PARTIAL_CONTENT {
            let range = text(answer.headers(), "content-range").unwrap_or_default();
            let start = range.strip_prefix("bytes ").and_then(|r| r.split('-').next());
            if start.and_then(|start| start.parse().ok()) != Some(from) {
                let why = format!("bytes from {from} on were asked for, and `{range}` was sent");
                return Err(RegistryError::unsound(what, why));
            }
            skip = 0;
        }
        let most = download.most - (from - skip);
        let read = self.session.read(what, answer.body_mut(), most, &mut |part| {
            let over = usize::try_from(skip).unwrap_or(usize::MAX).min(part.len());
            skip -= over as u64;
            download.take(&part[over..])
        });
        match read {
            Err(RegistryError::TooLarge { what, .. }) => {
                Err(RegistryError::TooLarge { what, most: download.most })
            }
            read => read.map(drop),
        }
    }

    /// Whether a blob is there already.
    fn has_blob(&self, repository: &Repository, digest: &Digest) -> Result<bool, RegistryError> {
        let what = format!("the blob {digest} of `{repository}`");
        let url = self.session.url(repository, &format!("blobs/{digest}"))?;
        let scope = push(repository);
        let ask = Ask { method: Method::HEAD, follow: true, ..get(&url, &what, &scope) };
        match self.session.patiently(|| self.session.send(&ask)) {
            Ok(_) => Ok(true),
            Err(RegistryError::Absent { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts a blob there, where it is not yet.
    ///
    /// # Errors
    /// The registry was not reached, or refuses it.
    pub fn push_blob(
        &self,
        repository: &Repository,
        bytes: &[u8],
    ) -> Result<Digest, RegistryError> {
        let digest = Digest::of(bytes);
        if self.has_blob(repository, &digest)? {
            return Ok(digest);
        }
        let what = format!("the upload of the blob {digest} to `{repository}`");
        let start = self.session.url(repository, "blobs/uploads/")?;
        let scope = push(repository);
        self.session.patiently(|| {
            let ask = Ask { body: Some(b""), ..put(Method::POST, &start, &what, &scope) };
            let answer = self.session.send(&ask)?;
            let said = text(answer.headers(), "location").unwrap_or_default();
            let to = start.join(said).ok().filter(|to| !said.is_empty() && self.session.is_own(to));
            let Some(mut to) = to else {
                return Err(RegistryError::Redirect {
                    what: what.clone(),
                    to: said.to_owned(),
                    why: "is not the registry itself: what is pushed, and who pushes, goes nowhere else",
                });
            };
            to.query_pairs_mut().append_pair("digest", digest.as_str());
            let mut ask = Ask { body: Some(bytes), ..put(Method::PUT, &to, &what, &scope) };
            ask.headers.push((header::CONTENT_TYPE, "application/octet-stream".to_owned()));
            let answer = self.session.send(&ask)?;
            created(&what, &answer)
        })?;
        Ok(digest)
    }

    /// Puts a manifest there, after its blobs.
    ///
    /// # Errors
    /// The registry was not reached, or refuses it.
    pub fn push_manifest(
        &self,
        repository: &Repository,
        pointer: &Pointer,
        bytes: &[u8],
        media_type: &str,
    ) -> Result<PushedManifest, RegistryError> {
        let digest = Digest::of(bytes);
        let what = format!("the manifest `{pointer}` of `{repository}`");
        let url = self.session.url(repository, &format!("manifests/{pointer}"))?;
        let scope = push(repository);
        self.session.patiently(|| {
            let mut ask = Ask { body: Some(bytes), ..put(Method::PUT, &url, &what, &scope) };
            ask.headers.push((header::CONTENT_TYPE, media_type.to_owned()));
            let answer = self.session.send(&ask)?;
            created(&what, &answer)?;
            if let Some(found) = text(answer.headers(), "docker-content-digest")
                && let Ok(found) = found.parse::<Digest>()
                && found != digest
            {
                return Err(RegistryError::Digest {
                    what: what.clone(),
                    wanted: digest.clone(),
                    found,
                });
            }
            let referrer = answer.headers().contains_key("oci-subject");
            Ok(PushedManifest { digest: digest.clone(), referrer })
        })
    }

    /// The tags of a repository, in the registry's order; what is none is left out.
    ///
    /// # Errors
    /// They could not be had, or are more than anybody reads.
    pub fn tags(&self, repository: &Repository) -> Result<Vec<String>, RegistryError> {
        let what = format!("the list of tags of `{repository}`");
        let mut url = self.session.url(repository, &format!("tags/list?n={PAGE}"))?;
        let mut tags: Vec<String> = Vec::new();
        // A registry may give fewer at once than it is asked for, but not none.
        for _ in 0..MOST_TAGS / 10 {
            let (page, next) = self.session.patiently(|| {
                let mut answer = self.session.send(&get(&url, &what, &pull(repository)))?;
                let bytes = self.whole(&what, answer.body_mut(), PAGE_BYTES)?;
                let page: Tags = serde_json::from_slice(&bytes)
                    .map_err(|e| RegistryError::unsound(&what, format!("it is none: {e}")))?;
                Ok((page.tags.unwrap_or_default(), next_page(&url, answer.headers())))
            })?;
            let before = tags.len();
            tags.extend(page.into_iter().filter(|tag| is_tag(tag)));
            if tags.len() > MOST_TAGS {
                let why = format!("it has more than {MOST_TAGS}");
                return Err(RegistryError::unsound(what, why));
            }
            match next {
                Some(next) if self.session.is_own(&next) => url = next,
                Some(next) => {
                    let why = "is another host";
                    return Err(RegistryError::Redirect { what, to: next.into(), why });
                }
                None => return Ok(tags),
            }
            if tags.len() == before {
                break;
            }
        }
        Err(RegistryError::unsound(what, "it does not end: each page names another one"))
    }

    /// A body that is kept in memory.
    pub(crate) fn whole(
        &self,
        what: &str,
        body: &mut Body,
        most: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        self.session.read(what, body, most, &mut |part| {
            bytes.extend_from_slice(part);
            Ok(())
        })?;
        Ok(bytes)
    }
}

/// A blob on its way.
struct Download<'a> {
    what: &'a str,
    most: u64,
    done: u64,
    hash: Sha256,
    into: &'a mut dyn Write,
}

impl Download<'_> {
    fn take(&mut self, part: &[u8]) -> Result<(), RegistryError> {
        let keeping = |e| RegistryError::machine(format!("keeping {}", self.what), e);
        self.into.write_all(part).map_err(keeping)?;
        self.hash.update(part);
        self.done += part.len() as u64;
        Ok(())
    }
}

pub(crate) fn pull(repository: &Repository) -> String {
    format!("repository:{}:pull", repository.path())
}

fn push(repository: &Repository) -> String {
    format!("repository:{}:pull,push", repository.path())
}

pub(crate) fn get<'a>(url: &Url, what: &'a str, scope: &'a str) -> Ask<'a> {
    put(Method::GET, url, what, scope)
}

fn put<'a>(method: Method, url: &Url, what: &'a str, scope: &'a str) -> Ask<'a> {
    Ask { method, url: url.clone(), what, scope, headers: Vec::new(), body: None, follow: false }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn created(what: &str, answer: &Response<Body>) -> Result<(), RegistryError> {
    match answer.status() {
        StatusCode::CREATED => Ok(()),
        status => Err(RegistryError::Refused {
            what: what.to_owned(),
            status: status.to_string(),
            said: "`201 Created` is what a registry says that has it".to_owned(),
        }),
    }
}

/// `Link: </v2/…>; rel="next"`.
fn next_page(at: &Url, headers: &HeaderMap) -> Option<Url> {
    let link = text(headers, "link")?;
    let (to, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("next").then(|| at.join(to).ok()).flatten()
}
