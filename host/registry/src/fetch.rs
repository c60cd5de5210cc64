//! What can be asked of outside, and how it is watched.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use dibhost_sys::Cancel;

use crate::error::FetchError;

/// Whoever gets bytes from outside. Its twin is [`SimulatedFetch`](crate::SimulatedFetch).
pub trait Fetch: fmt::Debug + Send + Sync {
    /// The file at a URL (`http:` or `https:`, sound), at most `most` bytes. With a digest
    /// (`sha256:…`) it is that file and no other, and nobody is asked where it is kept.
    ///
    /// # Errors
    /// What could not be had, and why; another file than the digest says; larger than `most`;
    /// a redirect to a host that `allowed` does not have.
    fn get(
        &self,
        url: &str,
        digest: Option<&str>,
        most: u64,
        allowed: &Allowed,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, FetchError>;

    /// The commit that a branch or tag of a git repository is now: 40 hex digits, or 64.
    ///
    /// # Errors
    /// There is none, or two, or nobody answers.
    fn resolve(
        &self,
        url: &str,
        revision: &str,
        watch: &mut Watch<'_>,
    ) -> Result<String, FetchError>;

    /// The files of a commit (a full hash) as a tar archive, at most `most` bytes: the same bytes
    /// for the same commit, always. Nobody is asked where it is kept.
    ///
    /// # Errors
    /// The commit is not there, is larger than `most`, or nobody answers.
    fn commit(
        &self,
        url: &str,
        commit: &str,
        most: u64,
        watch: &mut Watch<'_>,
    ) -> Result<Fetched, FetchError>;
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// `sha256:…` of the bytes.
    pub digest: String,
    /// The bytes.
    pub content: Vec<u8>,
}

/// The hosts that may be asked, for redirects: what a URL names itself was judged before.
#[derive(Clone)]
pub struct Allowed(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl Allowed {
    /// Those that `host` says.
    pub fn new(host: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(host))
    }

    /// Whether a host is one of them.
    #[must_use]
    pub fn has(&self, host: &str) -> bool {
        (self.0)(host)
    }
}

impl fmt::Debug for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Allowed")
    }
}

/// When to give up, and who is told how far it is.
pub struct Watch<'a> {
    /// Any of them ends it.
    pub stops: &'a [Cancel],
    /// When the time is over.
    pub deadline: Instant,
    /// Told bytes so far and in all, a few times a second.
    pub progress: &'a mut dyn FnMut(u64, Option<u64>),
}

impl Watch<'_> {
    /// Whether to go on.
    ///
    /// # Errors
    /// Not to.
    pub fn check(&self) -> Result<(), FetchError> {
        if self.stops.iter().any(Cancel::is_cancelled) {
            return Err(FetchError::Cancelled);
        }
        if Instant::now() >= self.deadline {
            return Err(FetchError::Time);
        }
        Ok(())
    }
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}
