//! Layers upon one another: what they hold together, and the tree that comes of them.

use std::collections::{BTreeMap, HashMap};

use super::error::RestoreError;
use super::inode::{Bound, Bytes, Inode, Kind, Sum};
use super::manifest::Manifest;
use super::names::{Dentries, place};

/// What the layers below the next one hold, the lowest first.
#[derive(Debug, Clone, Default)]
pub struct Chain {
    top: Option<Sum>,
    held: HashMap<Bytes, Held>,
    layers: usize,
}

/// Where some bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    /// Counted from the lowest.
    pub(super) layer: usize,
    pub(super) frame: usize,
    /// In the frame, decompressed.
    pub(super) offset: usize,
}

impl Chain {
    /// Without a layer: what is packed upon it is a whole tree.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Of all these layers, the lowest first.
    ///
    /// # Errors
    /// [`RestoreError::Corrupt`]: one of them was packed upon other layers, or needs what none of
    /// them holds.
    pub fn of<'a>(layers: impl IntoIterator<Item = &'a Manifest>) -> Result<Self, RestoreError> {
        let mut chain = Self::empty();
        for manifest in layers {
            chain.push(manifest)?;
        }
        Ok(chain)
    }

    /// Puts a layer on top.
    ///
    /// # Errors
    /// [`RestoreError::Corrupt`]: it was packed upon other layers, or needs what none of them holds.
    pub fn push(&mut self, manifest: &Manifest) -> Result<(), RestoreError> {
        let layer = self.layers;
        if manifest.below() != self.top {
            let what = format!("layer {} was not packed upon those below it", layer + 1);
            return Err(RestoreError::corrupt(what));
        }
        for (frame, holding) in manifest.frames().iter().enumerate() {
            let mut offset = 0;
            for bytes in &holding.holds {
                // What is held twice is read from the lowest.
                self.held.entry(*bytes).or_insert(Held { layer, frame, offset });
                offset += bytes.length as usize;
            }
        }
        for (at, dentry) in manifest.names().iter() {
            if let Bound::Inode(inode) = dentry.of
                && let Kind::File(content) = &manifest.inode(inode).kind
                && content.chunks.iter().any(|chunk| !self.held.contains_key(&chunk.bytes))
            {
                let shown = manifest.names().shown(at);
                let what = format!("the content of {shown} is kept nowhere");
                return Err(RestoreError::corrupt(what));
            }
        }
        self.top = Some(manifest.digest());
        self.layers += 1;
        Ok(())
    }

    /// The digest of the topmost manifest.
    pub(super) fn top(&self) -> Option<Sum> {
        self.top
    }

    pub(super) fn find(&self, bytes: &Bytes) -> Option<Held> {
        self.held.get(bytes).copied()
    }
}

/// The tree that comes of some layers.
pub(super) struct View<'a> {
    /// In the order of their first names.
    pub(super) inodes: Vec<&'a Inode>,
    /// With the place of each one's inode.
    pub(super) names: Dentries<u32>,
}

/// A name while layers are put upon one another.
struct Node<'a> {
    layer: usize,
    inode: u32,
    /// What is in it, if it is a folder.
    within: Option<BTreeMap<&'a [u8], usize>>,
}

impl<'a> View<'a> {
    /// Puts manifests upon one another, the lowest first.
    pub(super) fn of(layers: &[&'a Manifest]) -> Result<Self, RestoreError> {
        let mut nodes = Vec::new();
        for (layer, manifest) in layers.iter().enumerate() {
            lay(&mut nodes, layer, manifest)?;
        }
        let mut view = Self { inodes: Vec::new(), names: Dentries::default() };
        let mut placed = HashMap::new();
        let mut next = vec![(0, &b""[..], 0)];
        while let Some((parent, name, at)) = next.pop() {
            let Some(node): Option<&Node<'_>> = nodes.get(at) else { break };
            let inode = *placed.entry((node.layer, node.inode)).or_insert_with(|| {
                view.inodes.push(layers[node.layer].inode(node.inode));
                place(view.inodes.len() - 1)
            });
            let parent = view.names.push(parent, name.to_vec(), inode);
            if let Some(within) = &node.within {
                next.extend(within.iter().rev().map(|(name, at)| (parent, *name, *at)));
            }
        }
        Ok(view)
    }
}

/// Puts one manifest upon what is there; the first node is the root.
fn lay<'a>(
    nodes: &mut Vec<Node<'a>>,
    layer: usize,
    manifest: &'a Manifest,
) -> Result<(), RestoreError> {
    let names = manifest.names();
    let wrong = |at, what: &str| {
        RestoreError::corrupt(format!("layer {} {what} {}", layer + 1, names.shown(at)))
    };
    let mut places: Vec<usize> = Vec::with_capacity(names.len());
    for (at, dentry) in names.iter() {
        let parent = places.get(dentry.parent as usize).copied();
        let there = match parent {
            None => (!nodes.is_empty()).then_some(0),
            Some(parent) => {
                nodes[parent].within.as_ref().and_then(|w| w.get(&dentry.name[..])).copied()
            }
        };
        let place = match (dentry.of, there) {
            (Bound::Passed, Some(there)) if nodes[there].within.is_some() => there,
            (Bound::Passed, _) => return Err(wrong(at, "changes what is no folder:")),
            (Bound::Deleted, None) => return Err(wrong(at, "deletes what is not there:")),
            (Bound::Deleted, Some(there)) => {
                if let Some(within) = parent.and_then(|parent| nodes[parent].within.as_mut()) {
                    within.remove(&dentry.name[..]);
                }
                there
            }
            (Bound::Inode(inode), there) => {
                let folder = manifest.inode(inode).kind == Kind::Folder;
                match there {
                    Some(there) if folder && nodes[there].within.is_some() => {
                        (nodes[there].layer, nodes[there].inode) = (layer, inode);
                        there
                    }
                    _ => {
                        let within = folder.then(BTreeMap::new);
                        nodes.push(Node { layer, inode, within });
                        let new = nodes.len() - 1;
                        if let Some(within) = parent.and_then(|p| nodes[p].within.as_mut()) {
                            within.insert(&dentry.name, new);
                        }
                        new
                    }
                }
            }
        };
        places.push(place);
    }
    Ok(())
}
