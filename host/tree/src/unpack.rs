//! Laying archives into an empty tree, before there is a program in it that could.
//!
//! A program of the builder says an archive (`dpkg-deb --fsys-tarfile`), in bounds of its own; a forked
//! child with the tree as its root writes. Several at once, one for each processor: decompression is what takes
//! time.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use dibhost_check::Check;
use dibhost_sys::{Forked, Namespaces, fork};
use rustix::event::{PollFd, PollFlags, Timespec as Patience, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::entries;
use crate::error::{Over, TargetError, os};
use crate::exec::aside::{Aside, Speaker};
use crate::exec::ended_for_memory;
use crate::exec::host::{Outside, ended_for_time};
use crate::tree::Laying;

/// Bytes of what a program complains of.
const COMPLAINTS: u64 = 64 << 10;

/// One archive on its way.
struct Lane {
    /// What is told of it: the last word of its program.
    name: String,
    program: String,
    decompress: Pid,
    /// What that one complains of.
    complaints: OwnedFd,
    writer: Pid,
    report: OwnedFd,
    begun: Instant,
}

/// Lays what these programs say into the tree.
pub(crate) fn unpack(
    tree: &Path,
    archives: Vec<Command>,
    laying: Laying,
    outside: &Outside<'_>,
) -> Result<(), TargetError> {
    let aside = Aside::make(outside)?;
    let at_once = match laying {
        Laying::Beside => std::thread::available_parallelism().map_or(1, usize::from),
        Laying::Over => 1,
    };
    let mut waiting = archives.into_iter();
    let mut lanes: Vec<Lane> = Vec::new();
    let mut result = Ok(());
    loop {
        while result.is_ok() && lanes.len() < at_once {
            let Some(archive) = waiting.next() else { break };
            match start(&aside, tree, archive, laying) {
                Ok(lane) => lanes.push(lane),
                Err(error) => result = Err(error),
            }
        }
        if lanes.is_empty() {
            return result;
        }
        // A report is readable when its writer has something to tell or has ended.
        let mut fds: Vec<_> = lanes.iter().map(|l| PollFd::new(&l.report, PollFlags::IN)).collect();
        fds.push(PollFd::from_borrowed_fd(outside.control, PollFlags::empty()));
        let late = lanes.iter().map(|lane| lane.begun + outside.limits.time).min();
        let left = late.map_or(Duration::ZERO, |late| late.duration_since(Instant::now()));
        let patience = Patience::try_from(left).ok().filter(|_| Check::HostTime.holds());
        match poll(&mut fds, patience.as_ref()) {
            Ok(_) | Err(Errno::INTR) => (),
            Err(error) => return Err(os("waiting for archives to be unpacked", error)),
        }
        let gone = fds.last().is_some_and(|fd| !fd.revents().is_empty());
        let done: Vec<_> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if gone {
            lanes.iter().for_each(Lane::end);
            return Err(TargetError::Gone("the engine is gone".to_owned()));
        }
        if !done.contains(&true) && patience.is_some_and(|_| left.is_zero()) {
            lanes.iter().for_each(Lane::end);
            let late = lanes.iter().min_by_key(|lane| lane.begun);
            let program = late.map_or("", |lane| &lane.program);
            let said = ended_for_time(program, outside.limits.time);
            return Err(TargetError::Limit { over: Over::Time, said });
        }
        for index in (0..lanes.len()).rev().filter(|i| done[*i]) {
            let lane = lanes.swap_remove(index);
            let program = lane.program.clone();
            let ended = finish(lane);
            result = result.and(if aside.had_too_much() {
                let said = ended_for_memory(&program, outside.limits.memory);
                Err(TargetError::Limit { over: Over::Memory, said })
            } else {
                ended
            });
        }
    }
}

fn start(
    aside: &Aside,
    tree: &Path,
    archive: Command,
    laying: Laying,
) -> Result<Lane, TargetError> {
    let last = archive.get_args().last().unwrap_or(archive.get_program());
    let name = Path::new(last).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let doing = |e: io::Error| os(format!("unpacking `{name}`"), e);
    let program = archive.get_program().to_string_lossy().into_owned();
    let Speaker { pid: decompress, stdout, stderr: complaints } = aside.start(archive)?;
    let (report, to_report) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| doing(e.into()))?;
    match fork(Namespaces::default()).map_err(doing)? {
        Forked::Parent(writer) => {
            let begun = Instant::now();
            Ok(Lane { name, program, decompress, complaints, writer, report, begun })
        }
        Forked::Child => {
            drop(report);
            let written = rustix::process::chroot(tree)
                .and_then(|()| rustix::process::chdir("/"))
                .map_err(|e| os("making the tree the root", e))
                .and_then(|()| entries::write_all(File::from(stdout), laying));
            if let Err(error) = written
                && let Ok(bytes) = postcard::to_stdvec(&error)
            {
                let _ = rustix::io::write(&to_report, &bytes);
            }
            end()
        }
    }
}

#[expect(clippy::exit, reason = "a forked process must not return into its parent's code")]
fn end() -> ! {
    std::process::exit(0)
}

impl Lane {
    fn end(&self) {
        for process in [self.decompress, self.writer] {
            let _ = kill_process(process, Signal::KILL);
        }
    }

    /// Whether the one that decompresses ended well, and what it complained of.
    fn decompressed(self) -> io::Result<(bool, String)> {
        let mut said = Vec::new();
        File::from(self.complaints).take(COMPLAINTS).read_to_end(&mut said)?;
        let ended = waitpid(Some(self.decompress), WaitOptions::empty())?;
        let well = ended.is_some_and(|(_, status)| status.exit_status() == Some(0));
        Ok((well, String::from_utf8_lossy(&said).trim().to_owned()))
    }
}

fn finish(mut lane: Lane) -> Result<(), TargetError> {
    let (name, program) = (std::mem::take(&mut lane.name), std::mem::take(&mut lane.program));
    let doing = |e: io::Error| os(format!("unpacking `{name}`"), e);
    let mut told = Vec::new();
    File::from(lane.report.try_clone().map_err(doing)?).read_to_end(&mut told).map_err(doing)?;
    waitpid(Some(lane.writer), WaitOptions::empty()).map_err(|e| doing(e.into()))?;
    let decompressed = lane.decompressed();
    if !told.is_empty() {
        return Err(match postcard::from_bytes(&told) {
            Ok(TargetError::Os { doing, name: errno, message }) => TargetError::Os {
                doing: format!("unpacking `{name}`: {doing}"),
                name: errno,
                message,
            },
            Ok(error) => error,
            Err(error) => TargetError::Conflict(format!("unpacking `{name}`: {error}")),
        });
    }
    match decompressed {
        Ok((true, _)) => Ok(()),
        Ok((false, said)) => {
            let said = format!("unpacking `{name}`: `{program}` failed: {said}");
            Err(TargetError::Conflict(said))
        }
        Err(error) => Err(doing(error)),
    }
}
