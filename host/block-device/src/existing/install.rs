//! Fits a layout to an existing block device, around the partitions that are preserved.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::content::Content;
use super::device::{Device, DeviceError};
use super::grounds::grounds;
use super::preserve;
use crate::layout::{Layout, PartitionLayout};
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

impl<'a> Installation<'a> {
    /// Fits a layout to a device: it has one disk, of the device's size and sectors, and partitions
    /// to be preserved are there as the layout has them, or nothing is there at all.
    ///
    /// # Errors
    /// Where the layout is not for this device, or there is any doubt about what is preserved.
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

    /// Finds what is to be preserved, and takes what stands on it out of the layout.
    fn preserve(
        &mut self,
        at: &dyn Fn(&str, String, String) -> DeviceError,
    ) -> Result<(), DeviceError> {
        let kept = preserve::kept(&self.layout, self.device, at)?;
        if kept.partitions.is_empty() {
            return Ok(());
        }
        for partition in &mut self.layout.partitions {
            let Some(id) = kept.partitions.get(&partition.node) else { continue };
            partition.id = id.unwrap_or(partition.id);
            self.kept.insert(partition.node.clone());
        }
        let disk = self.layout.disks.first().map(|disk| disk.node.clone());
        let mut tables = self.layout.tables.iter_mut();
        let table = tables.find(|table| Some(&table.on) == disk.as_ref());
        if let (Some(table), Some(id)) = (table, kept.table) {
            table.id = id;
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
