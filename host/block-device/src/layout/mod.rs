//! Decides every offset, size and UUID; writes nothing.
//!
//! ```text
//!   needs, from the filesystems downwards      gives, from the disks upwards
//!        ext4   1.2 GiB                             ext4   fits
//!         │ +16 MiB header                           ▲
//!        LUKS                                       LUKS
//!         │ rounded to extents                       ▲
//!        LV ─► VG ─► PV                             LV ◄─ VG ◄─ PV
//!                     │ +1 MiB                               ▲
//!                  partition ─► table ─► disk              partition ◄─ table ◄─ disk
//! ```

mod content;
mod give;
mod groups;
mod grub;
mod need;
mod types;

pub use types::{
    DiskLayout, FilesystemLayout, GroupLayout, GrubLayout, Layout, LayoutError, PartitionLayout,
    PhysicalVolumeLayout, Place, SubvolumeLayout, TableLayout, VolumeLayout, VolumeMap,
};

use crate::graph::Graph;
use crate::identity::Identities;
use crate::tree::Tree;
use content::Sized;
use need::Needs;
use types::refused;

/// Bytes of a LUKS2 header.
const LUKS_HEADER: u64 = crate::luks::DEFAULT_OFFSET;
/// Bytes before the data of a RAID's member.
const MD_HEADER: u64 = crate::md::DEFAULT_DATA_OFFSET;

/// Reads the tree's sizes and lays out the disks.
///
/// # Errors
/// What no back-end can make, what does not fit, or a tree that cannot be read.
pub fn layout(
    graph: &Graph,
    identities: &Identities,
    tree: &mut dyn Tree,
) -> Result<Layout, LayoutError> {
    if graph.disks.is_empty() {
        let help = "add a node that is a disk";
        return Err(refused("disk", "there is no disk", help));
    }
    let sized = graph
        .filesystems
        .iter()
        .map(|filesystem| Sized::count(graph, filesystem, tree))
        .collect::<Result<Vec<_>, _>>()?;
    let grub = graph
        .grub
        .iter()
        .map(|grub| grub::images(graph, grub, tree))
        .collect::<Result<Vec<_>, _>>()?;
    let needs = Needs { graph, sized: &sized, grub: &grub };
    give::give(&needs, identities)
}

/// Bytes of a sector of the disk that a node stands on, by whatever way.
fn sector_of(graph: &Graph, node: &str) -> u64 {
    let mut at = node;
    // The graph has no cycle, and so an end.
    while let Some(lower) = graph.node(at).and_then(|node| node.on.first()) {
        at = lower;
    }
    let disk = graph.disks.iter().find(|disk| disk.node == at);
    disk.map_or(512, |disk| u64::from(disk.sector_size))
}
