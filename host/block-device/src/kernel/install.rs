//! Writes a layout to an existing block device, around the partitions that are preserved.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use dibhost_sys::{Cancel, add_partition, flush_device, reread_partitions};
use rustix::io::Errno;
use uuid::Uuid;

use super::content::Table;
use super::device::{Device, DeviceError};
use crate::graph::TypeId;
use crate::layout::{Layout, PartitionLayout, TableLayout, VolumeMap};
use crate::node::TableKind;
use crate::place::Extent;
use crate::realise::{Means, Realise, RealiseError, Realised, write};
use crate::secret::Secrets;
use crate::tree::Tree;
use crate::units::human;

/// Bytes at either end of a volume in which signatures of what was there before may lie.
const EDGE: u64 = 1 << 20;
/// How long a daemon that looks at new partitions may keep the kernel from reading them again.
const PATIENCE: Duration = Duration::from_secs(10);

/// A layout fitted to a device: nothing is written yet.
#[derive(Debug)]
pub struct Installation<'a> {
    device: &'a Device,
    /// Without what stands on preserved partitions.
    layout: Layout,
    /// Nodes of partitions that are there and stay.
    kept: BTreeSet<String>,
}

/// What installing needs beside the layout and the tree.
pub struct InstallTo<'a> {
    /// A folder with room for the largest filesystem that does not lie in one piece.
    pub scratch: &'a Path,
    /// Secrets of encryptions.
    pub secrets: &'a dyn Secrets,
    /// Seconds since 1970: nothing on the device is younger.
    pub time: i64,
    /// Ends it.
    pub cancel: &'a Cancel,
}

/// What was installed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// What is known only now.
    pub realised: Realised,
    /// What did not go as it should, though all is written.
    pub notes: Vec<String>,
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
            let (want, have) = (human(disk.size), human(device.size));
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
                let existing = |p: &crate::gpt::GptPartition| Existing {
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
                let existing = |p: &crate::mbr::Partition| Existing {
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
            // What moved is not lost by mistake: an MBR has no names to know it by, but sizes.
            let sized = |e: &&Existing| e.extent.size == partition.extent.size;
            let alike = || existing.iter().filter(same_type);
            let found = alike().find(numbered).or_else(|| alike().find(labelled));
            let Some(found) = found.or_else(|| alike().find(sized)) else { continue };
            if found.extent != partition.extent || found.number != partition.number {
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
        let stays = |number: Option<u32>| {
            let partition = self.layout.partitions.iter().find(|p| Some(p.number) == number)?;
            self.kept.get(&partition.node)
        };
        for content in self.device.contents() {
            let _ = match (content.partition, stays(content.partition)) {
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

    /// Writes it. What is preserved is not touched; the device's other bytes are lost where the
    /// layout has something.
    ///
    /// # Errors
    /// Something is on the device that nobody said may be lost: then nothing is written. When a
    /// program fails, something cannot be written or the build is cancelled, the device is half
    /// written: its table is the new one, and what is preserved is whole.
    pub fn write(
        self,
        tree: &mut dyn Tree,
        overwrite: Option<&str>,
        to: &InstallTo<'_>,
    ) -> Result<Installed, InstallError> {
        self.device.may_be_overwritten(overwrite)?;
        let Some(disk) = self.layout.disks.first().map(|disk| disk.node.clone()) else {
            return Ok(Installed::default());
        };
        let failed = |doing| {
            let device = self.device.given.clone();
            move |source| DeviceError::Io { device, doing, source }
        };
        let path = self.device.path.clone();
        let file = self.device.file.try_clone().map_err(failed("opening it again"))?;
        self.wipe().map_err(failed("removing old signatures"))?;
        let disks = BTreeMap::from([(disk.clone(), path.clone())]);
        let files = BTreeMap::from([(disk.clone(), file)]);
        let paths = BTreeMap::from([(disk.as_str(), path.as_path())]);
        let means = Means { kernel: true, zeroed: false, scratch: to.scratch };
        let (secrets, time, cancel) = (to.secrets, to.time, to.cancel);
        let to = Realise { disks: &disks, secrets, time, cancel };
        let realised = write(&self.layout, tree, &to, &files, &paths, &means)?;
        self.device.file.sync_all().map_err(failed("writing all of it"))?;
        flush_device(&self.device.file).map_err(failed("writing all of it"))?;
        let notes = self.tell_kernel().err().map(|error| {
            let given = &self.device.given;
            format!("{given}: the kernel still has the partitions of before ({error}): restart, or `partprobe {given}`")
        });
        Ok(Installed { realised, notes: notes.into_iter().collect() })
    }

    /// Where signatures of what was there before may lie and are not overwritten: ends of new
    /// partitions, and the gaps beside the table.
    fn wipe(&self) -> io::Result<()> {
        let Some(disk) = self.layout.disks.first() else { return Ok(()) };
        let Some(table) = self.layout.tables.iter().find(|table| table.on == disk.node) else {
            return self.edges(Extent { offset: 0, size: disk.size });
        };
        let of_table = || self.layout.partitions.iter().filter(|p| p.table == table.node);
        for partition in of_table().filter(|p| !self.kept.contains(&p.node)) {
            self.edges(partition.extent)?;
        }
        // Tables stay until the new one is there: what is preserved is found by one of them.
        let tail = match table.kind {
            TableKind::Mbr => 0,
            TableKind::Gpt => table.head() - u64::from(table.sector_size),
        };
        if let Some(gap) = self.layout.gap(&disk.node) {
            self.zero(gap.offset, gap.end().min(EDGE))?;
        }
        let extended = table.extended.map(|extended| extended.extent.end());
        let last = of_table().map(|p| p.extent.end()).chain(extended).max();
        let end = disk.size.saturating_sub(tail);
        self.zero(last.unwrap_or(0).max(end.saturating_sub(EDGE)), end)
    }

    fn edges(&self, extent: Extent) -> io::Result<()> {
        let head = extent.size.min(EDGE);
        self.zero(extent.offset, extent.offset + head)?;
        self.zero((extent.end() - head).max(extent.offset + head), extent.end())
    }

    fn zero(&self, start: u64, end: u64) -> io::Result<()> {
        let zeros = vec![0; 1 << 16];
        let mut at = start;
        while at < end {
            let length = usize::try_from(end - at).unwrap_or(zeros.len()).min(zeros.len());
            self.device.file.write_all_at(&zeros[..length], at)?;
            at += length as u64;
        }
        Ok(())
    }

    /// Lets the kernel read the table, and tells it of partitions it has no reader for.
    fn tell_kernel(&self) -> io::Result<()> {
        let Some(disk) = self.layout.disks.first() else { return Ok(()) };
        let Some(table) = self.layout.tables.iter().find(|table| table.on == disk.node) else {
            return Ok(());
        };
        let Device { file, system, number, .. } = self.device;
        let start = Instant::now();
        loop {
            match reread_partitions(file) {
                Ok(()) => break,
                // A device that has no partitions, as a loop device without `-P`.
                Err(e) if e.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => break,
                Err(e)
                    if e.raw_os_error() == Some(Errno::BUSY.raw_os_error())
                        && start.elapsed() < PATIENCE =>
                {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(e) => return Err(e),
            }
        }
        let known = system.partitions(*number)?;
        let of_table = self.layout.partitions.iter().filter(|p| p.table == table.node);
        for partition in of_table.filter(|p| !known.contains(&p.number)) {
            let Extent { offset, size } = partition.extent;
            match add_partition(file, partition.number, offset, size) {
                Err(e) if e.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => return Ok(()),
                other => other?,
            }
        }
        Ok(())
    }
}

/// A device was not installed, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Nothing was written, or not all.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Making the layout failed on the way.
    #[error(transparent)]
    Realise(#[from] RealiseError),
}

/// The partitions of the disk, or the disk itself, that a node stands on in the end.
fn grounds(layout: &Layout, node: &str) -> BTreeSet<String> {
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
