//! The process that owns the tree, seen from the engine.
//!
//! The engine parses components and runs wasm; this other process holds the tree, its mounts and
//! the programs in it. They share one socket. When either ends, by SIGKILL too, nothing of the
//! worker is left: no mount, no process.

pub(crate) mod protocol;
mod serve;
mod start;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, ExitStatus, Stdio};

use dibhost_sys::{Cancel, Guard, HeldFolder, Program, ProgramError, ProgramOutput};
use rustix::process::Pid;

use crate::cgroup::BuildGroups;
use crate::command::{Command, Line, Output};
use crate::error::{TargetError, os};
use crate::files::{receive_file, send_file};
use crate::ids::Ids;
use crate::limits::{HostLimits, ProgramLimits};
use crate::network::{Network, nameservers};
use crate::path::TargetPath;
use crate::tree::{
    Change, Entry, HostPrograms, LayerFiles, Layered, Laying, ListedNode, NotApplied, Programs,
    Room, Scope, Scoped, Stat, Tree, Walk, Written,
};
use protocol::{Begin, HostProgram, Message, Request, Response, receive, send};
use start::{PLACE, TREE};

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The program that calls [`main`]; usually `/proc/self/exe`.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// A folder of this build, absolute and in a private one: the worker, with whatever ids, sees it
    /// and what it may read in it. The tree is made in a new folder of it.
    pub work: PathBuf,
    /// Bytes of a tmpfs for the tree, seen by the worker alone; none: it lies in the work folder.
    pub tmpfs: Option<u64>,
    /// The time that what is written bears, in seconds since the epoch.
    pub source_date_epoch: u64,
    /// What each program in the target may have.
    pub limits: ProgramLimits,
    /// What each program of the builder may have that works on the tree.
    pub host: HostLimits,
    /// Whose ids it has.
    pub ids: Ids,
}

/// What the worker's program calls, before it starts any thread. Its standard input is the
/// engine's socket.
#[must_use]
pub fn main() -> ExitCode {
    serve::main()
}

/// A running worker: the real [`Target`](crate::Target).
#[derive(Debug)]
pub struct Worker {
    process: Process,
    /// After the process: what is in them is gone by then. Or why there are none.
    groups: Result<BuildGroups, String>,
    socket: UnixStream,
    tree: PathBuf,
    /// The work folder, and how the worker sees it.
    work: (PathBuf, PathBuf),
    mapped: bool,
    cancel: Cancel,
}

/// The worker's outer process; ended when dropped.
#[derive(Debug)]
struct Process {
    child: Child,
    guard: Option<Guard>,
}

impl Process {
    /// Ends it (if it has not) and says how it ended and what it complained of.
    fn end(&mut self) -> String {
        let mut said = Vec::new();
        let _ = self.child.kill();
        if let Some(mut errors) = self.child.stderr.take() {
            let _ = errors.read_to_end(&mut said);
        }
        // Given back before the number can be another process's.
        self.guard = None;
        let status = self.child.wait();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        match (status, said.is_empty()) {
            (_, false) => said,
            (Ok(status), true) => status.to_string(),
            (Err(error), true) => error.to_string(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.guard.is_some() {
            self.end();
        }
    }
}

impl Worker {
    /// Starts it. When `cancel` is thrown it is killed, and requests answer `Cancelled`.
    ///
    /// # Errors
    /// It cannot be started, or cannot make its namespaces, its tmpfs or the tree.
    pub fn start(options: &WorkerOptions, cancel: &Cancel) -> Result<Self, TargetError> {
        cancel.check().map_err(|_| TargetError::Cancelled)?;
        let work = absolute(&options.work)?;
        make_place(options)?;
        let starting = |e| {
            let program = options.program.display();
            os(format!("starting the target's worker process `{program}`"), e)
        };
        let (socket, theirs) = UnixStream::pair().map_err(starting)?;
        let child = std::process::Command::new(&options.program)
            .args(&options.args)
            .env_clear()
            .envs(dibhost_check::handed_on())
            // For the few programs of the host that it starts by name.
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C on the terminal is the engine's to hear.
            .process_group(0)
            .spawn()
            .map_err(starting)?;
        let guard = Some(cancel.hold_process(Pid::from_child(&child)));
        let process = Process { child, guard };
        let mapped = options.ids != Ids::Machine;
        let groups = BuildGroups::make(options.ids.root(), Pid::from_child(&process.child));
        let place = if mapped { PathBuf::from(PLACE) } else { options.work.clone() };
        let mut worker = Self {
            process,
            groups,
            socket,
            tree: PathBuf::new(),
            work: (options.work.clone(), place),
            mapped,
            cancel: cancel.clone(),
        };
        let begin = Begin {
            work,
            tmpfs: options.tmpfs,
            epoch: options.source_date_epoch,
            subtrees: worker.groups.as_ref().map_or_else(|_| Vec::new(), BuildGroups::subtrees),
            limits: options.limits,
            host: options.host,
            ids: options.ids.clone(),
        };
        match worker.request(&Request::Begin(Box::new(begin)))? {
            Response::Begun { tree } => worker.tree = PathBuf::from(tree),
            other => return Err(unexpected(&other)),
        }
        Ok(worker)
    }

    /// How the worker sees a path: what is below the work folder, where that is for it.
    fn seen(&self, path: &OsStr) -> OsString {
        let (work, place) = &self.work;
        let below = Path::new(path).strip_prefix(work).map(|below| place.join(below));
        below.map_or_else(|_| path.to_owned(), PathBuf::into_os_string)
    }

    /// The tree, as programs of [`Self::run_on_host`] see it.
    #[must_use]
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// What does not hold programs in the target because this machine lacks it, beside limits.
    pub fn notes(&self) -> impl Iterator<Item = &'static str> {
        crate::exec::landlock::missing().into_iter()
    }

    /// Why programs in the target have no limits of processes and memory, as the end of a
    /// sentence; none: they have.
    #[must_use]
    pub fn unlimited(&self) -> Option<&str> {
        self.groups.as_ref().err().map(String::as_str)
    }

    /// Connects the next program. What a user namespace does not own, nobody in it enters: there the
    /// worker makes the namespace, and else the engine does.
    fn network(&mut self) -> Result<Network, TargetError> {
        let handing = |e| os("handing over a network", e);
        if self.mapped {
            return match self.request(&Request::OwnNetwork { nameservers: nameservers() })? {
                Response::Networked => {
                    let namespace = receive_file(&self.socket).map_err(handing)?;
                    let owner = receive_file(&self.socket).map_err(handing)?;
                    Network::join(namespace, owner, &self.cancel)
                }
                other => Err(unexpected(&other)),
            };
        }
        let network = Network::start(&self.cancel)?;
        // Before the request that takes it up, so that both ends know when it comes.
        self.request(&Request::Network { nameservers: nameservers() })?;
        send_file(&self.socket, network.namespace.as_fd()).map_err(handing)?;
        Ok(network)
    }

    fn host(&mut self, program: &Program, mounting: bool) -> Result<ProgramOutput, ProgramError> {
        let sent = HostProgram::of(program, |path| self.seen(path));
        let shown = sent.program.to_string_lossy().into_owned();
        let args = sent.args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
        let not_started = |source| ProgramError::Start { program: shown.clone(), source };
        match self.request(&Request::Host { program: sent, mounting }) {
            Ok(Response::Ran(Output { status: 0, stdout, stderr, .. })) => {
                Ok(ProgramOutput { stdout, stderr })
            }
            Ok(Response::Ran(output)) => Err(ProgramError::Failed {
                program: shown,
                args,
                status: ExitStatus::from_raw(output.signal.unwrap_or(output.status << 8)),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            }),
            Ok(Response::NotThere) => Err(not_started(std::io::ErrorKind::NotFound.into())),
            Ok(_) => Err(not_started(std::io::Error::other("the worker could not start it"))),
            Err(TargetError::Cancelled) => Err(ProgramError::Cancelled(shown)),
            Err(TargetError::Limit { said, .. }) => Err(ProgramError::Limit(said)),
            Err(error) => Err(not_started(std::io::Error::other(error))),
        }
    }

    /// Has programs of [`HostPrograms`] find a held folder by its path too, whatever the paths of
    /// its place lead to by then.
    ///
    /// # Errors
    /// The worker has another file of that number.
    pub fn hold(&mut self, folder: &HeldFolder) -> Result<(), TargetError> {
        match self.request(&Request::Hold { number: folder.number() })? {
            Response::Holding { .. } => send_file(&self.socket, folder.as_fd())
                .map_err(|e| os("handing a folder to the worker process", e)),
            other => Err(unexpected(&other)),
        }
    }

    /// Whether nothing of a tree is in a work folder.
    #[must_use]
    pub fn left_nothing(work: &Path) -> bool {
        match std::fs::read_dir(work.join(TREE)) {
            Ok(mut names) => names.next().is_none(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        }
    }

    /// Removes all that lies in the folder of the tree, and ends: for what a build left on the disk that
    /// belongs to ids which nobody outside of their namespace has.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn clear(mut self) -> Result<(), TargetError> {
        self.request(&Request::Clear)?;
        self.stop()
    }

    /// Ends it and waits until nothing of it is left.
    ///
    /// # Errors
    /// It had ended before, or the build was cancelled.
    pub fn stop(self) -> Result<(), TargetError> {
        let Self { mut process, groups, socket, cancel, .. } = self;
        let ended = process.child.try_wait();
        drop(socket);
        if cancel.is_cancelled() {
            process.end();
            return Err(TargetError::Cancelled);
        }
        if matches!(ended, Ok(Some(_))) {
            return Err(TargetError::Gone(process.end()));
        }
        // It ends by itself when the socket closes; killing the outer process takes the inner
        // one with it but would not wait for it.
        process.guard = None;
        let status = process.child.wait();
        drop(groups);
        status.map(|_| ()).map_err(|e| os("waiting for the worker process", e))
    }

    /// Hands files over: who packed layers wrote what is in them, and nothing else of the store is within
    /// the worker's reach.
    fn lend(&mut self, lent: &[&File]) -> Result<(), TargetError> {
        let handing = |e| os("handing files over to the worker process", e);
        let files = lent.len();
        match self.request(&Request::Lend { files })? {
            Response::Borrowing { files: taken } if taken == files => {}
            other => return Err(unexpected(&other)),
        }
        for file in lent {
            send_file(&self.socket, file.as_fd()).map_err(handing)?;
        }
        Ok(())
    }

    fn request(&mut self, request: &Request) -> Result<Response, TargetError> {
        self.request_with(request, &mut |_| ())
    }

    fn request_with(
        &mut self,
        request: &Request,
        line: &mut dyn FnMut(Line),
    ) -> Result<Response, TargetError> {
        self.request_telling(request, &mut |told| {
            if let Message::Line(said) = told {
                line(said);
            }
        })
    }

    fn request_telling(
        &mut self,
        request: &Request,
        tell: &mut dyn FnMut(Message),
    ) -> Result<Response, TargetError> {
        self.cancel.check().map_err(|_| TargetError::Cancelled)?;
        if let Err(error) = send(&mut self.socket, request) {
            if error.kind() == std::io::ErrorKind::InvalidInput {
                return Err(TargetError::Invalid(error.to_string()));
            }
            // It may have said why before it ended.
            if !matches!(
                error.kind(),
                std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset
            ) {
                return Err(self.gone(&error.to_string()));
            }
        }
        loop {
            match receive(&mut self.socket) {
                Ok(Some(Message::End(answer))) => return answer,
                Ok(Some(told)) => tell(told),
                Ok(None) => return Err(self.gone("it closed its socket")),
                Err(error) => return Err(self.gone(&error.to_string())),
            }
        }
    }

    fn gone(&mut self, why: &str) -> TargetError {
        let how = self.process.end();
        if self.cancel.is_cancelled() {
            return TargetError::Cancelled;
        }
        TargetError::Gone(format!("{why} ({how})"))
    }
}

/// The text of a path that means the same in both processes.
fn absolute(path: &Path) -> Result<String, TargetError> {
    match path.to_str() {
        Some(text) if path.is_absolute() => Ok(text.to_owned()),
        _ => Err(TargetError::Invalid(format!(
            "the work folder `{}` is no absolute path in UTF-8",
            path.display()
        ))),
    }
}

/// Makes the folder that the tree is to lie in, so that the worker's root may write there and nobody
/// else who could come by: root gives it away, and everybody else opens it to all who get through the
/// private folder above, which the worker alone does.
fn make_place(options: &WorkerOptions) -> Result<(), TargetError> {
    let (work, tree) = (&options.work, options.work.join(TREE));
    let doing = |e: std::io::Error| os(format!("preparing the folder `{}`", work.display()), e);
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(doing)
    };
    match std::fs::create_dir(&tree) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(doing(error));
        }
        _ => (),
    }
    match options.ids.root() {
        None => mode(&tree, 0o700),
        Some((user, group)) if dibhost_sys::is_root() => {
            std::os::unix::fs::chown(&tree, Some(user), Some(group)).map_err(doing)?;
            mode(&tree, 0o700).and_then(|()| mode(work, 0o755))
        }
        Some(_) => mode(&tree, 0o777).and_then(|()| mode(work, 0o755)),
    }
}

fn unexpected(answer: &Response) -> TargetError {
    TargetError::Gone(format!("it gave an answer to another question: {answer:.60?}"))
}

impl Tree for Worker {
    fn stat(&mut self, scope: &Scope, path: &TargetPath) -> Result<Option<Stat>, TargetError> {
        match self.request(&Request::Stat { scope: scope.clone(), path: path.clone() })? {
            Response::Stat(stat) => Ok(stat),
            other => Err(unexpected(&other)),
        }
    }

    fn read(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        let (scope, path) = (scope.clone(), path.clone());
        match self.request(&Request::Read { scope, path, offset, length })? {
            Response::Content(content) => Ok(content),
            other => Err(unexpected(&other)),
        }
    }

    fn walk(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        walk: Walk,
        start_after: Option<&TargetPath>,
        limit: usize,
    ) -> Result<Vec<Entry>, TargetError> {
        let (scope, path) = (scope.clone(), path.clone());
        let start_after = start_after.cloned();
        match self.request(&Request::Walk { scope, path, walk, start_after, limit })? {
            Response::Entries(entries) => Ok(entries),
            other => Err(unexpected(&other)),
        }
    }

    fn apply_within(
        &mut self,
        scope: &Scope,
        changes: &[Change],
        room: Room,
    ) -> Result<Written, TargetError> {
        let request = Request::Apply { scope: scope.clone(), changes: changes.to_vec(), room };
        match self.request(&request)? {
            Response::Written(written) => Ok(written),
            other => Err(unexpected(&other)),
        }
    }

    fn apply_each(&mut self, parts: &[Scoped]) -> Result<(), NotApplied> {
        match self.request(&Request::ApplyEach { parts: parts.to_vec() })? {
            Response::Applied(applied) => applied,
            other => Err(unexpected(&other).into()),
        }
    }

    fn split(
        &mut self,
        mount_points: &[TargetPath],
    ) -> Result<BTreeMap<TargetPath, PathBuf>, TargetError> {
        match self.request(&Request::Split { mount_points: mount_points.to_vec() })? {
            Response::Parts(parts) => {
                Ok(parts.into_iter().map(|(at, folder)| (at, folder.into())).collect())
            }
            other => Err(unexpected(&other)),
        }
    }

    fn list(&mut self, part: &Path, each: &mut dyn FnMut(ListedNode)) -> Result<(), TargetError> {
        let request = Request::List { part: part.as_os_str().to_owned() };
        self.request_telling(&request, &mut |told| {
            if let Message::Listed(nodes) = told {
                nodes.into_iter().for_each(&mut *each);
            }
        })
        .map(|_| ())
    }

    fn read_part(
        &mut self,
        part: &Path,
        file: &Path,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        let (part, file) = (part.as_os_str().to_owned(), file.as_os_str().to_owned());
        match self.request(&Request::ReadPart { part, file, offset, length })? {
            Response::Content(content) => Ok(content),
            other => Err(unexpected(&other)),
        }
    }

    fn clamp_times(&mut self, epoch: i64) -> Result<(), TargetError> {
        self.request(&Request::ClampTimes { epoch }).map(|_| ())
    }

    fn lay_down(&mut self, archives: &[Program], laying: Laying) -> Result<(), TargetError> {
        let seen = |path: &OsStr| self.seen(path);
        let archives = archives.iter().map(|a| HostProgram::of(a, seen)).collect();
        self.request(&Request::LayDown { archives, laying }).map(|_| ())
    }
}

impl Programs for Worker {
    fn exec(
        &mut self,
        command: &Command,
        line: &mut dyn FnMut(Line),
    ) -> Result<Output, TargetError> {
        self.cancel.check().map_err(|_| TargetError::Cancelled)?;
        // Kept until the program has ended.
        let _network = command.network.then(|| self.network()).transpose()?;
        let mut command = command.clone();
        for bind in &mut command.binds {
            bind.host = self.seen(OsStr::new(&bind.host)).to_string_lossy().into_owned();
        }
        match self.request_with(&Request::Exec { command }, line)? {
            Response::Ran(output) => Ok(output),
            other => Err(unexpected(&other)),
        }
    }

    fn exec_on(&mut self, command: &Command, terminal: File) -> Result<Output, TargetError> {
        self.lend(&[&terminal])?;
        self.exec(command, &mut |_| ())
    }
}

impl HostPrograms for Worker {
    fn run_on_host(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        self.host(program, false)
    }

    fn are_nobody(&self) -> bool {
        self.mapped
    }

    fn run_mounting(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        self.host(program, true)
    }
}

impl Layered for Worker {
    fn mark(&mut self) -> Result<(), TargetError> {
        self.request(&Request::Mark).map(drop)
    }

    fn pack(&mut self, into: LayerFiles) -> Result<(), TargetError> {
        self.lend(&[&into.manifest, &into.pack])?;
        self.request(&Request::Pack).map(drop)
    }

    fn restore(&mut self, layers: Vec<LayerFiles>) -> Result<(), TargetError> {
        let files: Vec<&File> = layers.iter().flat_map(|l| [&l.manifest, &l.pack]).collect();
        self.lend(&files)?;
        self.request(&Request::Restore).map(drop)
    }
}
