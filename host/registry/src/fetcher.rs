//! The real one: the store first, then the network, then the store again.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dibhost_check::Check;

use crate::error::FetchError;
use crate::fetch::{Allowed, Fetch, Fetched, Watch};
use crate::git::GitRepository;
use crate::http::Download;
use crate::outside::{Outside, Way};
use crate::store::Store;
use crate::transit::attend;

/// Gets bytes by HTTP and git, and keeps them by their digest.
#[derive(Debug)]
pub struct Fetcher {
    store: Arc<Store>,
    way: Arc<Way>,
    work: PathBuf,
}

impl Fetcher {
    /// Keeps what it gets in `store`, which is made with mode 0700 when it is not there; `work` is
    /// a folder on the same filesystem that goes with the build.
    ///
    /// # Errors
    /// When a folder cannot be opened, or others may write to the store.
    pub fn open(store: &Path, work: &Path, outside: Outside) -> Result<Self, FetchError> {
        Ok(Self {
            store: Arc::new(Store::open(store, work)?),
            way: Arc::new(Way::new(outside)),
            work: work.to_owned(),
        })
    }

    /// What was just put into the store.
    fn kept(&self, url: &str, digest: &str, most: u64) -> Result<Fetched, FetchError> {
        self.store.read(url, digest, most)?.ok_or_else(|| {
            let why = "what was just written there is not what is read";
            FetchError::machine("reading the store of fetched files", why)
        })
    }

    /// A folder for one repository.
    fn folder(&self) -> Result<tempfile::TempDir, FetchError> {
        tempfile::Builder::new()
            .prefix("git-")
            .tempdir_in(&self.work)
            .map_err(|e| FetchError::machine("making a folder for a git repository", e))
    }
}

impl Fetch for Fetcher {
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
            && let Some(fetched) = self.store.read(url, digest, most)?
        {
            return Ok(fetched);
        }
        let (store, way) = (Arc::clone(&self.store), Arc::clone(&self.way));
        let (to, allowed) = (url.to_owned(), allowed.clone());
        let wanted = digest.map(str::to_owned);
        let found = attend(watch, move |transit| {
            let keeping = |e| FetchError::machine("writing a file of the store", e);
            let mut draft = store.draft().map_err(keeping)?;
            let download = Download { url: &to, most, allowed: &allowed, way: &way, transit };
            download.write_to(&mut draft)?;
            let found = draft.digest();
            if let Some(wanted) = wanted
                && Check::FetchDigest.holds()
                && wanted != found
            {
                return Err(FetchError::Digest { url: to, wanted, found });
            }
            draft.keep().map_err(keeping)?;
            Ok(found)
        })?;
        self.kept(url, &found, most)
    }

    fn resolve(
        &self,
        url: &str,
        revision: &str,
        watch: &mut Watch<'_>,
    ) -> Result<String, FetchError> {
        let (way, folder) = (Arc::clone(&self.way), self.folder()?);
        let (url, revision) = (url.to_owned(), revision.to_owned());
        attend(watch, move |transit| {
            let outside = &way.outside;
            let repository = GitRepository::create(&url, None, outside, transit, folder.path())?;
            repository.resolve(&revision)
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
        if let Some(digest) = self.store.archive_of(commit)
            && let Some(fetched) = self.store.read(url, &digest, most)?
        {
            return Ok(fetched);
        }
        let (store, way) = (Arc::clone(&self.store), Arc::clone(&self.way));
        let (from, wanted, folder) = (url.to_owned(), commit.to_owned(), self.folder()?);
        let digest = attend(watch, move |transit| {
            let keeping = |e| FetchError::machine("writing a file of the store", e);
            let outside = &way.outside;
            let repository =
                GitRepository::create(&from, Some(&wanted), outside, transit, folder.path())?;
            let mut draft = store.draft().map_err(keeping)?;
            repository.archive(&wanted, most, &mut draft)?;
            draft.flush().map_err(keeping)?;
            let digest = draft.digest();
            draft.keep().map_err(keeping)?;
            store.note_archive(&wanted, &digest).map_err(keeping)?;
            Ok(digest)
        })?;
        self.kept(url, &digest, most)
    }
}
