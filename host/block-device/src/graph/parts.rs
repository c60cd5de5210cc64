//! What a graph is made of, each with what it stands on.

use dibhost_filesystems::{FilesystemKind, FilesystemUuid, Tuning};
use dibhost_volumes::md::MdMetadata;
use serde::Serialize;
use uuid::Uuid;

use crate::driver::RaidLevel;
use crate::fstab::FstabSettings;
use crate::node::{Size, TableKind};

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Its node.
    pub node: String,
    /// Bytes; none: from its content.
    pub size: Option<u64>,
    /// 512 or 4096.
    pub sector_size: u32,
}

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its node.
    pub node: String,
    /// The node of its disk or RAID.
    pub disk: String,
    /// GPT or MBR.
    pub kind: TableKind,
    /// Bytes; none: by what the layout is made for.
    pub alignment: Option<u64>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Its node.
    pub node: String,
    /// The node of its table.
    pub table: String,
    /// From 1, in the order of the nodes; logical ones of an MBR from 5.
    pub number: u32,
    /// The GPT name, which may be empty.
    pub label: String,
    /// Its type.
    pub type_id: TypeId,
    /// GPT attribute bits.
    pub attributes: u64,
    /// It is the one a BIOS's boot sector starts.
    pub active: bool,
    /// It lies in the extended partition of an MBR.
    pub logical: bool,
    /// It stands in a hybrid MBR too.
    pub hybrid: bool,
    /// How large.
    pub size: Size,
    /// Left as it is on an existing device.
    pub preserve: bool,
}

/// The type of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum TypeId {
    /// A GPT's.
    Gpt(Uuid),
    /// An MBR's.
    Mbr(u8),
}

impl std::fmt::Display for TypeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gpt(id) => id.fmt(f),
            Self::Mbr(id) => write!(f, "{id:02x}"),
        }
    }
}

/// LUKS2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Encryption {
    /// Its node; once open, the device has this name.
    pub node: String,
    /// The volume it encrypts.
    pub on: String,
    /// Names of the secrets that open it, a key slot each.
    pub secrets: Vec<String>,
    /// Its label.
    pub label: Option<String>,
}

/// An LVM physical volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PhysicalVolume {
    /// Its node.
    pub node: String,
    /// The volume it stands on.
    pub on: String,
}

/// An LVM volume group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeGroup {
    /// Its node, and its name.
    pub node: String,
    /// The nodes of its physical volumes.
    pub on: Vec<String>,
    /// Bytes.
    pub extent_size: u64,
}

/// An LVM logical volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogicalVolume {
    /// Its node, and its name.
    pub node: String,
    /// The node of its volume group.
    pub group: String,
    /// How large; of a thin volume, how large it claims to be.
    pub size: Size,
    /// The node of the pool a thin volume is in.
    pub thin_pool: Option<String>,
    /// It is a pool itself.
    pub is_thin_pool: bool,
    /// How many physical volumes it is striped over.
    pub stripes: u32,
}

/// A RAID of the kernel's `md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Raid {
    /// Its node.
    pub node: String,
    /// Its members, in their order.
    pub on: Vec<String>,
    /// Its level.
    pub level: RaidLevel,
    /// The name of the array.
    pub name: String,
    /// Bytes.
    pub chunk: u64,
    /// Where its superblocks lie.
    pub metadata: MdMetadata,
}

/// A dm-verity device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verity {
    /// Its node.
    pub node: String,
    /// The volume with the data.
    pub data: String,
    /// The volume with the hashes.
    pub hash: String,
}

/// A btrfs subvolume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subvolume {
    /// Its node.
    pub node: String,
    /// The node of its filesystem.
    pub filesystem: String,
    /// Below the top level.
    pub path: String,
    /// Mounted where no subvolume is named.
    pub default: bool,
}

/// A filesystem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filesystem {
    /// Its node.
    pub node: String,
    /// The node it stands on.
    pub on: String,
    /// Its kind.
    pub kind: FilesystemKind,
    /// Its label.
    pub label: Option<String>,
    /// None: derived.
    pub uuid: Option<FilesystemUuid>,
    /// Its settings.
    pub tuning: Tuning,
}

/// A mount point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// Its node.
    pub node: String,
    /// The node of its filesystem.
    pub filesystem: String,
    /// The node of its subvolume.
    pub subvolume: Option<String>,
    /// An absolute path of the image.
    pub at: String,
    /// Mount options; empty: `defaults`.
    pub options: Vec<String>,
    /// How fstab writes it.
    pub fstab: FstabSettings,
    /// Listed in fstab.
    pub in_fstab: bool,
}

/// GRUB for BIOS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GrubBios {
    /// Its node.
    pub node: String,
    /// The disk whose first sector starts it.
    pub disk: String,
    /// The BIOS boot partition of its GPT; none: the gap between its MBR and the first partition.
    pub partition: Option<String>,
    /// `boot.img`, an absolute path of the image.
    pub boot_image: String,
    /// `core.img`, an absolute path of the image.
    pub core_image: String,
}
