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
mod no_files;
mod options;
mod sector;
mod types;

pub use options::{LayoutOptions, Optimise};
pub use types::{
    DiskExtent, DiskLayout, FilesystemLayout, GroupLayout, GrubLayout, Layout, LayoutError,
    PartitionLayout, PhysicalVolumeLayout, PoolLayout, SubvolumeLayout, TableLayout, VolumeLayout,
    VolumeMap,
};

use crate::graph::Graph;
use crate::identity::Identities;
use content::Sized;
use dibhost_filesystems::Tree;
use need::Needs;
use no_files::NoFiles;
use types::refused;

/// Reads the tree's sizes and lays out the disks, for no purpose in particular.
///
/// # Errors
/// What no back-end can make, what does not fit, or a tree that cannot be read.
pub fn layout(
    graph: &Graph,
    identities: &Identities,
    tree: &mut dyn Tree,
) -> Result<Layout, LayoutError> {
    layout_for(graph, identities, tree, LayoutOptions::default())
}

/// Reads the tree's sizes and lays out the disks for a purpose.
///
/// # Errors
/// As [`layout`].
pub fn layout_for(
    graph: &Graph,
    identities: &Identities,
    tree: &mut dyn Tree,
    options: LayoutOptions,
) -> Result<Layout, LayoutError> {
    let sized = sized(graph, tree, options)?;
    let grub = graph
        .grub
        .iter()
        .map(|grub| grub::images(graph, grub, tree))
        .collect::<Result<Vec<_>, _>>()?;
    let needs = Needs { graph, sized: &sized, grub: &grub, options };
    give::give(&needs, identities)
}

/// Lays out the disks before there is a tree: what takes its size from its content is as small as
/// can be, and GRUB's core image has 256 KiB. No tree makes it smaller.
///
/// # Errors
/// As [`layout`].
pub fn layout_without_files(
    graph: &Graph,
    identities: &Identities,
    options: LayoutOptions,
) -> Result<Layout, LayoutError> {
    let sized = sized(graph, &mut NoFiles, options)?;
    let grub: Vec<_> = graph.grub.iter().map(|grub| grub::assumed(graph, grub)).collect();
    let needs = Needs { graph, sized: &sized, grub: &grub, options };
    give::give(&needs, identities)
}

fn sized<'a>(
    graph: &'a Graph,
    tree: &mut dyn Tree,
    options: LayoutOptions,
) -> Result<Vec<Sized<'a>>, LayoutError> {
    if graph.disks.is_empty() {
        let help = "add a node that is a disk";
        return Err(refused("disk", "there is no disk", help));
    }
    let count = |filesystem| Sized::count(graph, filesystem, tree, options);
    graph.filesystems.iter().map(count).collect()
}
