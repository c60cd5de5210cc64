//! `fetch`: bytes from outside. Not offered yet: what is granted is told so, and what is not is
//! denied as ever.

use dibhost_plan::grant::{Download, Right};
use wasmtime::component::{Linker, Resource};

use super::hook::{Own, hooked};
use crate::bindings::dib::element::fetch;
use crate::held::blobs::Blob;
use crate::refusal::Refusal;
use crate::state::State;
use dibhost_text::harmless;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    fetch::add_to_linker::<_, Own>(linker, hooked)
}

impl fetch::Host for State {
    fn get(&mut self, url: String, digest: Option<String>) -> Result<Resource<Blob>, Refusal> {
        self.running("nothing can be fetched")?;
        self.may_fetch(&url)?;
        if digest.is_none() {
            self.grant(Right::Fetch(Download::Unpinned))?;
        }
        Err(not_yet(&url))
    }

    fn git(&mut self, url: String, _: String) -> Result<Resource<Blob>, Refusal> {
        self.running("nothing can be fetched")?;
        self.may_fetch(&url)?;
        Err(not_yet(&url))
    }
}

impl State {
    /// The host of the URL is granted.
    fn may_fetch(&self, url: &str) -> Result<(), Refusal> {
        dibhost_plan::validate::url(url)
            .map_err(|why| Refusal::invalid(format!("the URL `{}` {why}", harmless(url, 200))))?;
        let authority = url.split('/').nth(2).unwrap_or_default();
        let host = match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next(),
            None => authority.split([':', '?', '#']).next(),
        };
        self.grant(Right::Fetch(Download::From(host.unwrap_or_default().into())))
    }
}

fn not_yet(url: &str) -> Refusal {
    Refusal::unsupported(format!(
        "`{}` was not fetched: this host fetches nothing for elements yet",
        harmless(url, 200)
    ))
    .with_help("ship the bytes in the element, or wish for a package that has them")
}
