//! An existing block device: whether it may be written, and what is on it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use dibhost_sys::{device_size, sector_size};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::content::{Content, Table, contents};
use super::system::{Number, System};
use dibhost_text::rounded_size;
use dibhost_volumes::Extent;
use dibhost_volumes::FileMedium;

/// A device is not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// It cannot be opened or looked at.
    #[error("{device}: {doing}: {source}")]
    Io {
        /// As it was given.
        device: String,
        /// What was being done.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// It must not be written, or the layout is not for it.
    #[error("{device} is not written: {problem}: {help}")]
    Refused {
        /// As it was given.
        device: String,
        /// Why.
        problem: String,
        /// What to do.
        help: String,
    },
    /// A node of the layout is not for this device.
    #[error("{device} is not written: node `{node}`: {problem}: {help}")]
    Node {
        /// As it was given.
        device: String,
        /// The node.
        node: String,
        /// Why.
        problem: String,
        /// What to do.
        help: String,
    },
}

/// A block device that nobody uses, held so that nobody can begin to.
#[derive(Debug)]
pub struct Device {
    /// As it was given.
    pub(super) given: String,
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) size: u64,
    pub(super) sector: u32,
    pub(super) number: Number,
    pub(super) system: System,
    pub(super) table: Table,
    contents: Vec<Content>,
    model: Option<String>,
    notes: Vec<String>,
}

/// Lets nothing else have the device exclusively: no mount, no swap, no volume.
fn open(path: &Path, write: bool) -> io::Result<File> {
    let flags = (OFlags::EXCL | OFlags::CLOEXEC | OFlags::NONBLOCK).bits().cast_signed();
    File::options().read(true).write(write).custom_flags(flags).open(path)
}

impl Device {
    /// Opens the device that a path leads to, to be written or only to be looked at.
    ///
    /// # Errors
    /// It is no block device or a partition; it is read-only; it or a part of it is mounted in any
    /// mount namespace that can be seen, swap space, or held by RAID, LVM, device-mapper or a loop
    /// device; `/` lies on it; it cannot be opened exclusively.
    pub fn open(given: &str, write: bool) -> Result<Self, DeviceError> {
        let failed =
            |doing| move |source| DeviceError::Io { device: given.to_owned(), doing, source };
        let refused = |problem: String, help: &str| DeviceError::Refused {
            device: given.to_owned(),
            problem,
            help: help.to_owned(),
        };
        let path = Path::new(given).canonicalize().map_err(failed("finding it"))?;
        let stat = fs::metadata(&path).map_err(failed("finding it"))?;
        if !stat.file_type().is_block_device() {
            let help =
                "name a disk such as `/dev/sdx`, or build a file: `dibhost block-device build`";
            return Err(refused("it is no block device".to_owned(), help));
        }
        let number = Number::of(stat.rdev());
        let system = System::new();
        let looking = failed("looking at it in /sys");
        if let Some(whole) = system.whole(number).map_err(looking)? {
            return Err(refused(format!("it is a partition of {whole}"), "name the whole disk"));
        }
        let notes = not_of_root(&system, number)
            .map_err(|problem| refused(problem, "name another disk"))?;
        let uses = system.uses(number).map_err(failed("looking for its uses"))?;
        if !uses.is_empty() {
            let said: Vec<_> = uses.iter().map(|u| format!("{} is {}", u.device, u.what)).collect();
            let help = "unmount it, stop what holds it (`swapoff`, `vgchange -an`, `cryptsetup close`, `mdadm --stop`, `losetup -d`), and try again";
            return Err(refused(said.join(", "), help));
        }
        if system.is_read_only(number).map_err(failed("looking at it in /sys"))? {
            return Err(refused(
                "it is read-only".to_owned(),
                "see `blockdev --setrw`, or a switch on it",
            ));
        }
        let file = open(&path, write).map_err(|error| match error.raw_os_error() {
            Some(code) if code == Errno::BUSY.raw_os_error() => {
                let problem = "something has it in exclusive use that /proc and /sys do not show";
                refused(problem.to_owned(), "find it with `fuser -v` or `lsblk`, and stop it")
            }
            _ => failed("opening it")(error),
        })?;
        // By its node somebody may have put another in its place meanwhile.
        let opened = file.metadata().map_err(failed("opening it"))?;
        if !opened.file_type().is_block_device() || Number::of(opened.rdev()) != number {
            return Err(refused("it became another device".to_owned(), "try again"));
        }
        let size = device_size(&file).map_err(failed("reading its size"))?;
        let sector = sector_size(&file).map_err(failed("reading the size of its sectors"))?;
        let medium = FileMedium::new(&file, Extent { offset: 0, size });
        let (table, contents) =
            contents(&medium, sector).map_err(failed("reading what is on it"))?;
        let model = system.model(number);
        let given = given.to_owned();
        Ok(Self { given, path, file, size, sector, number, system, table, contents, model, notes })
    }

    /// Bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of a logical sector.
    #[must_use]
    pub fn sector_size(&self) -> u32 {
        self.sector
    }

    /// What is on it, each with a place and a sentence.
    #[must_use]
    pub fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// What it is and what is on it, a line each.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let model = self.model.as_ref().map(|model| format!(" ({model})")).unwrap_or_default();
        let (size, sector) = (rounded_size(self.size), self.sector);
        let _ = writeln!(text, "{}{model}: {size}, sectors of {sector} B", self.given);
        for note in &self.notes {
            let _ = writeln!(text, "  {note}");
        }
        text
    }

    /// Refuses what carries a signature, unless it is named exactly as it was given.
    ///
    /// # Errors
    /// Something is on it and nobody said that it may be lost, or another device was named.
    pub fn may_be_overwritten(&self, overwrite: Option<&str>) -> Result<(), DeviceError> {
        let refused = |problem: String, help: String| {
            Err(DeviceError::Refused { device: self.given.clone(), problem, help })
        };
        match overwrite {
            Some(named) if named == self.given => Ok(()),
            Some(named) => {
                let problem = format!("`--overwrite` names `{}`", named.escape_debug());
                let help = format!("write `--overwrite {}` if that is what is meant", self.given);
                refused(problem, help)
            }
            None if self.contents.is_empty() => Ok(()),
            None => {
                let said: Vec<_> = self.contents.iter().map(|c| format!("\n  {c}")).collect();
                let problem = format!("this is on it:{}\n", said.concat());
                let help = format!(
                    "to lose what the layout does not preserve, add `--overwrite {}`",
                    self.given
                );
                refused(problem, help)
            }
        }
    }
}

/// Makes sure that `/` does not lie on it; what was looked at, where nothing was found for sure.
fn not_of_root(system: &System, number: Number) -> Result<Vec<String>, String> {
    let (disks, looked) = system.disks_below(Path::new("/"));
    if disks.contains(&number) {
        return Err(format!("the running system is on it ({})", looked.join(", ")));
    }
    if disks.is_empty() {
        let looked = if looked.is_empty() { "nothing".to_owned() } else { looked.join(", ") };
        return Ok(vec![format!("no disk is known that `/` lies on: {looked}")]);
    }
    Ok(Vec::new())
}
