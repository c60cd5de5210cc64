//! What the parts of the tree ask of their filesystems.

use crate::graph::{Filesystem, Graph, Subvolume};
use crate::identity::Identities;
use crate::layout::options::LayoutOptions;
use crate::layout::types::{FilesystemLayout, LayoutError, SubvolumeLayout, refused};
use dibhost_filesystems::{Counted, FilesystemKind, Tree};

/// A filesystem whose content is known and whose place is not.
pub(crate) struct Sized<'a> {
    pub(crate) filesystem: &'a Filesystem,
    mount: Option<&'a str>,
    subvolumes: Vec<SubvolumeLayout>,
    compression: Option<String>,
    counted: Counted,
    lean: bool,
}

/// The mount option by which btrfs compresses what is written. It is the whole filesystem's, whichever of
/// its mounts has it.
fn compression(graph: &Graph, filesystem: &Filesystem) -> Option<String> {
    if filesystem.kind != FilesystemKind::Btrfs {
        return None;
    }
    let mut options = graph.mounts_of(&filesystem.node).flat_map(|mount| &mount.options);
    let is_compression = |option: &&String| {
        let name = option.split('=').next().unwrap_or_default();
        matches!(name, "compress" | "compress-force")
    };
    options.find(is_compression).cloned()
}

impl<'a> Sized<'a> {
    /// Reads the part of the tree that fills it.
    pub(crate) fn count(
        graph: &'a Graph,
        filesystem: &'a Filesystem,
        tree: &mut dyn Tree,
        options: LayoutOptions,
    ) -> Result<Self, LayoutError> {
        let node = &filesystem.node;
        let at = |subvolume: Option<&Subvolume>| {
            let subvolume = subvolume.map(|s| s.node.as_str());
            let mut mounts = graph.mounts_of(node);
            mounts.find(|m| m.subvolume.as_deref() == subvolume).map(|mount| mount.at.as_str())
        };
        let mount = at(None);
        let compression = compression(graph, filesystem);
        let mut subvolumes: Vec<_> = graph
            .subvolumes
            .iter()
            .filter(|subvolume| subvolume.filesystem == *node)
            .map(|subvolume| SubvolumeLayout {
                node: subvolume.node.clone(),
                path: subvolume.path.clone(),
                default: subvolume.default,
                mount: at(Some(subvolume)).map(str::to_owned),
            })
            .collect();
        // One comes before those in it.
        subvolumes.sort_by(|a, b| a.path.cmp(&b.path));
        let below = subvolumes.iter().filter_map(|subvolume| subvolume.mount.as_deref());
        let mounts: Vec<&str> = mount.into_iter().chain(below).collect();
        let counted = Counted::of(filesystem.kind, filesystem.tuning, &mounts, tree)
            .map_err(|source| LayoutError::Tree { mount: mounts.join("`, `"), source })?
            .map_err(|(problem, help)| refused(node, problem, help))?;
        Ok(Self { filesystem, mount, subvolumes, compression, counted, lean: options.lean() })
    }

    /// Why it cannot be filled without the kernel, where it cannot.
    fn needs_kernel(&self) -> Option<String> {
        let first = self.subvolumes.first();
        let subvolume = first.map(|s| format!("`mkfs.btrfs` makes no subvolume `{}`", s.node));
        subvolume.or_else(|| self.counted.needs_kernel().map(str::to_owned))
    }

    /// Bytes of the smallest place it fits into, beside what it keeps free of itself.
    pub(crate) fn bytes(&self, extra: u64, sector: u64) -> u64 {
        self.counted.bytes_for(extra, sector, self.lean)
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
            needs_kernel: self.needs_kernel(),
            subvolumes: self.subvolumes.clone(),
            compression: self.compression.clone(),
            label: label.clone(),
            size: format.size(),
            place: None,
            format,
        })
    }
}
