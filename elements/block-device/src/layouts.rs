//! A function for each preset.

use dibhost_element_sdk::Result;
use dibhost_element_sdk::block_device::{
    Filesystem, Mount, Node, NodeKind, Partition, Size, TableKind,
};

use crate::Settings;
use crate::nodes::{
    bios, boot, disk, esp, filesystem, filesystem_with, group, luks, root, subvolume, table, volume,
};

/// The disk, its table and what firmware starts from; `root` comes after it.
fn firmware(settings: &Settings, sector_size: u32) -> Vec<Node> {
    let mut nodes = vec![disk("disk0", sector_size), table("table0", "disk0")];
    nodes.extend(esp(settings, "table0"));
    // GRUB's boot sector knows sectors of 512 bytes.
    if sector_size == 512 {
        nodes.extend(bios(settings, "bios", "table0"));
    }
    nodes
}

/// The partition that has room for what is on it; the last one, so that it can grow.
fn last(settings: &Settings, kind: &str) -> Node {
    Node::partition("root", "table0", Partition::new(kind, settings.free()))
}

/// One active partition in an MBR, started by a BIOS.
pub fn mbr(settings: &Settings) -> Result<Vec<Node>> {
    let mut partition = Partition::new("83", settings.free());
    partition.attributes = vec!["active".to_owned()];
    let mut nodes = vec![
        disk("disk0", 512),
        Node::table("table0", "disk0", TableKind::Mbr),
        Node::partition("root", "table0", partition),
    ];
    nodes.extend(root(settings, "root"));
    Ok(nodes)
}

/// A GPT that a BIOS starts from.
pub fn gpt(settings: &Settings) -> Result<Vec<Node>> {
    let mut nodes = vec![disk("disk0", 512), table("table0", "disk0")];
    nodes.extend(bios(settings, "bios", "table0"));
    nodes.push(last(settings, settings.root_type()?));
    nodes.extend(root(settings, "root"));
    Ok(nodes)
}

/// A GPT that UEFI and a PC's BIOS start from.
pub fn efi(settings: &Settings) -> Result<Vec<Node>> {
    plain(settings, 512)
}

/// The same for disks with sectors of 4096 bytes, which no BIOS starts from.
pub fn efi_4k(settings: &Settings) -> Result<Vec<Node>> {
    plain(settings, 4096)
}

fn plain(settings: &Settings, sector_size: u32) -> Result<Vec<Node>> {
    let mut nodes = firmware(settings, sector_size);
    nodes.push(last(settings, settings.root_type()?));
    nodes.extend(root(settings, "root"));
    Ok(nodes)
}

/// `/`, `/var` and `/home` on logical volumes.
pub fn efi_lvm(settings: &Settings) -> Result<Vec<Node>> {
    let mut nodes = firmware(settings, 512);
    nodes.push(last(settings, "linux-lvm"));
    nodes.extend(group("vg", "pv", "root"));
    nodes.extend(volumes(settings, "lv_root"));
    Ok(nodes)
}

/// `/`, `/var` and `/home` on volumes of `vg`; the root filesystem stands on `root`.
fn volumes(settings: &Settings, on: &str) -> Vec<Node> {
    let mut nodes = Vec::new();
    for name in ["lv_root", "lv_var", "lv_home"] {
        nodes.push(volume(settings, name, "vg"));
    }
    nodes.extend(root(settings, on));
    nodes.extend(filesystem(settings, "var", "lv_var", "/var"));
    nodes.extend(filesystem(settings, "home", "lv_home", "/home"));
    nodes
}

/// Folders that anybody, or a program that was broken into, may write to, each on a logical volume of
/// its own and mounted so that nothing in it gains rights: what the CIS benchmarks of Linux ask for.
pub fn efi_lvm_cis(settings: &Settings) -> Result<Vec<Node>> {
    // `dpkg` runs scripts in `/var`.
    const DATA: &[&str] = &["nodev", "nosuid"];
    const WRITTEN: &[&str] = &["nodev", "nosuid", "noexec"];
    let folders = [
        ("tmp", "/tmp", WRITTEN),
        ("var", "/var", DATA),
        ("var_tmp", "/var/tmp", WRITTEN),
        ("log", "/var/log", WRITTEN),
        ("audit", "/var/log/audit", WRITTEN),
        ("home", "/home", DATA),
    ];
    let mut nodes = firmware(settings, 512);
    nodes.push(last(settings, "linux-lvm"));
    nodes.extend(group("vg", "pv", "root"));
    nodes.push(volume(settings, "lv_root", "vg"));
    nodes.extend(root(settings, "lv_root"));
    for (name, at, options) in folders {
        let on = format!("lv_{name}");
        nodes.push(volume(settings, &on, "vg"));
        nodes.extend(filesystem_with(settings, name, &on, at, options));
    }
    Ok(nodes)
}

/// An encrypted root filesystem; `/boot` is not.
pub fn efi_luks(settings: &Settings) -> Result<Vec<Node>> {
    let mut nodes = firmware(settings, 512);
    nodes.extend(boot("table0"));
    nodes.push(last(settings, "luks"));
    nodes.push(luks("root-crypt", "root"));
    nodes.extend(root(settings, "root-crypt"));
    Ok(nodes)
}

/// Logical volumes on an encrypted partition.
pub fn efi_luks_lvm(settings: &Settings) -> Result<Vec<Node>> {
    let mut nodes = firmware(settings, 512);
    nodes.extend(boot("table0"));
    nodes.push(last(settings, "luks"));
    nodes.push(luks("crypt", "root"));
    nodes.extend(group("vg", "pv", "crypt"));
    nodes.extend(volumes(settings, "lv_root"));
    Ok(nodes)
}

/// An encrypted root filesystem on a logical volume, beside others that are not.
pub fn efi_lvm_luks(settings: &Settings) -> Result<Vec<Node>> {
    let mut nodes = firmware(settings, 512);
    nodes.extend(boot("table0"));
    nodes.push(last(settings, "linux-lvm"));
    nodes.extend(group("vg", "pv", "root"));
    nodes.push(luks("root-crypt", "lv_root"));
    nodes.extend(volumes(settings, "root-crypt"));
    Ok(nodes)
}

/// The root filesystem on two disks. The second has its own boot sector and an EFI system partition
/// that is left empty.
pub fn raid1(settings: &Settings) -> Result<Vec<Node>> {
    let mut nodes = firmware(settings, 512);
    nodes.push(last(settings, "linux-raid"));
    nodes.extend([disk("disk1", 512), table("table1", "disk1")]);
    let [mut second, ..] = esp(settings, "table1");
    second.name = "esp1".to_owned();
    nodes.push(second);
    nodes.extend(bios(settings, "bios1", "table1"));
    nodes.push(Node::partition("root1", "table1", Partition::new("linux-raid", settings.free())));
    let raid = NodeKind::Driver {
        name: "raid".to_owned(),
        settings: r#"{"level": 1, "name": "root"}"#.to_owned(),
    };
    nodes.push(Node::new("mirror", ["root", "root1"], raid));
    nodes.extend(root(settings, "mirror"));
    Ok(nodes)
}

/// A root filesystem of btrfs, where asked for in subvolumes, of which nothing is outside.
pub fn btrfs(settings: &Settings) -> Result<Vec<Node>> {
    let btrfs = "btrfs".to_owned();
    let settings = Settings {
        arch: settings.arch.clone(),
        root_label: settings.root_label.clone(),
        root_filesystem: btrfs,
        ..*settings
    };
    let mut nodes = plain(&settings, 512)?;
    if settings.subvolumes {
        nodes.retain(|node| node.name != "root-mount");
        for (name, path, at) in [("root", "@", "/"), ("home", "@home", "/home")] {
            let (subvolume, mount) = (format!("{name}-subvolume"), format!("{name}-mount"));
            nodes.push(self::subvolume(&subvolume, "root-filesystem", path));
            nodes.push(Node::mount(mount, &subvolume, Mount::new(at)));
        }
    }
    Ok(nodes)
}

/// `/usr` as a filesystem that never changes, with the hashes that show it.
pub fn verity(settings: &Settings) -> Result<Vec<Node>> {
    let mut nodes = firmware(settings, 512);
    let (usr, hashes) = match &*settings.arch {
        "amd64" => ("usr-x86-64", "usr-x86-64-verity"),
        "arm64" => ("usr-arm64", "usr-arm64-verity"),
        _ => ("linux-generic", "linux-generic"),
    };
    nodes.extend(boot("table0"));
    let zero = Size::Content(0);
    nodes.push(Node::partition("usr", "table0", Partition::new(usr, zero)));
    nodes.push(Node::partition("usr-hash", "table0", Partition::new(hashes, zero)));
    let settings_of = |name: &str| NodeKind::Driver { name: name.into(), settings: "{}".into() };
    nodes.push(Node::new("usr-verity", ["usr", "usr-hash"], settings_of("verity")));
    let erofs = Filesystem::new("erofs");
    nodes.push(Node::filesystem("usr-filesystem", "usr-verity", erofs));
    let mount = Mount::new("/usr").option("ro");
    nodes.push(Node::mount("usr-mount", "usr-filesystem", mount));
    nodes.push(last(settings, settings.root_type()?));
    nodes.extend(root(settings, "root"));
    Ok(nodes)
}
