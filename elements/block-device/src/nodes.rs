//! Pieces that layouts are put together from.

use dibhost_element_sdk::block_device::{
    Filesystem, Mount, Node, NodeKind, Partition, Size, TableKind,
};
use dibhost_element_sdk::{Error, Result};

use crate::Settings;

const MIB: u64 = 1 << 20;

/// Space in `/boot` for a kernel and an initramfs that come later.
const BOOT_SPARE: u64 = 256 * MIB;

/// The parameter that names what opens the disk.
pub(crate) const PASSPHRASE: &str = "passphrase";

impl Settings {
    /// The root partition's type, by which systemd finds it without being told.
    pub(crate) fn root_type(&self) -> Result<&'static str> {
        Ok(match &*self.arch {
            "amd64" => "root-x86-64",
            "i386" => "root-x86",
            "arm64" => "root-arm64",
            "armhf" => "root-arm",
            "riscv64" => "root-riscv64",
            "loong64" => "root-loongarch64",
            other => return Err(Error::new(format!("No disk for `{other}` is known."))),
        })
    }

    pub(crate) fn free(&self) -> Size {
        Size::Content(u64::from(self.free_space) * MIB)
    }
}

/// Whether a machine that Debian calls so has a BIOS, as PCs have.
#[must_use]
pub fn has_bios(arch: &str) -> bool {
    matches!(arch, "amd64" | "i386")
}

/// A disk of this sector size.
pub(crate) fn disk(name: &str, sector_size: u32) -> Node {
    Node::new(name, [], NodeKind::Disk { size: None, sector_size })
}

pub(crate) fn table(name: &str, disk: &str) -> Node {
    Node::table(name, disk, TableKind::Gpt)
}

/// An EFI system partition, which is mounted.
pub(crate) fn esp(settings: &Settings, table: &str) -> [Node; 3] {
    let size = Size::Bytes(u64::from(settings.esp_size) * MIB);
    [
        Node::partition("esp", table, Partition::new("esp", size).label("ESP")),
        Node::filesystem("esp-filesystem", "esp", Filesystem::new("vfat").label("ESP")),
        // Not for everybody to read: firmware settings may be there.
        Node::mount("esp-mount", "esp-filesystem", Mount::new("/boot/efi").option("umask=0077")),
    ]
}

/// Where GRUB for BIOS lies, on machines that have one.
pub(crate) fn bios(settings: &Settings, name: &str, table: &str) -> Option<Node> {
    let partition = Partition::new("bios-boot", Size::Bytes(MIB));
    has_bios(&settings.arch).then(|| Node::partition(name, table, partition))
}

/// `/boot` on a partition of its own.
pub(crate) fn boot(table: &str) -> [Node; 3] {
    let size = Size::Content(BOOT_SPARE);
    [
        Node::partition("boot", table, Partition::new("xbootldr", size)),
        Node::filesystem("boot-filesystem", "boot", Filesystem::new("ext4").label("boot")),
        Node::mount("boot-mount", "boot-filesystem", Mount::new("/boot")),
    ]
}

/// The label of a root filesystem where nobody says another one: what DIB has, which for xfs is shorter,
/// and none where the kind has no labels.
fn default_label(kind: &str) -> Option<&'static str> {
    match kind {
        "xfs" => Some("img-rootfs"),
        "squashfs" | "erofs" => None,
        _ => Some("cloudimg-rootfs"),
    }
}

/// The root filesystem.
pub(crate) fn root(settings: &Settings, on: &str) -> [Node; 2] {
    let kind = settings.root_filesystem.as_str();
    let mut root = Filesystem::new(kind);
    if let Some(label) = settings.root_label.as_deref().or_else(|| default_label(kind)) {
        root = root.label(label);
    }
    [
        Node::filesystem("root-filesystem", on, root),
        Node::mount("root-mount", "root-filesystem", Mount::new("/")),
    ]
}

/// Another filesystem, of the root filesystem's kind.
pub(crate) fn filesystem(settings: &Settings, name: &str, on: &str, at: &str) -> [Node; 2] {
    filesystem_with(settings, name, on, at, &[])
}

/// The same, mounted with these options.
pub(crate) fn filesystem_with(
    settings: &Settings,
    name: &str,
    on: &str,
    at: &str,
    options: &[&str],
) -> [Node; 2] {
    let node = format!("{name}-filesystem");
    let filesystem = Filesystem::new(&settings.root_filesystem).label(name);
    let mount = options.iter().fold(Mount::new(at), |mount, option| mount.option(*option));
    [Node::filesystem(&node, on, filesystem), Node::mount(format!("{name}-mount"), &node, mount)]
}

/// LUKS2 that the passphrase opens.
pub(crate) fn luks(name: &str, on: &str) -> Node {
    let secrets = vec![PASSPHRASE.to_owned()];
    Node::new(name, [on], NodeKind::Encryption { secrets, label: None })
}

/// A volume group on one physical volume.
pub(crate) fn group(name: &str, physical_volume: &str, on: &str) -> [Node; 2] {
    [
        Node::new(physical_volume, [on], NodeKind::PhysicalVolume),
        Node::new(name, [physical_volume], NodeKind::VolumeGroup { extent_size: 4 * MIB }),
    ]
}

/// A logical volume as large as what is in it and the space to spare.
pub(crate) fn volume(settings: &Settings, name: &str, group: &str) -> Node {
    let kind = NodeKind::LogicalVolume {
        size: settings.free(),
        thin_pool: None,
        is_thin_pool: false,
        stripes: 1,
    };
    Node::new(name, [group], kind)
}

/// A btrfs subvolume.
pub(crate) fn subvolume(name: &str, filesystem: &str, path: &str) -> Node {
    let settings = format!(r#"{{"path": "{path}"}}"#);
    Node::new(name, [filesystem], NodeKind::Driver { name: "subvolume".to_owned(), settings })
}
