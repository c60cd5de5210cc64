//! The block device, decided: nodes become a checked graph, the graph a layout, and a back-end makes
//! the layout real, without loop devices, mounting and root where that can be.
//!
//! ```text
//! nodes ─► Graph::new ─► identities ─► layout(graph, identities, tree) ─► realise(layout, tree, file)
//!             │              │             every offset, size and UUID       tables, filesystems,
//!          checked      layout_fact,       decided, nothing written          boot loader, in place
//!                       fstab (planning)
//! ```
//!
//! A disk is a seekable file. Back-ends: `file` (sparse files), `loop` (the same, filled by the
//! kernel), `device` (an existing block device). What the bytes are is the matter of
//! `dibhost_volumes` (tables and volumes) and `dibhost_filesystems`.

mod check;
pub mod config;
mod doubt;
mod driver;
mod existing;
mod fact;
mod fstab;
mod graph;
mod identity;
mod inspect;
mod kernel;
mod layout;
mod node;
mod noun;
mod partition_type;
mod percent;
mod picture;
pub mod place;
mod position;
mod realise;
mod secret;
mod show;
mod stack;

pub use doubt::Doubt;
pub use driver::RaidLevel;
pub use existing::{
    Content, Device, DeviceError, InstallError, InstallTo, Installation, Installed,
};
pub use fstab::{FstabBy, FstabSettings};
pub use graph::{
    Disk, Encryption, Filesystem, Graph, GraphError, GrubBios, LogicalVolume, Mount, Partition,
    PhysicalVolume, Raid, Subvolume, Table, TypeId, Verity, VolumeGroup,
};
pub use identity::{Identities, seed_of};
pub use inspect::{Facts, InspectSecret, Inspected, InspectedDisk, Inspection, inspect};
pub use kernel::{Filling, Unable, ViewError, with_parts};
pub use layout::{
    DiskExtent, DiskLayout, FilesystemLayout, GroupLayout, GrubLayout, Layout, LayoutError,
    LayoutOptions, Optimise, PartitionLayout, PhysicalVolumeLayout, PoolLayout, SubvolumeLayout,
    TableLayout, VolumeLayout, VolumeMap, layout, layout_for, layout_without_files,
};
pub use node::{Node, NodeKind, Size, TableKind};
pub use partition_type::{
    PARTITION_ATTRIBUTES, PARTITION_TYPES, mbr_type, mbr_type_name, partition_type,
    partition_type_name,
};
pub use place::{Ground, NoPlace};
pub use position::{FileError, Position};
pub use realise::{Backend, Realise, RealiseError, Realised, realise};
pub use secret::{NoSecrets, Secrets};
