//! How a node of each type is read.

use super::entry::{Entry, MountEntry};
use super::keys;
use crate::node::{Node, NodeKind, Size, TableKind};

/// A type of node.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) read: fn(&mut Entry<'_, '_>, &str, Vec<String>) -> Vec<Node>,
}

/// LVM's default.
pub(super) const EXTENT: u64 = 4 << 20;

const KINDS: [Kind; 17] = [
    Kind { name: "disk", read: disk },
    Kind { name: "gpt", read: |e, n, on| table(e, n, on, TableKind::Gpt) },
    Kind { name: "mbr", read: |e, n, on| table(e, n, on, TableKind::Mbr) },
    Kind { name: "partition", read: partition },
    Kind { name: "luks", read: luks },
    Kind { name: "physical-volume", read: |_, name, on| one(name, on, NodeKind::PhysicalVolume) },
    Kind { name: "volume-group", read: volume_group },
    Kind { name: "logical-volume", read: logical_volume },
    Kind { name: "thin-pool", read: thin_pool },
    Kind { name: "thin-volume", read: thin_volume },
    Kind { name: "raid", read: raid },
    Kind { name: "verity", read: |_, name, on| driver(name, on, "verity", "{}".into()) },
    Kind { name: "filesystem", read: filesystem },
    Kind { name: "swap", read: swap },
    Kind { name: "subvolume", read: subvolume },
    Kind { name: "mount", read: mount },
    Kind { name: "grub-bios", read: grub_bios },
];

pub(super) fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

fn one(name: &str, on: Vec<String>, kind: NodeKind) -> Vec<Node> {
    vec![Node { name: name.to_owned(), on, kind }]
}

fn driver(name: &str, on: Vec<String>, driver: &str, settings: String) -> Vec<Node> {
    one(name, on, NodeKind::Driver { name: driver.to_owned(), settings })
}

fn disk(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    let size = entry.bytes("size");
    let sector_size = entry.number("sector-size", 512..=4096).unwrap_or(512);
    let sector_size = u32::try_from(sector_size).unwrap_or(512);
    one(name, on, NodeKind::Disk { size, sector_size })
}

fn table(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>, kind: TableKind) -> Vec<Node> {
    one(name, on, NodeKind::Table { kind, alignment: entry.bytes("alignment") })
}

fn partition(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    let kind = NodeKind::Partition {
        label: entry.text("label").unwrap_or_default(),
        type_id: entry.text("partition-type").unwrap_or_else(|| "linux-generic".to_owned()),
        size: size(entry),
        attributes: entry.texts("attributes").unwrap_or_default(),
        preserve: entry.boolean("preserve").unwrap_or_default(),
    };
    one(name, on, kind)
}

/// A size that has to be said: forgetting it is a fault that nobody sees.
fn size(entry: &mut Entry<'_, '_>) -> Size {
    let before = entry.wrong.len();
    let size = entry.size("size");
    if size.is_none() && entry.wrong.len() == before {
        entry.missing("size", "\"rest\"");
    }
    size.unwrap_or(Size::Rest)
}

fn luks(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    let secrets = entry.texts("secrets").unwrap_or_default();
    one(name, on, NodeKind::Encryption { secrets, label: entry.text("label") })
}

fn volume_group(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    let extent_size = entry.bytes("extent-size").unwrap_or(EXTENT);
    one(name, on, NodeKind::VolumeGroup { extent_size })
}

fn logical_volume(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    with_extents(entry, name, on, false)
}

fn thin_pool(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    with_extents(entry, name, on, true)
}

fn with_extents(
    entry: &mut Entry<'_, '_>,
    name: &str,
    on: Vec<String>,
    is_thin_pool: bool,
) -> Vec<Node> {
    let stripes = entry.number("stripes", 1..=128).unwrap_or(1);
    let stripes = u32::try_from(stripes).unwrap_or(1);
    let size = size(entry);
    one(name, on, NodeKind::LogicalVolume { size, thin_pool: None, is_thin_pool, stripes })
}

fn thin_volume(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    let before = entry.wrong.len();
    let thin_pool = entry.text("pool");
    if thin_pool.is_none() && entry.wrong.len() == before {
        entry.missing("pool", "\"name-of-a-thin-pool\"");
    }
    let size = size(entry);
    one(name, on, NodeKind::LogicalVolume { size, thin_pool, is_thin_pool: false, stripes: 1 })
}

fn raid(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    let before = entry.wrong.len();
    let level = entry.number("level", 0..=1);
    if level.is_none() && entry.wrong.len() == before {
        entry.missing("level", "1");
    }
    let mut settings = serde_json::json!({ "level": level.unwrap_or(1) });
    if let Some(array) = entry.text("array") {
        settings["name"] = array.into();
    }
    if let Some(chunk) = entry.bytes("chunk") {
        settings["chunk"] = chunk.into();
    }
    if let Some(metadata) = entry.text("metadata") {
        settings["metadata"] = metadata.into();
    }
    driver(name, on, "raid", settings.to_string())
}

fn filesystem(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    let before = entry.wrong.len();
    let format = entry.text("format");
    if format.is_none() && entry.wrong.len() == before {
        entry.missing("format", "\"ext4\"");
    }
    let kind = NodeKind::Filesystem {
        kind: format.unwrap_or_default(),
        label: entry.text("label"),
        uuid: entry.text("uuid"),
        tuning: entry.pairs("tuning"),
    };
    let mut nodes = one(name, on, kind);
    nodes.extend(mounted(entry, name));
    nodes
}

fn swap(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    let kind = NodeKind::Filesystem {
        kind: "swap".to_owned(),
        label: entry.text("label"),
        uuid: entry.text("uuid"),
        tuning: Vec::new(),
    };
    one(name, on, kind)
}

fn subvolume(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    let before = entry.wrong.len();
    let path = entry.text("path");
    if path.is_none() && entry.wrong.len() == before {
        entry.missing("path", "\"@home\"");
    }
    let default = entry.boolean("default").unwrap_or_default();
    let settings = serde_json::json!({ "path": path.unwrap_or_default(), "default": default });
    let mut nodes = driver(name, on, "subvolume", settings.to_string());
    nodes.extend(mounted(entry, name));
    nodes
}

/// The mount that a filesystem or subvolume says itself: a node `NAME-mount` on it.
fn mounted(entry: &mut Entry<'_, '_>, name: &str) -> Option<Node> {
    let on = vec![name.to_owned()];
    let name = format!("{name}-mount");
    match entry.mount(&keys::MOUNT)? {
        MountEntry::At(at) => {
            let kind = NodeKind::Mount { at, options: Vec::new(), in_fstab: true };
            Some(Node { name, on, kind })
        }
        MountEntry::Table(table, span) => {
            mount(&mut entry.within(table, span), &name, on).into_iter().next()
        }
    }
}

fn mount(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    let before = entry.wrong.len();
    let at = entry.text("at");
    if at.is_none() && entry.wrong.len() == before {
        entry.missing("at", "\"/\"");
    }
    let mut options = entry.texts("options").unwrap_or_default();
    let in_fstab = entry.boolean("fstab").unwrap_or(true);
    let by = ["label", "uuid", "partuuid", "path"].map(|word| (word, word));
    if let Some(by) = entry.one_of("by", by) {
        options.push(format!("x-dibhost.by={by}"));
    }
    for key in ["dump", "pass"] {
        if let Some(number) = entry.number(key, 0..=9) {
            options.push(format!("x-dibhost.{key}={number}"));
        }
    }
    one(name, on, NodeKind::Mount { at: at.unwrap_or_default(), options, in_fstab })
}

fn grub_bios(entry: &mut Entry<'_, '_>, name: &str, on: Vec<String>) -> Vec<Node> {
    let mut image =
        |key: &str, default: &str| entry.text(key).unwrap_or_else(|| default.to_owned());
    let kind = NodeKind::GrubBios {
        boot_image: image("boot-image", "/boot/grub/i386-pc/boot.img"),
        core_image: image("core-image", "/boot/grub/i386-pc/core.img"),
    };
    one(name, on, kind)
}
