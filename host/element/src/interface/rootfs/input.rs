//! An input as changes of the tree, in pieces: what is large never is in memory whole.

use dibhost_inputs::{Input, Node, NodeKind};
use dibhost_text::harmless;
use dibhost_tree::{Attributes, Change, Scope, Target, TargetError, TargetPath};

use crate::bindings::dib::element::rootfs::Placement;
use crate::limits::CHANGES;
use crate::refusal::Refusal;

/// Bytes that are placed as one change, all or nothing: they are in memory for that.
const WHOLE: u64 = 64 << 20;
/// Bytes that are in memory at once of what is larger, and nodes that are placed at once.
const PIECE: usize = 8 << 20;
const NODES: usize = 1000;

/// What is to be placed, and where.
pub(super) struct Placing<'a> {
    input: &'a Input,
    /// Paths within the input and in the tree; folders first.
    nodes: Vec<(&'a str, TargetPath, &'a Node)>,
    /// The folder that is filled.
    folder: Option<TargetPath>,
    placement: &'a Placement,
}

impl<'a> Placing<'a> {
    pub(super) fn new(
        input: &'a Input,
        to: &TargetPath,
        placement: &'a Placement,
    ) -> Result<Self, Refusal> {
        let manifest = input.manifest();
        let source = placement.source.as_deref().unwrap_or_default();
        let there = manifest.nodes().get(source);
        if there.is_none() && !source.is_empty() {
            let source = harmless(source, 300);
            let name = input.name();
            return Err(Refusal::not_found(format!(
                "`{source}` of the input `{name}` does not exist"
            )));
        }
        let alone = there.is_some_and(|node| node.kind != NodeKind::Directory);
        let mut nodes = Vec::new();
        for (path, node) in manifest.below(source) {
            let rest = path[source.len()..].trim_start_matches('/');
            let at = if rest.is_empty() { to.clone() } else { to.join(rest)? };
            // The folder itself is the one that is filled.
            if alone || !rest.is_empty() {
                nodes.push((path, at, node));
            }
        }
        nodes.sort_by_key(|(path, _, node)| (node.kind != NodeKind::Directory, *path));
        Ok(Self { input, nodes, folder: (!alone).then(|| to.clone()), placement })
    }

    /// Whether it is placed as one change.
    fn whole(&self) -> bool {
        let size = |node: &Node| match node.kind {
            NodeKind::File { size, .. } => size,
            _ => 0,
        };
        let bytes: u64 = self.nodes.iter().map(|(_, _, node)| size(node)).sum();
        bytes <= WHOLE && self.nodes.len() < CHANGES
    }

    fn attributes(&self, node: &Node) -> Attributes {
        let Placement { owner, group, file_mode, directory_mode, .. } = self.placement;
        let mode = match node.kind {
            NodeKind::Directory => directory_mode.unwrap_or(node.mode),
            _ => file_mode.unwrap_or(node.mode),
        };
        let (owner, group) = (owner.clone(), group.clone());
        Attributes { mode: Some(mode), owner, group, xattrs: Vec::new() }
    }

    /// Hands the changes on: `apply` makes some of them, all or nothing.
    pub(super) fn carry_out(
        &self,
        mut apply: impl FnMut(Vec<Change>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let whole = self.whole();
        let piece = if whole { usize::MAX } else { PIECE };
        let mut begun = false;
        let mut flush = |changes: Vec<Change>| {
            // What was placed before cannot be taken back.
            let applied =
                apply(changes).map_err(|refused| if begun { ended(refused) } else { refused });
            begun = !whole;
            applied
        };
        let (mut batch, mut bytes) = (Vec::new(), 0);
        batch.extend(
            self.folder
                .clone()
                .map(|path| Change::MakeDirectory { path, attributes: Attributes::default() }),
        );
        for (path, at, node) in &self.nodes {
            let attributes = self.attributes(node);
            let at = at.clone();
            match &node.kind {
                NodeKind::Directory => batch.push(Change::MakeDirectory { path: at, attributes }),
                NodeKind::Symlink { to } => {
                    batch.push(Change::Symlink { path: at, to: to.clone() });
                }
                NodeKind::File { size, .. } if *size <= piece as u64 => {
                    self.input.hand_on(path, usize::MAX, |content| {
                        bytes += content.len();
                        batch.push(Change::Write {
                            path: at.clone(),
                            content,
                            attributes: attributes.clone(),
                        });
                        Ok::<_, Refusal>(())
                    })?;
                }
                NodeKind::File { .. } => {
                    flush(std::mem::take(&mut batch))?;
                    bytes = 0;
                    self.in_pieces(path, &at, attributes, &mut flush)?;
                }
            }
            if !whole && (bytes >= PIECE || batch.len() >= NODES) {
                flush(std::mem::take(&mut batch))?;
                bytes = 0;
            }
        }
        if batch.is_empty() { Ok(()) } else { flush(batch) }
    }

    /// A large file. Its attributes come last: writing takes set-id bits away.
    fn in_pieces(
        &self,
        path: &str,
        at: &TargetPath,
        attributes: Attributes,
        flush: &mut impl FnMut(Vec<Change>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut first = true;
        self.input.hand_on(path, PIECE, |content| {
            let path = at.clone();
            let private = Attributes { mode: Some(0o600), ..Attributes::default() };
            let change = match std::mem::take(&mut first) {
                true => Change::Write { path, content, attributes: private },
                false => Change::Append { path, content },
            };
            flush(vec![change])
        })?;
        flush(vec![Change::SetAttributes { path: at.clone(), attributes }])
    }
}

/// An answer that the element could go on after, as an end.
fn ended(refused: Refusal) -> Refusal {
    match refused {
        Refusal::Answer(error) => Refusal::Trap(wasmtime::Error::msg(format!(
            "placing an input stopped in the middle: {}",
            error.message
        ))),
        trap => trap,
    }
}

/// The changes as the tree needs them: a folder that is there stays as it is.
pub(super) fn settled(
    target: &mut dyn Target,
    scope: &Scope,
    mut changes: Vec<Change>,
) -> Result<Vec<Change>, TargetError> {
    for change in &mut changes {
        let Change::MakeDirectory { path, attributes } = change else { continue };
        match target.stat(scope, path) {
            Ok(None) => {}
            // What is above all that is granted is there, or cannot be made.
            Ok(Some(_)) | Err(TargetError::OutOfScope { .. }) => {
                *attributes = Attributes::default()
            }
            Err(error) => return Err(error),
        }
    }
    Ok(changes)
}
