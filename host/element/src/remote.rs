//! The way outside that a step has, and what it finds there where nobody said beforehand what it is.

use std::sync::Arc;

use dibhost_plan::remote as names;
use dibhost_registry::{Allowed, Fetch, FetchError, Fetched, Pins, Watch};

/// Who fetches, and what is pinned: of one build.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Who fetches.
    pub fetch: Arc<dyn Fetch>,
    /// What `dib.lock` pins, and what this build finds.
    pub pins: Arc<Pins>,
}

/// Something that was fetched.
#[derive(Debug)]
pub struct Got {
    /// What.
    pub fetched: Fetched,
    /// No key knows it: neither a digest that was named nor a pin of before says what it is.
    pub found: bool,
}

/// Something that was not.
#[derive(Debug, thiserror::Error)]
pub enum NotGot {
    /// It could not be had.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is not what it was.
    #[error("{}", .0)]
    Unpinned(Unpinned),
}

/// What a pin says does not hold.
#[derive(Debug)]
pub enum Unpinned {
    /// Nothing is pinned, and nothing may be.
    Closed {
        /// What was asked for, as `dib.lock` writes it.
        asked: String,
    },
    /// It is something else now.
    Changed {
        /// What was asked for, as `dib.lock` writes it.
        asked: String,
        /// What it was.
        was: String,
        /// What it is.
        is: String,
    },
}

impl std::fmt::Display for Unpinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |text: &str| dibhost_text::harmless(text, 300);
        match self {
            Self::Closed { asked } => write!(
                f,
                "`{}` is not pinned in `dib.lock`, and `--locked` allows no new pin",
                shown(asked)
            ),
            Self::Changed { asked, was, is } => write!(
                f,
                "`{}` is not what it was: `dib.lock` pins {was}, and {is} was sent",
                shown(asked)
            ),
        }
    }
}

impl Unpinned {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Closed { .. } => {
                "build without `--locked` where it is looked at, and keep the `dib.lock` that is \
                 written"
            }
            Self::Changed { .. } => {
                "whoever publishes it exchanged it, or somebody on the way did: find out which; \
                 when the new one is meant, delete this line of `pins` in `dib.lock`, and the next \
                 build pins what it finds"
            }
        }
    }
}

impl Remote {
    /// The file at a URL, by its digest, by its pin, or as it is.
    ///
    /// # Errors
    /// It could not be had, or is not what it has to be.
    pub fn file(
        &self,
        element: &str,
        url: &str,
        digest: Option<&str>,
        most: u64,
        allowed: &Allowed,
        watch: &mut Watch<'_>,
    ) -> Result<Got, NotGot> {
        let mut get = |digest: Option<&str>| self.fetch.get(url, digest, most, allowed, watch);
        if let Some(digest) = digest {
            return Ok(Got { fetched: get(Some(digest))?, found: false });
        }
        let asked = names::file(url);
        if let Some(pin) = self.pins.known(element, &asked) {
            let fetched = get(Some(pin)).map_err(|error| match error {
                FetchError::Digest { wanted, found, .. } => {
                    NotGot::Unpinned(Unpinned::Changed { asked, was: wanted, is: found })
                }
                other => other.into(),
            })?;
            return Ok(Got { fetched, found: false });
        }
        self.may_find(&asked)?;
        let before = self.pins.found_here(element, &asked);
        let fetched = get(before.as_deref())?;
        let holds = self.pins.find(element, &asked, &fetched.digest);
        // Another step was quicker, and got something else.
        let fetched = if holds == fetched.digest { fetched } else { get(Some(&holds))? };
        Ok(Got { fetched, found: true })
    }

    /// A commit of a repository, by its hash, by the pin of a branch or tag, or as that is now.
    ///
    /// # Errors
    /// It could not be had, or is not there.
    pub fn commit(
        &self,
        element: &str,
        url: &str,
        revision: &str,
        most: u64,
        watch: &mut Watch<'_>,
    ) -> Result<Got, NotGot> {
        if names::is_commit(revision) {
            let fetched = self.fetch.commit(url, revision, most, watch)?;
            return Ok(Got { fetched, found: false });
        }
        let asked = names::branch_or_tag(url, revision);
        if let Some(commit) = self.pins.known(element, &asked).and_then(names::commit_of) {
            let fetched = self.fetch.commit(url, commit, most, watch)?;
            return Ok(Got { fetched, found: false });
        }
        self.may_find(&asked)?;
        let found = match self.pins.found_here(element, &asked) {
            Some(found) => found,
            None => {
                let now = self.fetch.resolve(url, revision, watch)?;
                self.pins.find(element, &asked, &names::pinned_commit(&now))
            }
        };
        let commit = names::commit_of(&found).unwrap_or_default();
        let fetched = self.fetch.commit(url, commit, most, watch)?;
        Ok(Got { fetched, found: true })
    }

    fn may_find(&self, asked: &str) -> Result<(), NotGot> {
        if self.pins.closed() {
            return Err(NotGot::Unpinned(Unpinned::Closed { asked: asked.to_owned() }));
        }
        Ok(())
    }
}
