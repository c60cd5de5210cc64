//! A checked graph, and what can be asked of it.

use super::parts::{
    Disk, Encryption, Filesystem, GrubBios, LogicalVolume, Mount, Partition, PhysicalVolume, Raid,
    Subvolume, Table, Verity, VolumeGroup,
};
use crate::node::Node;

/// A checked graph of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) disks: Vec<Disk>,
    pub(crate) tables: Vec<Table>,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) filesystems: Vec<Filesystem>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) grub: Vec<GrubBios>,
    pub(crate) encryptions: Vec<Encryption>,
    pub(crate) physical_volumes: Vec<PhysicalVolume>,
    pub(crate) volume_groups: Vec<VolumeGroup>,
    pub(crate) logical_volumes: Vec<LogicalVolume>,
    pub(crate) raids: Vec<Raid>,
    pub(crate) verities: Vec<Verity>,
    pub(crate) subvolumes: Vec<Subvolume>,
}

impl Graph {
    /// All nodes, as they were given.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Disks, in the order of their nodes.
    #[must_use]
    pub fn disks(&self) -> &[Disk] {
        &self.disks
    }

    /// Partition tables, in the order of their nodes.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Partitions, in the order of their nodes.
    #[must_use]
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Filesystems, in the order of their nodes.
    #[must_use]
    pub fn filesystems(&self) -> &[Filesystem] {
        &self.filesystems
    }

    /// Mounts, a parent before what is mounted below it; `/` first.
    #[must_use]
    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// GRUB for BIOS, wherever it is put.
    #[must_use]
    pub fn grub(&self) -> &[GrubBios] {
        &self.grub
    }

    /// Encryptions, in the order of their nodes.
    #[must_use]
    pub fn encryptions(&self) -> &[Encryption] {
        &self.encryptions
    }

    /// Physical volumes of LVM, in the order of their nodes.
    #[must_use]
    pub fn physical_volumes(&self) -> &[PhysicalVolume] {
        &self.physical_volumes
    }

    /// Volume groups, in the order of their nodes.
    #[must_use]
    pub fn volume_groups(&self) -> &[VolumeGroup] {
        &self.volume_groups
    }

    /// Logical volumes, in the order of their nodes.
    #[must_use]
    pub fn logical_volumes(&self) -> &[LogicalVolume] {
        &self.logical_volumes
    }

    /// RAIDs, in the order of their nodes.
    #[must_use]
    pub fn raids(&self) -> &[Raid] {
        &self.raids
    }

    /// dm-verity devices, in the order of their nodes.
    #[must_use]
    pub fn verities(&self) -> &[Verity] {
        &self.verities
    }

    /// Btrfs subvolumes, in the order of their nodes.
    #[must_use]
    pub fn subvolumes(&self) -> &[Subvolume] {
        &self.subvolumes
    }

    /// The filesystem of that node.
    #[must_use]
    pub fn filesystem(&self, node: &str) -> Option<&Filesystem> {
        self.filesystems.iter().find(|f| f.node == node)
    }

    /// Where the filesystem of that node, or a subvolume of it, is mounted.
    pub fn mounts_of(&self, filesystem: &str) -> impl Iterator<Item = &Mount> {
        self.mounts.iter().filter(move |m| m.filesystem == filesystem)
    }

    /// The node of that name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The nodes that stand on that one, in their order.
    pub fn above(&self, node: &str) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |above| above.on.iter().any(|on| on == node))
    }

    /// The mount that holds a path of the image: the deepest one above it.
    #[must_use]
    pub fn mount_holding(&self, path: &str) -> Option<&Mount> {
        let above = |mount: &&Mount| relative_to(&mount.at, path).is_some();
        self.mounts.iter().rev().find(above)
    }
}

/// The part of `path` below `mount`, when it is below it (or is it: then empty).
pub(crate) fn relative_to<'a>(mount: &str, path: &'a str) -> Option<&'a str> {
    if mount == "/" {
        return path.strip_prefix('/');
    }
    let rest = path.strip_prefix(mount)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}
