//! GRUB's images, found in the tree.

use crate::graph::{Graph, GrubBios, relative_to};
use crate::layout::types::{GrubLayout, Layout, LayoutError, refused};
use dibhost_filesystems::Tree;
use dibhost_text::rounded_size;
use dibhost_volumes::Extent;
use dibhost_volumes::grub;

/// Bytes that a core image is taken to have where there is no tree yet: more than it comes to with the
/// modules for LVM, RAID and btrfs together.
pub(crate) const ASSUMED_CORE: u64 = 256 << 10;

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
    let mut find = |path: &str| {
        let (mount, below) = place(graph, path);
        let content = tree.read(&mount, &below, grub::MOST).map_err(|error| {
            refused(&grub.node, format!("`{path}` cannot be read ({error})"), help)
        })?;
        Ok(((mount, below), content))
    };
    let (boot_image, boot) = find(&grub.boot_image)?;
    let (core_image, core) = find(&grub.core_image)?;
    grub::check(&boot, &core).map_err(|problem| refused(&grub.node, problem, help))?;
    Ok(Images { node: grub, core: core.len() as u64, boot_image, core_image })
}

/// GRUB before there is a tree to find its images in.
pub(crate) fn assumed<'a>(graph: &Graph, grub: &'a GrubBios) -> Images<'a> {
    let (boot_image, core_image) = (place(graph, &grub.boot_image), place(graph, &grub.core_image));
    Images { node: grub, core: ASSUMED_CORE, boot_image, core_image }
}

/// The mount that holds a path of the image, and the path below it.
fn place(graph: &Graph, path: &str) -> (String, String) {
    let mount = graph.mount_holding(path).map_or("/", |mount| mount.at.as_str());
    let below = relative_to(mount, path).unwrap_or(path);
    (mount.to_owned(), below.to_owned())
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
