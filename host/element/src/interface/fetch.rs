//! `fetch`: bytes from outside, on the thread of the step that asks: others go on.

use dibhost_check::Check;
use dibhost_definition::Limit;
use dibhost_plan::grant::{Download, Right};
use dibhost_plan::{Taint, remote, validate};
use dibhost_registry::{Allowed, FetchError, Watch};
use dibhost_text::harmless;
use wasmtime::component::{Linker, Resource};

use super::hook::{Own, hooked};
use crate::bindings::dib::element::fetch;
use crate::bindings::dib::element::types::ErrorCode;
use crate::held::blobs::Blob;
use crate::limits::Exceeded;
use crate::refusal::Refusal;
use crate::remote::{Got, NotGot, Remote, Unpinned};
use crate::state::State;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    fetch::add_to_linker::<_, Own>(linker, hooked)
}

impl fetch::Host for State {
    fn get(&mut self, url: String, digest: Option<String>) -> Result<Resource<Blob>, Refusal> {
        self.running("nothing can be fetched")?;
        self.may_fetch(&url)?;
        match &digest {
            Some(digest) => validate::sha256(digest).map_err(|why| {
                Refusal::invalid(format!("the digest `{}` {why}", harmless(digest, 100)))
            })?,
            None => self.grant(Right::Fetch(Download::Unpinned))?,
        }
        let grants = self.call.grants.clone();
        let allowed = Allowed::new(move |host| grants.allows(&from(host)));
        self.fetched(&url, |remote, element, most, watch| {
            remote.file(element, &url, digest.as_deref(), most, &allowed, watch)
        })
    }

    fn git(&mut self, url: String, revision: String) -> Result<Resource<Blob>, Refusal> {
        self.running("nothing can be fetched")?;
        self.may_fetch(&url)?;
        if Check::FetchRevision.holds()
            && let Err(why) = remote::revision(&revision)
        {
            let shown = harmless(&revision, 100);
            return Err(Refusal::invalid(format!("the revision `{shown}` {why}"))
                .with_help("a branch, a tag, or a commit by its full hash"));
        }
        if !remote::is_commit(&revision) {
            self.grant(Right::Fetch(Download::Unpinned))?;
        }
        self.fetched(&url, |remote, element, most, watch| {
            remote.commit(element, &url, &revision, most, watch)
        })
    }
}

impl State {
    /// The host of the URL is granted.
    fn may_fetch(&self, url: &str) -> Result<(), Refusal> {
        let refused =
            |why: &str| Refusal::invalid(format!("the URL `{}` {why}", harmless(url, 200)));
        validate::url(url).map_err(|why| refused(&why))?;
        if url.contains('#') {
            return Err(refused("has a `#` in it, which no server is told of"));
        }
        self.grant(from(remote::host_of(url)))
    }

    fn fetched(
        &mut self,
        url: &str,
        get: impl FnOnce(&Remote, &str, u64, &mut Watch<'_>) -> Result<Got, NotGot>,
    ) -> Result<Resource<Blob>, Refusal> {
        let effects = self.running("nothing can be fetched")?.clone();
        let Some(remote) = self.remote.clone() else {
            return Err(Refusal::unsupported(format!(
                "`{}` was not fetched: this host was given no way outside",
                harmless(url, 200)
            )));
        };
        let (id, shown) = (self.log.span(), self.log.safe(url, 200));
        effects.tell(move |observer| observer.span_started(id, &format!("fetch {shown}")));
        let mut progress = |done, total| {
            effects.tell(move |observer| observer.span_progress(id, done, total));
        };
        let mut watch =
            Watch { stops: &self.stops, deadline: self.deadline, progress: &mut progress };
        let got = get(&remote, &self.call.element, self.room_for_blobs(), &mut watch);
        effects.tell(move |observer| observer.span_ended(id));
        match got {
            Ok(Got { fetched, found }) => {
                if found {
                    self.tainted.insert(Taint::Network);
                }
                self.blob(fetched.content)
            }
            Err(not_got) => {
                // It may do something else then, and no key knows that it was not to be had.
                self.tainted.insert(Taint::Network);
                Err(refusal(not_got))
            }
        }
    }
}

/// What has to be granted to ask a host.
fn from(host: &str) -> Right {
    Right::Fetch(Download::From(host.into()))
}

/// What the element is told, or why it ends.
fn refusal(not_got: NotGot) -> Refusal {
    let error = match not_got {
        NotGot::Unpinned(unpinned) => {
            let code = match unpinned {
                Unpinned::Closed { .. } => ErrorCode::Denied,
                Unpinned::Changed { .. } => ErrorCode::Integrity,
            };
            return Refusal::new(code, unpinned.to_string()).with_help(unpinned.help());
        }
        NotGot::Fetch(error) => error,
    };
    let code = match &error {
        FetchError::Cancelled => return Refusal::cancelled(),
        FetchError::Time => return Exceeded(Limit::StepTime).into(),
        FetchError::TooLarge { .. } => return Exceeded(Limit::Blobs).into(),
        FetchError::Digest { .. } | FetchError::Unsound { .. } => ErrorCode::Integrity,
        FetchError::NoRevision { .. } | FetchError::Status { absent: true, .. } => {
            ErrorCode::NotFound
        }
        FetchError::Ambiguous { .. } => ErrorCode::Conflict,
        FetchError::Redirect { host: Some(_), .. } => ErrorCode::Denied,
        FetchError::Unreachable { .. }
        | FetchError::Status { .. }
        | FetchError::Redirect { host: None, .. } => {
            ErrorCode::Other(Some("unreachable".to_owned()))
        }
        FetchError::Machine { .. } => ErrorCode::Other(Some("builder".to_owned())),
    };
    let refusal = Refusal::new(code, error.to_string());
    let granting = match &error {
        FetchError::Redirect { host: Some(host), .. } => Some(format!(
            "when it has to go there, its author requests `fetch` of `{}`, and the image definition \
             grants it",
            harmless(host, 200)
        )),
        _ => error.help().map(str::to_owned),
    };
    match granting {
        Some(help) => refusal.with_help(help),
        None => refusal,
    }
}
