//! From the filesystems downwards: how large each volume has to be.

use crate::driver::RaidLevel;
use crate::graph::{Graph, LogicalVolume, Partition, Table};
use crate::layout::content::Sized;
use crate::layout::grub::Images;
use crate::layout::types::{LayoutError, refused};
use crate::layout::{LUKS_HEADER, MD_HEADER, sector_of};
use crate::lvm;
use crate::mbr::{self, Placed};
use crate::node::{NodeKind, Size, TableKind};
use crate::place::{Ground, Request, place};
use crate::verity;

/// What everything needs.
pub(crate) struct Needs<'a> {
    pub(crate) graph: &'a Graph,
    pub(crate) sized: &'a [Sized<'a>],
    pub(crate) grub: &'a [Images<'a>],
}

impl Needs<'_> {
    /// The least bytes that a disk, partition or volume must offer to what stands on it; none:
    /// nothing on it says so.
    pub(crate) fn of(&self, node: &str) -> Option<u64> {
        if let Some(sized) = self.sized.iter().find(|s| s.filesystem.on == node) {
            return Some(sized.bytes(0, sector_of(self.graph, node)));
        }
        if let Some(grub) = self.grub.iter().find(|g| g.node.partition == node) {
            return Some(grub.core);
        }
        let above =
            self.graph.above(node).find(|n| !matches!(n.kind, NodeKind::GrubBios { .. }))?;
        match &above.kind {
            NodeKind::Table { .. } => {
                let table = self.graph.tables.iter().find(|table| table.node == above.name)?;
                self.placed(table, None).ok().map(|placed| placed.disk)
            }
            NodeKind::Encryption { .. } => Some(self.of(&above.name)? + LUKS_HEADER),
            NodeKind::PhysicalVolume => self.physical_volume(&above.name),
            NodeKind::Driver { .. } => self.driver(&above.name, node),
            _ => None,
        }
    }

    fn driver(&self, above: &str, node: &str) -> Option<u64> {
        if let Some(raid) = self.graph.raids.iter().find(|raid| raid.node == above) {
            let members = raid.on.len() as u64;
            let data = match raid.level {
                RaidLevel::Mirror => self.of(above)?,
                RaidLevel::Stripe => self.of(above)?.div_ceil(members).next_multiple_of(raid.chunk),
            };
            return Some(data + MD_HEADER);
        }
        let verity = self.graph.verities.iter().find(|verity| verity.node == above)?;
        let data = self.of(above)?.next_multiple_of(verity::BLOCK);
        if node == verity.data {
            return Some(data);
        }
        // The data may get more than it needs: what is known of its volume counts.
        let partition = self.graph.partitions.iter().find(|p| p.node == verity.data);
        let data = match partition.map(|p| p.size) {
            Some(Size::Bytes(bytes)) => bytes.max(data),
            Some(Size::Content(extra)) => data + extra,
            _ => data,
        };
        // A table rounds the data's partition up to its alignment.
        verity::hash_size((data + (1 << 20)).div_ceil(verity::BLOCK))
    }

    fn physical_volume(&self, node: &str) -> Option<u64> {
        let mut groups = self.graph.volume_groups.iter();
        let group = groups.find(|group| group.on.iter().any(|on| on == node))?;
        // With several, nobody says which of them takes what.
        let [_] = group.on.as_slice() else { return None };
        let mut extents = 0u64;
        for volume in self.graph.logical_volumes.iter().filter(|v| v.group == group.node) {
            if volume.thin_pool.is_none() {
                let bytes = lvm::round(self.logical_volume(volume)?, group.extent_size);
                let stripes = u64::from(volume.stripes);
                extents += (bytes / group.extent_size).next_multiple_of(stripes);
            }
        }
        Some(lvm::DATA_START + extents * group.extent_size)
    }

    /// Bytes of a logical volume where its group has no size yet; none: it takes a share.
    pub(crate) fn logical_volume(&self, volume: &LogicalVolume) -> Option<u64> {
        let content = |volume: &LogicalVolume| self.of(&volume.node);
        match volume.size {
            Size::Bytes(bytes) => Some(bytes),
            Size::Content(extra) => content(volume).or((extra > 0).then_some(0)).map(|c| c + extra),
            Size::Rest => content(volume),
            Size::Share(_) | Size::ShareOfRest(_) => None,
        }
    }

    /// Where the partitions of a table lie, on `size` bytes (none: as many as need be).
    pub(crate) fn placed(&self, table: &Table, size: Option<u64>) -> Result<Placed, LayoutError> {
        let partitions: Vec<&Partition> = self.partitions(table).collect();
        let requests: Vec<mbr::Request> = partitions
            .iter()
            .map(|partition| {
                let extra = if let Size::Content(extra) = partition.size { extra } else { 0 };
                let content = self.of(&partition.node);
                let content = content.or((extra > 0).then_some(0)).map(|c| c + extra);
                mbr::Request { size: partition.size, content, logical: partition.logical }
            })
            .collect();
        let sector = sector_of(self.graph, &table.disk);
        let ground = Ground { disk: size, sector, alignment: table.alignment };
        let placed = match table.kind {
            TableKind::Mbr => mbr::place(&ground, &requests),
            TableKind::Gpt => {
                let request = |r: &mbr::Request| Request { size: r.size, content: r.content };
                let requests: Vec<_> = requests.iter().map(request).collect();
                place(&ground, &requests).map(|(extents, disk)| Placed {
                    partitions: (1..)
                        .zip(extents)
                        .map(|(number, extent)| mbr::Place { number, extent, ebr: None })
                        .collect(),
                    extended: None,
                    disk,
                })
            }
        };
        placed.map_err(|no| refused(&partitions[no.index].node, no.problem, no.help))
    }

    pub(crate) fn partitions<'g>(
        &'g self,
        table: &'g Table,
    ) -> impl Iterator<Item = &'g Partition> {
        self.graph.partitions.iter().filter(|partition| partition.table == table.node)
    }
}
