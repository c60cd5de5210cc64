//! Programs of the builder that work on the tree, held as programs of the tree are: no network, the same
//! system calls, no capability but to read what nobody may. They see the tree in its parts, and of the
//! builder nothing but programs ([`Sight`]).

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::time::Duration;

use dibhost_check::Check;
use dibhost_sys::{HeldFolder, Namespaces, Sight};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::thread::CapabilitySet;

use super::lines::LISTED_MAX;
use super::mounts::own_proc;
use super::{boxed, ended_for_memory};
use crate::cgroup::{Exceeded, ProgramGroups, Subtree};
use crate::command::Output;
use crate::error::{Over, TargetError, os};
use crate::limits::{HostLimits, ProgramLimits};
use crate::rooted::Rooted;
use crate::rooted::split::View;

/// A tree has files that its own root reads by this alone.
const CAPABILITIES: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;

/// What a program of the builder may do beside reading the tree and writing where it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// It reads what elements made.
    Boxed,
    /// It is dibhost's own code, and mounts what it made.
    Mounting,
}

/// What there is around such a program.
pub(crate) struct Outside<'a> {
    pub(crate) rooted: &'a Rooted,
    /// The build's folder.
    pub(crate) work: &'a Path,
    /// Whether the ids are the machine's.
    pub(crate) machine: bool,
    /// How the tree is seen; none: as it is.
    pub(crate) view: Option<&'a View>,
    /// Folders that it inherits, under their numbers: it is given paths through them.
    pub(crate) held: &'a [HeldFolder],
    /// Where control groups are made.
    pub(crate) subtrees: &'a [Subtree],
    pub(crate) limits: HostLimits,
    /// A number that no other program of this build has.
    pub(crate) turn: u64,
    /// Hung up when the engine is gone.
    pub(crate) control: BorrowedFd<'a>,
}

impl Outside<'_> {
    /// What limits the memory and processes of the next ones.
    pub(super) fn groups(&self) -> Result<ProgramGroups, TargetError> {
        let HostLimits { programs, memory: program_memory, .. } = self.limits;
        let most = ProgramLimits { programs, program_memory };
        ProgramGroups::make(self.subtrees, self.turn, most, 0)
    }
}

/// Runs one; all that it says is kept. [`TargetError::NotFound`]: there is no such program.
pub(crate) fn run(
    command: std::process::Command,
    bounds: Bounds,
    outside: &Outside<'_>,
) -> Result<Output, TargetError> {
    let Outside { rooted, work, machine, view, held, limits, .. } = *outside;
    let shown = command.get_program().to_string_lossy().into_owned();
    let watch = boxed::Watch {
        terminal: None,
        stdin: None,
        timeout: Check::HostTime.holds().then_some(limits.time),
        kept: LISTED_MAX,
        control: outside.control,
    };
    let groups = outside.groups()?;
    // The network is the worker's, which has none.
    let namespaces = Namespaces { mount: true, pid: true, ..Namespaces::default() };
    let enter = || {
        let seen = || view.map_or(Ok(()), |view| view.enter(rooted));
        if bounds == Bounds::Mounting {
            own_proc()?;
            seen()?;
            return boxed::end_with_parent();
        }
        groups.enter()?;
        seen()?;
        if Check::HostSight.holds() {
            show(work, machine)?;
        } else {
            own_proc()?;
        }
        boxed::drop_privileges(capabilities())?;
        boxed::refuse_calls()
    };
    let output =
        boxed::run(namespaces, &watch, &mut |_| (), enter, |ends| execute(command, held, ends))?;
    let over = |over, said| Err(TargetError::Limit { over, said });
    if output.timed_out {
        return over(Over::Time, ended_for_time(&shown, limits.time));
    }
    match groups.exceeded() {
        Some(Exceeded::Memory) => over(Over::Memory, ended_for_memory(&shown, limits.memory)),
        _ => Ok(output),
    }
}

/// Makes that this process sees programs and the build's folder, where it only reads: what is to stay it
/// writes through a held folder. Root of the machine sees all devices.
pub(super) fn show(work: &Path, machine: bool) -> Result<(), TargetError> {
    let doing = |e| os("showing the builder's programs alone", e);
    let work = [work.to_owned()];
    let (reads, writes): (&[_], &[_]) =
        if Check::HostTree.holds() { (&work, &[]) } else { (&[], &work) };
    let mut sight = Sight::new(reads, writes)
        .and_then(|sight| if machine { sight.with_devices() } else { Ok(sight) })
        .map_err(doing)?;
    sight.enter().map_err(|unseen| match unseen.at.and_then(|at| sight.places().get(at).cloned()) {
        Some(place) => os(format!("showing `{place}`"), unseen.errno),
        None => doing(unseen.errno.into()),
    })
}

/// The sentence for a program that took too much of it.
pub(crate) fn ended_for_time(program: &str, most: Duration) -> String {
    format!(
        "`{program}` was ended because it ran longer than {} s, which `--host-timeout SECONDS` changes",
        most.as_secs()
    )
}

/// Those of such programs.
pub(super) fn capabilities() -> CapabilitySet {
    if Check::HostCapabilities.holds() { CAPABILITIES } else { boxed::CAPABILITIES }
}

fn execute(
    mut command: std::process::Command,
    held: &[HeldFolder],
    ends: &boxed::Ends,
) -> TargetError {
    if let Err(error) = ends.connect() {
        return error;
    }
    // In this process alone, which becomes the program; all else that is open ends here.
    if let Err(error) = held.iter().try_for_each(|f| fcntl_setfd(f, FdFlags::empty())) {
        return os("handing an open folder to a program", error);
    }
    let shown = command.get_program().to_string_lossy().into_owned();
    let error = command.exec();
    if error.kind() == io::ErrorKind::NotFound {
        return TargetError::NotFound(shown);
    }
    os(format!("executing `{shown}`"), error)
}
