//! A layout as a picture: a strip for each disk, array, volume group and thin pool, cut into its
//! parts, and in each part what stands on it, box in box.
//!
//! ```text
//!  disk · 4 GiB                          vg · volume group
//!  ┌ 1 esp ──┐┌ 2 lvm ─────────┐┌ free ┐ ┌ root ────────┐┌ swap ─┐
//!  │┌ vfat ─┐││┌ LUKS2 ───────┐││      │ │┌ ext4 ──────┐││┌ swap ┐│
//!  ││ /boot ││││┌ PV of vg ───┐│││      │ ││ /          │││└──────┘│
//!  │└───────┘││└└─────────────┘┘│└──────┘ └└────────────┘┘└───────┘
//! ```
//!
//! What several others make has a strip of its own, so that no box has two parents. A part is the
//! wider the larger it is, by the square root of its bytes: a boot partition beside a disk of
//! terabytes can still be read.

mod draw;
mod shapes;

use crate::driver::RaidLevel;
use crate::graph::TypeId;
use crate::layout::{GrubLayout, Layout, PartitionLayout, TableLayout, VolumeLayout, VolumeMap};
use crate::node::TableKind;
use crate::partition_type::partition_type_name;
use dibhost_text::{format_size, short_size};
use dibhost_volumes::Extent;
use shapes::{Boxed, Class, Part, Strip};

/// A gap smaller than this is left by alignment alone, bytes.
const LEAST_GAP: u64 = 1 << 20;

impl Layout {
    /// The layout as a picture: SVG 1.1 that needs nothing from elsewhere, readable on light and on
    /// dark ground.
    #[must_use]
    pub fn to_svg(&self) -> String {
        draw::draw(&self.strips())
    }

    fn strips(&self) -> Vec<Strip> {
        let disk = |disk: &crate::layout::DiskLayout| {
            let told = vec![format_size(disk.size), format!("sectors of {} B", disk.sector_size)];
            self.strip("disk", &disk.node, disk.size, told)
        };
        let arrays = self.volumes.iter().filter_map(|volume| {
            let VolumeMap::Raid { on, level, .. } = &volume.map else { return None };
            let told = vec![format_size(volume.size), format!("on {}", on.join(" and "))];
            let what = match level {
                RaidLevel::Stripe => "RAID 0",
                RaidLevel::Mirror => "RAID 1",
            };
            Some(self.strip(what, &volume.node, volume.size, told))
        });
        let mut strips: Vec<Strip> = self.disks.iter().map(disk).chain(arrays).collect();
        for group in &self.groups {
            strips.push(self.group(group));
            for pool in &group.pools {
                strips.push(self.pool(group, pool));
            }
        }
        strips
    }

    /// A disk or array: its table's partitions, or all of it.
    fn strip(&self, what: &'static str, node: &str, size: u64, mut told: Vec<String>) -> Strip {
        let name = node.to_owned();
        let Some(table) = self.tables.iter().find(|table| table.on == node) else {
            let above = self.above(node);
            let title = if above.is_empty() { "free" } else { "all of it" };
            let class = if above.is_empty() { Class::Free } else { Class::Partition };
            let part =
                Part { class, title: title.into(), lines: vec![short_size(size)], size, above };
            return Strip { what, name, told, parts: vec![part] };
        };
        told.push(match table.kind {
            TableKind::Gpt => format!("GPT {}", table.id),
            TableKind::Mbr => format!("MBR {:08x}", crate::identity::signature(table.id)),
        });
        let mut partitions: Vec<&PartitionLayout> =
            self.partitions.iter().filter(|p| p.table == table.node).collect();
        partitions.sort_unstable_by_key(|partition| partition.extent.offset);
        let mut parts = Vec::new();
        let mut at = 0;
        if let Some(grub) = self.gap(node).and_then(|gap| self.grub_in(node, gap)) {
            let size = grub.extent.size;
            let lines = vec![short_size(size), format!("at {}", format_size(grub.extent.offset))];
            let (title, above) = ("gap".to_owned(), vec![boot_loader(grub)]);
            parts.push(Part { class: Class::Free, title, lines, size, above });
            at = grub.extent.end();
        }
        for partition in partitions {
            parts.extend(free(at, partition.extent.offset));
            parts.push(self.partition_part(partition, table));
            at = partition.extent.end();
        }
        parts.extend(free(at, size));
        Strip { what, name, told, parts }
    }

    fn partition_part(&self, partition: &PartitionLayout, table: &TableLayout) -> Part {
        let extent = partition.extent;
        let mut lines = vec![short_size(extent.size), format!("at {}", format_size(extent.offset))];
        lines.push(match partition.type_id {
            TypeId::Gpt(id) => partition_type_name(id).map_or(id.to_string(), str::to_owned),
            TypeId::Mbr(id) => format!("type {id:02x}"),
        });
        let marks = [
            (partition.active, "active"),
            (partition.logical, "logical"),
            (partition.hybrid, "in the MBR too"),
            (partition.preserve, "preserved"),
        ];
        let marks: Vec<&str> = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        if !marks.is_empty() {
            lines.push(marks.join(", "));
        }
        if !partition.label.is_empty() && partition.label != partition.node {
            lines.push(format!("“{}”", partition.label));
        }
        let mut above = self.above(&partition.node);
        above.extend(self.grub_in(&table.on, extent).map(boot_loader));
        let title = format!("{} {}", partition.number, partition.node);
        Part { class: Class::Partition, title, lines, size: extent.size, above }
    }

    fn grub_in(&self, disk: &str, extent: Extent) -> Option<&GrubLayout> {
        self.grub.iter().find(|grub| grub.disk == disk && grub.extent == extent)
    }

    fn group(&self, group: &crate::layout::GroupLayout) -> Strip {
        let volumes = &group.group;
        let extents: u64 = volumes.physical_volumes.iter().map(|pv| pv.extents).sum();
        let whole = extents.saturating_mul(group.extent_size);
        let on: Vec<&str> = group.physical_volumes.iter().map(|pv| pv.on.as_str()).collect();
        let told = vec![
            short_size(whole),
            format!("extents of {}", format_size(group.extent_size)),
            format!("on {}", on.join(" and ")),
        ];
        let mut parts = Vec::new();
        let mut used = 0u64;
        for volume in self.volumes.iter().filter(
            |volume| matches!(&volume.map, VolumeMap::Logical { group: of } if *of == group.node),
        ) {
            used = used.saturating_add(volume.size);
            parts.push(self.volume_part(volume));
        }
        for pool in &group.pools {
            let lines =
                vec![short_size(pool.size), format!("chunks of {}", format_size(pool.chunk_size))];
            let (title, size) = (format!("thin pool {}", pool.node), pool.size);
            parts.push(Part { class: Class::Group, title, lines, size, above: Vec::new() });
            used = used.saturating_add(pool.size);
        }
        let metadata: u64 = group.pools.iter().map(|pool| pool.metadata_size).sum();
        let spare = group.pools.iter().map(|pool| pool.metadata_size).max().unwrap_or_default();
        let size = metadata.saturating_add(spare);
        if size > 0 {
            let lines = vec![short_size(size), "with a spare".to_owned()];
            let (class, title) = (Class::Group, "pool metadata".to_owned());
            parts.push(Part { class, title, lines, size, above: Vec::new() });
        }
        parts.extend(free(used.saturating_add(size), whole));
        Strip { what: "volume group", name: group.node.clone(), told, parts }
    }

    fn pool(&self, group: &crate::layout::GroupLayout, pool: &crate::layout::PoolLayout) -> Strip {
        let told = vec![
            format!("{} of {}", short_size(pool.size), group.node),
            format!("volumes of {} in all", short_size(pool.virtual_size)),
        ];
        let of_it = |volume: &&VolumeLayout| matches!(&volume.map, VolumeMap::Thin { pool: of, .. } if *of == pool.node);
        let parts = self.volumes.iter().filter(of_it).map(|v| self.volume_part(v)).collect();
        Strip { what: "thin pool", name: pool.node.clone(), told, parts }
    }

    fn volume_part(&self, volume: &VolumeLayout) -> Part {
        let claims = matches!(volume.map, VolumeMap::Thin { .. });
        let size = short_size(volume.size);
        let lines = vec![if claims { format!("claims {size}") } else { size }];
        let (title, size) = (volume.node.clone(), volume.size);
        Part { class: Class::Group, title, lines, size, above: self.above(&volume.node) }
    }

    /// What stands on a disk, partition or volume, the lowest first, up to what has a strip of its
    /// own. At most one thing stands on each, so there is no branch.
    fn above(&self, node: &str) -> Vec<Boxed> {
        let mut boxes = Vec::new();
        let mut node = node.to_owned();
        loop {
            let next = self.volumes.iter().find_map(|volume| match &volume.map {
                VolumeMap::Luks { on, .. } if *on == node => Some((volume, Class::Encryption)),
                VolumeMap::Verity { data, .. } if *data == node => Some((volume, Class::Array)),
                _ => None,
            });
            let Some((volume, class)) = next else { break };
            let title = match class {
                Class::Encryption => format!("LUKS2 {}", volume.node),
                _ => format!("verity {}", volume.node),
            };
            boxes.push(Boxed { class, title, lines: vec![short_size(volume.size)] });
            node.clone_from(&volume.node);
        }
        boxes.extend(self.top(&node));
        boxes
    }

    /// What stands on a volume and carries nothing itself, or has a strip of its own.
    fn top(&self, node: &str) -> Option<Boxed> {
        if let Some(filesystem) = self.filesystems.iter().find(|f| f.on == node) {
            let kind = filesystem.format.kind().name();
            let mut lines: Vec<String> = filesystem.mount.iter().cloned().collect();
            lines.push(short_size(filesystem.size));
            lines.extend(filesystem.label.iter().map(|label| format!("“{label}”")));
            let title = format!("{kind} {}", filesystem.node);
            return Some(Boxed { class: Class::Filesystem, title, lines });
        }
        let of_group =
            |g: &&crate::layout::GroupLayout| g.physical_volumes.iter().any(|pv| pv.on == node);
        if let Some(group) = self.groups.iter().find(of_group) {
            let lines = vec![format!("of {}", group.node)];
            return Some(Boxed { class: Class::Group, title: "physical volume".into(), lines });
        }
        self.volumes.iter().find_map(|volume| match &volume.map {
            VolumeMap::Raid { on, .. } if on.iter().any(|on| on == node) => Some(Boxed {
                class: Class::Array,
                title: "member".into(),
                lines: vec![format!("of {}", volume.node)],
            }),
            VolumeMap::Verity { hash, .. } if *hash == node => Some(Boxed {
                class: Class::Array,
                title: "hashes".into(),
                lines: vec![format!("of {}", volume.node)],
            }),
            _ => None,
        })
    }
}

fn boot_loader(grub: &GrubLayout) -> Boxed {
    let (title, lines) = ("GRUB".to_owned(), vec![grub.core_image.1.clone()]);
    Boxed { class: Class::Filesystem, title, lines }
}

/// What lies free between two places, if alignment alone does not explain it.
fn free(from: u64, to: u64) -> Option<Part> {
    // A table and what aligns the first partition are no room for another.
    let size = to.saturating_sub(from);
    if from == 0 || size <= LEAST_GAP {
        return None;
    }
    let (title, lines) = ("free".to_owned(), vec![short_size(size)]);
    Some(Part { class: Class::Free, title, lines, size, above: Vec::new() })
}
