//! A fetcher with folders of its own, and what it is asked with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dibhost_registry::{Allowed, Fetch, FetchError, Fetched, Fetcher, Outside, Patience, Watch};
use dibhost_sys::Cancel;
use sha2::{Digest as _, Sha256};

pub const MOST: u64 = 1 << 20;

pub fn digest(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content).iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// Who cancels waits no longer, on a machine that has other things to do as well.
pub const SOON: Duration = Duration::from_secs(10);

/// As long as it has to be on a busy machine, but between attempts.
pub fn patient() -> Patience {
    Patience { pause: Duration::from_millis(5), ..Patience::default() }
}

/// Wants a thousand bytes each half second.
pub fn hasty() -> Patience {
    Patience { window: Duration::from_millis(500), least: 1000, ..patient() }
}

pub struct Bench {
    pub top: tempfile::TempDir,
    pub fetcher: Arc<Fetcher>,
    pub cancel: Cancel,
    pub time: Duration,
}

impl Bench {
    pub fn new() -> Self {
        Self::with(Outside { patience: patient(), ..Outside::default() })
    }

    pub fn with(outside: Outside) -> Self {
        let top = tempfile::tempdir().unwrap();
        let fetcher = Self::open(&top, outside, "work");
        Self { top, fetcher, cancel: Cancel::new(), time: Duration::from_secs(120) }
    }

    /// Another build on the same store.
    pub fn beside(&self, work: &str) -> Arc<Fetcher> {
        Self::open(&self.top, Outside { patience: patient(), ..Outside::default() }, work)
    }

    fn open(top: &tempfile::TempDir, outside: Outside, work: &str) -> Arc<Fetcher> {
        let work = top.path().join(work);
        std::fs::create_dir(&work).unwrap();
        Arc::new(Fetcher::open(&top.path().join("fetched"), &work, outside).unwrap())
    }

    fn watch<R>(&self, job: impl FnOnce(&mut Watch<'_>) -> R) -> R {
        let stops = [self.cancel.clone()];
        let deadline = Instant::now() + self.time;
        job(&mut Watch { stops: &stops, deadline, progress: &mut |_, _| {} })
    }

    pub fn get(&self, url: &str, digest: Option<&str>) -> Result<Fetched, FetchError> {
        self.get_at_most(url, digest, MOST)
    }

    pub fn get_at_most(
        &self,
        url: &str,
        digest: Option<&str>,
        most: u64,
    ) -> Result<Fetched, FetchError> {
        let allowed = Allowed::new(|host| host == "127.0.0.1");
        self.watch(|watch| self.fetcher.get(url, digest, most, &allowed, watch))
    }

    pub fn resolve(&self, url: &str, revision: &str) -> Result<String, FetchError> {
        self.watch(|watch| self.fetcher.resolve(url, revision, watch))
    }

    pub fn commit(&self, url: &str, commit: &str, most: u64) -> Result<Fetched, FetchError> {
        self.watch(|watch| self.fetcher.commit(url, commit, most, watch))
    }

    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.top.path().join(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Where bytes are kept.
    pub fn kept(&self, digest: &str) -> PathBuf {
        self.top.path().join("fetched").join(digest.replace(':', "-"))
    }

    /// Nothing is left of what failed.
    pub fn assert_nothing_left(&self) {
        assert_eq!(self.names("fetched"), <[&str; 0]>::default());
        assert_eq!(self.names("work"), <[&str; 0]>::default());
    }
}
