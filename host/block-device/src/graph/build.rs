//! From nodes to a graph: each is checked alone, then all of them together.

use std::collections::BTreeMap;

use super::checked::Graph;
use super::error::GraphError;
use super::parts::{
    Disk, Encryption, GrubBios, LogicalVolume, Mount, Partition, PhysicalVolume, Raid, Subvolume,
    Table, Verity, VolumeGroup,
};
use crate::check::{self, Use};
use crate::driver::{Driver, RaidLevel};
use crate::fstab::FstabSettings;
use crate::node::{Node, NodeKind, TableKind};
use dibhost_volumes::md::MdMetadata;

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
        // Mirrors of which nobody says where their metadata lies.
        let mut unsaid = Vec::new();
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
                    let before = graph.encryptions.iter().map(|other| other.secrets.len()).sum();
                    check::all_key_slots(&name, before, secrets.len())?;
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
                    Some(Driver::Raid { level, name: array, chunk, metadata }) => {
                        let on = node.on.clone();
                        if metadata.is_none() && level == RaidLevel::Mirror {
                            unsaid.push(graph.raids.len());
                        }
                        let metadata = metadata.unwrap_or_default();
                        let raid = Raid { node: name, on, level, name: array, chunk, metadata };
                        graph.raids.push(raid);
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
        for at in unsaid {
            let raid = &mut graph.raids[at];
            let of_firmware =
                |p: &Partition| raid.on.contains(&p.node) && Use::of(p) == Some(Use::Esp);
            if graph.partitions.iter().any(of_firmware) {
                raid.metadata = MdMetadata::End;
            }
        }
        graph.mounts.sort_by(|a, b| a.at.cmp(&b.at));
        graph.nodes = nodes;
        check::together(&graph)?;
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
}
