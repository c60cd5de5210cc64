//! When a graph that was read is the graph that was made.

use std::collections::BTreeMap;

use dibhost_block_device::{Graph, Identities, Layout, Node, NodeKind, RaidLevel, Size, TableKind};
use dibhost_filesystems::{FilesystemKind, FilesystemUuid};

/// The layout and the identities that a graph got, which a disk has and a graph need not say.
pub(crate) struct Made<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) identities: &'a Identities,
}

impl Made<'_> {
    fn size_of(&self, node: &str) -> u64 {
        let pools = self.layout.groups.iter().flat_map(|group| &group.pools);
        let pool = pools.filter(|pool| pool.node == node).map(|pool| pool.size).next();
        self.layout.size_of(node).or(pool).unwrap()
    }
}

/// A graph without what no disk holds, by names that come from how nodes stand on one another:
///
/// * mounts and GRUB; settings of filesystems; `preserve`; the alignment of a table;
/// * the names of nodes but those of disks (which are given), volume groups and logical volumes;
/// * the label of a partition of an MBR, and the chunk of a mirror;
/// * how a size was asked for, and that a UUID was not: what it came to takes their place.
pub(crate) fn comparable(graph: &Graph, made: Option<&Made<'_>>) -> BTreeMap<String, Node> {
    let size = |node: &str, own: Size| match made {
        Some(made) => Size::Bytes(made.size_of(node)),
        None => own,
    };
    let mut nodes = BTreeMap::new();
    for node in graph.nodes() {
        let mut kind = node.kind.clone();
        match &mut kind {
            NodeKind::Mount { .. } | NodeKind::GrubBios { .. } => continue,
            NodeKind::Driver { name, settings } if name == "subvolume" => {
                let own = graph.subvolumes().iter().find(|own| own.node == node.name).unwrap();
                *settings = format!("{} {}", own.path, own.default);
            }
            NodeKind::Driver { name, settings } if name == "raid" => {
                let raid = graph.raids().iter().find(|raid| raid.node == node.name).unwrap();
                *settings = match raid.level {
                    RaidLevel::Stripe => format!("0 {} {}", raid.name, raid.chunk),
                    RaidLevel::Mirror => format!("1 {} {}", raid.name, raid.metadata.name()),
                };
            }
            NodeKind::Disk { size, .. } => {
                if let Some(made) = made {
                    *size = made.layout.size_of(&node.name);
                }
            }
            NodeKind::Table { alignment, .. } => *alignment = None,
            NodeKind::Partition { label, type_id, size: asked, attributes, preserve } => {
                let partition = graph.partitions().iter().find(|p| p.node == node.name).unwrap();
                let table = graph.tables().iter().find(|t| t.node == partition.table).unwrap();
                if table.kind == TableKind::Mbr {
                    label.clear();
                }
                *type_id = partition.type_id.to_string();
                *asked = size(&node.name, *asked);
                attributes.sort();
                *preserve = false;
            }
            NodeKind::LogicalVolume { size: asked, stripes, .. } => {
                *asked = size(&node.name, *asked);
                *stripes = (*stripes).max(1);
            }
            NodeKind::Filesystem { kind, uuid, tuning, .. } => {
                let has_uuid = FilesystemKind::by_name(kind).unwrap().has_uuid();
                if let Some(made) = made.filter(|_| has_uuid) {
                    *uuid = Some(uuid_of(made, &node.name).to_string());
                }
                tuning.clear();
            }
            _ => {}
        }
        let on = node.on.iter().map(|on| standing(graph, on)).collect();
        let name = standing(graph, &node.name);
        nodes.insert(name.clone(), Node { name, on, kind });
    }
    nodes
}

fn uuid_of(made: &Made<'_>, node: &str) -> FilesystemUuid {
    made.identities.filesystems[node].uuid
}

/// The name of a node by what it stands on.
pub(crate) fn standing(graph: &Graph, name: &str) -> String {
    let node = graph.node(name).unwrap();
    let on: Vec<String> = node.on.iter().map(|on| standing(graph, on)).collect();
    let on = on.join("+");
    match &node.kind {
        NodeKind::Disk { .. } | NodeKind::VolumeGroup { .. } => name.to_owned(),
        NodeKind::Partition { .. } => {
            let partition = graph.partitions().iter().find(|p| p.node == name).unwrap();
            format!("{on}/{}", partition.number)
        }
        NodeKind::LogicalVolume { .. } => format!("{on}/{name}"),
        NodeKind::Table { .. } => format!("{on}/table"),
        NodeKind::Encryption { .. } => format!("{on}/luks"),
        NodeKind::PhysicalVolume => format!("{on}/pv"),
        NodeKind::Filesystem { .. } => format!("{on}/filesystem"),
        NodeKind::Driver { name: driver, .. } if driver == "subvolume" => {
            let own = graph.subvolumes().iter().find(|own| own.node == name).unwrap();
            format!("{on}/{}", own.path)
        }
        NodeKind::Driver { name, .. } => format!("({on})/{name}"),
        NodeKind::Mount { .. } | NodeKind::GrubBios { .. } => name.to_owned(),
    }
}
