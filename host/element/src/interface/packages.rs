//! `packages`: wishes for packages and repositories.

use dibhost_plan::grant::Right;
use dibhost_plan::wish::Wish;
use dibhost_text::harmless;
use wasmtime::component::Linker;

use super::hook::{Own, hooked};
use crate::bindings::dib::element::packages;
use crate::convert;
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    packages::add_to_linker::<_, Own>(linker, hooked)
}

impl packages::Host for State {
    fn request(&mut self, wishes: Vec<packages::Wish>) -> Result<(), Refusal> {
        self.planning("packages cannot be wished for")?;
        let mut made = Vec::with_capacity(wishes.len());
        for wish in wishes {
            self.grant(Right::Packages(wish.name.as_str().into()))?;
            self.extensions(&wish.extensions, || {
                format!("the package `{}`", harmless(&wish.name, 100))
            })?;
            made.push(Wish::Package(convert::package(wish)?));
        }
        self.wish(made)
    }

    fn add_repository(&mut self, repository: packages::Repository) -> Result<(), Refusal> {
        self.planning("repositories cannot be added")?;
        let name = || format!("the repository `{}`", harmless(&repository.name, 100));
        self.extensions(&repository.extensions, name)?;
        self.wish(vec![Wish::Repository(convert::repository(repository))])
    }

    /// Touches every package, so it needs all of them granted.
    fn upgrade_all(&mut self) -> Result<(), Refusal> {
        self.planning("upgrading cannot be wished for")?;
        self.wish(vec![Wish::UpgradeAll])
    }
}
