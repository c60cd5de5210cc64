//! What a build left behind: mounts, loop devices, processes, files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How long what is being taken down may take after the program ended: the kernel ends a
/// namespace's processes and frees its loop devices a moment after the last of it is closed.
const GRACE: Duration = Duration::from_secs(10);

/// The mounts of this mount namespace, the kernel's loop devices, the processes below this
/// one, and the files in some folders, at one moment.
///
/// Taking one makes this process the one that inherits orphans of its descendants
/// (`PR_SET_CHILD_SUBREAPER`), so that whatever a killed build leaves running is found, whoever
/// started it and whatever it calls itself. Mounts and loop devices are the whole machine's:
/// nothing else may mount meanwhile, so tests that look for leftovers run one at a time.
#[derive(Debug, Clone)]
pub struct Snapshot {
    folders: Vec<PathBuf>,
    mounts: BTreeSet<String>,
    loops: BTreeMap<String, String>,
    processes: BTreeMap<u32, String>,
    files: BTreeSet<PathBuf>,
}

impl Snapshot {
    /// Takes one.
    ///
    /// # Errors
    /// When `/proc` or `/sys` cannot be read.
    pub fn take(folders: &[&Path]) -> Result<Self> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .context("becoming the process that inherits orphans")?;
        Self::look(folders.iter().map(|folder| folder.to_path_buf()).collect())
    }

    fn look(folders: Vec<PathBuf>) -> Result<Self> {
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").context("reading mounts")?;
        let mut files = BTreeSet::new();
        for folder in &folders {
            walk(folder, &mut files)?;
        }
        Ok(Self {
            mounts: mountinfo.lines().map(str::to_owned).collect(),
            loops: loops()?,
            processes: descendants(std::process::id())?,
            files,
            folders,
        })
    }

    /// What is there now and was not then, a line each; empty when nothing is.
    ///
    /// # Errors
    /// When `/proc` or `/sys` cannot be read.
    pub fn left(&self) -> Result<Vec<String>> {
        let now = Self::look(self.folders.clone())?;
        let mut left = Vec::new();
        left.extend(now.mounts.difference(&self.mounts).map(|line| format!("mount: {line}")));
        for (device, file) in &now.loops {
            if self.loops.get(device) != Some(file) {
                left.push(format!("loop device: {device} on {file}"));
            }
        }
        for (id, what) in &now.processes {
            if self.processes.get(id) != Some(what) {
                left.push(format!("process: {id} {what}"));
            }
        }
        for file in now.files.difference(&self.files) {
            left.push(format!("file: {}", file.display()));
        }
        Ok(left)
    }

    /// [`left`](Self::left) without these files, each named by its whole path: what is beside them, or
    /// has their names in its own, is left.
    ///
    /// # Errors
    /// When `/proc` or `/sys` cannot be read, or one of the files was not left.
    pub fn left_but(&self, expected: &[PathBuf]) -> Result<Vec<String>> {
        let mut left = self.left()?;
        for file in expected {
            let line = format!("file: {}", file.display());
            let at = left.iter().position(|other| *other == line);
            left.remove(at.with_context(|| format!("{} is not there", file.display()))?);
        }
        Ok(left)
    }

    /// Makes sure that nothing was left since, after a few seconds at most.
    ///
    /// # Errors
    /// When something was; the error names all of it.
    pub fn assert_none_left(&self) -> Result<()> {
        let deadline = Instant::now() + GRACE;
        loop {
            let left = self.left()?;
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("left behind:\n  {}", left.join("\n  "));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn walk(folder: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("looking into {}", folder.display()));
        }
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("looking into {}", folder.display()))?;
        files.insert(entry.path());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&entry.path(), files)?;
        }
    }
    Ok(())
}

/// Loop devices in use, with the files behind them.
fn loops() -> Result<BTreeMap<String, String>> {
    let mut loops = BTreeMap::new();
    for entry in fs::read_dir("/sys/block").context("reading /sys/block")? {
        let entry = entry.context("reading /sys/block")?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("loop") {
            continue;
        }
        // The folder is there while a file is behind the device.
        if let Ok(file) = fs::read_to_string(entry.path().join("loop/backing_file")) {
            loops.insert(name, file.trim().to_owned());
        }
    }
    Ok(loops)
}

/// The running descendants of a process, with start time and command line. Zombies are none.
fn descendants(ancestor: u32) -> Result<BTreeMap<u32, String>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc").context("reading /proc")? {
        let Ok(entry) = entry else { continue };
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        // A process may end between two looks.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        if let Some(status) = Status::parse(&stat) {
            all.insert(id, status);
        }
    }
    let mut found = BTreeMap::new();
    for (&id, status) in &all {
        let mut parent = status.parent;
        while parent != ancestor && parent != 0 {
            parent = all.get(&parent).map_or(0, |status| status.parent);
        }
        if parent == ancestor && !matches!(status.state, 'Z' | 'X') {
            let command = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let name = if command.is_empty() { &status.name } else { command.trim_end() };
            found.insert(id, format!("{name} (started at {})", status.started));
        }
    }
    Ok(found)
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug, PartialEq, Eq)]
struct Status {
    name: String,
    state: char,
    parent: u32,
    /// In clock ticks since the machine's start: tells two processes of one id apart.
    started: u64,
}

impl Status {
    fn parse(stat: &str) -> Option<Self> {
        // The name stands in parentheses and may hold any character, parentheses too.
        let (before, after) = stat.rsplit_once(')')?;
        let name = before.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = after.split_whitespace().collect();
        Some(Self {
            name,
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_name_with_parentheses_is_read() {
        let stat = format!("7 (a) (b c) S 3 {} 99 0", "0 ".repeat(17).trim());
        let status = Status::parse(&stat).unwrap();
        assert_eq!((status.name.as_str(), status.state), ("a) (b c", 'S'));
        assert_eq!((status.parent, status.started), (3, 99));
    }

    #[test]
    fn an_orphan_and_a_file_are_found_and_their_going_is_seen() {
        let folder = crate::work_folder().unwrap();
        let before = Snapshot::take(&[folder.path()]).unwrap();
        // The shell ends; its child in a session of its own stays.
        let script = "setsid sleep 60 >/dev/null 2>&1 & echo $!";
        let said = Command::new("sh").args(["-c", script]).output().unwrap().stdout;
        std::fs::write(folder.path().join("partial"), "").unwrap();
        let left = before.left().unwrap().join("\n");
        assert!(left.contains("sleep 60") && left.contains("partial"), "{left}");

        let id: i32 = String::from_utf8(said).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        std::fs::remove_file(folder.path().join("partial")).unwrap();
        before.assert_none_left().unwrap();
    }

    #[test]
    fn a_file_beside_those_that_are_expected_is_left() {
        let folder = crate::work_folder().unwrap();
        let at = |name: &str| folder.path().join(name);
        let before = Snapshot::take(&[folder.path()]).unwrap();
        let expected = [at("image.raw"), at("image.raw.sha256")];
        for file in &expected {
            assert!(before.left_but(&expected).is_err(), "what is expected has to be there");
            std::fs::write(file, "").unwrap();
        }
        assert_eq!(before.left_but(&expected).unwrap(), [""; 0]);
        std::fs::write(at("image.raw.part"), "").unwrap();
        let left = before.left_but(&expected).unwrap();
        assert_eq!(left, [format!("file: {}", at("image.raw.part").display())]);
    }

    #[test]
    fn a_loop_device_and_a_mount_are_found() {
        // Needs root, as the tests of the whole do.
        let folder = crate::work_folder().unwrap();
        let file = folder.path().join("behind");
        std::fs::File::create(&file).unwrap().set_len(1 << 20).unwrap();
        let mount = folder.path().join("mount");
        std::fs::create_dir(&mount).unwrap();
        let before = Snapshot::take(&[]).unwrap();

        let file = file.to_string_lossy().into_owned();
        let device = crate::tool::run("losetup", &["--find", "--show", &file]).unwrap();
        let at = mount.to_string_lossy().into_owned();
        crate::tool::run("mount", &["-t", "tmpfs", "tmpfs", &at]).unwrap();
        let left = before.left().unwrap().join("\n");
        crate::tool::run("umount", &[&at]).unwrap();
        crate::tool::run("losetup", &["--detach", device.trim()]).unwrap();
        assert!(left.contains(&file) && left.contains(&at), "{left}");
        let still = before.left().unwrap().join("\n");
        assert!(!still.contains(&file) && !still.contains(&at), "{still}");
    }
}
