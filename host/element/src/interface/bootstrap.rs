//! `bootstrap`: the wish for the first tree.

use dibhost_plan::Phase;
use dibhost_plan::grant::Right;
use dibhost_plan::wish::Wish;
use dibhost_text::harmless;
use wasmtime::component::Linker;

use super::hook::{Own, hooked};
use crate::bindings::dib::element::bootstrap;
use crate::convert;
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    bootstrap::add_to_linker::<_, Own>(linker, hooked)
}

impl bootstrap::Host for State {
    fn create(&mut self, source: bootstrap::Source) -> Result<(), Refusal> {
        self.planning("the first tree cannot be wished for")?;
        if self.call.phase != Phase::Root {
            return Err(Refusal::denied(format!(
                "the first tree is wished for in `plan(root)`, not in `plan({})`",
                self.call.phase
            )));
        }
        self.grant(Right::Bootstrap)?;
        match &source {
            bootstrap::Source::Distribution(distribution) => {
                self.extensions(&distribution.extensions, || "the first tree".to_owned())?;
                if let Some(rpm) = &distribution.rpm {
                    self.extensions(&rpm.extensions, || "the first tree".to_owned())?;
                    for origin in &rpm.origins {
                        let of = || format!("the repository `{}`", harmless(&origin.name, 100));
                        self.extensions(&origin.extensions, of)?;
                    }
                }
            }
            bootstrap::Source::Archive(file) | bootstrap::Source::DiskImage(file) => {
                self.extensions(&file.extensions, || "the first tree".to_owned())?;
            }
            bootstrap::Source::Container(_) => {}
        }
        if self.wishes.iter().any(|w| matches!(w, Wish::Bootstrap(_))) {
            return Err(Refusal::conflict("this step wished for a first tree already"));
        }
        self.wish(vec![Wish::Bootstrap(convert::bootstrap(source))])
    }
}
