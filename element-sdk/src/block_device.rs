//! Nodes of the block device. A graph is a flat list of nodes that name what they stand on.
//!
//! ```
//! use dibhost_element_sdk::block_device::{Filesystem, Mount, Node, Partition, Size, TableKind};
//!
//! let nodes = [
//!     Node::disk("disk0"),
//!     Node::table("table0", "disk0", TableKind::Gpt),
//!     Node::partition("root", "table0", Partition::new("root-x86-64", Size::Content(0))),
//!     Node::filesystem("root-fs", "root", Filesystem::new("ext4").label("cloudimg-rootfs")),
//!     Node::mount("root-mount", "root-fs", Mount::new("/")),
//! ];
//! ```

use serde_json::Value;

use crate::extensions::Extensions;

/// How large something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// GUID partition table.
    Gpt,
    /// Master boot record.
    Mbr,
}

impl TableKind {
    /// The word for it in the contract.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Gpt => "gpt",
            Self::Mbr => "mbr",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::Gpt, Self::Mbr].into_iter().find(|kind| kind.word() == word)
    }
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Partition {
    /// The GPT name; empty: the node's name.
    pub label: String,
    /// A GPT type (a UUID, or a name of the discoverable partitions specification), or two hex
    /// digits for MBR.
    pub type_id: String,
    /// How large.
    pub size: Size,
    /// Attributes.
    pub attributes: Vec<String>,
    /// Left as it is when an existing device is written again.
    pub preserve: bool,
}

impl Partition {
    /// A partition of this type and size.
    pub fn new(type_id: impl Into<String>, size: Size) -> Self {
        Self {
            label: String::new(),
            type_id: type_id.into(),
            size,
            attributes: Vec::new(),
            preserve: false,
        }
    }

    /// Its GPT name.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }
}

/// A filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Filesystem {
    /// `ext4`, `vfat`, `swap`, …
    pub kind: String,
    /// Its label.
    pub label: Option<String>,
    /// None: derived from the plan.
    pub uuid: Option<String>,
    /// Names and values from a closed list of each kind, checked by the host.
    pub tuning: Vec<(String, String)>,
}

impl Filesystem {
    /// A filesystem of this kind.
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), label: None, uuid: None, tuning: Vec::new() }
    }

    /// Its label.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }
}

/// Where a filesystem is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Mount {
    /// A folder of the image.
    pub at: String,
    /// Mount options.
    pub options: Vec<String>,
    /// Listed in fstab.
    pub in_fstab: bool,
}

impl Mount {
    /// Mounted at this folder, listed in fstab, without options.
    pub fn new(at: impl Into<String>) -> Self {
        Self { at: at.into(), options: Vec::new(), in_fstab: true }
    }

    /// With one more option.
    pub fn option(mut self, option: impl Into<String>) -> Self {
        self.options.push(option.into());
        self
    }
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        /// Bytes; none: the host's choice.
        alignment: Option<u64>,
    },
    /// A partition in a table.
    Partition(Partition),
    /// LUKS2.
    Encryption {
        /// Parameters of the element that name the secrets which open it, a key slot each; of
        /// nodes that are read, the secrets' names.
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
    Filesystem(Filesystem),
    /// Where a filesystem is mounted.
    Mount(Mount),
    /// The driver `grub-bios`: GRUB for BIOS, standing on a disk and the BIOS boot partition of its GPT, or on a disk with an
    /// MBR alone.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Unique in the graph.
    pub name: String,
    /// Nodes it stands on.
    pub on: Vec<String>,
    /// What it is.
    pub kind: NodeKind,
    /// What it says beyond this version of the contract.
    pub extensions: Extensions,
}

impl Node {
    /// A node that stands on others.
    pub fn new<'a>(
        name: impl Into<String>,
        on: impl IntoIterator<Item = &'a str>,
        kind: NodeKind,
    ) -> Self {
        let on = on.into_iter().map(str::to_owned).collect();
        Self { name: name.into(), on, kind, extensions: Extensions::default() }
    }

    /// Says more than this version of the contract has words for; see [`Extensions`].
    #[must_use]
    pub fn extension(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.extensions.set(key, value);
        self
    }

    /// A disk of 512-byte sectors, sized from its content.
    pub fn disk(name: impl Into<String>) -> Self {
        Self::new(name, [], NodeKind::Disk { size: None, sector_size: 512 })
    }

    /// A partition table on a disk.
    pub fn table(name: impl Into<String>, disk: &str, kind: TableKind) -> Self {
        Self::new(name, [disk], NodeKind::Table { kind, alignment: None })
    }

    /// A partition in a table; its label is the node's name when it has none.
    pub fn partition(name: impl Into<String>, table: &str, mut partition: Partition) -> Self {
        let name = name.into();
        if partition.label.is_empty() {
            partition.label.clone_from(&name);
        }
        Self::new(name, [table], NodeKind::Partition(partition))
    }

    /// A filesystem on a partition or volume.
    pub fn filesystem(name: impl Into<String>, on: &str, filesystem: Filesystem) -> Self {
        Self::new(name, [on], NodeKind::Filesystem(filesystem))
    }

    /// A filesystem's place in the tree.
    pub fn mount(name: impl Into<String>, filesystem: &str, mount: Mount) -> Self {
        Self::new(name, [filesystem], NodeKind::Mount(mount))
    }
}
