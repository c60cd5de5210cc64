//! How the worker begins: its namespaces, its ids, and the folder that its tree lies in.
//!
//! With mapped ids nobody inside may pass the private folders above the build's own, so the outer
//! process goes there first: the place where a process stands is seen in a new mount namespace too.
//! The inner one mounts it on [`PLACE`] of its own mounts, and the tmpfs of the tree in it: mounted
//! inside the namespace, it belongs to the root of it, who may set labels and capabilities there.

use std::ffi::CString;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use dibhost_sys::{Forked, close_on_exec, fork, leave_no_core};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, kill_process, pidfd_open, waitpid,
};

use super::protocol::{Begin, Message, Request, Response, receive, send};
use crate::error::{TargetError, os};
use crate::exec;
use crate::exec::mounts::{own_proc, restrict};
use crate::ids::Ids;
use crate::ids::enter::{explained, fork_mapped, take_root};

/// Where a worker with mapped ids sees the build's folder. Every system has it, and what may be
/// mounted there is of no use to a build: what a build needs of elsewhere it is given open.
pub(crate) const PLACE: &str = "/mnt";

/// The folder of the tree, in the build's.
pub(crate) const TREE: &str = "target";

/// Which of the two processes this is now.
pub(super) enum Side {
    /// It serves, with the engine's socket, what it was told first, and the folder its tree is to be in.
    Inner(UnixStream, Box<Begin>, Result<PathBuf, TargetError>),
    /// It waited for the other, or there was nothing to do.
    Outer(ExitCode),
}

/// Takes the engine's first request and makes the inner process.
///
/// # Errors
/// This was not started by the engine, or it cannot wait for the inner process.
pub(super) fn start() -> Result<Side, TargetError> {
    let starting = |e: std::io::Error| os("starting the target's worker process", e);
    let socket = std::io::stdin().as_fd().try_clone_to_owned().map_err(starting)?;
    if rustix::fs::FileType::from_raw_mode(
        rustix::fs::fstat(&socket).map_err(|e| starting(e.into()))?.st_mode,
    ) != rustix::fs::FileType::Socket
    {
        return Err(TargetError::Invalid(
            "this is the target's worker process; it is started by dibhost itself".to_owned(),
        ));
    }
    let null = std::fs::File::open("/dev/null").map_err(starting)?;
    nix::unistd::dup2_stdin(&null).map_err(|e| starting(e.into()))?;
    close_on_exec().map_err(starting)?;
    let mut socket = UnixStream::from(socket);
    let begin = match receive(&mut socket)
        .map_err(|e| os("reading the engine's first request", e))?
    {
        Some(Request::Begin(begin)) => begin,
        Some(_) => return Err(TargetError::Invalid("a request came before the first".to_owned())),
        None => return Ok(Side::Outer(ExitCode::SUCCESS)),
    };
    match divide(&begin) {
        Ok(Forked::Child) => {
            let base = prepare(&begin.ids)
                .and_then(|()| base(&begin))
                .map_err(|error| if begin.ids == Ids::Machine { error } else { explained(error) });
            Ok(Side::Inner(socket, begin, base))
        }
        Ok(Forked::Parent(inner)) => guard(&socket, inner).map(Side::Outer),
        Err(error) => {
            // When the engine is gone nobody wants to know.
            let _ = send(&mut socket, &Message::End(Err::<Response, _>(error)));
            Ok(Side::Outer(ExitCode::FAILURE))
        }
    }
}

/// Forks the inner process.
fn divide(begin: &Begin) -> Result<Forked, TargetError> {
    let leave = || leave_no_core().map_err(|e| os("starting the target's worker process", e));
    match &begin.ids {
        Ids::Machine => {
            // Secrets pass through here to programs and files of the target.
            leave()?;
            fork(exec::namespaces())
                .map_err(|e| os("making the namespaces of the target (this needs root)", e))
        }
        Ids::Mapped(map) => {
            std::env::set_current_dir(&begin.work)
                .map_err(|e| os(format!("entering the folder `{}`", begin.work), e))?;
            let forked = fork_mapped(map, exec::namespaces())?;
            // Not before: who is not dumpable is given no map. No secret is here yet.
            leave()?;
            Ok(forked)
        }
    }
}

/// Waits for the inner process, and ends it when the engine is gone.
fn guard(socket: &UnixStream, inner: Pid) -> Result<ExitCode, TargetError> {
    let waiting = |e: Errno| os("waiting for the target's worker process", e);
    let pidfd: OwnedFd = pidfd_open(inner, PidfdFlags::empty()).map_err(waiting)?;
    loop {
        let mut fds = [
            PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::empty()),
        ];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => (),
            Err(error) => return Err(waiting(error)),
        }
        if !fds[1].revents().is_empty() {
            let _ = kill_process(inner, Signal::KILL);
        }
        if !fds.iter().all(|fd| fd.revents().is_empty()) {
            break;
        }
    }
    let ended = waitpid(Some(inner), WaitOptions::empty()).map_err(waiting)?;
    let well = ended.is_some_and(|(_, status)| status.exit_status() == Some(0));
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes the inner process what it is to be.
fn prepare(ids: &Ids) -> Result<(), TargetError> {
    let doing = |e: Errno| os("preparing the target's worker process", e);
    if *ids != Ids::Machine {
        take_root()?;
        // Changing ids set both back.
        leave_no_core().map_err(|e| os("preparing the target's worker process", e))?;
    }
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(doing)?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(|e| os("making the mounts private", e))?;
    own_proc()?;
    rustix::process::umask(rustix::fs::Mode::from(0o022));
    // A walk holds one descriptor for each folder on its way down.
    let files = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: files.maximum, maximum: files.maximum };
    rustix::process::setrlimit(Resource::Nofile, raised).map_err(doing)
}

/// Makes the folder that the tree is to be in, as it is seen from now on.
fn base(begin: &Begin) -> Result<PathBuf, TargetError> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME;
    let seen = match begin.ids {
        Ids::Machine => Path::new(&begin.work),
        Ids::Mapped(_) => {
            let seen = Path::new(PLACE);
            mount_bind(".", seen)
                .and_then(|()| restrict(seen, flags))
                .map_err(|e| os(format!("showing the folder `{}`", begin.work), e))?;
            rustix::process::chdir("/").map_err(|e| os("leaving the build's folder", e))?;
            seen
        }
    };
    let base = seen.join(TREE);
    match begin.tmpfs {
        Some(size) => {
            let options = CString::new(format!("size={size},mode=0700"))
                .map_err(|e| TargetError::Invalid(e.to_string()))?;
            // Its name says whose it is, to who looks for what builds left.
            mount(begin.work.as_str(), &base, "tmpfs", flags, options.as_c_str())
                .map_err(|e| os(format!("mounting a tmpfs on `{}`", base.display()), e))?;
        }
        None => mount_bind(&base, &base)
            .and_then(|()| restrict(&base, flags))
            .map_err(|e| os(format!("preparing the folder `{}`", base.display()), e))?,
    }
    Ok(base)
}
