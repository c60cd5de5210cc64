//! Programs in the target, each in a box of its own.
//!
//! ```text
//! worker ── clone ──► first process of the box: mounts, drops capabilities, reaps
//!   ▲  pipes             └── fork ──► the program
//!   └── what it says, how it ended
//! ```
//!
//! When the program ends, the first process does, and the kernel ends all that is left in the
//! box. The same when the worker ends, however that is.

pub(crate) mod aside;
mod boxed;
pub(crate) mod host;
pub(crate) mod landlock;
pub(crate) mod lines;
pub(crate) mod mounts;
pub(crate) mod supervise;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dibhost_check::Check;
use dibhost_sys::Namespaces;
use rustix::fs::OFlags;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::cgroup::{self, Exceeded, ProgramGroups, Subtree};
use crate::command::{Command, Deferred, Line, Output, StandIn, StandInPlace};
use crate::error::{Over, TargetError, os};
use crate::limits::ProgramLimits;
use crate::network::Connection;
use crate::path::TargetPath;
use crate::rooted::Rooted;
use crate::tree::{Attributes, Change, Scope};
use mounts::{Bind, MOUNT_POINTS, OWN, Script};

/// With less left, a filesystem in memory is full: a program that wrote in pieces may have left a
/// part of the last one.
const FULL: u64 = 128 << 10;

const PATH: &str = "/run/dibhost/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Surroundings of a program.
pub(crate) struct Surroundings<'a> {
    /// Hung up when the engine is gone.
    pub(crate) control: BorrowedFd<'a>,
    /// SOURCE_DATE_EPOCH.
    pub(crate) epoch: u64,
    /// An empty folder of the worker's, when the program puts things off.
    pub(crate) deferred: Option<PathBuf>,
    /// Where control groups are made.
    pub(crate) subtrees: &'a [Subtree],
    pub(crate) limits: ProgramLimits,
    /// A number that no other program of this build has.
    pub(crate) turn: u64,
    /// The network namespace to run in; none: an empty one of its own.
    pub(crate) network: Option<Connection>,
    /// What it runs on; none: it is read, line by line.
    pub(crate) terminal: Option<File>,
}

/// What was made in the tree for one program and has to go again.
#[derive(Default)]
struct Scaffold {
    folders: Vec<TargetPath>,
    stand_ins: Vec<(TargetPath, String)>,
    resolver: bool,
}

/// Runs a program in the target.
pub(crate) fn run(
    rooted: &mut Rooted,
    command: &Command,
    surroundings: &Surroundings<'_>,
    tell: &mut dyn FnMut(Line),
) -> Result<Output, TargetError> {
    check(command)?;
    let tree = rooted.path();
    let groups = ProgramGroups::make(
        surroundings.subtrees,
        surroundings.turn,
        command.limits.unwrap_or(surroundings.limits),
        cgroup::room(&tree).unwrap_or(0),
    )?;
    let mut scaffold = Scaffold::default();
    let result = scaffold
        .raise(rooted, command)
        .and_then(|()| in_a_box(&tree, command, surroundings, &groups, tell));
    let taken_down = scaffold.take_down(rooted);
    let output = result?;
    taken_down?;
    within_limits(&command.program, &output, &groups, &tree)?;
    Ok(output)
}

/// Whether a program ended of itself; if not, it says what it had too much of.
fn within_limits(
    program: &str,
    output: &Output,
    groups: &ProgramGroups,
    tree: &Path,
) -> Result<(), TargetError> {
    let limits = groups.limits();
    let failed = output.status != 0;
    let (over, said) = match groups.exceeded() {
        // Also when it went on without what was ended: it is not what it was meant to be.
        Some(Exceeded::Memory) => (Over::Memory, ended_for_memory(program, limits.program_memory)),
        // One that can do with less processes is welcome to.
        Some(Exceeded::Processes) if failed && !output.timed_out => (
            Over::Processes,
            format!(
                "`{program}` failed with status {} after it had started {} processes and threads, \
                 which is the most it may have at once",
                output.status, limits.programs
            ),
        ),
        _ if failed && cgroup::room(tree).is_some_and(|room| room < FULL) => (
            Over::Tree,
            format!(
                "`{program}` failed with status {} when the memory that holds the tree was full; \
                 `--no-tmpfs` puts the tree on the disk",
                output.status
            ),
        ),
        _ => return Ok(()),
    };
    Err(TargetError::Limit { over, said })
}

/// The sentence for a program that had too much of it.
pub(crate) fn ended_for_memory(program: &str, bytes: u64) -> String {
    format!("`{program}` was ended because it used more than {} of memory", spoken(bytes))
}

/// Whole units where it can be.
fn spoken(bytes: u64) -> String {
    const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    UNITS
        .iter()
        .find(|(_, shift)| {
            bytes >= 1 << shift && (bytes.trailing_zeros() >= *shift || *shift == 20)
        })
        .map_or_else(
            || format!("{bytes} bytes"),
            |(unit, shift)| format!("{} {unit}", bytes >> shift),
        )
}

fn check(command: &Command) -> Result<(), TargetError> {
    let invalid = |said: String| Err(TargetError::Invalid(said));
    if command.program.is_empty() {
        return invalid("no program is named".to_owned());
    }
    let words = command.args.iter().chain([&command.program]).chain(command.workdir.iter());
    let nul = words.chain(command.env.iter().flat_map(|(k, v)| [k, v])).any(|w| w.contains('\0'));
    if Check::ExecNul.holds() && nul {
        return invalid(format!("an argument of `{}` has a NUL in it", command.program));
    }
    if let Some(name) = command.env.keys().find(|k| k.is_empty() || k.contains('=')) {
        return invalid(format!("`{}` is no name of a variable", name.escape_debug()));
    }
    for bind in &command.binds {
        if !Path::new(&bind.host).is_absolute() || bind.target == TargetPath::root() {
            return invalid(format!("`{}` cannot be bound to `{}`", bind.host, bind.target));
        }
    }
    let names = command.stand_ins.iter().filter_map(|stand_in| match &stand_in.at {
        StandInPlace::Path(name) => Some(name),
        StandInPlace::Tree(_) => None,
    });
    let plain = |name: &str| {
        let word = |b: u8| b.is_ascii_alphanumeric() || b"+-._".contains(&b);
        !name.starts_with(['.', '-']) && !name.is_empty() && name.bytes().all(word)
    };
    if let Some(name) = names.chain(&command.defer).find(|name| !plain(name)) {
        return invalid(format!("`{}` is no name of a program", name.escape_debug()));
    }
    Ok(())
}

impl Scaffold {
    fn raise(&mut self, rooted: &mut Rooted, command: &Command) -> Result<(), TargetError> {
        let path =
            |text: &str| TargetPath::new(text).map_err(|e| TargetError::Invalid(e.to_string()));
        let below = |p: &str| MOUNT_POINTS.iter().any(|m| p.starts_with(&format!("{m}/")));
        let mut wanted = MOUNT_POINTS.iter().map(|p| path(p)).collect::<Result<Vec<_>, _>>()?;
        wanted
            .extend(command.binds.iter().map(|b| b.target.clone()).filter(|p| !below(p.as_str())));
        for wanted in wanted {
            let ends = wanted.as_str().match_indices('/').map(|(at, _)| at).skip(1);
            for end in ends.chain([wanted.as_str().len()]).collect::<Vec<_>>() {
                let folder = path(&wanted.as_str()[..end])?;
                if rooted.open(folder.as_str(), OFlags::PATH).is_err() {
                    let attributes = Attributes::default();
                    let change = Change::MakeDirectory { path: folder.clone(), attributes };
                    rooted.apply(&Scope::own(), &[change])?;
                    self.folders.push(folder);
                }
            }
        }
        for StandIn { at, script } in &command.stand_ins {
            let StandInPlace::Tree(at) = at else { continue };
            let Some((folder, _)) = at.split() else { continue };
            if rooted.stat(&Scope::all(), &folder)?.is_none()
                || rooted.stat(&Scope::all(), at)?.is_some()
            {
                continue;
            }
            let attributes = Attributes { mode: Some(0o755), ..Attributes::default() };
            let content = script.clone().into_bytes();
            let write = Change::Write { path: at.clone(), content, attributes };
            // Where `/usr/sbin` is a link to `bin` it is one of the distribution's. What this is
            // nobody but the host says, and it is gone when the program has ended.
            rooted.apply(&Scope::all(), &[write])?;
            self.stand_ins.push((at.clone(), script.clone()));
        }
        // Something to mount the program's own over; a link will do, wherever it leads.
        let resolver = path(mounts::RESOLVER_FILE)?;
        if command.network
            && rooted.stat(&Scope::all(), &path("/etc")?)?.is_some()
            && rooted.stat(&Scope::all(), &resolver)?.is_none()
        {
            let (content, attributes) = (Vec::new(), Attributes::default());
            let change = Change::Write { path: resolver, content, attributes };
            rooted.apply(&Scope::own(), &[change])?;
            self.resolver = true;
        }
        Ok(())
    }

    fn take_down(self, rooted: &mut Rooted) -> Result<(), TargetError> {
        for (path, script) in self.stand_ins {
            // Unless the program brought its own meanwhile.
            let length = script.len() as u64 + 1;
            let ours = match rooted.read(&Scope::all(), &path, 0, length) {
                Ok(content) => content == script.as_bytes(),
                Err(TargetError::NotFound(_) | TargetError::Conflict(_)) => false,
                Err(error) => return Err(error),
            };
            if ours {
                rooted.apply(&Scope::all(), &[Change::Remove { path }])?;
            }
        }
        if self.resolver {
            let path = TargetPath::new(mounts::RESOLVER_FILE)
                .map_err(|e| TargetError::Invalid(e.to_string()))?;
            if rooted.stat(&Scope::all(), &path)?.is_some() {
                rooted.apply(&Scope::all(), &[Change::Remove { path }])?;
            }
        }
        for folder in self.folders.iter().rev() {
            rooted.remove_empty(folder)?;
        }
        Ok(())
    }
}

fn in_a_box(
    tree: &Path,
    command: &Command,
    surroundings: &Surroundings<'_>,
    groups: &ProgramGroups,
    tell: &mut dyn FnMut(Line),
) -> Result<Output, TargetError> {
    let mut binds: Vec<Bind> = command
        .binds
        .iter()
        .map(|b| Bind { host: b.host.clone(), target: b.target.to_string(), read_only: true })
        .collect();
    let mut scripts: Vec<Script> = command.stand_ins.iter().filter_map(on_the_path).collect();
    if let Some(folder) = &surroundings.deferred {
        let host = folder.to_string_lossy().into_owned();
        binds.push(Bind { host, target: format!("{OWN}/deferred"), read_only: false });
        scripts.extend(command.defer.iter().map(|name| noting(name)));
    }
    let own = namespaces();
    let network = own.network && surroundings.network.is_none();
    let watch = boxed::Watch {
        stdin: command.stdin.as_deref(),
        terminal: surroundings.terminal.as_ref(),
        timeout: command.timeout_seconds.map(|s| Duration::from_secs(s.into())),
        kept: if command.capture { lines::CAPTURE_MAX } else { lines::TAIL },
        control: surroundings.control,
    };
    let enter = || {
        let network = surroundings.network.as_ref();
        groups.enter()?;
        connect(network)?;
        mounts::enter(tree, &binds, &scripts, network.map(|n| n.nameservers.as_slice()))?;
        rustix::system::sethostname(b"localhost").map_err(|e| os("setting the host name", e))?;
        rustix::process::umask(rustix::fs::Mode::from(0o022));
        boxed::drop_privileges(boxed::CAPABILITIES)?;
        landlock::restrict()?;
        boxed::refuse_calls()
    };
    let execute = |ends: &boxed::Ends| execute(command, surroundings.epoch, ends);
    let mut output = boxed::run(Namespaces { network, ..own }, &watch, tell, enter, execute)?;
    if let Some(folder) = &surroundings.deferred {
        output.deferred = deferred(folder, &command.defer);
    }
    Ok(output)
}

fn on_the_path(stand_in: &StandIn) -> Option<Script> {
    match &stand_in.at {
        StandInPlace::Path(name) => {
            Some(Script { name: name.clone(), text: stand_in.script.clone() })
        }
        StandInPlace::Tree(_) => None,
    }
}

/// A script that notes how it was called.
fn noting(name: &str) -> Script {
    let text = format!(
        "#!/bin/sh\n# dibhost: done once, later.\n\
         echo \"{name} $*\" >>{OWN}/deferred/{CALLS}\nexit 0\n"
    );
    Script { name: name.to_owned(), text }
}

/// Where [`noting`] notes.
const CALLS: &str = "calls";

/// What the worker and each box have of their own.
pub(crate) fn namespaces() -> Namespaces {
    Namespaces {
        pid: Check::ProgramPids.holds(),
        network: Check::ProgramNetwork.holds(),
        ..Namespaces::ALL
    }
}

/// What was noted of these programs, and forgets it.
fn deferred(folder: &Path, programs: &[String]) -> Vec<Deferred> {
    let file = folder.join(CALLS);
    // A program of the target could have put anything here: only a file is read, and not past
    // its first part.
    let Ok(stat) = std::fs::symlink_metadata(&file) else { return Vec::new() };
    let mut content = Vec::new();
    if stat.is_file()
        && let Ok(file) = std::fs::File::open(&file)
    {
        let _ = io::Read::read_to_end(&mut io::Read::take(file, 64 << 10), &mut content);
    }
    let _ = std::fs::remove_file(&file);
    let call = |line: &str| {
        let (program, args) = line.split_once(' ')?;
        let known = programs.iter().any(|p| p == program);
        known.then(|| Deferred { program: program.to_owned(), args: args.to_owned() })
    };
    String::from_utf8_lossy(&content).lines().filter_map(call).collect()
}

/// Enters the network namespace that was made for it.
fn connect(network: Option<&Connection>) -> Result<(), TargetError> {
    let Some(network) = network else { return Ok(()) };
    move_into_link_name_space(network.namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|e| os("entering the network of a program", e))
}

/// Becomes the program; answers why it could not.
fn execute(command: &Command, epoch: u64, ends: &boxed::Ends) -> TargetError {
    if let Err(error) = ends.connect() {
        return error;
    }
    if let Some(folder) = &command.workdir
        && let Err(error) = rustix::process::chdir(folder.as_str())
    {
        return os(format!("entering the folder `{folder}` in the target"), error);
    }
    let mut environment = BTreeMap::from([
        ("PATH", PATH.to_owned()),
        ("HOME", "/root".to_owned()),
        ("LC_ALL", "C.UTF-8".to_owned()),
        ("SOURCE_DATE_EPOCH", epoch.to_string()),
        ("TZ", "UTC".to_owned()),
    ]);
    environment.extend(command.env.iter().map(|(k, v)| (k.as_str(), v.clone())));
    let mut program = std::process::Command::new(&command.program);
    if Check::ProgramEnvironment.holds() {
        program.env_clear();
    }
    let error = program.args(&command.args).envs(environment).exec();
    if error.kind() == io::ErrorKind::NotFound {
        return TargetError::NotFound(command.program.clone());
    }
    os(format!("executing `{}` in the target", command.program), error)
}
