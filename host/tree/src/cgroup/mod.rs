//! Control groups: how many processes and how much memory a program in the target may have.
//!
//! ```text
//! the engine's own group (version 1), or one that may give controllers away (version 2)
//!   └── dibhost-PID-N/     of one build; the engine holds a lock on it
//!         └── TURN/        of one program: its limits, what it used; gone when it ended
//! ```
//!
//! A build that was killed leaves its group; the next start removes all whose lock nobody holds.
//! Each program has a group of its own, so that what an earlier one wrote to the tree (a tmpfs is
//! charged to whoever wrote to it) does not count as this one's.

mod find;

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dibhost_check::Check;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::error::{TargetError, os};
use crate::limits::ProgramLimits;
use find::{Hierarchy, Version, hierarchies};

const PREFIX: &str = "dibhost-";

/// A group of one build in one hierarchy. Removed when dropped.
#[derive(Debug)]
struct Part {
    /// The hierarchy's root.
    mount: PathBuf,
    subtree: Subtree,
    /// Locked while the build lives.
    _lock: File,
}

/// The subtree of a hierarchy in which the groups of a build's programs are made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Subtree {
    folder: PathBuf,
    unified: bool,
    memory: bool,
    processes: bool,
}

/// The groups of a build.
#[derive(Debug)]
pub(crate) struct BuildGroups {
    parts: Vec<Part>,
}

impl BuildGroups {
    /// Makes them, and removes those of builds that were killed. With ids of its own (`owner`, of its
    /// root on the machine) the worker is given them, and no other: it makes groups below and moves
    /// programs into these.
    ///
    /// # Errors
    /// Why this machine has none that can be used, as the end of a sentence.
    pub(crate) fn make(owner: Option<(u32, u32)>, worker: Pid) -> Result<Self, String> {
        let read = |path: &str| std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"));
        let (mounts, own) = (read("/proc/self/mountinfo")?, read("/proc/self/cgroup")?);
        let mut made = Self { parts: Vec::new() };
        for (memory, name) in [(true, "memory"), (false, "pids")] {
            let there = |p: &Part| if memory { p.subtree.memory } else { p.subtree.processes };
            if made.parts.iter().any(there) {
                continue;
            }
            let mut why = format!("no hierarchy of control groups has the controller `{name}`");
            for hierarchy in hierarchies(&mounts, &own, name) {
                if made.parts.iter().any(|p| p.mount == hierarchy.mount) {
                    continue;
                }
                match part(&hierarchy, name) {
                    Ok(part) => {
                        if let Some(owner) = owner {
                            part.give_to(owner, worker)?;
                        }
                        made.parts.push(part);
                        break;
                    }
                    Err(error) => why = error,
                }
            }
            if !made.parts.iter().any(there) {
                return Err(why);
            }
        }
        Ok(made)
    }

    pub(crate) fn subtrees(&self) -> Vec<Subtree> {
        self.parts.iter().map(|p| p.subtree.clone()).collect()
    }
}

impl Part {
    /// Gives the group to the worker's root.
    fn give_to(&self, (user, group): (u32, u32), worker: Pid) -> Result<(), String> {
        let folder = &self.subtree.folder;
        let failed = |e: std::io::Error| {
            format!("only root can hand control groups on (`{}`: {e})", folder.display())
        };
        let mut given = vec![folder.clone(), folder.join("cgroup.procs")];
        if self.subtree.unified {
            // A process moves between groups only where it may write to what is above both: so the
            // worker is to be below, in a leaf, before its programs are.
            let leaf = folder.join("worker");
            std::fs::create_dir(&leaf).map_err(failed)?;
            let number = worker.as_raw_nonzero().to_string();
            std::fs::write(leaf.join("cgroup.procs"), number).map_err(failed)?;
        }
        given.retain(|path| path.exists());
        given.iter().try_for_each(|path| chown(path, Some(user), Some(group)).map_err(failed))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        remove(&self.subtree.folder);
    }
}

/// Makes the build's group in a hierarchy for a controller.
fn part(hierarchy: &Hierarchy, controller: &str) -> Result<Part, String> {
    let above = match hierarchy.version {
        Version::One => hierarchy.own.clone(),
        Version::Two => giving(hierarchy, controller)?,
    };
    sweep(&above);
    let (folder, lock) = make_locked(&above)
        .map_err(|e| format!("making a control group in `{}`: {e}", above.display()))?;
    let unified = hierarchy.version == Version::Two;
    // Both controllers, when this hierarchy has both: a process is in one group of a hierarchy.
    let has = |controller: &str, file: &str| {
        if unified { give(&folder, controller).is_ok() } else { folder.join(file).exists() }
    };
    let memory = has("memory", "memory.limit_in_bytes");
    let processes = has("pids", "pids.max");
    let subtree = Subtree { folder, unified, memory, processes };
    let usable = if controller == "memory" { memory } else { processes };
    let part = Part { mount: hierarchy.mount.clone(), subtree, _lock: lock };
    if usable {
        return Ok(part);
    }
    Err(format!("`{}` cannot give `{controller}` on", part.subtree.folder.display()))
}

fn give(folder: &Path, controller: &str) -> std::io::Result<()> {
    std::fs::write(folder.join("cgroup.subtree_control"), format!("+{controller}"))
}

fn lists(folder: &Path, file: &str, controller: &str) -> bool {
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    text.split_whitespace().any(|word| word == controller)
}

/// A group of the unified hierarchy below which a controller can be used. A group with processes
/// in it cannot give controllers away: when this process is alone in its group, as `systemd-run
/// --scope -p Delegate=yes` puts it, it moves into a leaf; else it is the nearest group above that
/// gives the controller away already.
fn giving(hierarchy: &Hierarchy, controller: &str) -> Result<PathBuf, String> {
    let own = &hierarchy.own;
    if lists(own, "cgroup.controllers", controller) {
        let leaf = own.join("dibhost");
        let alone = std::fs::read_to_string(own.join("cgroup.procs"))
            .is_ok_and(|t| t.split_whitespace().eq([std::process::id().to_string().as_str()]));
        if alone && *own != hierarchy.mount {
            let _ = std::fs::create_dir(&leaf);
            let _ = std::fs::write(leaf.join("cgroup.procs"), "0");
        }
        if give(own, controller).is_ok() {
            return Ok(own.clone());
        }
    }
    own.ancestors()
        .take_while(|above| above.starts_with(&hierarchy.mount))
        .find(|above| lists(above, "cgroup.subtree_control", controller))
        .map(Path::to_owned)
        .ok_or_else(|| {
            format!("the control group `{}` has no `{controller}` to give on", own.display())
        })
}

fn make_locked(above: &Path) -> std::io::Result<(PathBuf, File)> {
    static TURN: AtomicU32 = AtomicU32::new(0);
    loop {
        let turn = TURN.fetch_add(1, Ordering::Relaxed);
        let folder = above.join(format!("{PREFIX}{}-{turn}", std::process::id()));
        match std::fs::create_dir(&folder) {
            Ok(()) => (),
            // Of a dead process with our number; it is swept when nobody holds it.
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error),
        }
        // Another start may sweep it before it is locked; then it is made anew.
        let Ok(lock) = File::open(&folder) else { continue };
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        if folder.exists() {
            return Ok((folder, lock));
        }
    }
}

/// Removes the groups of builds that are no more.
fn sweep(above: &Path) {
    for entry in std::fs::read_dir(above).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if !ours || !entry.file_type().is_ok_and(|t| t.is_dir()) {
            continue;
        }
        let Ok(lock) = File::open(entry.path()) else { continue };
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            remove(&entry.path());
        }
    }
}

/// Removes a group with those below it. What cannot be removed yet is, by the next start.
fn remove(folder: &Path) {
    let inner = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in inner.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
        remove(&entry.path());
    }
    // A killed process leaves its group a moment after whoever waited for it heard of it.
    for wait in [0, 1, 2, 5, 10, 20, 50, 100, 200] {
        std::thread::sleep(Duration::from_millis(wait));
        match rustix::fs::rmdir(folder) {
            Err(Errno::BUSY) => (),
            _ => return,
        }
    }
}

/// The groups of one program.
#[derive(Debug)]
pub(crate) struct ProgramGroups {
    limits: ProgramLimits,
    folders: Vec<(Subtree, PathBuf)>,
    /// `cgroup.procs` of each, open for whoever is to go in.
    doors: Vec<File>,
}

/// What a program wanted more of than it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// It, or a process of it, was ended for it.
    Memory,
    /// It could not start another process.
    Processes,
}

impl ProgramGroups {
    /// Makes them, with the limits set. `room`: bytes that can still be written to the tree in
    /// memory, which count as the writer's.
    pub(crate) fn make(
        subtrees: &[Subtree],
        turn: u64,
        limits: ProgramLimits,
        room: u64,
    ) -> Result<Self, TargetError> {
        let mut made = Self { limits, folders: Vec::new(), doors: Vec::new() };
        for subtree in subtrees {
            let folder = subtree.folder.join(turn.to_string());
            let doing = |e: std::io::Error| {
                os(format!("preparing the control group `{}`", folder.display()), e)
            };
            std::fs::create_dir(&folder).map_err(doing)?;
            made.folders.push((subtree.clone(), folder.clone()));
            let set = |file: &str, value: u64| {
                std::fs::write(folder.join(file), value.to_string()).map_err(doing)
            };
            if subtree.memory && Check::ProgramMemory.holds() {
                let bytes = limits.program_memory.saturating_add(room);
                let (memory, swap) = if subtree.unified {
                    // One that is over its limit ends as a whole: half a program is of no use.
                    set("memory.oom.group", 1)?;
                    ("memory.max", ("memory.swap.max", 0))
                } else {
                    ("memory.limit_in_bytes", ("memory.memsw.limit_in_bytes", bytes))
                };
                set(memory, bytes)?;
                // Not there when the kernel has no swap.
                if folder.join(swap.0).exists() {
                    set(swap.0, swap.1)?;
                }
            }
            if subtree.processes && Check::Programs.holds() {
                // The first process of the box is no program's.
                set("pids.max", limits.programs.saturating_add(1))?;
            }
            let door = File::options().write(true).open(folder.join("cgroup.procs"));
            made.doors.push(door.map_err(doing)?);
        }
        Ok(made)
    }

    /// Takes this process in, and all that come of it. Where there are no groups, each process has its
    /// own limit of memory, and each user of the image one of processes.
    pub(crate) fn enter(&self) -> Result<(), TargetError> {
        if self.doors.is_empty() {
            return self.limit_each();
        }
        for mut door in &self.doors {
            // 0 is whoever writes.
            door.write_all(b"0").map_err(|e| os("entering the control group of a program", e))?;
        }
        Ok(())
    }

    fn limit_each(&self) -> Result<(), TargetError> {
        let limits = [
            // The worker's own count too.
            (Resource::Nproc, self.limits.programs.saturating_add(8), Check::Programs),
            // What is reserved and never used does not count here, as it would for `As`.
            (Resource::Data, self.limits.program_memory, Check::ProgramMemory),
        ];
        for (resource, most, check) in limits {
            if check.holds() {
                let limit = Rlimit { current: Some(most), maximum: Some(most) };
                setrlimit(resource, limit).map_err(|e| os("limiting a program", e))?;
            }
        }
        Ok(())
    }

    /// What went beyond its limit, if anything did; memory first.
    pub(crate) fn exceeded(&self) -> Option<Exceeded> {
        let count = |wanted: fn(&Subtree) -> bool, file: &str, name: &str| {
            let (_, folder) = self.folders.iter().find(|(subtree, _)| wanted(subtree))?;
            let text = std::fs::read_to_string(folder.join(file)).ok()?;
            let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' '))?;
            line.trim().parse::<u64>().ok()
        };
        let killed = count(|p| p.memory, "memory.events", "oom_kill")
            .or_else(|| count(|p| p.memory, "memory.oom_control", "oom_kill"));
        if killed.unwrap_or(0) > 0 {
            return Some(Exceeded::Memory);
        }
        let refused = count(|p| p.processes, "pids.events", "max");
        (refused.unwrap_or(0) > 0).then_some(Exceeded::Processes)
    }

    pub(crate) fn limits(&self) -> ProgramLimits {
        self.limits
    }
}

impl Drop for ProgramGroups {
    fn drop(&mut self) {
        self.doors.clear();
        for (_, folder) in &self.folders {
            remove(folder);
        }
    }
}

/// The bytes that can still be written to a filesystem in memory; none when it is another one.
pub(crate) fn room(tree: &Path) -> Option<u64> {
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    let file = File::open(tree).ok()?;
    let stat = rustix::fs::fstatfs(file.as_fd()).ok()?;
    #[expect(clippy::useless_conversion, reason = "the fields' types differ by architecture")]
    let is_tmpfs = i64::from(stat.f_type) == TMPFS_MAGIC;
    let block = u64::try_from(stat.f_bsize).ok()?;
    is_tmpfs.then(|| stat.f_bavail.saturating_mul(block))
}
