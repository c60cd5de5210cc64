//! `builder`: what the image definition lets out of the builder's own surroundings.

use dibhost_plan::grant::{Right, Surroundings};
use wasmtime::component::Linker;

use super::hook::{Own, hooked};
use crate::bindings::dib::element::builder;
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    builder::add_to_linker::<_, Own>(linker, hooked)
}

impl builder::Host for State {
    fn authorized_keys(&mut self) -> Result<Vec<String>, Refusal> {
        self.planning("the builder cannot be asked for its keys")?;
        self.grant(Right::Builder(Surroundings::AuthorizedKeys))?;
        Ok(self.wishes.builder.authorized_keys.clone())
    }

    fn proxies(&mut self) -> Result<builder::Proxy, Refusal> {
        self.planning("the builder cannot be asked for its proxies")?;
        self.grant(Right::Builder(Surroundings::Proxies))?;
        let builder = &self.wishes.builder;
        Ok(builder::Proxy {
            http: builder.http_proxy.clone(),
            https: builder.https_proxy.clone(),
            no_proxy: builder.no_proxy.clone(),
            extensions: Vec::new(),
        })
    }
}
