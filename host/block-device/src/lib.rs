//! The block device: graph, layout, and making it real, without loop devices, mounting and root
//! where that can be.
//!
//! ```text
//! nodes ─► Graph::new ─► identities ─► layout(graph, identities, tree) ─► realise(layout, tree, file)
//!             │              │             every offset, size and UUID       tables, filesystems,
//!          checked      layout_fact,       decided, nothing written          boot loader, in place
//!                       fstab (planning)
//! ```
//!
//! A disk is a seekable file. Back-ends: `file` (sparse files), `loop` (the same, filled by the
//! kernel), `device` (an existing block device).

pub mod btrfs;
mod check;
mod compare;
pub mod config;
mod copy;
mod crc32c;
pub mod dib;
mod driver;
mod ext4;
mod fact;
mod fat;
mod filesystem;
mod format;
mod fstab;
pub mod gpt;
mod graph;
mod grub;
mod identity;
mod inspect;
mod kernel;
mod layout;
pub mod luks;
pub mod lvm;
pub mod mbr;
pub mod md;
mod medium;
mod node;
mod partition_type;
mod picture;
mod place;
mod position;
pub mod probe;
mod realise;
mod secret;
mod show;
mod sparse;
mod stack;
mod tree;
pub mod verity;
mod walk;
mod written;

pub use compare::{Listed, Listing};
pub use copy::{Copied, CopyError, Holds, copy};
pub use driver::RaidLevel;
pub use fat::Geometry as FatGeometry;
pub use filesystem::{
    Compression, Ext4Tuning, FatBits, FatSerial, FilesystemKind, FilesystemUuid, FreeTuning,
    PackedTuning, Tuning, VfatTuning,
};
pub use format::{BtrfsLayout, ExtLayout, FormatLayout, PackedLayout, RootFolder, XfsLayout};
pub use fstab::{FstabBy, FstabSettings};
pub use graph::{
    Disk, Encryption, Filesystem, Graph, GraphError, GrubBios, LogicalVolume, Mount, Partition,
    PhysicalVolume, Raid, Subvolume, Table, TypeId, Verity, VolumeGroup,
};
pub use identity::{FilesystemIdentity, Identities, seed_of};
pub use inspect::{Facts, InspectSecret, Inspected, InspectedDisk, Inspection, inspect};
pub use kernel::{
    Content, Device, DeviceError, Filling, InstallError, InstallTo, Installation, Installed,
    Unable, ViewError, with_parts,
};
pub use layout::{
    DiskLayout, FilesystemLayout, GroupLayout, GrubLayout, Layout, LayoutError, LayoutOptions,
    Optimise, PartitionLayout, PhysicalVolumeLayout, Place, PoolLayout, SubvolumeLayout,
    TableLayout, VolumeLayout, VolumeMap, layout, layout_for,
};
pub use medium::{FileMedium, Medium};
pub use node::{Node, NodeKind, Size, TableKind};
pub use partition_type::{
    PARTITION_ATTRIBUTES, PARTITION_TYPES, mbr_type, mbr_type_name, partition_type,
    partition_type_name,
};
pub use place::{Extent, Ground, NoPlace};
pub use position::{FileError, Position};
pub use realise::{Backend, Realise, RealiseError, Realised, realise};
pub use secret::{NoSecrets, Secrets};
pub use tree::{EntryKind, FolderTree, Tree, TreeEntry, xattr_space};
pub use written::{Syntax, Written};
