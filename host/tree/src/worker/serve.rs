//! The worker's side: two processes, of which the inner one owns the tree.
//!
//! ```text
//! engine ═ socket ═► outer: kills the inner one when the engine hangs up, ends with it
//!                      └── inner: first of its PID namespace, own mounts, IPC, UTS, network
//!                            └── programs, each in a box of its own (crate::exec)
//! ```
//!
//! Nothing here needs to be undone: mounts and processes belong to the inner process's
//! namespaces and go with it, however it ends.

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use dibhost_sys::{Forked, HeldFolder, close_on_exec, fork, leave_no_core};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, mount, mount_bind, mount_change, mount_remount,
};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, kill_process, pidfd_open, waitpid,
};

use super::protocol::{HostProgram, Message, Request, Response, receive, receive_file, send};
use crate::cgroup::Subtree;
use crate::command::{Command, Line};
use crate::error::{TargetError, os};
use crate::exec::host::{Bounds, Outside};
use crate::exec::{self, Surroundings};
use crate::limits::ProgramLimits;
use crate::network::Connection;
use crate::rooted::Rooted;
use crate::rooted::split::{View, uncut};
use crate::tree::ListedNode;
use crate::unpack;

/// What the worker's program calls; the engine's socket is its standard input.
pub(super) fn main() -> ExitCode {
    match outer() {
        Ok(code) => code,
        Err(error) => {
            // Standard error is a pipe that the engine reads when the socket closes.
            let _ =
                std::io::Write::write_all(&mut std::io::stderr(), format!("{error}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn outer() -> Result<ExitCode, TargetError> {
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
    // Secrets pass through here to programs and files of the target.
    leave_no_core().map_err(starting)?;
    let null = std::fs::File::open("/dev/null").map_err(starting)?;
    nix::unistd::dup2_stdin(&null).map_err(|e| starting(e.into()))?;
    close_on_exec().map_err(starting)?;
    let forked = fork(exec::namespaces())
        .map_err(|e| os("making the namespaces of the target (this needs root)", e))?;
    match forked {
        Forked::Child => Ok(inner(socket)),
        Forked::Parent(inner) => guard(&socket, inner),
    }
}

/// Waits for the inner process, and ends it when the engine is gone.
fn guard(socket: &OwnedFd, inner: Pid) -> Result<ExitCode, TargetError> {
    let waiting = |e: Errno| os("waiting for the target's worker process", e);
    let pidfd = pidfd_open(inner, PidfdFlags::empty()).map_err(waiting)?;
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

fn inner(socket: OwnedFd) -> ExitCode {
    let mut socket = UnixStream::from(socket);
    let prepared = prepare().and_then(|()| begin(&mut socket));
    let mut state = match prepared {
        Ok(Some(state)) => state,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            let _ = send(&mut socket, &Message::End(Err(error)));
            return ExitCode::FAILURE;
        }
    };
    if send(&mut socket, &Message::End(Ok(Response::Done))).is_err() {
        return ExitCode::SUCCESS;
    }
    loop {
        let request = match receive(&mut socket) {
            Ok(Some(request)) => request,
            Ok(None) => return ExitCode::SUCCESS,
            Err(error) => {
                let error = os("reading a request of the engine", error);
                let _ = send(&mut socket, &Message::End(Err(error)));
                return ExitCode::FAILURE;
            }
        };
        let answer = state.answer(&socket, request);
        reap_orphans();
        // Nobody to tell: the engine is gone, and so is the reason to live.
        let file_follows = match &answer {
            Ok(Response::Waiting { nameservers }) => Some(nameservers.clone()),
            _ => None,
        };
        let folder_follows = match &answer {
            Ok(Response::Holding { number }) => Some(*number),
            _ => None,
        };
        if send(&mut socket, &Message::End(answer)).is_err() {
            return ExitCode::SUCCESS;
        }
        if let Some(nameservers) = file_follows {
            let Ok(namespace) = receive_file(&socket) else { return ExitCode::FAILURE };
            state.network = Some(Connection { namespace, nameservers });
        }
        if let Some(number) = folder_follows {
            let held = receive_file(&socket).and_then(|f| HeldFolder::with_number(f, number));
            let Ok(held) = held else { return ExitCode::FAILURE };
            state.held.push(held);
        }
    }
}

/// What programs of the host left behind comes to this process, the first of its namespace.
fn reap_orphans() {
    while matches!(waitpid(None, WaitOptions::NOHANG), Ok(Some(_))) {}
}

fn prepare() -> Result<(), TargetError> {
    let doing = |e: Errno| os("preparing the target's worker process", e);
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(doing)?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(|e| os("making the mounts private", e))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, c"").map_err(|e| os("mounting `/proc`", e))?;
    rustix::process::umask(rustix::fs::Mode::from(0o022));
    // A walk holds one descriptor for each folder on its way down.
    let files = rustix::process::getrlimit(Resource::Nofile);
    let raised = Rlimit { current: files.maximum, maximum: files.maximum };
    rustix::process::setrlimit(Resource::Nofile, raised).map_err(doing)
}

struct State {
    rooted: Rooted,
    work: PathBuf,
    epoch: u64,
    subtrees: Vec<Subtree>,
    limits: ProgramLimits,
    /// Programs started so far.
    turn: u64,
    /// Of the next program.
    network: Option<Connection>,
    /// What programs of the builder see.
    view: Option<View>,
    /// What they are given paths through.
    held: Vec<HeldFolder>,
}

/// Takes the first request and makes the work folder.
fn begin(socket: &mut UnixStream) -> Result<Option<State>, TargetError> {
    let first = receive(socket).map_err(|e| os("reading the first request of the engine", e))?;
    let (work, tmpfs, epoch, subtrees, limits) = match first {
        Some(Request::Begin { work, tmpfs, epoch, subtrees, limits }) => {
            (PathBuf::from(work), tmpfs, epoch, subtrees, limits)
        }
        Some(_) => return Err(TargetError::Invalid("a request came before the first".to_owned())),
        None => return Ok(None),
    };
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOATIME;
    match tmpfs {
        Some(size) => {
            let options = std::ffi::CString::new(format!("size={size},mode=0700"))
                .map_err(|e| TargetError::Invalid(e.to_string()))?;
            mount("tmpfs", &work, "tmpfs", flags, options.as_c_str())
                .map_err(|e| os(format!("mounting a tmpfs on `{}`", work.display()), e))?;
        }
        None => mount_bind(&work, &work)
            .and_then(|()| mount_remount(&work, MountFlags::BIND | flags, c""))
            .map_err(|e| os(format!("preparing the folder `{}`", work.display()), e))?,
    }
    let seconds = i64::try_from(epoch).map_err(|e| TargetError::Invalid(e.to_string()))?;
    let rooted = Rooted::create(&work, seconds, true)?;
    Ok(Some(State {
        rooted,
        work,
        epoch,
        subtrees,
        limits,
        turn: 0,
        network: None,
        view: None,
        held: Vec::new(),
    }))
}

impl State {
    fn answer(&mut self, socket: &UnixStream, request: Request) -> Result<Response, TargetError> {
        let rooted = &mut self.rooted;
        match request {
            Request::Begin { .. } => Err(TargetError::Invalid("the tree is there".to_owned())),
            Request::Stat { scope, path } => rooted.stat(&scope, &path).map(Response::Stat),
            Request::Read { scope, path, offset, length } => {
                rooted.read(&scope, &path, offset, length).map(Response::Content)
            }
            Request::Walk { scope, path, walk, start_after, limit } => {
                rooted.walk(&scope, &path, walk, start_after.as_ref(), limit).map(Response::Entries)
            }
            Request::Apply { scope, changes, room } => {
                rooted.apply_within(&scope, &changes, room).map(Response::Written)
            }
            Request::ApplyEach { parts } => Ok(Response::Applied(rooted.apply_each(&parts))),
            Request::Exec { command } => self.exec(socket, &command),
            Request::Network { nameservers } => Ok(Response::Waiting { nameservers }),
            Request::Hold { number } => Ok(Response::Holding { number }),
            Request::Host { program, mounting } => {
                let bounds = if mounting { Bounds::Mounting } else { Bounds::Boxed };
                let outside = Outside {
                    rooted,
                    view: self.view.as_ref(),
                    held: &self.held,
                    control: socket.as_fd(),
                };
                match exec::host::run(program.into(), bounds, &outside) {
                    Err(TargetError::NotFound(_)) => Ok(Response::NotThere),
                    ran => ran.map(Response::Ran),
                }
            }
            Request::Split { mount_points } => {
                let view = self.view.insert(rooted.split(&mount_points)?);
                let text = |p: PathBuf| p.to_string_lossy().into_owned();
                let folders = view.folders().into_iter();
                Ok(Response::Parts(folders.map(|(at, p)| (at, text(p))).collect()))
            }
            Request::List { part } => {
                let view = self.view.as_ref().ok_or_else(uncut)?;
                view.list(rooted, Path::new(&part), &mut tell_nodes(socket))
                    .map(|()| Response::Done)
            }
            Request::ReadPart { part, file, offset, length } => {
                let view = self.view.as_ref().ok_or_else(uncut)?;
                let (part, file) = (Path::new(&part), Path::new(&file));
                view.read(rooted, part, file, offset, length).map(Response::Content)
            }
            Request::ClampTimes { epoch } => rooted.clamp_times(epoch).map(|()| Response::Done),
            Request::LayDown { archives } => {
                let archives = archives.into_iter().map(HostProgram::into).collect();
                unpack::unpack(&rooted.path(), archives, socket.as_fd()).map(|()| Response::Done)
            }
        }
    }

    fn exec(&mut self, socket: &UnixStream, command: &Command) -> Result<Response, TargetError> {
        let deferred = if command.defer.is_empty() { None } else { Some(self.deferred_folder()?) };
        self.turn += 1;
        let surroundings = Surroundings {
            control: socket.as_fd(),
            epoch: self.epoch,
            deferred,
            subtrees: &self.subtrees,
            limits: self.limits,
            turn: self.turn,
            network: self.network.take(),
        };
        exec::run(&mut self.rooted, command, &surroundings, &mut tell(socket)).map(Response::Ran)
    }

    fn deferred_folder(&self) -> Result<PathBuf, TargetError> {
        let folder = self.work.join("deferred");
        match std::fs::create_dir(&folder) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(os(format!("making `{}`", folder.display()), e))
            }
            _ => Ok(folder),
        }
    }
}

/// Sends each line to the engine. When that fails the engine is gone, which is seen elsewhere.
fn tell(socket: &UnixStream) -> impl FnMut(Line) {
    move |line| {
        let mut socket = socket;
        let _ = send(&mut socket, &Message::Line(line));
    }
}

/// The same of what is listed.
fn tell_nodes(socket: &UnixStream) -> impl FnMut(Vec<ListedNode>) {
    move |nodes| {
        let mut socket = socket;
        let _ = send(&mut socket, &Message::Listed(nodes));
    }
}

/// The text of a path that means the same in both processes.
pub(super) fn absolute(path: &Path) -> Result<String, TargetError> {
    match path.to_str() {
        Some(text) if path.is_absolute() => Ok(text.to_owned()),
        _ => Err(TargetError::Invalid(format!(
            "the work folder `{}` is no absolute path in UTF-8",
            path.display()
        ))),
    }
}
