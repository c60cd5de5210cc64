//! `builder`: what the image definition lets out of the builder's own surroundings.

use dibhost_check::Check;
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
            http: builder.http_proxy.as_deref().map(without_password),
            https: builder.https_proxy.as_deref().map(without_password),
            no_proxy: builder.no_proxy.clone(),
            extensions: Vec::new(),
        })
    }
}

/// A proxy's address without who may use it: what an element is told ends up in plans and images.
/// All before the last `@` is that, for a password may have anything in it.
fn without_password(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    match rest.rsplit_once('@') {
        Some((_, host)) if Check::ProxyPassword.holds() => format!("{scheme}{host}"),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_proxy_is_told_without_its_password() {
        for (address, told) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("http://me:secret@proxy.example:3128/", "http://proxy.example:3128/"),
            ("http://me:s/e@c#ret@proxy.example", "http://proxy.example"),
            ("me:secret@proxy.example:3128", "proxy.example:3128"),
            ("", ""),
        ] {
            assert_eq!(without_password(address), told);
        }
    }
}
