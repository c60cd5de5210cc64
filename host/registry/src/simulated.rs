//! A world outside without a network: what it has is said by a test. What is promised of [`Fetch`]
//! is tested with it too.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::error::FetchError;
use crate::fetch::{Allowed, Fetch, Fetched, Watch};
use crate::store::digest_of;

/// What is outside, and what was asked of it.
#[derive(Debug, Default)]
pub struct SimulatedFetch {
    files: BTreeMap<String, Vec<u8>>,
    redirects: BTreeMap<String, String>,
    /// URL and branch or tag → commit.
    names: BTreeMap<(String, String), String>,
    /// URL and commit → archive.
    commits: BTreeMap<(String, String), Vec<u8>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Digest, or commit, → bytes.
    kept: BTreeMap<String, Vec<u8>>,
    asked: Vec<String>,
}

impl SimulatedFetch {
    /// There is a file at a URL.
    #[must_use]
    pub fn file(mut self, url: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(url.to_owned(), content.into());
        self
    }

    /// A URL leads to another one.
    #[must_use]
    pub fn redirect(mut self, url: &str, to: &str) -> Self {
        self.redirects.insert(url.to_owned(), to.to_owned());
        self
    }

    /// A repository has a commit of these bytes, and a branch or tag that is it.
    #[must_use]
    pub fn commit_at(
        mut self,
        url: &str,
        name: &str,
        commit: &str,
        archive: impl Into<Vec<u8>>,
    ) -> Self {
        self.names.insert((url.to_owned(), name.to_owned()), commit.to_owned());
        self.commits.insert((url.to_owned(), commit.to_owned()), archive.into());
        self
    }

    /// What was asked of the network until now, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.with(|state| state.asked.clone())
    }

    fn with<R>(&self, job: impl FnOnce(&mut State) -> R) -> R {
        job(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn kept(&self, name: &str, url: &str, most: u64) -> Result<Option<Fetched>, FetchError> {
        let Some(content) = self.with(|state| state.kept.get(name).cloned()) else {
            return Ok(None);
        };
        bounded(url, content, most).map(Some)
    }
}

fn bounded(url: &str, content: Vec<u8>, most: u64) -> Result<Fetched, FetchError> {
    if content.len() as u64 > most {
        return Err(FetchError::TooLarge { url: url.to_owned(), most });
    }
    Ok(Fetched { digest: digest_of(&content), content })
}

impl Fetch for SimulatedFetch {
    fn get(
        &self,
        url: &str,
        digest: Option<&str>,
        most: u64,
        allowed: &Allowed,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, FetchError> {
        watch.check()?;
        if let Some(digest) = digest
            && let Some(fetched) = self.kept(digest, url, most)?
        {
            return Ok(fetched);
        }
        self.with(|state| state.asked.push(url.to_owned()));
        let mut at = url;
        while let Some(to) = self.redirects.get(at) {
            let host = dibhost_plan::remote::host_of(to);
            if !allowed.has(host) {
                return Err(FetchError::Redirect {
                    url: url.to_owned(),
                    to: to.clone(),
                    why: "is on a host that is not granted".to_owned(),
                    host: Some(host.to_owned()),
                });
            }
            at = to;
        }
        let content = self.files.get(at).cloned().ok_or_else(|| FetchError::Status {
            url: url.to_owned(),
            status: "404 Not Found".to_owned(),
            absent: true,
        })?;
        (watch.progress)(content.len() as u64, Some(content.len() as u64));
        let fetched = bounded(url, content, most)?;
        if let Some(wanted) = digest
            && wanted != fetched.digest
        {
            let (url, wanted, found) = (url.to_owned(), wanted.to_owned(), fetched.digest);
            return Err(FetchError::Digest { url, wanted, found });
        }
        self.with(|state| state.kept.insert(fetched.digest.clone(), fetched.content.clone()));
        Ok(fetched)
    }

    fn resolve(
        &self,
        url: &str,
        revision: &str,
        watch: &mut Watch<'_>,
    ) -> Result<String, FetchError> {
        watch.check()?;
        self.with(|state| state.asked.push(format!("{url} {revision}")));
        let commit = self.names.get(&(url.to_owned(), revision.to_owned())).cloned();
        commit.ok_or_else(|| FetchError::NoRevision {
            url: url.to_owned(),
            what: "branch or tag",
            revision: revision.to_owned(),
        })
    }

    fn commit(
        &self,
        url: &str,
        commit: &str,
        most: u64,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, FetchError> {
        watch.check()?;
        if let Some(fetched) = self.kept(commit, url, most)? {
            return Ok(fetched);
        }
        self.with(|state| state.asked.push(format!("{url} {commit}")));
        let content = self.commits.get(&(url.to_owned(), commit.to_owned())).cloned();
        let content = content.ok_or_else(|| FetchError::NoRevision {
            url: url.to_owned(),
            what: "commit",
            revision: commit.to_owned(),
        })?;
        let fetched = bounded(url, content, most)?;
        self.with(|state| {
            state.kept.insert(commit.to_owned(), fetched.content.clone());
            state.kept.insert(fetched.digest.clone(), fetched.content.clone());
        });
        Ok(fetched)
    }
}
