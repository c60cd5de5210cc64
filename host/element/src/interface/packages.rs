//! `packages`: wishes for packages, answers to what they ask, and where they come from.

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

    fn debconf(&mut self, answers: Vec<packages::Answer>) -> Result<(), Refusal> {
        self.planning("questions of packages cannot be answered")?;
        let mut made = Vec::with_capacity(answers.len());
        for answer in answers {
            self.grant(Right::Packages(answer.package.as_str().into()))?;
            let of = || format!("its answer to `{}`", harmless(&answer.question, 100));
            self.extensions(&answer.extensions, of)?;
            made.push(Wish::Debconf(convert::answer(answer)));
        }
        self.wish(made)
    }

    fn add_deb_repository(&mut self, said: packages::DebRepository) -> Result<(), Refusal> {
        self.planning("repositories cannot be added")?;
        self.extensions(&said.extensions, || repository(&said.name))?;
        self.wish(vec![Wish::Repository(convert::deb_repository(said))])
    }

    fn add_rpm_repository(&mut self, said: packages::RpmRepository) -> Result<(), Refusal> {
        self.planning("repositories cannot be added")?;
        self.extensions(&said.extensions, || repository(&said.name))?;
        self.wish(vec![Wish::Repository(convert::rpm_repository(said)?)])
    }

    fn enable_module(&mut self, module: packages::Module) -> Result<(), Refusal> {
        self.planning("modules cannot be enabled")?;
        self.extensions(&module.extensions, || {
            format!("the module `{}`", harmless(&module.name, 100))
        })?;
        self.wish(vec![Wish::Module(convert::module(module))])
    }

    fn install_group(&mut self, group: packages::Group) -> Result<(), Refusal> {
        self.planning("groups of packages cannot be wished for")?;
        self.extensions(&group.extensions, || {
            format!("the group of packages `{}`", harmless(&group.id, 100))
        })?;
        self.wish(vec![Wish::PackageGroup(convert::package_group(group))])
    }

    /// Touches every package, so it needs all of them granted.
    fn upgrade_all(&mut self) -> Result<(), Refusal> {
        self.planning("upgrading cannot be wished for")?;
        self.wish(vec![Wish::UpgradeAll])
    }
}

fn repository(name: &str) -> String {
    format!("the repository `{}`", harmless(name, 100))
}
