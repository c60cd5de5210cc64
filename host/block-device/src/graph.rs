//! The graph: nodes that were checked one by one and against one another. Whoever holds a
//! [`Graph`] holds one that makes sense; what a back-end cannot make yet, the layout refuses.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use crate::check;
use crate::filesystem::{FilesystemKind, FilesystemUuid, Tuning};
use crate::node::{Node, NodeKind, Size, TableKind};

/// A node that is wrong: which, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("block device: {}{problem}: {help}", .node.as_ref().map(|n| format!("node `{n}`: ")).unwrap_or_default())]
pub struct GraphError {
    /// The node, if it is one alone.
    pub node: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub help: String,
}

impl GraphError {
    pub(crate) fn at(node: &str, problem: impl Into<String>, help: impl Into<String>) -> Self {
        let node = Some(node.escape_debug().to_string());
        Self { node, problem: problem.into(), help: help.into() }
    }

    pub(crate) fn whole(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { node: None, problem: problem.into(), help: help.into() }
    }
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Its node.
    pub node: String,
    /// Bytes; none: from its content.
    pub size: Option<u64>,
    /// 512 or 4096.
    pub sector_size: u32,
}

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its node.
    pub node: String,
    /// The node of its disk.
    pub disk: String,
    /// GPT or MBR.
    pub kind: TableKind,
    /// Bytes.
    pub alignment: u64,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Its node.
    pub node: String,
    /// The node of its table.
    pub table: String,
    /// From 1, in the order of the nodes.
    pub number: u32,
    /// The GPT name, which may be empty.
    pub label: String,
    /// The GPT type.
    pub type_id: Uuid,
    /// GPT attribute bits.
    pub attributes: u64,
    /// How large.
    pub size: Size,
}

/// A filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filesystem {
    /// Its node.
    pub node: String,
    /// The node it stands on.
    pub on: String,
    /// Its kind.
    pub kind: FilesystemKind,
    /// Its label.
    pub label: Option<String>,
    /// None: derived.
    pub uuid: Option<FilesystemUuid>,
    /// Its settings.
    pub tuning: Tuning,
}

/// A mount point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// Its node.
    pub node: String,
    /// The node of its filesystem.
    pub filesystem: String,
    /// An absolute path of the image.
    pub at: String,
    /// Mount options; empty: `defaults`.
    pub options: Vec<String>,
    /// Listed in fstab.
    pub in_fstab: bool,
}

/// GRUB for BIOS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrubBios {
    /// Its node.
    pub node: String,
    /// The disk whose first sector starts it.
    pub disk: String,
    /// The BIOS boot partition.
    pub partition: String,
    /// `boot.img`, an absolute path of the image.
    pub boot_image: String,
    /// `core.img`, an absolute path of the image.
    pub core_image: String,
}

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
}

impl Graph {
    /// Checks nodes and how they stand on one another. The order of nodes counts: partitions are
    /// numbered by it.
    ///
    /// # Errors
    /// The first node that is wrong, with what to do about it.
    pub fn new(nodes: Vec<Node>) -> Result<Self, GraphError> {
        let by_name = check::stacking(&nodes)?;
        let mut graph = Self {
            nodes: Vec::new(),
            disks: Vec::new(),
            tables: Vec::new(),
            partitions: Vec::new(),
            filesystems: Vec::new(),
            mounts: Vec::new(),
            grub: Vec::new(),
        };
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        for node in &nodes {
            let name = node.name.clone();
            let on = |i: usize| node.on.get(i).cloned().unwrap_or_default();
            match &node.kind {
                NodeKind::Disk { size, sector_size } => {
                    check::disk(&name, *size, *sector_size)?;
                    let (size, sector_size) = (*size, *sector_size);
                    graph.disks.push(Disk { node: name, size, sector_size });
                }
                NodeKind::Table { kind, alignment } => {
                    let alignment = check::alignment(&name, *alignment)?;
                    graph.tables.push(Table { node: name, disk: on(0), kind: *kind, alignment });
                }
                NodeKind::Partition { label, type_id, size, attributes, preserve: _ } => {
                    let (type_id, attributes) =
                        check::partition(&name, label, type_id, *size, attributes)?;
                    let number = numbers.entry(node.on[0].as_str()).or_default();
                    *number += 1;
                    graph.partitions.push(Partition {
                        node: name,
                        table: on(0),
                        number: *number,
                        label: label.clone(),
                        type_id,
                        attributes,
                        size: *size,
                    });
                }
                NodeKind::Filesystem { kind, label, uuid, tuning } => {
                    let filesystem =
                        check::filesystem(&name, on(0), kind, label, uuid.as_deref(), tuning)?;
                    graph.filesystems.push(filesystem);
                }
                NodeKind::Mount { at, options, in_fstab } => {
                    check::mount(&name, at, options)?;
                    graph.mounts.push(Mount {
                        node: name,
                        filesystem: on(0),
                        at: at.clone(),
                        options: options.clone(),
                        in_fstab: *in_fstab,
                    });
                }
                NodeKind::GrubBios { boot_image, core_image } => {
                    check::image_file(&name, "boot-image", boot_image)?;
                    check::image_file(&name, "core-image", core_image)?;
                    let (disk, partition) = check::grub_bios(node, &nodes, &by_name)?;
                    graph.grub.push(GrubBios {
                        node: name,
                        disk,
                        partition,
                        boot_image: boot_image.clone(),
                        core_image: core_image.clone(),
                    });
                }
                // Checked by the back-end that makes them.
                NodeKind::Encryption { .. }
                | NodeKind::PhysicalVolume
                | NodeKind::VolumeGroup { .. }
                | NodeKind::LogicalVolume { .. }
                | NodeKind::Driver { .. } => {}
            }
        }
        graph.mounts.sort_by(|a, b| a.at.cmp(&b.at));
        check::together(&graph)?;
        graph.nodes = nodes;
        Ok(graph)
    }

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

    /// The filesystem of that node.
    #[must_use]
    pub fn filesystem(&self, node: &str) -> Option<&Filesystem> {
        self.filesystems.iter().find(|f| f.node == node)
    }

    /// Where the filesystem of that node is mounted.
    #[must_use]
    pub fn mount_of(&self, filesystem: &str) -> Option<&Mount> {
        self.mounts.iter().find(|m| m.filesystem == filesystem)
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
