//! Programs of the builder that say something each, side by side, while somebody else reads it: held as
//! those of [`super::host`] are. What they see is made once for all of them.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use dibhost_check::Check;
use dibhost_sys::{Forked, Namespaces, fork};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, waitpid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::host::Outside;
use super::{boxed, host};
use crate::cgroup::{Exceeded, ProgramGroups};
use crate::error::{TargetError, os};
use crate::files::{receive_file, send_file};

/// What they run in.
pub(crate) struct Aside {
    /// A mount namespace; none: the worker's.
    sight: Option<OwnedFd>,
    groups: ProgramGroups,
}

/// One that runs.
pub(crate) struct Speaker {
    pub(crate) pid: Pid,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

impl Aside {
    pub(crate) fn make(outside: &Outside<'_>) -> Result<Self, TargetError> {
        let groups = outside.groups()?;
        let sight = Check::HostSight.holds().then(|| make_sight(outside)).transpose()?;
        Ok(Self { sight, groups })
    }

    /// Starts one. Why it could not be started is what it says on standard error.
    pub(crate) fn start(&self, mut command: Command) -> Result<Speaker, TargetError> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(|e| os("making a pipe", e));
        let ((stdout, out), (stderr, err)) = (pipe()?, pipe()?);
        let forked = fork(Namespaces { pid: true, ..Namespaces::default() });
        match forked.map_err(|e| os("starting a process", e))? {
            Forked::Parent(pid) => Ok(Speaker { pid, stdout, stderr }),
            Forked::Child => {
                let error = self.become_it(&mut command, &out, &err);
                let _ = writeln!(File::from(err), "{error}");
                end()
            }
        }
    }

    fn become_it(&self, command: &mut Command, out: &OwnedFd, err: &OwnedFd) -> TargetError {
        let enter = || {
            self.groups.enter()?;
            if let Some(sight) = &self.sight {
                move_into_link_name_space(sight.as_fd(), Some(LinkNameSpaceType::Mount))
                    .map_err(|e| os("entering what a program sees", e))?;
            }
            nix::unistd::dup2_stdout(out)
                .and_then(|()| nix::unistd::dup2_stderr(err))
                .map_err(|e| os("connecting a program", e))?;
            boxed::drop_privileges(super::host::capabilities())?;
            boxed::refuse_calls()
        };
        if let Err(error) = enter() {
            return error;
        }
        let shown = command.get_program().to_string_lossy().into_owned();
        os(format!("starting `{shown}`"), command.exec())
    }

    /// Whether they had more memory than they may have.
    pub(crate) fn had_too_much(&self) -> bool {
        matches!(self.groups.exceeded(), Some(Exceeded::Memory))
    }
}

/// A mount namespace in which the builder's programs are alone, and the build's folder.
fn make_sight(outside: &Outside<'_>) -> Result<OwnedFd, TargetError> {
    let doing = |e: std::io::Error| os("showing the builder's programs alone", e);
    let (ours, theirs) = UnixStream::pair().map_err(doing)?;
    let (told, report) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| doing(e.into()))?;
    let own = Namespaces { mount: true, pid: true, ..Namespaces::default() };
    match fork(own).map_err(doing)? {
        Forked::Child => {
            drop(ours);
            let made = host::show(outside.work, outside.machine).and_then(|()| {
                let own = File::open("/proc/self/ns/mnt");
                own.and_then(|own| send_file(&theirs, own.as_fd())).map_err(doing)
            });
            if let Err(error) = made
                && let Ok(bytes) = postcard::to_stdvec(&error)
            {
                let _ = rustix::io::write(&report, &bytes);
            }
            end()
        }
        Forked::Parent(child) => {
            drop((theirs, report));
            let sight = receive_file(&ours);
            let _ = waitpid(Some(child), WaitOptions::empty());
            sight.map_err(|error| {
                let mut why = Vec::new();
                let _ = File::from(told).read_to_end(&mut why);
                postcard::from_bytes(&why).unwrap_or_else(|_| doing(error))
            })
        }
    }
}

#[expect(clippy::exit, reason = "a forked process must not return into its parent's code")]
fn end() -> ! {
    std::process::exit(127)
}
