//! The worker's side: two processes, of which the inner one owns the tree.
//!
//! ```text
//! engine ═ socket ═► outer: kills the inner one when the engine hangs up, ends with it
//!                      └── inner: first of its PID namespace, own ids, mounts, IPC, UTS, network
//!                            └── programs, each in a box of its own (crate::exec)
//! ```
//!
//! Nothing here needs to be undone: mounts and processes belong to the inner process's
//! namespaces and go with it, however it ends.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use dibhost_sys::{HeldFolder, remove_folder};
use rustix::process::{WaitOptions, wait};

use super::protocol::{Begin, HostProgram, Message, Request, Response, receive, send};
use super::start::{Side, start};
use crate::cgroup::Subtree;
use crate::command::{Command, Line};
use crate::error::{TargetError, os};
use crate::exec::host::{Bounds, Outside};
use crate::exec::{self, Surroundings};
use crate::files::{receive_file, send_file};
use crate::ids::Ids;
use crate::layered::Standing;
use crate::limits::{HostLimits, ProgramLimits};
use crate::network::{self, Connection};
use crate::rooted::Rooted;
use crate::rooted::split::{View, uncut};
use crate::tree::{LayerFiles, ListedNode};
use crate::unpack;

/// What the worker's program calls; the engine's socket is its standard input.
pub(super) fn main() -> ExitCode {
    match start() {
        Ok(Side::Outer(code)) => code,
        Ok(Side::Inner(socket, begin, base)) => inner(socket, &begin, base),
        Err(error) => {
            // Standard error is a pipe that the engine reads when the socket closes.
            let _ =
                std::io::Write::write_all(&mut std::io::stderr(), format!("{error}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn inner(mut socket: UnixStream, begin: &Begin, base: Result<PathBuf, TargetError>) -> ExitCode {
    let mut state = match base.and_then(|base| State::new(begin, base)) {
        Ok(state) => state,
        Err(error) => {
            let _ = send(&mut socket, &Message::End(Err(error)));
            return ExitCode::FAILURE;
        }
    };
    let begun = Response::Begun { tree: state.rooted.path().to_string_lossy().into_owned() };
    if send(&mut socket, &Message::End(Ok(begun))).is_err() {
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
        let network_follows = matches!(answer, Ok(Response::Networked));
        let folder_follows = match &answer {
            Ok(Response::Holding { number }) => Some(*number),
            _ => None,
        };
        let files_follow = match &answer {
            Ok(Response::Borrowing { files }) => *files,
            _ => 0,
        };
        if send(&mut socket, &Message::End(answer)).is_err() {
            return ExitCode::SUCCESS;
        }
        for _ in 0..files_follow {
            let Ok(file) = receive_file(&socket) else { return ExitCode::FAILURE };
            state.lent.push(file.into());
        }
        if let Some(nameservers) = file_follows {
            let Ok(namespace) = receive_file(&socket) else { return ExitCode::FAILURE };
            state.network = Some(Connection { namespace, nameservers });
        }
        if network_follows {
            let of_it = state.network.as_ref().map(|network| network.namespace.as_fd());
            let sent = of_it.map(|namespace| {
                send_file(&socket, namespace)?;
                send_file(&socket, std::fs::File::open("/proc/self/ns/user")?.as_fd())
            });
            if !matches!(sent, Some(Ok(()))) {
                return ExitCode::FAILURE;
            }
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
    while matches!(wait(WaitOptions::NOHANG), Ok(Some(_))) {}
}

struct State {
    rooted: Rooted,
    /// What the tree lies in.
    base: PathBuf,
    epoch: u64,
    subtrees: Vec<Subtree>,
    limits: ProgramLimits,
    host: HostLimits,
    /// Whether these are the ids of the machine.
    machine: bool,
    /// Programs started so far.
    turn: u64,
    /// Of the next program.
    network: Option<Connection>,
    /// What programs of the builder see.
    view: Option<View>,
    /// What they are given paths through.
    held: Vec<HeldFolder>,
    /// Files of layers, or a terminal.
    lent: Vec<File>,
    standing: Standing,
}

impl State {
    fn new(begin: &Begin, base: PathBuf) -> Result<Self, TargetError> {
        let epoch = i64::try_from(begin.epoch).map_err(|e| TargetError::Invalid(e.to_string()))?;
        Ok(Self {
            rooted: Rooted::create(&base, epoch, true)?,
            base,
            epoch: begin.epoch,
            subtrees: begin.subtrees.clone(),
            limits: begin.limits,
            host: begin.host,
            machine: begin.ids == Ids::Machine,
            turn: 0,
            network: None,
            view: None,
            held: Vec::new(),
            lent: Vec::new(),
            standing: Standing::default(),
        })
    }

    fn answer(&mut self, socket: &UnixStream, request: Request) -> Result<Response, TargetError> {
        let rooted = &mut self.rooted;
        match request {
            Request::Begin(_) => Err(TargetError::Invalid("the tree is there".to_owned())),
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
            Request::OwnNetwork { nameservers } => {
                let namespace = network::empty()?;
                self.network = Some(Connection { namespace, nameservers });
                Ok(Response::Networked)
            }
            Request::Hold { number } => Ok(Response::Holding { number }),
            Request::Host { program, mounting } => {
                let bounds = if mounting { Bounds::Mounting } else { Bounds::Boxed };
                match exec::host::run(program.into(), bounds, &self.outside(socket)) {
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
            Request::Lend { files } => Ok(Response::Borrowing { files }),
            Request::Mark => self.standing.mark(rooted).map(|()| Response::Done),
            Request::Pack => {
                let mut layers = self.layers()?.into_iter();
                match (layers.next(), layers.next()) {
                    (Some(into), None) => {
                        self.standing.pack(&self.rooted, into).map(|()| Response::Done)
                    }
                    _ => Err(TargetError::Invalid("one layer is packed at a time".to_owned())),
                }
            }
            Request::Restore => {
                let layers = self.layers()?;
                self.standing.restore(&self.rooted, layers).map(|()| Response::Done)
            }
            Request::Clear => self.clear().map(|()| Response::Done),
            Request::ClampTimes { epoch } => rooted.clamp_times(epoch).map(|()| Response::Done),
            Request::LayDown { archives, laying } => {
                let archives = archives.into_iter().map(HostProgram::into).collect();
                unpack::unpack(&self.rooted.path(), archives, laying, &self.outside(socket))
                    .map(|()| Response::Done)
            }
        }
    }

    /// What was lent, two files a layer.
    fn layers(&mut self) -> Result<Vec<LayerFiles>, TargetError> {
        let mut lent = std::mem::take(&mut self.lent).into_iter();
        let mut layers = Vec::new();
        while let Some(manifest) = lent.next() {
            let pack = lent
                .next()
                .ok_or_else(|| TargetError::Invalid("a layer has two files".to_owned()))?;
            layers.push(LayerFiles { manifest, pack });
        }
        Ok(layers)
    }

    /// What there is around the next program of the builder.
    fn outside<'a>(&'a mut self, socket: &'a UnixStream) -> Outside<'a> {
        self.turn += 1;
        Outside {
            rooted: &self.rooted,
            work: self.base.parent().unwrap_or(&self.base),
            machine: self.machine,
            view: self.view.as_ref(),
            held: &self.held,
            subtrees: &self.subtrees,
            limits: self.host,
            turn: self.turn,
            control: socket.as_fd(),
        }
    }

    fn clear(&self) -> Result<(), TargetError> {
        let doing = |e: std::io::Error| os(format!("clearing `{}`", self.base.display()), e);
        let base = std::fs::File::open(&self.base).map_err(doing)?;
        for entry in std::fs::read_dir(&self.base).map_err(doing)? {
            remove_folder(&base, &entry.map_err(doing)?.file_name()).map_err(doing)?;
        }
        Ok(())
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
            network: self.network.take().filter(|_| command.network),
            terminal: self.lent.pop(),
        };
        exec::run(&mut self.rooted, command, &surroundings, &mut tell(socket)).map(Response::Ran)
    }

    fn deferred_folder(&self) -> Result<PathBuf, TargetError> {
        let folder = self.base.join("deferred");
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
