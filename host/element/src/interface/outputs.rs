//! `outputs`: files that go beside the image.

use dibhost_plan::grant::Right;
use std::sync::Arc;

use dibhost_check::Check;
use dibhost_definition::Limit;
use wasmtime::component::{Linker, Resource};

use super::hook::{Own, hooked};
use crate::bindings::dib::element::outputs;
use crate::held::blobs::Blob;
use crate::refusal::Refusal;
use crate::state::State;
use dibhost_text::{check_suffix, harmless};

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    outputs::add_to_linker::<_, Own>(linker, hooked)
}

impl outputs::Host for State {
    fn emit(&mut self, suffix: String, content: Resource<Blob>) -> Result<(), Refusal> {
        self.running("nothing can be put beside the image")?;
        // The only place that judges it: what is taken here is not refused when the image is made.
        if Check::OutputsSuffix.holds()
            && let Err(why) = check_suffix(&suffix)
        {
            return Err(Refusal::invalid(format!("`{}` {why}", harmless(&suffix, 100))));
        }
        self.grant(Right::Outputs(suffix.as_str().into()))?;
        let content = Arc::clone(&self.table.get(&content)?.content);
        match self.outputs.0.iter().find(|(s, _)| *s == suffix) {
            Some((_, there)) if *there == content => Ok(()),
            Some(_) => Err(Refusal::conflict(format!(
                "this step put another file beside the image as `{suffix}` already"
            ))),
            None => {
                let there = self.outputs.0.iter().map(|(_, c)| c.len() as u64).sum::<u64>();
                self.within(Limit::Outputs, there + content.len() as u64)?;
                self.outputs.0.push((suffix, content));
                Ok(())
            }
        }
    }
}
