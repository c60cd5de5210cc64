//! What can be made as it is said and is hardly meant: told, and not refused.

use crate::check::Use;
use crate::graph::Graph;
use crate::node::NodeKind;

/// A node that can be made, and that may not do what it is there for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The node.
    pub node: String,
    /// Why.
    pub problem: String,
    /// What to do.
    pub help: &'static str,
}

impl Graph {
    /// What is hardly meant, in the order of the nodes.
    #[must_use]
    pub fn doubts(&self) -> Vec<Doubt> {
        self.nodes()
            .iter()
            .filter_map(|node| self.doubt(&node.name, &node.on, &node.kind))
            .collect()
    }

    fn doubt(&self, node: &str, on: &[String], kind: &NodeKind) -> Option<Doubt> {
        let lower = on.first()?;
        if matches!(kind, NodeKind::GrubBios { .. }) {
            return None;
        }
        let partition = self.partitions().iter().find(|p| p.node == *lower);
        if partition.and_then(Use::of) == Some(Use::BiosBoot) {
            return Some(Doubt {
                node: node.to_owned(),
                problem: format!(
                    "`{lower}` is a BIOS boot partition, which a boot loader overwrites from its first \
                     byte on"
                ),
                help: "give it a partition of its own, of another type",
            });
        }
        let volume = self.logical_volumes().iter().find(|v| v.node == *lower);
        if *kind == NodeKind::PhysicalVolume
            && let Some(volume) = volume
        {
            return Some(Doubt {
                node: node.to_owned(),
                problem: format!(
                    "`{lower}` is a logical volume of `{}`, and lvm looks for no physical volumes on \
                     those",
                    volume.group
                ),
                help: "let it stand on a partition, or set `scan_lvs = 1` in the image's \
                       `/etc/lvm/lvm.conf`, and in its initramfs",
            });
        }
        None
    }
}
