//! A disk, decided: what [`layout`](crate::layout()) answers.

use std::io;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::driver::RaidLevel;
use crate::graph::TypeId;
use crate::node::TableKind;
use dibhost_filesystems::FormatLayout;
use dibhost_volumes::Extent;
use dibhost_volumes::lvm;
use dibhost_volumes::mbr::Extended;
use dibhost_volumes::md::MdMetadata;

/// A disk that cannot be laid out.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A node cannot be made, or its content does not fit.
    #[error("block device: node `{node}`: {problem}: {help}")]
    Refused {
        /// The node.
        node: String,
        /// Why.
        problem: String,
        /// What to do.
        help: String,
    },
    /// The tree could not be read.
    #[error("block device: reading the tree below `{mount}`: {source}")]
    Tree {
        /// The mount point.
        mount: String,
        /// Why.
        source: io::Error,
    },
}

pub(crate) fn refused(
    node: &str,
    problem: impl Into<String>,
    help: impl Into<String>,
) -> LayoutError {
    let node = node.to_owned();
    LayoutError::Refused { node, problem: problem.into(), help: help.into() }
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiskLayout {
    /// Its node.
    pub node: String,
    /// Bytes.
    pub size: u64,
    /// Bytes of a sector.
    pub sector_size: u32,
}

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TableLayout {
    /// Its node.
    pub node: String,
    /// The disk or RAID it stands on.
    pub on: String,
    /// GPT or MBR.
    pub kind: TableKind,
    /// The disk GUID; its first four bytes are the signature of an MBR.
    pub id: Uuid,
    /// Bytes.
    pub alignment: u64,
    /// Bytes of a sector.
    pub sector_size: u32,
    /// The extended partition of an MBR.
    pub extended: Option<Extended>,
}

impl TableLayout {
    /// Bytes at the start of the disk that are the table's.
    pub(crate) fn head(&self) -> u64 {
        let sector = u64::from(self.sector_size);
        match self.kind {
            TableKind::Mbr => sector,
            // The protective MBR, the header, 128 entries of 128 bytes.
            TableKind::Gpt => 2 * sector + 128 * 128,
        }
    }
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartitionLayout {
    /// Its node.
    pub node: String,
    /// The node of its table.
    pub table: String,
    /// From 1.
    pub number: u32,
    /// Its name in the table.
    pub label: String,
    /// Its type.
    pub type_id: TypeId,
    /// Its PARTUUID in a GPT.
    pub id: Uuid,
    /// GPT attribute bits.
    pub attributes: u64,
    /// The flag of an MBR.
    pub active: bool,
    /// In the extended partition of an MBR.
    pub logical: bool,
    /// In a hybrid MBR too.
    pub hybrid: bool,
    /// Left as it is on an existing device.
    pub preserve: bool,
    /// Where it lies on what its table stands on.
    pub extent: Extent,
    /// Bytes from the start of that to the record of a logical partition.
    pub ebr: Option<u64>,
}

/// A volume group of LVM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GroupLayout {
    /// Its node, and its name.
    pub node: String,
    /// Its physical volumes, in their order.
    pub physical_volumes: Vec<PhysicalVolumeLayout>,
    /// Bytes of an extent.
    pub extent_size: u64,
    /// Its thin pools, in the order of their nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<PoolLayout>,
    /// Where every extent lies. When it was made is said by whoever writes it.
    #[serde(skip)]
    pub group: lvm::VolumeGroup,
}

/// A thin pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PoolLayout {
    /// Its node, and its name.
    pub node: String,
    /// Bytes of its data.
    pub size: u64,
    /// Bytes of its metadata.
    pub metadata_size: u64,
    /// Bytes that its volumes take at a time.
    pub chunk_size: u64,
    /// Bytes that its volumes seem to have: they may be more than it has itself.
    pub virtual_size: u64,
}

/// A physical volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PhysicalVolumeLayout {
    /// Its node.
    pub node: String,
    /// What it stands on.
    pub on: String,
}

/// A volume that something else makes of other volumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VolumeLayout {
    /// Its node.
    pub node: String,
    /// Its UUID.
    pub id: Uuid,
    /// Bytes that it offers.
    pub size: u64,
    /// What makes it.
    pub map: VolumeMap,
}

/// What makes a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum VolumeMap {
    /// LUKS2.
    #[serde(rename_all = "kebab-case")]
    Luks {
        /// What it encrypts.
        on: String,
        /// Bytes of the header before the payload.
        data_offset: u64,
        /// Bytes that are encrypted together.
        sector_size: u32,
        /// Names of the secrets that open it.
        secrets: Vec<String>,
        /// Its label.
        label: Option<String>,
    },
    /// md.
    #[serde(rename_all = "kebab-case")]
    Raid {
        /// Its members.
        on: Vec<String>,
        /// Its level.
        level: RaidLevel,
        /// The name of the array.
        name: String,
        /// Bytes.
        chunk: u64,
        /// Where its superblocks lie.
        metadata: MdMetadata,
        /// Bytes of each member before its data.
        data_offset: u64,
        /// Bytes of each member that are used.
        member_size: u64,
    },
    /// A logical volume.
    #[serde(rename_all = "kebab-case")]
    Logical {
        /// Its volume group.
        group: String,
    },
    /// A thin volume: its size is what it seems to have.
    #[serde(rename_all = "kebab-case")]
    Thin {
        /// Its volume group.
        group: String,
        /// The node of its pool.
        pool: String,
        /// Its number in the pool.
        device: u32,
    },
    /// dm-verity.
    #[serde(rename_all = "kebab-case")]
    Verity {
        /// The volume with the data.
        data: String,
        /// The volume with the hashes.
        hash: String,
    },
}

/// A filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FilesystemLayout {
    /// Its node.
    pub node: String,
    /// The volume it stands on, and starts with.
    pub on: String,
    /// Where it is mounted, and so which part of the tree fills it; none: it stays empty.
    pub mount: Option<String>,
    /// Why the back-end `file` cannot fill it, where it cannot; `loop` and `device` can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs_kernel: Option<String>,
    /// Its subvolumes, one before those in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subvolumes: Vec<SubvolumeLayout>,
    /// The mount option by which the kernel compresses what it fills it with (btrfs).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compression: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Bytes it uses of its volume.
    pub size: u64,
    /// Where it lies, if it lies on one disk and in one piece.
    pub place: Option<DiskExtent>,
    /// The rest, by its kind.
    pub format: FormatLayout,
}

/// A btrfs subvolume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SubvolumeLayout {
    /// Its node.
    pub node: String,
    /// Below the top level of the filesystem.
    pub path: String,
    /// Mounted where no subvolume is named.
    pub default: bool,
    /// Where it is mounted, and so which part of the tree fills it.
    pub mount: Option<String>,
}

/// A stretch of a disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiskExtent {
    /// The node of the disk.
    pub disk: String,
    /// Where on it.
    pub extent: Extent,
}

/// GRUB for BIOS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GrubLayout {
    /// Its node.
    pub node: String,
    /// The disk it starts.
    pub disk: String,
    /// The BIOS boot partition, or the gap between an MBR and the first partition.
    pub extent: Extent,
    /// `boot.img`: mount point, and path below it.
    pub boot_image: (String, String),
    /// `core.img`: mount point, and path below it.
    pub core_image: (String, String),
}

/// The disks of a block device, decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Layout {
    /// In the order of their nodes; the first is the one that is meant where nobody says which.
    pub disks: Vec<DiskLayout>,
    /// In the order of their nodes.
    pub tables: Vec<TableLayout>,
    /// In the order of their nodes.
    pub partitions: Vec<PartitionLayout>,
    /// Volume groups, in the order of their nodes.
    pub groups: Vec<GroupLayout>,
    /// Encryptions, RAIDs, logical volumes, verity devices: what stands on another after it.
    pub volumes: Vec<VolumeLayout>,
    /// In the order of their nodes.
    pub filesystems: Vec<FilesystemLayout>,
    /// GRUB for BIOS.
    pub grub: Vec<GrubLayout>,
}

impl Layout {
    /// The first disk.
    #[must_use]
    pub fn disk(&self) -> Option<&DiskLayout> {
        self.disks.first()
    }

    /// The volume of that node.
    #[must_use]
    pub fn volume(&self, node: &str) -> Option<&VolumeLayout> {
        self.volumes.iter().find(|volume| volume.node == node)
    }

    /// The partition of that node, with its table.
    #[must_use]
    pub fn partition(&self, node: &str) -> Option<(&PartitionLayout, &TableLayout)> {
        let partition = self.partitions.iter().find(|partition| partition.node == node)?;
        let table = self.tables.iter().find(|table| table.node == partition.table)?;
        Some((partition, table))
    }

    /// The bytes of a disk between its table's own and the first partition, or its record; none: it
    /// has no table.
    #[must_use]
    pub(crate) fn gap(&self, disk: &str) -> Option<Extent> {
        let table = self.tables.iter().find(|table| table.on == disk)?;
        let of_table = self.partitions.iter().filter(|p| p.table == table.node);
        let starts = of_table.map(|p| p.ebr.unwrap_or(p.extent.offset));
        let extended = table.extended.map(|extended| extended.extent.offset);
        let end = starts.chain(extended).min().or_else(|| self.size_of(disk))?;
        let offset = table.head();
        Some(Extent { offset, size: end.saturating_sub(offset) })
    }

    /// Bytes of a disk, partition or volume.
    #[must_use]
    pub fn size_of(&self, node: &str) -> Option<u64> {
        let disk = self.disks.iter().find(|disk| disk.node == node).map(|disk| disk.size);
        disk.or_else(|| self.partition(node).map(|(partition, _)| partition.extent.size))
            .or_else(|| self.volume(node).map(|volume| volume.size))
    }
}
