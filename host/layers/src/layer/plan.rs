//! Which frames are needed for a tree, and what of them goes where.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;

use super::chain::{Chain, View};
use super::create::Piece;
use super::error::RestoreError;
use super::frames;
use super::inode::Kind;
use super::manifest::Manifest;

/// What is done with a frame.
pub(super) struct Work {
    pub(super) layer: usize,
    pub(super) frame: usize,
    /// Where it begins in its pack.
    pub(super) offset: u64,
    /// In the order of the files' paths.
    pub(super) files: Vec<Share>,
}

/// What a frame has for a file.
pub(super) struct Share {
    /// The file's first name.
    pub(super) name: u32,
    pub(super) pieces: Vec<Piece>,
    /// Whether that is all that there is in the file: then it is made by whoever has the frame.
    pub(super) whole: bool,
}

/// Who makes a file and gives it its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// Whoever has the one frame with its content.
    Frame,
    /// One for all: nothing is in it, or pieces of several frames, and then its attributes come last.
    One { pieces: bool },
}

/// What is to be done with which frames, and for each file of the view, by the place of its inode,
/// who makes it.
pub(super) struct Plan {
    pub(super) works: Vec<Work>,
    pub(super) makers: HashMap<u32, Maker>,
}

pub(super) fn plan(
    layers: &[(Manifest, File)],
    chain: &Chain,
    view: &View<'_>,
) -> Result<Plan, RestoreError> {
    let mut makers = HashMap::new();
    let mut needed: BTreeMap<(usize, usize), Vec<Share>> = BTreeMap::new();
    for (name, dentry) in view.names.iter() {
        let Kind::File(content) = &view.inodes[dentry.of as usize].kind else { continue };
        if makers.contains_key(&dentry.of) {
            continue;
        }
        let mut pieces: BTreeMap<(usize, usize), Vec<Piece>> = BTreeMap::new();
        for chunk in &content.chunks {
            let held = chain.find(&chunk.bytes);
            let held = held.ok_or_else(|| RestoreError::corrupt("content is kept nowhere"))?;
            let length = chunk.bytes.length as usize;
            let piece = Piece { from: held.offset, length, to: chunk.offset };
            pieces.entry((held.layer, held.frame)).or_default().push(piece);
        }
        let whole = pieces.len() == 1;
        let maker = if whole { Maker::Frame } else { Maker::One { pieces: !pieces.is_empty() } };
        makers.insert(dentry.of, maker);
        for (key, pieces) in pieces {
            needed.entry(key).or_default().push(Share { name, pieces, whole });
        }
    }
    // All packs are looked at, also those of which nothing is needed any more.
    let offsets: Vec<_> = layers
        .iter()
        .map(|(manifest, pack)| frames::offsets(pack, manifest.frames()))
        .collect::<Result<_, _>>()?;
    let works = needed.into_iter().map(|((layer, frame), files)| {
        let offset = offsets[layer][frame];
        Work { layer, frame, offset, files }
    });
    Ok(Plan { works: works.collect(), makers })
}
