//! What people call a node.

use crate::node::NodeKind;

pub(crate) fn noun(kind: &NodeKind) -> &'static str {
    match kind {
        NodeKind::Disk { .. } => "disk",
        NodeKind::Table { .. } => "partition table",
        NodeKind::Partition { .. } => "partition",
        NodeKind::Encryption { .. } => "encryption",
        NodeKind::PhysicalVolume => "physical volume",
        NodeKind::VolumeGroup { .. } => "volume group",
        NodeKind::LogicalVolume { is_thin_pool: true, .. } => "thin pool",
        NodeKind::LogicalVolume { .. } => "logical volume",
        NodeKind::Filesystem { .. } => "filesystem",
        NodeKind::Mount { .. } => "mount",
        NodeKind::GrubBios { .. } => "grub-bios",
        NodeKind::Driver { name, .. } => match name.as_str() {
            "raid" => "RAID",
            "verity" => "verity",
            "subvolume" => "subvolume",
            _ => "driver",
        },
    }
}
