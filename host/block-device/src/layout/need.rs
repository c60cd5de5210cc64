//! From the filesystems downwards: how large each volume has to be.

use crate::graph::{Graph, Partition, Table};
use crate::layout::content::Sized;
use crate::layout::grub::Images;
use crate::layout::sector_of;
use crate::layout::types::{LayoutError, refused};
use crate::node::{NodeKind, Size};
use crate::place::{Extent, Ground, Request, place};

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
                self.placed(table, None).ok().map(|(_, size)| size)
            }
            _ => None,
        }
    }

    /// Where the partitions of a table lie, on `size` bytes (none: as many as need be), and how many
    /// bytes that is.
    pub(crate) fn placed(
        &self,
        table: &Table,
        size: Option<u64>,
    ) -> Result<(Vec<Extent>, u64), LayoutError> {
        let partitions: Vec<&Partition> = self.partitions(table).collect();
        let requests: Vec<Request> = partitions
            .iter()
            .map(|partition| {
                let extra = if let Size::Content(extra) = partition.size { extra } else { 0 };
                let content = self.of(&partition.node);
                let content = content.or((extra > 0).then_some(0)).map(|c| c + extra);
                Request { size: partition.size, content }
            })
            .collect();
        let sector = sector_of(self.graph, &table.disk);
        let ground = Ground { disk: size, sector, alignment: table.alignment };
        let placed = place(&ground, &requests);
        placed.map_err(|no| refused(&partitions[no.index].node, no.problem, no.help))
    }

    pub(crate) fn partitions<'g>(
        &'g self,
        table: &'g Table,
    ) -> impl Iterator<Item = &'g Partition> {
        self.graph.partitions.iter().filter(|partition| partition.table == table.node)
    }
}
