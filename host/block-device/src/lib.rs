//! The block device: graph, layout, and making it real without loop devices, without mounting and
//! without root.
//!
//! ```text
//! nodes ─► Graph::new ─► identities ─► layout(graph, identities, tree) ─► realise(layout, tree, file)
//!             │              │             every offset, size and UUID       tables, filesystems,
//!          checked      layout_fact,       decided, nothing written          boot loader, in place
//!                       fstab (planning)
//! ```
//!
//! A disk is a seekable file. The back-end here is `file`: a sparse file becomes the disk.

mod check;
mod fact;
mod filesystem;
mod graph;
mod identity;
mod node;
mod partition_type;

pub use filesystem::{
    Ext4Tuning, FatBits, FatSerial, FilesystemKind, FilesystemUuid, Tuning, VfatTuning, parse_bytes,
};
pub use graph::{Disk, Filesystem, Graph, GraphError, GrubBios, Mount, Partition, Table};
pub use identity::{FilesystemIdentity, Identities};
pub use node::{Node, NodeKind, Size, TableKind};
pub use partition_type::{
    PARTITION_ATTRIBUTES, PARTITION_TYPES, partition_type, partition_type_name,
};
