//! The graph: nodes that were checked one by one and against one another. Whoever holds a
//! [`Graph`] holds one that makes sense; what a back-end cannot make yet, the layout refuses.

use std::collections::BTreeMap;

use serde::Serialize;
use uuid::Uuid;

use crate::check;
use crate::driver::{Driver, RaidLevel};
use crate::filesystem::{FilesystemKind, FilesystemUuid, Tuning};
use crate::fstab::FstabSettings;
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
    /// The node of its disk or RAID.
    pub disk: String,
    /// GPT or MBR.
    pub kind: TableKind,
    /// Bytes; none: by what the layout is made for.
    pub alignment: Option<u64>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Its node.
    pub node: String,
    /// The node of its table.
    pub table: String,
    /// From 1, in the order of the nodes; logical ones of an MBR from 5.
    pub number: u32,
    /// The GPT name, which may be empty.
    pub label: String,
    /// Its type.
    pub type_id: TypeId,
    /// GPT attribute bits.
    pub attributes: u64,
    /// It is the one a BIOS's boot sector starts.
    pub active: bool,
    /// It lies in the extended partition of an MBR.
    pub logical: bool,
    /// It stands in a hybrid MBR too.
    pub hybrid: bool,
    /// How large.
    pub size: Size,
    /// Left as it is on an existing device.
    pub preserve: bool,
}

/// The type of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum TypeId {
    /// A GPT's.
    Gpt(Uuid),
    /// An MBR's.
    Mbr(u8),
}

impl std::fmt::Display for TypeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gpt(id) => id.fmt(f),
            Self::Mbr(id) => write!(f, "{id:02x}"),
        }
    }
}

/// LUKS2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Encryption {
    /// Its node; once open, the device has this name.
    pub node: String,
    /// The volume it encrypts.
    pub on: String,
    /// Names of the secrets that open it, a key slot each.
    pub secrets: Vec<String>,
    /// Its label.
    pub label: Option<String>,
}

/// An LVM physical volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhysicalVolume {
    /// Its node.
    pub node: String,
    /// The volume it stands on.
    pub on: String,
}

/// An LVM volume group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeGroup {
    /// Its node, and its name.
    pub node: String,
    /// The nodes of its physical volumes.
    pub on: Vec<String>,
    /// Bytes.
    pub extent_size: u64,
}

/// An LVM logical volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogicalVolume {
    /// Its node, and its name.
    pub node: String,
    /// The node of its volume group.
    pub group: String,
    /// How large; of a thin volume, how large it claims to be.
    pub size: Size,
    /// The node of the pool a thin volume is in.
    pub thin_pool: Option<String>,
    /// It is a pool itself.
    pub is_thin_pool: bool,
    /// How many physical volumes it is striped over.
    pub stripes: u32,
}

/// A RAID of the kernel's `md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Raid {
    /// Its node.
    pub node: String,
    /// Its members, in their order.
    pub on: Vec<String>,
    /// Its level.
    pub level: RaidLevel,
    /// The name of the array.
    pub name: String,
    /// Bytes.
    pub chunk: u64,
}

/// A dm-verity device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verity {
    /// Its node.
    pub node: String,
    /// The volume with the data.
    pub data: String,
    /// The volume with the hashes.
    pub hash: String,
}

/// A btrfs subvolume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subvolume {
    /// Its node.
    pub node: String,
    /// The node of its filesystem.
    pub filesystem: String,
    /// Below the top level.
    pub path: String,
    /// Mounted where no subvolume is named.
    pub default: bool,
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
    /// The node of its subvolume.
    pub subvolume: Option<String>,
    /// An absolute path of the image.
    pub at: String,
    /// Mount options; empty: `defaults`.
    pub options: Vec<String>,
    /// How fstab writes it.
    pub fstab: FstabSettings,
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
    /// The BIOS boot partition of its GPT; none: the gap between its MBR and the first partition.
    pub partition: Option<String>,
    /// `boot.img`, an absolute path of the image.
    pub boot_image: String,
    /// `core.img`, an absolute path of the image.
    pub core_image: String,
}

/// Counts the partitions of a table.
#[derive(Default)]
struct Numbers {
    primary: u32,
    logical: u32,
}

impl Numbers {
    fn next(&mut self, node: &str, table: TableKind, logical: bool) -> Result<u32, GraphError> {
        if logical {
            self.logical += 1;
            return Ok(self.logical + 4);
        }
        if self.logical > 0 {
            let help = "put it before the logical ones";
            return Err(GraphError::at(node, "a primary partition after a logical one", help));
        }
        self.primary += 1;
        if table == TableKind::Mbr && self.primary > 4 {
            let help = "mark it `logical`, with at most three primary ones before, or use a GPT";
            return Err(GraphError::at(node, "an MBR has four primary partitions at most", help));
        }
        Ok(self.primary)
    }
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
    pub(crate) encryptions: Vec<Encryption>,
    pub(crate) physical_volumes: Vec<PhysicalVolume>,
    pub(crate) volume_groups: Vec<VolumeGroup>,
    pub(crate) logical_volumes: Vec<LogicalVolume>,
    pub(crate) raids: Vec<Raid>,
    pub(crate) verities: Vec<Verity>,
    pub(crate) subvolumes: Vec<Subvolume>,
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
            encryptions: Vec::new(),
            physical_volumes: Vec::new(),
            volume_groups: Vec::new(),
            logical_volumes: Vec::new(),
            raids: Vec::new(),
            verities: Vec::new(),
            subvolumes: Vec::new(),
        };
        let mut numbers: BTreeMap<&str, Numbers> = BTreeMap::new();
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
                    check::alignment(&name, *alignment)?;
                    let (kind, alignment) = (*kind, *alignment);
                    graph.tables.push(Table { node: name, disk: on(0), kind, alignment });
                }
                NodeKind::Partition { label, type_id, size, attributes, preserve } => {
                    let table = &nodes[by_name[&node.on[0]]];
                    let NodeKind::Table { kind, .. } = &table.kind else { continue };
                    let (type_id, marks) =
                        check::partition(&name, *kind, label, type_id, *size, attributes)?;
                    let numbers = numbers.entry(node.on[0].as_str()).or_default();
                    graph.partitions.push(Partition {
                        number: numbers.next(&name, *kind, marks.logical)?,
                        node: name,
                        table: on(0),
                        label: label.clone(),
                        type_id,
                        attributes: marks.bits,
                        active: marks.active,
                        logical: marks.logical,
                        hybrid: marks.hybrid,
                        size: *size,
                        preserve: *preserve,
                    });
                }
                NodeKind::Filesystem { kind, label, uuid, tuning } => {
                    let filesystem =
                        check::filesystem(&name, on(0), kind, label, uuid.as_deref(), tuning)?;
                    graph.filesystems.push(filesystem);
                }
                NodeKind::Mount { at, options, in_fstab } => {
                    check::mount(&name, at, options)?;
                    let (fstab, options) = FstabSettings::of(&name, options)?;
                    let below = &nodes[by_name[&node.on[0]]];
                    let (filesystem, subvolume) = match &below.kind {
                        NodeKind::Driver { .. } => (below.on[0].clone(), Some(on(0))),
                        _ => (on(0), None),
                    };
                    let (at, in_fstab) = (at.clone(), *in_fstab);
                    graph.mounts.push(Mount {
                        node: name,
                        filesystem,
                        subvolume,
                        at,
                        options,
                        fstab,
                        in_fstab,
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
                NodeKind::Encryption { secrets, label } => {
                    check::encryption(&name, secrets, label.as_deref())?;
                    let (secrets, label) = (secrets.clone(), label.clone());
                    graph.encryptions.push(Encryption { node: name, on: on(0), secrets, label });
                }
                NodeKind::PhysicalVolume => {
                    graph.physical_volumes.push(PhysicalVolume { node: name, on: on(0) });
                }
                NodeKind::VolumeGroup { extent_size } => {
                    check::volume_group(&name, *extent_size)?;
                    let (on, extent_size) = (node.on.clone(), *extent_size);
                    graph.volume_groups.push(VolumeGroup { node: name, on, extent_size });
                }
                NodeKind::LogicalVolume { size, thin_pool, is_thin_pool, stripes } => {
                    let volume = LogicalVolume {
                        node: name,
                        group: on(0),
                        size: *size,
                        thin_pool: thin_pool.clone(),
                        is_thin_pool: *is_thin_pool,
                        stripes: (*stripes).max(1),
                    };
                    check::logical_volume(&volume, &nodes, &by_name)?;
                    graph.logical_volumes.push(volume);
                }
                NodeKind::Driver { .. } => match Driver::of(node)? {
                    Some(Driver::Raid { level, name: array, chunk }) => {
                        let on = node.on.clone();
                        graph.raids.push(Raid { node: name, on, level, name: array, chunk });
                    }
                    Some(Driver::Verity) => {
                        graph.verities.push(Verity { node: name, data: on(0), hash: on(1) });
                    }
                    Some(Driver::Subvolume { path, default }) => {
                        let filesystem = on(0);
                        graph.subvolumes.push(Subvolume { node: name, filesystem, path, default });
                    }
                    None => {}
                },
            }
        }
        graph.mounts.sort_by(|a, b| a.at.cmp(&b.at));
        check::together(&graph)?;
        graph.nodes = nodes;
        Ok(graph)
    }

    /// The same for an image: something is mounted at `/`.
    ///
    /// # Errors
    /// As [`Graph::new`]; and when nothing is mounted there.
    pub fn of_image(nodes: Vec<Node>) -> Result<Self, GraphError> {
        let graph = Self::new(nodes)?;
        check::bootable(&graph)?;
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
