//! A layout as a table for people.

use crate::graph::Graph;
use crate::layout::{Layout, VolumeMap};
use crate::node::TableKind;
use crate::noun::noun;
use dibhost_text::format_size as size;
use dibhost_volumes::Extent;
use dibhost_volumes::md::MdMetadata;

pub(crate) fn extent(extent: Extent) -> String {
    format!("at {}, {}", size(extent.offset), size(extent.size))
}

impl Graph {
    /// The nodes in their order, a line each: name, what it is, and what it stands on.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for node in &self.nodes {
            let on = node.on.join(", ");
            let on = if on.is_empty() { String::new() } else { format!(" on {on}") };
            text.push_str(&format!("{}: {}{on}\n", node.name, noun(&node.kind)));
        }
        text
    }
}

impl Layout {
    /// Disks, then tables with their partitions, volumes and filesystems, a line each.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut line = |indent: usize, words: String| {
            text.push_str(&"  ".repeat(indent));
            text.push_str(&words);
            text.push('\n');
        };
        for disk in &self.disks {
            let sector = disk.sector_size;
            line(0, format!("disk {}: {}, sectors of {sector} B", disk.node, size(disk.size)));
        }
        for table in &self.tables {
            let (kind, id) = match table.kind {
                TableKind::Gpt => ("GPT", table.id.to_string()),
                TableKind::Mbr => ("MBR", format!("{:08x}", crate::identity::signature(table.id))),
            };
            line(0, format!("{kind} {} on {}: {id}", table.node, table.on));
            for partition in self.partitions.iter().filter(|p| p.table == table.node) {
                let (number, node) = (partition.number, &partition.node);
                let (place, kind) = (extent(partition.extent), partition.type_id);
                line(1, format!("{number} {node}: {place}, type {kind}"));
            }
            if let Some(extended) = table.extended {
                line(1, format!("{} extended: {}", extended.number, extent(extended.extent)));
            }
        }
        for group in &self.groups {
            let names: Vec<&str> = group.physical_volumes.iter().map(|pv| pv.on.as_str()).collect();
            let on = names.join(", ");
            line(
                0,
                format!(
                    "volume group {} on {on}: extents of {}",
                    group.node,
                    size(group.extent_size)
                ),
            );
            for pool in &group.pools {
                let (node, chunk) = (&pool.node, size(pool.chunk_size));
                let (data, metadata) = (size(pool.size), size(pool.metadata_size));
                let claimed = size(pool.virtual_size);
                line(
                    1,
                    format!(
                        "thin pool {node}: {data} in chunks of {chunk}, metadata {metadata}, volumes of {claimed} in all"
                    ),
                );
            }
        }
        for volume in &self.volumes {
            let what = match &volume.map {
                VolumeMap::Luks { on, .. } => format!("LUKS2 on {on}"),
                VolumeMap::Raid { on, level, metadata, .. } => {
                    let level = match level {
                        crate::driver::RaidLevel::Stripe => 0,
                        crate::driver::RaidLevel::Mirror => 1,
                    };
                    let metadata = match metadata {
                        MdMetadata::Start => "",
                        MdMetadata::End => " (metadata 1.0)",
                    };
                    format!("RAID {level}{metadata} on {}", on.join(", "))
                }
                VolumeMap::Logical { group } => format!("logical volume of {group}"),
                VolumeMap::Thin { group, pool, .. } => format!("thin volume of {group} in {pool}"),
                VolumeMap::Verity { data, hash } => format!("verity on {data}, hashes on {hash}"),
            };
            line(0, format!("{}: {what}, {}", volume.node, size(volume.size)));
        }
        for filesystem in &self.filesystems {
            let (kind, on) = (filesystem.format.kind().name(), &filesystem.on);
            let at = filesystem.mount.as_deref().map(|at| format!(" mounted at {at}"));
            let label = filesystem.label.as_deref().map(|label| format!(", label {label}"));
            line(
                0,
                format!(
                    "{kind} {} on {on}{}: {}{}",
                    filesystem.node,
                    at.unwrap_or_default(),
                    size(filesystem.size),
                    label.unwrap_or_default()
                ),
            );
            for subvolume in &filesystem.subvolumes {
                let at = subvolume.mount.as_deref().map(|at| format!(" mounted at {at}"));
                let default = if subvolume.default { ", the default" } else { "" };
                let (node, path) = (&subvolume.node, &subvolume.path);
                let at = at.unwrap_or_default();
                line(1, format!("subvolume {node}: {path}{at}{default}"));
            }
            if let Some(why) = &filesystem.needs_kernel {
                line(1, format!("needs the back-end `loop` or `device`: {why}"));
            }
        }
        for grub in &self.grub {
            line(0, format!("GRUB for BIOS on {}: {}", grub.disk, extent(grub.extent)));
        }
        text
    }
}
