//! Writes a layout to an existing block device, in an order in which what is half written is not
//! taken for whole: old signatures go first, tables come last (see [`super::table`]).

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use dibhost_sys::{
    Cancel, add_partition, clear_device, discard_device, flush_device, reread_partitions,
};
use rustix::io::Errno;

use super::device::{Device, DeviceError};
use super::grounds::grounds;
use super::install::Installation;
use super::mark::mark;
use super::table::{write_kept, write_whole};
use crate::layout::{PartitionLayout, TableLayout, VolumeMap};
use crate::node::TableKind;
use crate::realise::{Fetched, Means, Realise, RealiseError, Realised, write};
use crate::secret::Secrets;
use dibhost_filesystems::Tree;
use dibhost_volumes::Extent;
use dibhost_volumes::FileMedium;

/// Bytes at either end of a volume in which signatures of what was there before may lie.
const EDGE: u64 = 1 << 20;
/// Bytes that a device clears at a time: an installation can be cancelled in between.
const STEP: u64 = 1 << 30;
/// How long a daemon that looks at new partitions may keep the kernel from reading them again.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// A device was not installed, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Nothing was written.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Nothing was written.
    #[error(transparent)]
    Realise(#[from] RealiseError),
    /// Writing failed on the way.
    #[error("{source}\n  {device} is half written: {state}")]
    Half {
        /// As it was given.
        device: String,
        /// How the device is now, and what to do.
        state: String,
        /// Why.
        source: Box<Self>,
    },
}

impl InstallError {
    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Realise(error) => matches!(error, RealiseError::Cancelled(_)),
            Self::Half { source, .. } => source.is_cancelled(),
            Self::Device(_) => false,
        }
    }
}

/// How far writing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What was there is made unknown, but for what is preserved.
    Emptying,
    /// Partitions, or the whole disk, are filled.
    Filling,
    /// The table is written.
    Finishing,
}

impl Installation<'_> {
    /// Writes it. What is preserved is not touched; the device's other bytes are lost where the
    /// layout has something.
    ///
    /// First old signatures and tables go, but for a table of what is preserved; then all is
    /// filled; the table comes last. Each is on the device before the next begins.
    ///
    /// # Errors
    /// Something is on the device that nobody said may be lost, or a secret is not there: then
    /// nothing is written. When a program fails, something cannot be written or the build is
    /// cancelled, the device is half written, and the error says what is on it.
    pub fn write(
        self,
        tree: &mut dyn Tree,
        overwrite: Option<&str>,
        to: &InstallTo<'_>,
    ) -> Result<Installed, InstallError> {
        self.device.may_be_overwritten(overwrite)?;
        let secrets = Fetched::of(&self.layout, to.secrets)?;
        to.cancel.check().map_err(RealiseError::from)?;
        let to = InstallTo { secrets: &secrets, ..*to };
        let mut stage = Stage::Emptying;
        let realised = self.write_all(tree, &to, &mut stage).map_err(|source| {
            let device = self.device.given.clone();
            InstallError::Half { device, state: self.left(stage), source: Box::new(source) }
        })?;
        let notes = self.tell_kernel().err().map(|error| {
            let given = &self.device.given;
            format!("{given}: the kernel still has the partitions of before ({error}): restart, or `partprobe {given}`")
        });
        Ok(Installed { realised, notes: notes.into_iter().collect() })
    }

    fn write_all(
        &self,
        tree: &mut dyn Tree,
        to: &InstallTo<'_>,
        stage: &mut Stage,
    ) -> Result<Realised, InstallError> {
        let Some(disk) = self.layout.disks.first() else { return Ok(Realised::default()) };
        let failed = |doing| {
            let device = self.device.given.clone();
            move |source| DeviceError::Io { device, doing, source }
        };
        let whole = Extent { offset: 0, size: disk.size };
        let medium = FileMedium::new(&self.device.file, whole);
        let flush = || self.device.file.sync_all();
        let table = self.table();

        let emptying = "removing old tables and signatures";
        if let Some((table, partitions)) = table.as_ref().filter(|_| !self.kept.is_empty()) {
            write_kept(&medium, table, partitions, &self.kept, &flush).map_err(failed(emptying))?;
        }
        self.wipe_gaps().map_err(failed(emptying))?;
        if self.kept.is_empty()
            && table.is_some()
            && self.layout.partitions.iter().any(|p| p.preserve)
        {
            mark(&medium).map_err(failed(emptying))?;
        }
        let zeroed = self.clear(to.cancel)?;
        flush().map_err(failed(emptying))?;

        *stage = Stage::Filling;
        let path = self.device.path.clone();
        let file = self.device.file.try_clone().map_err(failed("opening it again"))?;
        let disks = BTreeMap::from([(disk.node.clone(), path.clone())]);
        let files = BTreeMap::from([(disk.node.clone(), file)]);
        let paths = BTreeMap::from([(disk.node.as_str(), path.as_path())]);
        let table_later = table.as_ref().map(|(table, _)| table.node.as_str());
        let means = Means { kernel: true, zeroed, scratch: to.scratch, table_later };
        let realise =
            Realise { disks: &disks, secrets: to.secrets, time: to.time, cancel: to.cancel };
        let realised = write(&self.layout, tree, &realise, &files, &paths, &means)?;
        flush().map_err(failed("writing all of it"))?;

        *stage = Stage::Finishing;
        if let Some((table, partitions)) = &table {
            let context = failed("writing its partition table");
            write_whole(&medium, table, partitions, &flush).map_err(context)?;
        }
        flush_device(&self.device.file).map_err(failed("writing all of it"))?;
        Ok(realised)
    }

    /// The table of the disk, with its partitions.
    fn table(&self) -> Option<(&TableLayout, Vec<&PartitionLayout>)> {
        let disk = self.layout.disks.first()?;
        let table = self.layout.tables.iter().find(|table| table.on == disk.node)?;
        let partitions = self.layout.partitions.iter().filter(|p| p.table == table.node);
        Some((table, partitions.collect()))
    }

    /// Sees to it that a device that is half written looks like one, and says how it is.
    fn left(&self, stage: Stage) -> String {
        let again = "install it again";
        let table = self.table();
        if table.is_none() {
            // What stands on the disk itself has its signature at either end.
            let disk = self.layout.disks.first();
            let whole = disk.map(|disk| Extent { offset: 0, size: disk.size });
            let wiped = whole.map_or(Ok(()), |whole| self.edges(whole));
            return match wiped.and_then(|()| self.device.file.sync_all()) {
                Ok(()) => format!(
                    "its signatures are removed, so that nothing is found on it, and what was on it is lost: {again}"
                ),
                Err(error) => format!(
                    "what is on it may look whole and is not, for its signatures could not be removed ({error}): {again}"
                ),
            };
        }
        // The kernel's partitions are those of before: what is said next is what it finds.
        let _ = reread_partitions(&self.device.file);
        let kept: Vec<_> = self.kept.iter().map(|node| format!("`{node}`")).collect();
        let kept = kept.join(", ");
        match (stage, self.kept.is_empty()) {
            (Stage::Emptying, true) => format!(
                "its partition table may be removed or not, and what was on it is lost: {again}"
            ),
            (Stage::Filling, true) => format!(
                "it has no partition table, so that nothing is found on it, and what was on it is lost: {again}"
            ),
            (Stage::Finishing, true) => {
                format!("its partitions are written, and its table may be incomplete: {again}")
            }
            (Stage::Emptying, false) => format!(
                "what is preserved ({kept}) is whole and in its partition table, and all else may be lost: {again}"
            ),
            (Stage::Filling, false) => format!(
                "its partition table has what is preserved ({kept}) and nothing else, for all else is lost: {again}"
            ),
            (Stage::Finishing, false) => format!(
                "what is preserved ({kept}) is whole and in its partition table, which may lack other partitions: {again}"
            ),
        }
    }

    /// The gaps beside the table, where signatures of what was there before may lie; and the table,
    /// unless something is preserved, which is found by it.
    fn wipe_gaps(&self) -> io::Result<()> {
        let Some(disk) = self.layout.disks.first() else { return Ok(()) };
        let Some((table, partitions)) = self.table() else { return Ok(()) };
        let is_kept = !self.kept.is_empty();
        let (head, tail) = match table.kind {
            _ if !is_kept => (0, 0),
            TableKind::Mbr => (table.head(), 0),
            TableKind::Gpt => (table.head(), table.head() - u64::from(table.sector_size)),
        };
        let gap = self.layout.gap(&disk.node).map_or(table.head(), |gap| gap.end());
        self.zero(head, gap.min(EDGE))?;
        let extended = table.extended.map(|extended| extended.extent.end());
        let last = partitions.iter().map(|p| p.extent.end()).chain(extended).max();
        let end = disk.size.saturating_sub(tail);
        self.zero(last.unwrap_or(0).max(end.saturating_sub(EDGE)), end)
    }

    /// Makes the new partitions, or the disk itself, read as zeros if the device can do that by
    /// itself, and says whether it could. Where it cannot, they are discarded if it can do that, and
    /// their ends are zeroed.
    fn clear(&self, cancel: &Cancel) -> Result<bool, InstallError> {
        let volumes: Vec<(&str, Extent)> = match self.table() {
            Some((_, partitions)) => partitions
                .iter()
                .filter(|partition| !self.kept.contains(&partition.node))
                .map(|partition| (partition.node.as_str(), partition.extent))
                .collect(),
            None => {
                let whole = |size| Extent { offset: 0, size };
                self.layout.disks.iter().map(|d| (d.node.as_str(), whole(d.size))).collect()
            }
        };
        let failed = |source| {
            let (device, doing) = (self.device.given.clone(), "clearing it");
            InstallError::from(DeviceError::Io { device, doing, source })
        };
        let mut all = true;
        for (node, extent) in volumes {
            if self.step(extent, cancel, &|at, size| {
                clear_device(&self.device.file, at, size).map_err(failed)
            })? {
                continue;
            }
            all = false;
            // What was there before is of no use to anybody; a device may keep it all the same.
            self.step(extent, cancel, &|at, size| {
                Ok(discard_device(&self.device.file, at, size).is_ok())
            })?;
            if self.is_encrypted_in_part(node) {
                self.step(extent, cancel, &|at, size| {
                    self.zero(at, at + size).map_err(failed).map(|()| true)
                })?;
            } else {
                self.edges(extent).map_err(failed)?;
            }
        }
        Ok(all)
    }

    /// Goes through an extent until something cannot be done.
    fn step(
        &self,
        extent: Extent,
        cancel: &Cancel,
        act: &dyn Fn(u64, u64) -> Result<bool, InstallError>,
    ) -> Result<bool, InstallError> {
        let mut at = extent.offset;
        while at < extent.end() {
            cancel.check().map_err(RealiseError::from)?;
            let size = STEP.min(extent.end() - at);
            if !act(at, size)? {
                return Ok(false);
            }
            at += size;
        }
        Ok(true)
    }

    /// Whether an encryption stands on a partition that is not written to its end: what is no
    /// filesystem leaves parts of it as they were, among them what should be seen by nobody.
    fn is_encrypted_in_part(&self, ground: &str) -> bool {
        let layout = &self.layout;
        layout.volumes.iter().any(|volume| {
            matches!(volume.map, VolumeMap::Luks { .. })
                && !layout.filesystems.iter().any(|filesystem| filesystem.on == volume.node)
                && grounds(layout, &volume.node).contains(ground)
        })
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
        let Some((_, partitions)) = self.table() else { return Ok(()) };
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
        for partition in partitions.iter().filter(|p| !known.contains(&p.number)) {
            let Extent { offset, size } = partition.extent;
            match add_partition(file, partition.number, offset, size) {
                Err(e) if e.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => return Ok(()),
                other => other?,
            }
        }
        Ok(())
    }
}
