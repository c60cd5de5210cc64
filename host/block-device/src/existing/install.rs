//! Fits a layout to an existing block device, around the partitions that are preserved.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use uuid::Uuid;

use super::content::{Content, Table};
use super::device::{Device, DeviceError};
use crate::graph::TypeId;
use crate::layout::{Layout, PartitionLayout, TableLayout, VolumeMap};
use crate::node::TableKind;
use dibhost_text::rounded_size;
use dibhost_volumes::Extent;

/// A layout fitted to a device: nothing is written yet.
#[derive(Debug)]
pub struct Installation<'a> {
    pub(super) device: &'a Device,
    /// Without what stands on preserved partitions.
    pub(super) layout: Layout,
    /// Nodes of partitions that are there and stay.
    pub(super) kept: BTreeSet<String>,
}

/// A partition that a table has.
struct Existing {
    number: u32,
    type_id: TypeId,
    extent: Extent,
    id: Uuid,
    label: String,
}

impl<'a> Installation<'a> {
    /// Fits a layout to a device: it has one disk, of the device's size and sectors, and partitions
    /// to be preserved lie where they are.
    ///
    /// # Errors
    /// Where the layout is not for this device, or would move or cut what is preserved.
    pub fn new(layout: &Layout, device: &'a Device) -> Result<Self, DeviceError> {
        let given = &device.given;
        let at = |node: &str, problem: String, help: String| DeviceError::Node {
            device: given.clone(),
            node: node.to_owned(),
            problem,
            help,
        };
        let disk = match layout.disks.as_slice() {
            [disk] => disk,
            disks => {
                let problem = format!("the layout has {} disks", disks.len());
                let help = "install a layout of one disk".to_owned();
                return Err(DeviceError::Refused { device: given.clone(), problem, help });
            }
        };
        if disk.sector_size != device.sector {
            let (have, want) = (device.sector, disk.sector_size);
            let problem = format!("it has sectors of {want} bytes, and the device of {have}");
            return Err(at(&disk.node, problem, format!("let the disk have sectors of {have}")));
        }
        if disk.size > device.size {
            let (want, have) = (rounded_size(disk.size), rounded_size(device.size));
            let problem = format!("it has {want}, and the device {have}");
            return Err(at(&disk.node, problem, "use a larger device, or a smaller disk".into()));
        }
        let mut installation = Self { device, layout: layout.clone(), kept: BTreeSet::new() };
        installation.preserve(&at)?;
        Ok(installation)
    }

    fn existing(&self, table: &TableLayout) -> (Option<Uuid>, Vec<Existing>) {
        match (&self.device.table, table.kind) {
            (Table::Gpt(gpt), TableKind::Gpt) => {
                let existing = |p: &dibhost_volumes::gpt::GptPartition| Existing {
                    number: p.number,
                    type_id: TypeId::Gpt(p.type_id),
                    extent: p.extent,
                    id: p.id,
                    label: p.label.clone(),
                };
                (Some(gpt.id), gpt.partitions.iter().map(existing).collect())
            }
            (Table::Mbr(mbr), TableKind::Mbr) => {
                // PARTUUIDs are made of the signature, which stands first in a table's UUID.
                let mut id = table.id.into_bytes();
                id[..4].copy_from_slice(&mbr.signature.to_be_bytes());
                let existing = |p: &dibhost_volumes::mbr::Partition| Existing {
                    number: p.number,
                    type_id: TypeId::Mbr(p.type_id),
                    extent: p.extent,
                    id: Uuid::nil(),
                    label: String::new(),
                };
                (Some(Uuid::from_bytes(id)), mbr.partitions.iter().map(existing).collect())
            }
            _ => (None, Vec::new()),
        }
    }

    /// Finds what is to be preserved, and takes what stands on it out of the layout.
    fn preserve(
        &mut self,
        at: &dyn Fn(&str, String, String) -> DeviceError,
    ) -> Result<(), DeviceError> {
        let disk = self.layout.disks.first().map(|disk| disk.node.clone()).unwrap_or_default();
        let Some(table) = self.layout.tables.iter().position(|table| table.on == disk) else {
            return Ok(());
        };
        let (id, existing) = self.existing(&self.layout.tables[table]);
        let node = self.layout.tables[table].node.clone();
        let of_table = |p: &&mut PartitionLayout| p.table == node && p.preserve;
        for partition in self.layout.partitions.iter_mut().filter(of_table) {
            let same_type = |e: &&Existing| e.type_id == partition.type_id;
            let numbered = |e: &&Existing| e.number == partition.number;
            let labelled = |e: &&Existing| !e.label.is_empty() && e.label == partition.label;
            let placed = |e: &&Existing| e.extent == partition.extent;
            // What moved is not lost by mistake: an MBR has no names to know it by, but sizes.
            let sized = |e: &&Existing| e.extent.size == partition.extent.size;
            let alike = || existing.iter().filter(same_type);
            let found = alike().find(placed).or_else(|| alike().find(numbered));
            let found = found.or_else(|| alike().find(labelled));
            let Some(found) = found.or_else(|| alike().find(sized)) else { continue };
            // An installation that did not end leaves a logical partition as a primary one.
            let same_number = found.number == partition.number
                || partition.logical && matches!(found.type_id, TypeId::Mbr(_)) && found.number < 5;
            if found.extent != partition.extent || !same_number {
                let place = |number: u32, extent: Extent| {
                    format!("number {number}, {} bytes at {}", extent.size, extent.offset)
                };
                let problem = format!(
                    "it is preserved and lies there as {}, and the layout has it as {}",
                    place(found.number, found.extent),
                    place(partition.number, partition.extent)
                );
                let help = "let what is before it have the sizes it had, and give it the size in bytes that it has; if it may be lost, remove the table first (`wipefs --all`)";
                return Err(at(&partition.node, problem, help.to_owned()));
            }
            if found.id != Uuid::nil() {
                partition.id = found.id;
            }
            self.kept.insert(partition.node.clone());
        }
        if self.kept.is_empty() {
            return Ok(());
        }
        if let Some(id) = id {
            self.layout.tables[table].id = id;
        }
        self.leave_out(at)
    }

    /// Leaves out what stands on preserved partitions.
    fn leave_out(
        &mut self,
        at: &dyn Fn(&str, String, String) -> DeviceError,
    ) -> Result<(), DeviceError> {
        let layout = self.layout.clone();
        let mut out = BTreeSet::new();
        let mut check = |node: &str| {
            let below = grounds(&layout, node);
            let on_kept = below.iter().filter(|ground| self.kept.contains(*ground)).count();
            if on_kept == 0 {
                return Ok(());
            }
            if let Some(other) = below.iter().find(|ground| !self.kept.contains(*ground)) {
                let problem = format!("it stands on preserved partitions and on `{other}`");
                let help = "preserve all that it stands on, or nothing".to_owned();
                return Err(at(node, problem, help));
            }
            out.insert(node.to_owned());
            Ok(())
        };
        for group in &layout.groups {
            check(&group.node)?;
        }
        for volume in &layout.volumes {
            check(&volume.node)?;
        }
        for filesystem in &layout.filesystems {
            check(&filesystem.node)?;
        }
        for table in layout.tables.iter().filter(|table| layout.volume(&table.on).is_some()) {
            check(&table.node)?;
        }
        let layout = &mut self.layout;
        layout.groups.retain(|group| !out.contains(&group.node));
        layout.filesystems.retain(|filesystem| !out.contains(&filesystem.node));
        layout.tables.retain(|table| !out.contains(&table.node));
        layout.partitions.retain(|partition| !out.contains(&partition.table));
        layout.volumes.retain(|volume| !out.contains(&volume.node));
        // Its boot sector leads to a core image that is there.
        let kept: Vec<Extent> = layout
            .partitions
            .iter()
            .filter(|p| self.kept.contains(&p.node))
            .map(|p| p.extent)
            .collect();
        layout.grub.retain(|grub| !kept.contains(&grub.extent));
        Ok(())
    }

    /// What stays, and what is lost, a line each.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = self.device.to_text();
        // By its place: a number may be another for a while.
        let stays = |content: &Content| {
            content.partition?;
            let same =
                |p: &&PartitionLayout| p.extent == content.extent && self.kept.contains(&p.node);
            self.layout.partitions.iter().find(same).map(|partition| &partition.node)
        };
        for content in self.device.contents() {
            let _ = match (content.partition, stays(content)) {
                (_, Some(node)) => writeln!(text, "  stays: {content} (node `{node}`)"),
                (None, None) if !self.kept.is_empty() => {
                    writeln!(text, "  written again: {content}")
                }
                _ => writeln!(text, "  lost: {content}"),
            };
        }
        if self.device.contents().is_empty() {
            text.push_str("  nothing is on it that is known\n");
        }
        text
    }

    /// The layout without what stays as it is.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

/// The partitions of the disk, or the disk itself, that a node stands on in the end.
pub(super) fn grounds(layout: &Layout, node: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut left = vec![node.to_owned()];
    while let Some(node) = left.pop() {
        if !seen.insert(node.clone()) {
            continue;
        }
        let filesystem = layout.filesystems.iter().find(|f| f.node == node);
        let group = layout.groups.iter().find(|g| g.node == node);
        let table = layout.tables.iter().find(|t| t.node == node);
        if let Some(filesystem) = filesystem {
            left.push(filesystem.on.clone());
        } else if let Some(group) = group {
            left.extend(group.physical_volumes.iter().map(|pv| pv.on.clone()));
        } else if let Some(table) = table {
            left.push(table.on.clone());
        } else if let Some((_, table)) = layout.partition(&node) {
            if layout.disks.iter().any(|disk| disk.node == table.on) {
                found.insert(node);
            } else {
                left.push(table.on.clone());
            }
        } else if let Some(volume) = layout.volume(&node) {
            match &volume.map {
                VolumeMap::Luks { on, .. } => left.push(on.clone()),
                VolumeMap::Raid { on, .. } => left.extend(on.iter().cloned()),
                VolumeMap::Verity { data, hash } => left.extend([data.clone(), hash.clone()]),
                VolumeMap::Logical { group } | VolumeMap::Thin { group, .. } => {
                    left.push(group.clone());
                }
            }
        } else {
            found.insert(node);
        }
    }
    found
}
