//! GRUB's images, found in the tree.

use crate::graph::{Graph, GrubBios, relative_to};
use crate::layout::types::{GrubLayout, Layout, LayoutError, refused};
use dibhost_filesystems::Tree;
use dibhost_text::rounded_size;
use dibhost_volumes::Extent;
use dibhost_volumes::grub;

/// GRUB without its place.
pub(crate) struct Images<'a> {
    pub(crate) node: &'a GrubBios,
    /// Bytes.
    pub(crate) core: u64,
    boot_image: (String, String),
    core_image: (String, String),
}

/// Finds GRUB's images in the tree and checks them.
pub(crate) fn images<'a>(
    graph: &Graph,
    grub: &'a GrubBios,
    tree: &mut dyn Tree,
) -> Result<Images<'a>, LayoutError> {
    let help = "let the element that wishes for it make both with grub-mkimage";
    let find = |path: &str, tree: &mut dyn Tree| {
        let mount = graph.mount_holding(path).map_or("/", |mount| mount.at.as_str());
        let below = relative_to(mount, path).unwrap_or(path);
        let content = tree.read(mount, below).map_err(|error| {
            refused(&grub.node, format!("`{path}` cannot be read ({error})"), help)
        })?;
        Ok(((mount.to_owned(), below.to_owned()), content))
    };
    let (boot_image, boot) = find(&grub.boot_image, tree)?;
    let (core_image, core) = find(&grub.core_image, tree)?;
    grub::check(&boot, &core).map_err(|problem| refused(&grub.node, problem, help))?;
    Ok(Images { node: grub, core: core.len() as u64, boot_image, core_image })
}

impl Images<'_> {
    /// Gives it its partition, or the gap behind its MBR, if it fits.
    pub(crate) fn placed(&self, layout: &Layout) -> Result<GrubLayout, LayoutError> {
        let (disk, core) = (&self.node.disk, rounded_size(self.core));
        let nowhere = Extent { offset: 0, size: 0 };
        let extent = match &self.node.partition {
            Some(partition) => layout.partition(partition).map(|(p, _)| p.extent),
            None => layout.gap(disk),
        };
        let extent = extent.unwrap_or(nowhere);
        if self.core > extent.size {
            let (place, help) = match &self.node.partition {
                Some(partition) => (format!("the partition `{partition}`"), "make it larger"),
                None => (
                    format!("the gap behind the MBR of `{disk}`"),
                    "make the disk larger, or the core image of fewer modules",
                ),
            };
            let problem =
                format!("the core image has {core} and {place} {}", rounded_size(extent.size));
            return Err(refused(&self.node.node, problem, help));
        }
        Ok(GrubLayout {
            node: self.node.node.clone(),
            disk: self.node.disk.clone(),
            extent,
            boot_image: self.boot_image.clone(),
            core_image: self.core_image.clone(),
        })
    }
}
