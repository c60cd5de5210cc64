//! What the kernel says of block devices: partitions, holders, what they stand on, what is mounted.
//!
//! Read from `/sys` and `/proc`, whose place can be another for tests: not every kernel has RAID, LVM
//! or device-mapper to make a real one of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};

use crate::kernel::unescaped;

/// How deep devices may stand on one another; the kernel itself stops at less.
const DEPTH: usize = 64;

/// The number of a block device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(pub(super) u32, pub(super) u32);

impl Number {
    pub(super) fn of(device: u64) -> Self {
        Self(major(device), minor(device))
    }

    /// `8:1`.
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.trim().split_once(':')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }

    /// Of a device's node.
    fn of_node(path: &Path) -> Option<Self> {
        let stat = fs::metadata(path).ok()?;
        stat.file_type().is_block_device().then(|| Self::of(stat.rdev()))
    }
}

/// A use of a device, or of what stands on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    /// The device, as the kernel calls it.
    pub(super) device: String,
    /// What it is in use as.
    pub(super) what: String,
}

/// The kernel's files.
#[derive(Debug, Clone)]
pub(super) struct System {
    sys: PathBuf,
    proc: PathBuf,
}

/// A device, and devices that are parts of it or stand on it, by their numbers.
type Family = BTreeMap<Number, String>;

impl System {
    pub(super) fn new() -> Self {
        Self { sys: "/sys".into(), proc: "/proc".into() }
    }

    #[cfg(test)]
    pub(super) fn at(root: &Path) -> Self {
        Self { sys: root.join("sys"), proc: root.join("proc") }
    }

    /// The folder of a device.
    fn folder(&self, Number(major, minor): Number) -> io::Result<PathBuf> {
        self.sys.join(format!("dev/block/{major}:{minor}")).canonicalize()
    }

    /// The name the kernel has for it.
    pub(super) fn name(&self, number: Number) -> io::Result<String> {
        Ok(name(&self.folder(number)?))
    }

    /// The whole device that it is a partition of.
    pub(super) fn whole(&self, number: Number) -> io::Result<Option<String>> {
        let folder = self.folder(number)?;
        let parent = folder.parent().filter(|_| folder.join("partition").exists());
        Ok(parent.map(name))
    }

    /// Whether the kernel refuses to write to it.
    pub(super) fn is_read_only(&self, number: Number) -> io::Result<bool> {
        Ok(fs::read_to_string(self.folder(number)?.join("ro"))?.trim() == "1")
    }

    /// What a person knows it by.
    pub(super) fn model(&self, number: Number) -> Option<String> {
        let text = fs::read_to_string(self.folder(number).ok()?.join("device/model")).ok()?;
        let model = text.trim().escape_debug().to_string();
        (!model.is_empty()).then_some(model)
    }

    /// The partitions that the kernel knows of, by their numbers in the table.
    pub(super) fn partitions(&self, number: Number) -> io::Result<BTreeSet<u32>> {
        let folders = partitions(&self.folder(number)?)?;
        let number = |folder: &PathBuf| {
            fs::read_to_string(folder.join("partition")).ok()?.trim().parse().ok()
        };
        Ok(folders.iter().filter_map(number).collect())
    }

    /// Every use of a device, of its partitions and of what stands on them.
    pub(super) fn uses(&self, number: Number) -> io::Result<Vec<Use>> {
        let mut uses = Vec::new();
        let mut family = Family::new();
        self.family(&self.folder(number)?, &mut family, &mut uses, 0)?;
        self.loops(&mut family, &mut uses)?;
        self.mounts(&family, &mut uses)?;
        self.swaps(&family, &mut uses);
        self.btrfs(&family, &mut uses);
        Ok(uses)
    }

    fn family(
        &self,
        folder: &Path,
        family: &mut Family,
        uses: &mut Vec<Use>,
        depth: usize,
    ) -> io::Result<()> {
        let text = fs::read_to_string(folder.join("dev"))?;
        let number = Number::parse(&text).ok_or_else(|| unreadable(folder, "dev", &text))?;
        if depth > DEPTH || family.insert(number, name(folder)).is_some() {
            return Ok(());
        }
        for partition in partitions(folder)? {
            self.family(&partition, family, uses, depth + 1)?;
        }
        for holder in links(&folder.join("holders"))? {
            uses.push(Use { device: name(folder), what: holding(&holder) });
            self.family(&holder, family, uses, depth + 1)?;
        }
        Ok(())
    }

    /// Loop devices over a device hold nothing, and what is on them is on it.
    fn loops(&self, family: &mut Family, uses: &mut Vec<Use>) -> io::Result<()> {
        let mut more = true;
        while more {
            more = false;
            for folder in links(&self.sys.join("block"))? {
                let Ok(backing) = fs::read(folder.join("loop/backing_file")) else { continue };
                let backing = Path::new(std::ffi::OsStr::from_bytes(backing.trim_ascii_end()));
                let below = Number::of_node(backing).and_then(|number| family.get(&number));
                let known = family.values().any(|known| *known == name(&folder));
                let Some(below) = below.filter(|_| !known).cloned() else { continue };
                let what = format!("the backing of the loop device {}", name(&folder));
                uses.push(Use { device: below, what });
                self.family(&folder, family, uses, 0)?;
                more = true;
            }
        }
        Ok(())
    }

    /// Mounts in every mount namespace that this process may look at.
    fn mounts(&self, family: &Family, uses: &mut Vec<Use>) -> io::Result<()> {
        let mut seen = BTreeSet::new();
        let own = self.proc.join("self");
        let mut processes = vec![own];
        for entry in fs::read_dir(&self.proc)? {
            let entry = entry?;
            if entry.file_name().as_bytes().iter().all(u8::is_ascii_digit) {
                processes.push(entry.path());
            }
        }
        for process in processes {
            // Processes end while they are looked at, and some are not for this one to see.
            let Ok(namespace) = fs::read_link(process.join("ns/mnt")) else { continue };
            if !seen.insert(namespace) {
                continue;
            }
            let Ok(text) = fs::read(process.join("mountinfo")) else { continue };
            for mount in text.split(|byte| *byte == b'\n').filter_map(Mount::parse) {
                if let Some(device) = mount.number().and_then(|number| family.get(&number)) {
                    let at = mount.at.display().to_string().escape_debug().to_string();
                    let what = format!("mounted at {at}");
                    let found = Use { device: device.clone(), what };
                    if !uses.contains(&found) {
                        uses.push(found);
                    }
                }
            }
        }
        Ok(())
    }

    fn swaps(&self, family: &Family, uses: &mut Vec<Use>) {
        let Ok(text) = fs::read(self.proc.join("swaps")) else { return };
        for line in text.split(|byte| *byte == b'\n').skip(1) {
            let path = unescaped(line.split(u8::is_ascii_whitespace).next().unwrap_or_default());
            if let Some(device) = Number::of_node(&path).and_then(|number| family.get(&number)) {
                let what = "in use as swap space".to_owned();
                uses.push(Use { device: device.clone(), what });
            }
        }
    }

    /// A mounted btrfs names one of its devices alone.
    fn btrfs(&self, family: &Family, uses: &mut Vec<Use>) {
        let Ok(filesystems) = fs::read_dir(self.sys.join("fs/btrfs")) else { return };
        for filesystem in filesystems.flatten() {
            for device in links(&filesystem.path().join("devices")).unwrap_or_default() {
                let device = name(&device);
                let what = "a device of a mounted btrfs".to_owned();
                let found = Use { device, what };
                if family.values().any(|known| *known == found.device) && !uses.contains(&found) {
                    uses.push(found);
                }
            }
        }
    }

    /// The whole disks that a path lies on, as far as they are known, and what was looked at.
    pub(super) fn disks_below(&self, path: &Path) -> (BTreeSet<Number>, Vec<String>) {
        let mut looked = Vec::new();
        let mut found = BTreeSet::new();
        self.path(path, &mut found, &mut looked, 0);
        (found, looked)
    }

    fn path(
        &self,
        path: &Path,
        found: &mut BTreeSet<Number>,
        looked: &mut Vec<String>,
        depth: usize,
    ) {
        let shown = path.display().to_string().escape_debug().to_string();
        let Ok(stat) = fs::metadata(path) else { return };
        if depth > DEPTH {
            return;
        }
        let number = Number::of(stat.dev());
        if self.folder(number).is_ok() {
            looked.push(format!("{shown} is on {}", self.name(number).unwrap_or_default()));
            self.below(number, found, looked, depth + 1);
            return;
        }
        // A filesystem with a number of its own, as btrfs and overlayfs: its mount says more.
        let Ok(text) = fs::read(self.proc.join("self/mountinfo")) else { return };
        let mut mounts = text.split(|byte| *byte == b'\n').filter_map(Mount::parse);
        let Some(mount) = mounts.rfind(|mount| path.starts_with(&mount.at)) else {
            return;
        };
        looked.push(format!("{shown} is a {} without a device of its own", mount.kind));
        if let Some(number) = Number::of_node(&mount.source) {
            looked.push(format!("its source is {}", mount.source.display()));
            self.below(number, found, looked, depth + 1);
        }
        for folder in mount.folders() {
            self.path(&folder, found, looked, depth + 1);
        }
    }

    /// Devices below a device, itself among them.
    fn below(
        &self,
        number: Number,
        found: &mut BTreeSet<Number>,
        looked: &mut Vec<String>,
        depth: usize,
    ) {
        if depth > DEPTH || !found.insert(number) {
            return;
        }
        let Ok(folder) = self.folder(number) else { return };
        let mut lower = links(&folder.join("slaves")).unwrap_or_default();
        if folder.join("partition").exists() {
            lower.extend(folder.parent().map(Path::to_owned));
        }
        for folder in lower {
            let text = fs::read_to_string(folder.join("dev")).unwrap_or_default();
            if let Some(number) = Number::parse(&text) {
                self.below(number, found, looked, depth + 1);
            }
        }
        if let Ok(backing) = fs::read(folder.join("loop/backing_file")) {
            let backing = PathBuf::from(std::ffi::OsStr::from_bytes(backing.trim_ascii_end()));
            match Number::of_node(&backing) {
                Some(number) => self.below(number, found, looked, depth + 1),
                None => self.path(&backing, found, looked, depth + 1),
            }
        }
    }
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn unreadable(folder: &Path, file: &str, text: &str) -> io::Error {
    let problem = format!("{}/{file} says `{}`", folder.display(), text.escape_debug());
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// The folders of a device's partitions.
fn partitions(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.join("partition").exists() && !path.is_symlink() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// What the links of a folder lead to; nothing where there is no such folder.
fn links(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        found.push(entry?.path().canonicalize()?);
    }
    found.sort();
    Ok(found)
}

/// What holds a device, by its folder.
fn holding(holder: &Path) -> String {
    let called = |file: &str| {
        let text = fs::read_to_string(holder.join(file)).ok()?;
        Some(text.trim().escape_debug().to_string())
    };
    let device = name(holder);
    if let Some(named) = called("dm/name") {
        let kind = match called("dm/uuid").unwrap_or_default() {
            uuid if uuid.starts_with("LVM-") => "the LVM volume",
            uuid if uuid.starts_with("CRYPT-VERITY-") => "the verified volume",
            uuid if uuid.starts_with("CRYPT-") => "the encrypted volume",
            _ => "the device-mapper device",
        };
        return format!("held by {kind} {named} ({device})");
    }
    let kind = if holder.join("md").exists() {
        "the RAID "
    } else if holder.join("bcache").exists() {
        "the cache "
    } else {
        ""
    };
    format!("held by {kind}{device}")
}

/// A line of `mountinfo`.
struct Mount {
    number: Option<Number>,
    at: PathBuf,
    kind: String,
    source: PathBuf,
    options: Vec<u8>,
}

impl Mount {
    /// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
    fn parse(line: &[u8]) -> Option<Self> {
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let dash = fields.iter().position(|field| *field == b"-")?;
        Some(Self {
            number: Number::parse(std::str::from_utf8(fields.get(2)?).ok()?),
            at: unescaped(fields.get(4)?),
            kind: String::from_utf8_lossy(fields.get(dash + 1)?).into_owned(),
            source: unescaped(fields.get(dash + 2)?),
            options: fields.get(dash + 3)?.to_vec(),
        })
    }

    /// The device that is mounted. Of btrfs and others, whose number is none, it is the source.
    fn number(&self) -> Option<Number> {
        match self.number {
            Some(Number(0, _)) | None => Number::of_node(&self.source),
            number => number,
        }
    }

    /// Folders that an overlay is made of.
    fn folders(&self) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        for option in self.options.split(|byte| *byte == b',') {
            let keys = [&b"lowerdir="[..], b"upperdir=", b"workdir=", b"lowerdir+=", b"datadir+="];
            for value in keys.iter().filter_map(|key| option.strip_prefix(*key)) {
                let parts = value.split(|byte| *byte == b':').filter(|part| !part.is_empty());
                folders.extend(parts.map(unescaped));
            }
        }
        folders
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A disk `sda` with two partitions; `sda1` is a physical volume with a logical volume in use,
    /// `sda2` a member of a RAID. As Linux 6.1 shows it.
    fn machine(root: &Path) -> System {
        let sda = root.join("sys/devices/pci/block/sda");
        let dm = root.join("sys/devices/virtual/block/dm-0");
        let md = root.join("sys/devices/virtual/block/md127");
        let put = |folder: &Path, file: &str, text: &str| {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for (folder, number) in
            [(&sda, "8:0"), (&sda.join("sda1"), "8:1"), (&sda.join("sda2"), "8:2"), (&dm, "252:0")]
        {
            put(folder, "dev", &format!("{number}\n"));
            put(folder, "ro", "0\n");
            fs::create_dir_all(folder.join("holders")).unwrap();
            fs::create_dir_all(root.join("sys/dev/block")).unwrap();
            symlink(folder, root.join("sys/dev/block").join(number)).unwrap();
        }
        put(&md, "dev", "9:127\n");
        put(&md, "md/level", "raid1\n");
        put(&sda.join("sda1"), "partition", "1\n");
        put(&sda.join("sda2"), "partition", "2\n");
        put(&dm, "dm/name", "vg-root\n");
        put(&dm, "dm/uuid", "LVM-abc\n");
        put(&dm, "slaves/.keep", "");
        fs::remove_file(dm.join("slaves/.keep")).unwrap();
        symlink(&dm, sda.join("sda1/holders/dm-0")).unwrap();
        symlink(sda.join("sda1"), dm.join("slaves/sda1")).unwrap();
        symlink(&md, sda.join("sda2/holders/md127")).unwrap();
        fs::create_dir_all(root.join("sys/block")).unwrap();
        symlink(&sda, root.join("sys/block/sda")).unwrap();
        let own = root.join("proc/1");
        put(&own, "mountinfo", "36 35 252:0 / /a\\040b rw - ext4 /dev/mapper/vg-root rw\n");
        fs::create_dir_all(own.join("ns")).unwrap();
        symlink("mnt:[1]", own.join("ns/mnt")).unwrap();
        symlink("1", root.join("proc/self")).unwrap();
        System::at(root)
    }

    #[test]
    fn holders_of_partitions_and_what_is_mounted_from_them_are_uses_of_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let system = machine(folder.path());
        let uses = system.uses(Number(8, 0)).unwrap();
        let said: Vec<_> = uses.iter().map(|u| format!("{}: {}", u.device, u.what)).collect();
        assert_eq!(
            said,
            [
                "sda1: held by the LVM volume vg-root (dm-0)",
                "sda2: held by the RAID md127",
                "dm-0: mounted at /a b",
            ]
        );
        assert_eq!(system.partitions(Number(8, 0)).unwrap(), BTreeSet::from([1, 2]));
        assert_eq!(system.whole(Number(8, 2)).unwrap().as_deref(), Some("sda"));
        assert_eq!(system.whole(Number(8, 0)).unwrap(), None);
    }

    #[test]
    fn a_volume_is_followed_to_its_disk() {
        let folder = tempfile::tempdir().unwrap();
        let system = machine(folder.path());
        let mut found = BTreeSet::new();
        system.below(Number(252, 0), &mut found, &mut Vec::new(), 0);
        assert_eq!(found, BTreeSet::from([Number(8, 0), Number(8, 1), Number(252, 0)]));
    }

    #[test]
    fn lines_of_mountinfo_are_read_or_left() {
        let overlay =
            b"1 2 0:30 / / rw shared:1 - overlay overlay rw,lowerdir=/a:/b\\040c,upperdir=/u";
        let mount = Mount::parse(overlay).unwrap();
        let want = ["/a", "/b c", "/u"].map(PathBuf::from);
        assert_eq!(mount.folders(), want);
        assert_eq!(mount.number(), None);
        for bad in [&b""[..], b"1 2", b"1 2 3 4 5 - ", b"- - -", b"a b c:d e f g - h i\\9 j"] {
            let _ = Mount::parse(bad);
        }
        assert_eq!(unescaped(b"a\\01"), PathBuf::from("a\\01"));
    }
}
