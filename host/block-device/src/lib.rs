//! The block device: graph, layout, and making it real without loop devices.

mod node;

pub use node::{Node, NodeKind, Size, TableKind};
