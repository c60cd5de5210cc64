//! The slots of `dib:` as Rust types. Their schemas are in `wit/slots` of the project; a test
//! holds these forms against them.

use dibhost_element_sdk_derive::Fact;
use serde::{Deserialize, Serialize};

use crate::version::by_version;

/// The operating system in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Fact)]
#[fact(slot = "dib:os/distribution@1", arity = "one", timing = "planned")]
#[serde(rename_all = "kebab-case")]
pub struct Distribution {
    /// `ID` of os-release: `debian`.
    pub id: String,
    /// `VERSION_ID` of os-release: `12`.
    pub version_id: String,
    /// The release's name: `bookworm`.
    pub codename: String,
    /// What it descends from: `debian`.
    pub family: String,
    /// `apt`.
    pub package_manager: String,
    /// The init system: `systemd`.
    pub init: String,
    /// The account people log in to.
    pub default_user: String,
}

/// An argument of the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Fact)]
#[fact(slot = "dib:boot/kernel-argument@1", arity = "many", timing = "planned")]
#[serde(rename_all = "kebab-case")]
pub struct KernelArgument {
    /// `console=ttyS0,115200`.
    pub argument: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl KernelArgument {
    /// An argument and why it is there.
    pub fn new(argument: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { argument: argument.into(), reason: Some(reason.into()) }
    }
}

/// A kernel in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Fact)]
#[fact(slot = "dib:boot/kernel@1", arity = "many", timing = "observed")]
#[serde(rename_all = "kebab-case")]
pub struct Kernel {
    /// `uname -r` of it.
    pub version: String,
    /// Its path in the image.
    pub image: String,
    /// Its initramfs' path in the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initramfs: Option<String>,
}

impl Kernel {
    /// By their versions, the newest first: that one is started where nobody chooses.
    #[must_use]
    pub fn newest_first(kernels: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut kernels: Vec<Self> = kernels.into_iter().collect();
        kernels.sort_by(|a, b| by_version(&b.version, &a.version));
        kernels
    }
}

/// The boot loader in the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Fact)]
#[fact(slot = "dib:boot/loader@1", arity = "optional", timing = "planned")]
#[serde(rename_all = "kebab-case")]
pub struct Loader {
    /// `grub`.
    pub name: String,
    /// Firmware it starts from: `bios`, `uefi`.
    pub firmware: Vec<String>,
}

/// A module that the initramfs loads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Fact)]
#[fact(slot = "dib:initramfs/module@1", arity = "many", timing = "planned")]
#[serde(rename_all = "kebab-case")]
pub struct InitramfsModule {
    /// `virtio_blk`.
    pub name: String,
}

/// Names, labels, UUIDs and mount points of the block device; the host provides it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Fact)]
#[fact(slot = "dib:block-device/layout@1", arity = "one", timing = "planned")]
#[serde(rename_all = "kebab-case")]
pub struct Layout {
    /// Filesystems with a place in the tree, `/` first.
    pub mounts: Vec<LayoutMount>,
    /// Partitions in the order of their numbers.
    pub partitions: Vec<LayoutPartition>,
    /// Of the first disk: `gpt`, `mbr`, or none for one filesystem without a table.
    pub table: Option<String>,
    /// Disks that GRUB for BIOS starts from, by their nodes.
    #[serde(default)]
    pub grub_bios: Vec<String>,
    /// What lies between partitions and filesystems, each after what it stands on.
    #[serde(default)]
    pub volumes: Vec<LayoutVolume>,
}

impl Layout {
    /// What is mounted at this folder.
    #[must_use]
    pub fn mount(&self, at: &str) -> Option<&LayoutMount> {
        self.mounts.iter().find(|m| m.at == at)
    }

    /// The partition of this name.
    #[must_use]
    pub fn partition(&self, name: &str) -> Option<&LayoutPartition> {
        self.partitions.iter().find(|p| p.name == name)
    }

    /// The volume of this name.
    #[must_use]
    pub fn volume(&self, name: &str) -> Option<&LayoutVolume> {
        self.volumes.iter().find(|v| v.name == name)
    }

    /// The volumes below a mount's filesystem, the lowest first.
    #[must_use]
    pub fn below(&self, mount: &LayoutMount) -> Vec<&LayoutVolume> {
        let mut names = vec![mount.on.as_str()];
        let mut below = Vec::new();
        // A volume comes after what it stands on.
        for volume in self.volumes.iter().rev() {
            if names.contains(&volume.name.as_str()) {
                names.extend(volume.on.iter().map(String::as_str));
                below.push(volume);
            }
        }
        below.reverse();
        below
    }
}

/// A filesystem with a place in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayoutMount {
    /// `/`.
    pub at: String,
    /// The node of the partition, volume or disk that it is on.
    #[serde(default)]
    pub on: String,
    /// `ext4`.
    pub filesystem: String,
    /// Its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Mount options.
    #[serde(default)]
    pub options: Vec<String>,
    /// What names it in fstab: `LABEL=root`, `UUID=…`, `PARTUUID=…`, or a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What lies between partitions and filesystems: LVM, LUKS, RAID, verity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayoutVolume {
    /// Its node; the name of the device once it is there.
    pub name: String,
    /// `luks`, `physical-volume`, `volume-group`, `logical-volume`, `thin-pool`, `thin-volume`,
    /// `raid` or `verity`.
    pub kind: String,
    /// As its own tools print it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Nodes it stands on; of a thin volume its pool.
    pub on: Vec<String>,
    /// Of a RAID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u32>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayoutPartition {
    /// Its node.
    #[serde(default)]
    pub name: String,
    /// From 1.
    pub number: u32,
    /// The kind of the table it is in: `gpt` or `mbr`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Its GPT name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub type_id: String,
    /// Its GPT UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partuuid: Option<String>,
}

/// A public key that may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Fact)]
#[fact(slot = "dib:users/authorized-key@1", arity = "many", timing = "planned")]
#[serde(rename_all = "kebab-case")]
pub struct AuthorizedKey {
    /// A line of `authorized_keys`.
    pub key: String,
    /// Whose; none: the distribution's default user.
    pub user: Option<String>,
}

/// A place where cloud-init looks for its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Fact)]
#[fact(slot = "dib:cloud-init/datasource@1", arity = "many", timing = "planned")]
#[serde(rename_all = "kebab-case")]
pub struct Datasource {
    /// `NoCloud`.
    pub name: String,
}
