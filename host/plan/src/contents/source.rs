//! Files and folders beside the definition that are put into the image: as wishes, or placed.

use dibhost_definition::{Definition, StatedFile, StatedNode};
use dibhost_inputs::Inputs;

/// Files and folders that are wished for, of all sources: an element may wish for 4096 things.
const NODES: usize = 2000;
/// Bytes of all that is wished for: a plan is held in memory.
const BYTES: u64 = 64 << 20;
/// Bytes of one that is wished for.
const OF_ONE: u64 = 16 << 20;

/// The entries whose source is placed while the image is built, without going through the element's
/// memory: what is wished for is small.
pub(super) fn placed<'a>(
    definition: &'a Definition,
    inputs: &'a Inputs,
) -> impl Iterator<Item = &'a StatedFile> {
    let names = definition.stated_inputs();
    let (mut nodes, mut bytes) = (0, 0);
    definition.contents.files.iter().filter_map(move |file| {
        let StatedNode::Source(path) = &file.node else { return None };
        let manifest = inputs.get(names.get(&path.value)?.name.as_str())?.manifest();
        nodes += manifest.nodes().len();
        bytes += manifest.size();
        let large = nodes > NODES || bytes > BYTES || manifest.size() > OF_ONE;
        if large {
            nodes -= manifest.nodes().len();
            bytes -= manifest.size();
        }
        large.then_some(&file.value)
    })
}
