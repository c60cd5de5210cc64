//! From the disks upwards: how large each volume is, and where it lies.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::graph::{Graph, LogicalVolume};
use crate::identity::Identities;
use crate::layout::groups;
use crate::layout::need::Needs;
use crate::layout::sector::sector_of;
use crate::layout::types::{
    DiskExtent, DiskLayout, FilesystemLayout, Layout, LayoutError, PartitionLayout, TableLayout,
    VolumeLayout, VolumeMap, refused,
};
use crate::node::{Node, NodeKind};
use dibhost_text::rounded_size;
use dibhost_volumes::Extent;
use dibhost_volumes::lvm::LogicalVolumeKind;
use dibhost_volumes::md::MdOptions;
use dibhost_volumes::verity;

/// What is decided so far.
struct Given<'a> {
    needs: &'a Needs<'a>,
    identities: &'a Identities,
    layout: Layout,
}

/// Gives everything its place. Nodes are gone through from the disks upwards, each after all that
/// it stands on.
pub(crate) fn give(needs: &Needs<'_>, identities: &Identities) -> Result<Layout, LayoutError> {
    let layout = Layout {
        disks: Vec::new(),
        tables: Vec::new(),
        partitions: Vec::new(),
        groups: Vec::new(),
        volumes: Vec::new(),
        filesystems: Vec::new(),
        grub: Vec::new(),
    };
    let mut given = Given { needs, identities, layout };
    for node in upwards(needs.graph) {
        given.node(node)?;
    }
    // Last: what is behind an MBR shows when its partitions have their places.
    for grub in needs.grub {
        let placed = grub.placed(&given.layout)?;
        given.layout.grub.push(placed);
    }
    given.in_order();
    Ok(given.layout)
}

/// Each node after all that it stands on, else in the order they were given.
pub(crate) fn upwards(graph: &Graph) -> Vec<&Node> {
    let mut order: Vec<&Node> = Vec::new();
    let mut left: Vec<&Node> = graph.nodes.iter().collect();
    while !left.is_empty() {
        let ready = left
            .iter()
            .position(|node| node.on.iter().all(|on| order.iter().any(|n| n.name == *on)));
        // The graph has no cycle: something is always ready.
        let Some(ready) = ready else { break };
        order.push(left.remove(ready));
    }
    order
}

impl Given<'_> {
    fn id(&self, node: &str) -> Result<Uuid, LayoutError> {
        known(self.identities.volumes.get(node), node)
    }

    fn size_of(&self, node: &str) -> Result<u64, LayoutError> {
        let missing = || refused(node, "it has no size", "let it stand on a disk");
        self.layout.size_of(node).ok_or_else(missing)
    }

    fn node(&mut self, node: &Node) -> Result<(), LayoutError> {
        let name = node.name.as_str();
        let graph = self.needs.graph;
        match &node.kind {
            NodeKind::Disk { size, sector_size } => self.disk(name, *size, *sector_size),
            NodeKind::Table { .. } => self.table(name),
            NodeKind::Encryption { .. } => {
                let Some(encryption) = graph.encryptions.iter().find(|e| e.node == name) else {
                    return Ok(());
                };
                let on = self.size_of(&encryption.on)?;
                // A sector of 4096 bytes needs volumes that are whole ones.
                let sector_size = if on % 4096 == 0 { 4096 } else { 512 };
                let header = self.needs.options.luks_header(encryption.secrets.len());
                let size = left(name, on, header)?;
                let map = VolumeMap::Luks {
                    on: encryption.on.clone(),
                    data_offset: header,
                    sector_size,
                    secrets: encryption.secrets.clone(),
                    label: encryption.label.clone(),
                };
                self.volume(name, size - size % u64::from(sector_size), map)
            }
            NodeKind::Driver { .. } => self.driver(name),
            NodeKind::VolumeGroup { .. } => self.group(name),
            NodeKind::Filesystem { .. } => {
                let Some(sized) = self.needs.sized.iter().find(|s| s.filesystem.node == name)
                else {
                    return Ok(());
                };
                let on = &sized.filesystem.on;
                let (size, sector) = (self.size_of(on)?, sector_of(graph, on));
                let mut filesystem = sized.fitted(size, sector, self.identities)?;
                filesystem.place = place_of(&self.layout, on, filesystem.size);
                self.layout.filesystems.push(filesystem);
                Ok(())
            }
            // Partitions come with their table, logical volumes with their group.
            NodeKind::Partition { .. }
            | NodeKind::LogicalVolume { .. }
            | NodeKind::PhysicalVolume
            | NodeKind::GrubBios { .. }
            | NodeKind::Mount { .. } => Ok(()),
        }
    }

    fn volume(&mut self, node: &str, size: u64, map: VolumeMap) -> Result<(), LayoutError> {
        let (node, id) = (node.to_owned(), self.id(node)?);
        self.layout.volumes.push(VolumeLayout { node, id, size, map });
        Ok(())
    }

    fn disk(&mut self, name: &str, size: Option<u64>, sector: u32) -> Result<(), LayoutError> {
        let missing = || {
            let help = "give it a size, or put a table or a filesystem on it";
            refused(name, "its size comes from its content, and there is none to know", help)
        };
        let size = match size {
            Some(size) => size,
            None => match self.needs.of(name) {
                Some(size) => size.next_multiple_of(u64::from(sector)),
                None => return Err(self.why_not(name).unwrap_or_else(missing)),
            },
        };
        let (node, sector_size) = (name.to_owned(), sector);
        self.layout.disks.push(DiskLayout { node, size, sector_size });
        Ok(())
    }

    /// What stands on a disk and has no size that is known.
    fn why_not(&self, disk: &str) -> Option<LayoutError> {
        match self.needs.graph.tables.iter().find(|table| table.disk == disk) {
            Some(table) => self.needs.placed(table, None).err(),
            None => self.needs.unknown(disk),
        }
    }

    fn table(&mut self, name: &str) -> Result<(), LayoutError> {
        let Some(table) = self.needs.graph.tables.iter().find(|table| table.node == name) else {
            return Ok(());
        };
        let size = self.size_of(&table.disk)?;
        let placed = self.needs.placed(table, Some(size))?;
        let sector = sector_of(self.needs.graph, &table.disk);
        for (partition, place) in self.needs.partitions(table).zip(placed.partitions) {
            let node = &partition.node;
            self.layout.partitions.push(PartitionLayout {
                node: node.clone(),
                table: table.node.clone(),
                number: partition.number,
                label: partition.label.clone(),
                type_id: partition.type_id,
                id: known(self.identities.partitions.get(node), node)?,
                attributes: partition.attributes,
                active: partition.active,
                logical: partition.logical,
                hybrid: partition.hybrid,
                preserve: partition.preserve,
                extent: place.extent,
                ebr: place.ebr,
            });
        }
        self.layout.tables.push(TableLayout {
            node: name.to_owned(),
            on: table.disk.clone(),
            kind: table.kind,
            id: known(self.identities.tables.get(name), name)?,
            alignment: self.needs.alignment(table),
            extended: placed.extended,
            sector_size: u32::try_from(sector).unwrap_or(512),
        });
        Ok(())
    }

    fn driver(&mut self, name: &str) -> Result<(), LayoutError> {
        let graph = self.needs.graph;
        if let Some(raid) = graph.raids.iter().find(|raid| raid.node == name) {
            let sizes = raid.on.iter().map(|on| self.size_of(on)).collect::<Result<Vec<_>, _>>()?;
            let data_offset = self.needs.options.member_start(raid.metadata);
            let options = MdOptions {
                uuid: self.id(name)?,
                name: &raid.name,
                level: raid.level.of_md(raid.chunk),
                metadata: raid.metadata,
                data_offset,
                in_step: true,
                time: 0,
            };
            let help = "make the members larger, or equally large";
            let wrong =
                |error: dibhost_volumes::md::MdError| refused(name, error.to_string(), help);
            let member_size = options.used_size(&sizes).map_err(wrong)?;
            let size = options.array_size(&sizes).map_err(wrong)?;
            let map = VolumeMap::Raid {
                on: raid.on.clone(),
                level: raid.level,
                name: raid.name.clone(),
                chunk: raid.chunk,
                metadata: raid.metadata,
                data_offset,
                member_size,
            };
            return self.volume(name, size, map);
        }
        if let Some(verity) = graph.verities.iter().find(|verity| verity.node == name) {
            let data = self.size_of(&verity.data)? / verity::BLOCK * verity::BLOCK;
            let needed = verity::hash_size(data / verity::BLOCK).unwrap_or(u64::MAX);
            let hash = self.size_of(&verity.hash)?;
            if hash < needed {
                let (needed, hash) = (rounded_size(needed), rounded_size(hash));
                let problem = format!("its hashes take {needed} and their volume has {hash}");
                return Err(refused(name, problem, "make the volume for the hashes larger"));
            }
            let (data_node, hash) = (verity.data.clone(), verity.hash.clone());
            return self.volume(name, data, VolumeMap::Verity { data: data_node, hash });
        }
        Ok(())
    }

    fn group(&mut self, name: &str) -> Result<(), LayoutError> {
        let graph = self.needs.graph;
        let Some(group) = graph.volume_groups.iter().find(|group| group.node == name) else {
            return Ok(());
        };
        let mut sizes = BTreeMap::new();
        for on in &group.on {
            let below = graph.physical_volumes.iter().find(|pv| pv.node == *on);
            let below = below.map_or("", |pv| pv.on.as_str());
            sizes.insert(on.clone(), (below.to_owned(), self.size_of(below)?));
        }
        let laid_out = groups::lay_out(self.needs, group, &sizes, self.identities)?;
        let volumes: Vec<&LogicalVolume> =
            graph.logical_volumes.iter().filter(|v| v.group == name).collect();
        for volume in volumes {
            let Some(found) = laid_out.group.logical_volume(&volume.node) else { continue };
            let (size, group) = (laid_out.group.size_of(found), name.to_owned());
            let map = match &found.kind {
                // Nothing stands on it, and it stands among what the group has.
                LogicalVolumeKind::ThinPool { .. } => continue,
                LogicalVolumeKind::Thin { pool, device, .. } => {
                    VolumeMap::Thin { group, pool: pool.clone(), device: *device }
                }
                _ => VolumeMap::Logical { group },
            };
            self.volume(&volume.node, size, map)?;
        }
        self.layout.groups.push(laid_out);
        Ok(())
    }

    /// Lists are in the order of nodes, but for volumes.
    fn in_order(&mut self) {
        let nodes = &self.needs.graph.nodes;
        let at = |name: &str| nodes.iter().position(|node| node.name == name);
        self.layout.partitions.sort_by_key(|p| at(&p.node));
        self.layout.filesystems.sort_by_key(|f: &FilesystemLayout| at(&f.node));
    }
}

fn known<T: Copy>(identity: Option<&T>, node: &str) -> Result<T, LayoutError> {
    let help = "derive the identities from the same graph";
    identity.copied().ok_or_else(|| refused(node, "it has no identity", help))
}

fn left(node: &str, whole: u64, taken: u64) -> Result<u64, LayoutError> {
    match whole.checked_sub(taken) {
        Some(left) if left > 0 => Ok(left),
        _ => {
            let problem = format!("{} are too few for it", rounded_size(whole));
            Err(refused(node, problem, "make what it stands on larger"))
        }
    }
}

/// Where the first `size` bytes of a volume lie, if that is one stretch of one disk.
pub(crate) fn place_of(layout: &Layout, node: &str, size: u64) -> Option<DiskExtent> {
    let mut node = node.to_owned();
    let mut offset = 0;
    loop {
        if layout.disks.iter().any(|disk| disk.node == node) {
            return Some(DiskExtent { disk: node, extent: Extent { offset, size } });
        }
        if let Some((partition, table)) = layout.partition(&node) {
            offset += partition.extent.offset;
            node.clone_from(&table.on);
            continue;
        }
        match &layout.volume(&node)?.map {
            VolumeMap::Verity { data, .. } => node.clone_from(data),
            VolumeMap::Logical { group } => {
                let group = layout.groups.iter().find(|g| g.node == *group)?;
                let volume = group.group.logical_volume(&node)?;
                let ranges = group.group.map(volume, offset, size).ok()?;
                let [range] = ranges.as_slice() else { return None };
                offset = range.physical_offset;
                node.clone_from(&group.physical_volumes.get(range.physical_volume)?.on);
            }
            VolumeMap::Luks { .. } | VolumeMap::Raid { .. } | VolumeMap::Thin { .. } => {
                return None;
            }
        }
    }
}
