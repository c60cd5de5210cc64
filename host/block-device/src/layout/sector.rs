//! The sectors of what a node stands on.

use crate::graph::Graph;

/// Bytes of a sector of what a node stands on: of its disk, or of an encryption on the way, which has
/// sectors of 4096 bytes wherever its volume is whole ones; where it is not, they do no harm.
pub(super) fn sector_of(graph: &Graph, node: &str) -> u64 {
    let mut at = node;
    // The graph has no cycle, and so an end.
    loop {
        if graph.encryptions.iter().any(|encryption| encryption.node == at) {
            return 4096;
        }
        let Some(lower) = graph.node(at).and_then(|node| node.on.first()) else { break };
        at = lower;
    }
    let disk = graph.disks.iter().find(|disk| disk.node == at);
    disk.map_or(512, |disk| u64::from(disk.sector_size))
}
