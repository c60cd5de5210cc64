//! What the parts of the tree ask of their filesystems.

use crate::format::Counted;
use crate::graph::{Filesystem, Graph};
use crate::identity::Identities;
use crate::layout::types::{FilesystemLayout, LayoutError, refused};
use crate::tree::Tree;

/// A filesystem whose content is known and whose place is not.
pub(crate) struct Sized<'a> {
    pub(crate) filesystem: &'a Filesystem,
    mount: Option<&'a str>,
    counted: Counted,
}

impl<'a> Sized<'a> {
    /// Reads the part of the tree that fills it.
    pub(crate) fn count(
        graph: &'a Graph,
        filesystem: &'a Filesystem,
        tree: &mut dyn Tree,
    ) -> Result<Self, LayoutError> {
        let node = &filesystem.node;
        if let Some(subvolume) = graph.subvolumes.iter().find(|s| s.filesystem == *node) {
            let problem = "the back-end `file` makes no subvolumes: `mkfs.btrfs` knows of none";
            return Err(refused(&subvolume.node, problem, "use the back-end `loop`"));
        }
        let mount = graph.mounts_of(node).next().map(|mount| mount.at.as_str());
        let counted = Counted::of(filesystem.kind, filesystem.tuning, mount, tree)
            .map_err(|source| LayoutError::Tree { mount: mount.unwrap_or("").to_owned(), source })?
            .map_err(|(problem, help)| refused(node, problem, help))?;
        if let Some(why) = counted.needs_kernel() {
            let kind = filesystem.kind.name();
            let problem = format!("the back-end `file` cannot fill the {kind} filesystem: {why}");
            return Err(refused(node, problem, "use the back-end `loop`, or ext4"));
        }
        Ok(Self { filesystem, mount, counted })
    }

    /// Bytes of the smallest place it fits into, beside what it keeps free of itself.
    pub(crate) fn bytes(&self, extra: u64, sector: u64) -> u64 {
        self.counted.bytes_for(extra, sector)
    }

    /// Gives it a volume of `volume` bytes, if it fits.
    pub(crate) fn fitted(
        &self,
        volume: u64,
        sector: u64,
        identities: &Identities,
    ) -> Result<FilesystemLayout, LayoutError> {
        let Filesystem { node, on, label, .. } = self.filesystem;
        let help = "derive the identities from the same graph";
        let identity = identities.filesystems.get(node);
        let identity = identity.ok_or_else(|| refused(node, "it has no identity", help))?;
        let format = self
            .counted
            .fit(volume, sector, identity)
            .map_err(|(problem, help)| refused(node, problem, help))?;
        Ok(FilesystemLayout {
            node: node.clone(),
            on: on.clone(),
            mount: self.mount.map(str::to_owned),
            label: label.clone(),
            size: format.size(),
            place: None,
            format,
        })
    }
}
