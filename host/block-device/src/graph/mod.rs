//! The graph: nodes that were checked one by one and against one another. Whoever holds a
//! [`Graph`] holds one that makes sense; what a back-end cannot make yet, the layout refuses.

mod build;
mod checked;
mod error;
mod parts;

pub use checked::Graph;
pub(crate) use checked::relative_to;
pub use error::GraphError;
pub use parts::{
    Disk, Encryption, Filesystem, GrubBios, LogicalVolume, Mount, Partition, PhysicalVolume, Raid,
    Subvolume, Table, TypeId, Verity, VolumeGroup,
};
