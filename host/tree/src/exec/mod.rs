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

mod calls;
pub(crate) mod landlock;
pub(crate) mod lines;
mod mounts;
pub(crate) mod supervise;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dibhost_check::Check;
use dibhost_sys::{Forked, Namespaces, fork};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, waitpid};
use rustix::thread::{CapabilitySet, CapabilitySets, LinkNameSpaceType, move_into_link_name_space};
use serde::{Deserialize, Serialize};

use crate::cgroup::{self, Exceeded, Place, ProgramGroups};
use crate::network::Connection;
use crate::rooted::{Rooted, os};
use crate::{
    Attributes, Change, Command, Line, Output, Over, ProgramLimits, Scope, TargetError, TargetPath,
};
use mounts::{Bind, MOUNT_POINTS, OWN, StandIn};

/// With less left, a filesystem in memory is full: a program that wrote in pieces may have left a
/// part of the last one.
const FULL: u64 = 128 << 10;

const PATH: &str = "/run/dibhost/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_SCRIPT: &[u8] =
    b"#!/bin/sh\n# dibhost: no service starts while an image is built.\nexit 101\n";

/// Init scripts of packages that do not ask `invoke-rc.d`.
const START_STOP_DAEMON: StandIn = StandIn {
    name: "start-stop-daemon",
    script: "#!/bin/sh\n# dibhost: no service starts while an image is built.\nexit 0\n",
};

/// Noted and done once, after all transactions: it takes longer than all else a kernel's package
/// does.
const UPDATE_INITRAMFS: StandIn = StandIn {
    name: "update-initramfs",
    script: "#!/bin/sh\n# dibhost: one initramfs for each kernel, when all packages are in.\n\
             echo \"$*\" >>/run/dibhost/deferred/update-initramfs\nexit 0\n",
};

/// What root needs to install packages and to configure a system; nothing of the kernel's, and no
/// device nodes: no package has any, and in a tree nobody looks for them.
const CAPABILITIES: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::AUDIT_WRITE);

/// What the box tells of itself.
#[derive(Debug, Serialize, Deserialize)]
enum Report {
    /// The program was not started.
    Failed(TargetError),
    /// It was, and ended.
    Ended { status: i32, signal: Option<i32> },
}

/// What a program in the target was, and what it left to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ran {
    pub(crate) output: Output,
    /// Arguments of each `update-initramfs` that was put off.
    pub(crate) deferred: Vec<String>,
}

/// Surroundings of a program.
pub(crate) struct Surroundings<'a> {
    /// Hung up when the engine is gone.
    pub(crate) control: BorrowedFd<'a>,
    /// SOURCE_DATE_EPOCH.
    pub(crate) epoch: u64,
    /// An empty folder of the worker's, when the program may put things off.
    pub(crate) deferred: Option<PathBuf>,
    /// Where control groups are made.
    pub(crate) places: &'a [Place],
    pub(crate) limits: ProgramLimits,
    /// A number that no other program of this build has.
    pub(crate) turn: u64,
    /// The network namespace to run in; none: an empty one of its own.
    pub(crate) network: Option<Connection>,
}

/// What was made in the tree for one program and has to go again.
#[derive(Default)]
struct Scaffold {
    folders: Vec<TargetPath>,
    policy: bool,
    resolver: bool,
}

/// Runs a program in the target.
pub(crate) fn run(
    rooted: &mut Rooted,
    command: &Command,
    surroundings: &Surroundings<'_>,
    tell: &mut dyn FnMut(Line),
) -> Result<Ran, TargetError> {
    check(command)?;
    let tree = rooted.path();
    let groups = ProgramGroups::make(
        surroundings.places,
        surroundings.turn,
        command.limits.unwrap_or(surroundings.limits),
        cgroup::room(&tree).unwrap_or(0),
    )?;
    let mut scaffold = Scaffold::default();
    let result = scaffold
        .raise(rooted, command)
        .and_then(|()| boxed(&tree, command, surroundings, &groups, tell));
    let taken_down = scaffold.take_down(rooted);
    let ran = result?;
    taken_down?;
    within_limits(&command.program, &ran.output, &groups, &tree)?;
    Ok(ran)
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
        Some(Exceeded::Memory) => (
            Over::Memory,
            format!(
                "was ended because it used more than {} of memory",
                spoken(limits.program_memory)
            ),
        ),
        // One that can do with less processes is welcome to.
        Some(Exceeded::Processes) if failed && !output.timed_out => (
            Over::Processes,
            format!(
                "failed with status {} after it had started {} processes and threads, which is \
                 the most it may have at once",
                output.status, limits.programs
            ),
        ),
        _ if failed && cgroup::room(tree).is_some_and(|room| room < FULL) => (
            Over::Tree,
            format!(
                "failed with status {} when the memory that holds the tree was full; \
                 `--no-tmpfs` puts the tree on the disk",
                output.status
            ),
        ),
        _ => return Ok(()),
    };
    Err(TargetError::Limit { over, said: format!("`{program}` {said}") })
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
                    rooted.apply(&Scope::all(), &[change])?;
                    self.folders.push(folder);
                }
            }
        }
        let policy = path(POLICY)?;
        if rooted.stat(&Scope::all(), &path("/usr/sbin")?)?.is_some()
            && rooted.stat(&Scope::all(), &policy)?.is_none()
        {
            let attributes = Attributes { mode: Some(0o755), ..Attributes::default() };
            let content = POLICY_SCRIPT.to_vec();
            rooted.apply(&Scope::all(), &[Change::Write { path: policy, content, attributes }])?;
            self.policy = true;
        }
        // Something to mount the program's own over; a link will do, wherever it leads.
        let resolver = path(mounts::RESOLVER_FILE)?;
        if command.network
            && rooted.stat(&Scope::all(), &path("/etc")?)?.is_some()
            && rooted.stat(&Scope::all(), &resolver)?.is_none()
        {
            let (content, attributes) = (Vec::new(), Attributes::default());
            let change = Change::Write { path: resolver, content, attributes };
            rooted.apply(&Scope::all(), &[change])?;
            self.resolver = true;
        }
        Ok(())
    }

    fn take_down(self, rooted: &mut Rooted) -> Result<(), TargetError> {
        if self.policy {
            let path = TargetPath::new(POLICY).map_err(|e| TargetError::Invalid(e.to_string()))?;
            // Unless a package brought its own meanwhile.
            let ours = match rooted.read(&Scope::all(), &path, 0, 4096) {
                Ok(content) => content == POLICY_SCRIPT,
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

fn pipe() -> Result<(OwnedFd, OwnedFd), TargetError> {
    pipe_with(PipeFlags::CLOEXEC).map_err(|e| os("making a pipe", e))
}

fn boxed(
    tree: &Path,
    command: &Command,
    surroundings: &Surroundings<'_>,
    groups: &ProgramGroups,
    tell: &mut dyn FnMut(Line),
) -> Result<Ran, TargetError> {
    let mut binds: Vec<Bind> = command
        .binds
        .iter()
        .map(|b| Bind { host: b.host.clone(), target: b.target.to_string(), read_only: true })
        .collect();
    let mut stand_ins = vec![START_STOP_DAEMON];
    if let Some(folder) = &surroundings.deferred {
        let host = folder.to_string_lossy().into_owned();
        binds.push(Bind { host, target: format!("{OWN}/deferred"), read_only: false });
        stand_ins.push(UPDATE_INITRAMFS);
    }
    let (stdout, out) = pipe()?;
    let (stderr, err) = pipe()?;
    let (reports, report) = pipe()?;
    let (input, stdin) = match &command.stdin {
        Some(content) => {
            let (read, write) = pipe()?;
            (read, Some((write, content.clone())))
        }
        None => {
            let null =
                std::fs::File::open("/dev/null").map_err(|e| os("opening `/dev/null`", e))?;
            (null.into(), None)
        }
    };
    let own = namespaces();
    let network = own.network && surroundings.network.is_none();
    let namespaces = Namespaces { network, ..own };
    match fork(namespaces).map_err(|e| os("making the namespaces of a program", e))? {
        Forked::Child => {
            drop((stdout, stderr, reports, stdin));
            first_process(
                tree,
                &binds,
                &stand_ins,
                groups,
                command,
                surroundings,
                Ends { input, out, err, report },
            )
        }
        Forked::Parent(pid) => {
            drop((out, err, report, input));
            let child = supervise::Child { pid, stdout, stderr, stdin, report: Some(reports) };
            let timeout = command.timeout_seconds.map(|s| Duration::from_secs(s.into()));
            let ended =
                supervise::watch(child, timeout, command.capture, surroundings.control, tell)?;
            let (status, signal) = outcome(&ended)?;
            let output = Output {
                status,
                signal,
                timed_out: ended.timed_out,
                stdout: ended.stdout,
                stderr: ended.stderr,
            };
            let deferred = surroundings.deferred.as_deref().map_or_else(Vec::new, deferred);
            Ok(Ran { output, deferred })
        }
    }
}

/// What the worker and each box have of their own.
pub(crate) fn namespaces() -> Namespaces {
    Namespaces {
        pid: Check::ProgramPids.holds(),
        network: Check::ProgramNetwork.holds(),
        ..Namespaces::ALL_BUT_USER
    }
}

/// What the stand-in noted, and forgets it.
fn deferred(folder: &Path) -> Vec<String> {
    let file = folder.join("update-initramfs");
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
    String::from_utf8_lossy(&content).lines().map(str::to_owned).collect()
}

/// Status and signal, by what the box reported or how its first process ended.
fn outcome(ended: &supervise::Ended) -> Result<(i32, Option<i32>), TargetError> {
    let mut reports = ended.report.as_slice();
    let mut last = None;
    while let Ok((report, rest)) = postcard::take_from_bytes::<Report>(reports) {
        match report {
            Report::Failed(error) => return Err(error),
            Report::Ended { status, signal } => last = Some((status, signal)),
        }
        reports = rest;
    }
    if let Some(last) = last {
        return Ok(last);
    }
    match ended.status.terminating_signal() {
        Some(signal) => Ok((128 + signal, Some(signal))),
        None => Err(TargetError::Conflict("the first process of a box ended too early".to_owned())),
    }
}

/// The box's ends of the pipes.
struct Ends {
    input: OwnedFd,
    out: OwnedFd,
    err: OwnedFd,
    report: OwnedFd,
}

fn tell_parent(to: &OwnedFd, report: &Report) {
    if let Ok(bytes) = postcard::to_stdvec(report) {
        // Less than a pipe holds at once; and when the worker is gone nobody wants to know.
        let _ = rustix::io::write(to, &bytes);
    }
}

#[expect(clippy::exit, reason = "a forked process must not return into its parent's code")]
fn end(status: i32) -> ! {
    std::process::exit(status)
}

fn first_process(
    tree: &Path,
    binds: &[Bind],
    stand_ins: &[StandIn],
    groups: &ProgramGroups,
    command: &Command,
    surroundings: &Surroundings<'_>,
    ends: Ends,
) -> ! {
    let (epoch, network) = (surroundings.epoch, surroundings.network.as_ref());
    let forked = groups
        .enter()
        .and_then(|()| connect(network))
        .and_then(|()| prepare(tree, binds, stand_ins, network.map(|n| n.nameservers.as_slice())))
        .and_then(|()| landlock::restrict())
        .and_then(|()| calls::restrict())
        .and_then(|()| fork(Namespaces::default()).map_err(|e| os("starting a process", e)));
    match forked {
        Err(error) => {
            tell_parent(&ends.report, &Report::Failed(error));
            end(1)
        }
        Ok(Forked::Child) => {
            let error = execute(command, epoch, &ends);
            tell_parent(&ends.report, &Report::Failed(error));
            end(127)
        }
        Ok(Forked::Parent(program)) => {
            let Ends { input, out, err, report } = ends;
            drop((input, out, err));
            // The copies on 0 to 2 are the worker's, not the program's.
            let (status, signal) = reap_until(program);
            tell_parent(&report, &Report::Ended { status, signal });
            end(0)
        }
    }
}

/// The first process of a PID namespace inherits all orphans.
fn reap_until(program: Pid) -> (i32, Option<i32>) {
    loop {
        match waitpid(None, WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == program => return status_of(status),
            Ok(_) | Err(Errno::INTR) => (),
            Err(_) => return (255, None),
        }
    }
}

fn status_of(status: WaitStatus) -> (i32, Option<i32>) {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => (status, None),
        (None, Some(signal)) => (128 + signal, Some(signal)),
        (None, None) => (255, None),
    }
}

/// Enters the network namespace that was made for it.
fn connect(network: Option<&Connection>) -> Result<(), TargetError> {
    let Some(network) = network else { return Ok(()) };
    move_into_link_name_space(network.namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|e| os("entering the network of a program", e))
}

fn prepare(
    tree: &Path,
    binds: &[Bind],
    stand_ins: &[StandIn],
    nameservers: Option<&[IpAddr]>,
) -> Result<(), TargetError> {
    let doing = |e: Errno| os("leaving the worker's session", e);
    rustix::process::setsid().map_err(doing)?;
    mounts::enter(tree, binds, stand_ins, nameservers)?;
    rustix::system::sethostname(b"localhost").map_err(|e| os("setting the host name", e))?;
    rustix::process::umask(rustix::fs::Mode::from(0o022));
    drop_privileges().map_err(|e| os("dropping capabilities", e))?;
    // Set after the capabilities: changing them could reset it.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(doing)?;
    // The program must not look into the process it was forked from.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(doing)
}

fn drop_privileges() -> Result<(), Errno> {
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if CAPABILITIES.contains(capability) || !Check::ProgramCapabilities.holds() {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // INVAL: beyond what this kernel knows.
            Ok(()) | Err(Errno::INVAL) => (),
            Err(error) => return Err(error),
        }
    }
    let sets = CapabilitySets {
        effective: CAPABILITIES,
        permitted: CAPABILITIES,
        inheritable: CapabilitySet::empty(),
    };
    if Check::ProgramCapabilities.holds() {
        rustix::thread::set_capabilities(None, sets)?;
    }
    rustix::thread::set_no_new_privs(true)
}

/// Becomes the program; answers why it could not.
fn execute(command: &Command, epoch: u64, ends: &Ends) -> TargetError {
    let standard = || -> Result<(), nix::errno::Errno> {
        nix::unistd::dup2_stdin(ends.input.as_fd())?;
        nix::unistd::dup2_stdout(ends.out.as_fd())?;
        nix::unistd::dup2_stderr(ends.err.as_fd())
    };
    if let Err(error) = standard() {
        return os("connecting a program", error);
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
        ("DEBIAN_FRONTEND", "noninteractive".to_owned()),
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
