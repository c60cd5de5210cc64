//! `inputs`: files and folders of the builder that the definition names, by grant. What was found
//! while planning is what is read; anything else ends the element, whatever it would make of an
//! error.

use std::ops::Bound;
use std::sync::Arc;

use dibhost_definition::Limit;
use dibhost_inputs::{Changed, Input, Node, NodeKind};
use dibhost_plan::grant::{InputChoice, Right};
use dibhost_text::harmless;
use wasmtime::component::{Linker, Resource};

use super::hook::{Own, hooked};
use crate::bindings::dib::element::inputs;
use crate::held::blobs::Blob;
use crate::held::handles::GivenInput;
use crate::limits::{CALL_BYTES, WALK_ENTRIES};
use crate::refusal::Refusal;
use crate::state::State;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    inputs::add_to_linker::<_, Own>(linker, hooked)
}

impl From<Changed> for Refusal {
    fn from(changed: Changed) -> Self {
        Self::Trap(changed.into())
    }
}

impl State {
    pub(super) fn input(&self, input: &Resource<GivenInput>) -> Result<Arc<Input>, Refusal> {
        Ok(Arc::clone(&self.table.get(input)?.input))
    }
}

/// The bytes of a file of an input.
fn size_of(input: &Input, path: &str) -> Result<u64, Refusal> {
    let shown = || format!("`{}` of the input `{}`", harmless(path, 300), input.name());
    match input.manifest().nodes().get(path).map(|node| &node.kind) {
        Some(NodeKind::File { size, .. }) => Ok(*size),
        Some(other) => Err(Refusal::conflict(format!("{} is a {}", shown(), other.name()))),
        None => Err(Refusal::not_found(format!("{} does not exist", shown()))),
    }
}

fn to_wit(path: &str, node: &Node) -> inputs::Node {
    let (size, digest, link_target) = match &node.kind {
        NodeKind::File { size, digest } => (*size, Some(digest.clone()), None),
        NodeKind::Directory => (0, None, None),
        NodeKind::Symlink { to } => (0, None, Some(to.clone())),
    };
    inputs::Node {
        path: path.to_owned(),
        kind: node.kind.name().to_owned(),
        mode: node.mode,
        size,
        digest,
        link_target,
        extensions: Vec::new(),
    }
}

impl inputs::Host for State {
    fn open(&mut self, name: String) -> Result<Resource<GivenInput>, Refusal> {
        self.calling("no input can be opened")?;
        // As it is, and no pattern: with a star in it nothing has that name.
        self.grant(Right::Inputs(InputChoice::Named(name.as_str().into())))?;
        let found = self.inputs.get(&name).map(Arc::clone);
        let input = found.ok_or_else(|| {
            Refusal::not_found(format!("the definition has no input `{}`", harmless(&name, 100)))
        })?;
        Ok(self.table.push(GivenInput { input })?)
    }
}

impl inputs::HostInput for State {
    fn about(&mut self, input: Resource<GivenInput>) -> Result<inputs::About, Refusal> {
        let input = self.input(&input)?;
        let manifest = input.manifest();
        Ok(inputs::About {
            kind: if manifest.is_file() { "file" } else { "directory" }.to_owned(),
            digest: manifest.digest().to_owned(),
            size: manifest.size(),
            nodes: manifest.nodes().len() as u64,
            extensions: Vec::new(),
        })
    }

    fn nodes(
        &mut self,
        input: Resource<GivenInput>,
        start_after: Option<String>,
    ) -> Result<Vec<inputs::Node>, Refusal> {
        let input = self.input(&input)?;
        let from = start_after.map_or(Bound::Unbounded, Bound::Excluded);
        let nodes = input.manifest().nodes().range((from, Bound::Unbounded));
        Ok(nodes.take(WALK_ENTRIES).map(|(path, node)| to_wit(path, node)).collect())
    }

    fn read(
        &mut self,
        input: Resource<GivenInput>,
        path: String,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, Refusal> {
        let input = self.input(&input)?;
        size_of(&input, &path)?;
        let length = match usize::try_from(length) {
            Ok(length @ 1..) => length.min(CALL_BYTES),
            _ => CALL_BYTES,
        };
        Ok(input.read(&path, offset, length)?)
    }

    fn blob(
        &mut self,
        input: Resource<GivenInput>,
        path: String,
    ) -> Result<Resource<Blob>, Refusal> {
        let input = self.input(&input)?;
        let size = size_of(&input, &path)?;
        self.within(Limit::Blobs, self.blobs.held.saturating_add(size))?;
        let mut content = Vec::new();
        input.hand_on(&path, CALL_BYTES, |piece| {
            content.extend(piece);
            Ok::<_, Changed>(())
        })?;
        self.blob(content)
    }

    fn drop(&mut self, input: Resource<GivenInput>) -> wasmtime::Result<()> {
        self.table.delete(input)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
