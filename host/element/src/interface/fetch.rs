//! `fetch`: bytes from outside. Not offered yet; the functions say so.

use wasmtime::component::{Linker, Resource};

use super::Own;
use super::blobs::Blob;
use crate::bindings::dib::element::fetch;
use crate::refusal::Refusal;
use crate::state::State;
use crate::text::harmless;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    fetch::add_to_linker::<_, Own>(linker, |s| s)
}

impl fetch::Host for State {
    fn get(&mut self, url: String, _: Option<String>) -> Result<Resource<Blob>, Refusal> {
        self.running("nothing can be fetched")?;
        Err(not_yet(&url))
    }

    fn git(&mut self, url: String, _: String) -> Result<Resource<Blob>, Refusal> {
        self.running("nothing can be fetched")?;
        Err(not_yet(&url))
    }
}

fn not_yet(url: &str) -> Refusal {
    Refusal::unsupported(format!(
        "`{}` was not fetched: this host fetches nothing for elements yet",
        harmless(url, 200)
    ))
    .with_help("ship the bytes in the element, or wish for a package that has them")
}
