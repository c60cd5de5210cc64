//! Nodes: what a block device is made of, as elements and definitions say it. WIT has no
//! recursive types, so a graph is a flat list of nodes that name what they stand on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How large something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// Bytes.
    Bytes(u64),
    /// Millionths of the whole parent.
    Share(u32),
    /// Millionths of what the parent still has.
    ShareOfRest(u32),
    /// All that the parent still has.
    Rest,
    /// Just large enough for the files below its mount point, plus this many bytes.
    Content(u64),
}

/// The kind of a partition table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TableKind {
    /// GUID partition table.
    Gpt,
    /// Master boot record.
    Mbr,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// A whole disk.
    Disk {
        /// Bytes; none: from its content.
        size: Option<u64>,
        /// 512 or 4096.
        sector_size: u32,
    },
    /// A partition table on a disk.
    Table {
        /// GPT or MBR.
        kind: TableKind,
        /// Bytes; none: 1 MiB.
        alignment: Option<u64>,
    },
    /// A partition in a table. Partitions are numbered in the order of their nodes.
    Partition {
        /// The GPT name.
        label: String,
        /// A GPT type: a UUID, or a name of [`crate::partition_type`].
        type_id: String,
        /// How large.
        size: Size,
        /// Attributes.
        attributes: Vec<String>,
        /// Left as it is when an existing device is written again.
        preserve: bool,
    },
    /// LUKS2.
    Encryption {
        /// Names of the secrets that open it.
        secrets: Vec<String>,
        /// Its label.
        label: Option<String>,
    },
    /// An LVM physical volume.
    PhysicalVolume,
    /// An LVM volume group.
    VolumeGroup {
        /// Bytes.
        extent_size: u64,
    },
    /// An LVM logical volume.
    LogicalVolume {
        /// How large.
        size: Size,
        /// The pool a thin volume is in.
        thin_pool: Option<String>,
        /// It is a pool itself.
        is_thin_pool: bool,
        /// How many physical volumes it is striped over.
        stripes: u32,
    },
    /// A filesystem.
    Filesystem {
        /// `ext4`, `vfat`, …
        kind: String,
        /// Its label.
        label: Option<String>,
        /// None: derived from the plan.
        uuid: Option<String>,
        /// From a closed list of each kind.
        tuning: Vec<(String, String)>,
    },
    /// Where a filesystem is mounted.
    Mount {
        /// A folder of the image.
        at: String,
        /// Mount options.
        options: Vec<String>,
        /// Listed in fstab.
        in_fstab: bool,
    },
    /// GRUB for BIOS, standing on a disk and the BIOS boot partition of its GPT, or on a disk with an
    /// MBR alone: then it lies before the first partition.
    GrubBios {
        /// `boot.img`, a file of the image.
        boot_image: String,
        /// `core.img`, a file of the image.
        core_image: String,
    },
    /// The host's driver of this name.
    Driver {
        /// Its name.
        name: String,
        /// Its settings: a JSON document.
        settings: String,
    },
}

/// A node and what it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Unique in the graph.
    pub name: String,
    /// Nodes it stands on.
    pub on: Vec<String>,
    /// What it is.
    pub kind: NodeKind,
}
