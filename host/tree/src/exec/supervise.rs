//! Watching one child: what it says, when it ends, when its time is over, and whether the
//! engine is still there.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, pidfd_open,
    waitpid,
};

use super::lines::Lines;
use crate::command::Line;
use crate::error::{TargetError, os};

/// Between asking a program to end and ending it: what DIB's and systemd's users are used to is
/// longer, but a program in a build has nothing to save.
const GRACE: Duration = Duration::from_secs(5);

/// A child to watch, the leader of its own process group.
pub(crate) struct Child {
    pub(crate) pid: Pid,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// Standard input and what to write to it.
    pub(crate) stdin: Option<(OwnedFd, Vec<u8>)>,
    /// What the child tells about itself, until it closes it.
    pub(crate) report: Option<OwnedFd>,
}

/// How a child ended.
pub(crate) struct Ended {
    pub(crate) status: WaitStatus,
    pub(crate) timed_out: bool,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) report: Vec<u8>,
}

/// Sets a file to answer EAGAIN instead of waiting.
fn nonblocking(fd: &OwnedFd) -> Result<(), TargetError> {
    let set = |fd: &OwnedFd| -> Result<(), Errno> {
        let flags = rustix::fs::fcntl_getfl(fd)?;
        rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK)
    };
    set(fd).map_err(|e| os("preparing a pipe", e))
}

/// Watches until the child has ended. When the engine is gone (`control` hung up), everything is
/// to end: the child is killed and the error says so.
pub(crate) fn watch(
    child: Child,
    timeout: Option<Duration>,
    kept: usize,
    control: BorrowedFd<'_>,
    tell: &mut dyn FnMut(Line),
) -> Result<Ended, TargetError> {
    let waiting = |e: Errno| os("waiting for a program", e);
    let pidfd = pidfd_open(child.pid, PidfdFlags::empty()).map_err(waiting)?;
    for fd in [Some(&child.stdout), Some(&child.stderr), child.report.as_ref()] {
        fd.map_or(Ok(()), nonblocking)?;
    }
    if let Some((fd, _)) = &child.stdin {
        nonblocking(fd)?;
    }
    let mut outputs = [
        Some((std::fs::File::from(child.stdout), Lines::new(false, kept))),
        Some((std::fs::File::from(child.stderr), Lines::new(true, kept))),
    ];
    let mut ends = [Vec::new(), Vec::new()];
    let mut stdin = child.stdin.map(|(fd, content)| (std::fs::File::from(fd), content, 0));
    let mut report = child.report.map(std::fs::File::from);
    let mut reported = Vec::new();
    let mut deadline = timeout.map(|t| Instant::now() + t);
    let mut timed_out = false;
    let mut buffer = vec![0; 64 << 10];
    let mut ended = false;
    while !ended {
        let mut fds = vec![
            PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(control, PollFlags::empty()),
        ];
        fds.extend(outputs.iter().flatten().map(|(f, _)| PollFd::new(f, PollFlags::IN)));
        fds.extend(stdin.iter().map(|(f, ..)| PollFd::new(f, PollFlags::OUT)));
        fds.extend(report.iter().map(|f| PollFd::new(f, PollFlags::IN)));
        let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
        let left = left.map(|l| Timespec {
            tv_sec: i64::try_from(l.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: l.subsec_nanos().into(),
        });
        match poll(&mut fds, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => (),
            Err(error) => return Err(waiting(error)),
        }
        ended = fds[0].revents().intersects(PollFlags::IN);
        if fds[1].revents().intersects(PollFlags::HUP | PollFlags::ERR) {
            let _ = kill_process(child.pid, Signal::KILL);
            return Err(TargetError::Gone("the engine is gone".to_owned()));
        }
        drop(fds);
        // All outputs are read until they have nothing more to say at the moment: when the child
        // has ended, that is all there is.
        for (output, end) in outputs.iter_mut().zip(&mut ends) {
            let Some((file, lines)) = output else { continue };
            loop {
                match file.read(&mut buffer) {
                    Ok(0) => {}
                    Ok(n) => {
                        lines.take(&buffer[..n], tell);
                        continue;
                    }
                    Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                    Err(e) if e.kind() == ErrorKind::WouldBlock && !ended => break,
                    Err(_) => {}
                }
                if let Some((_, lines)) = output.take() {
                    *end = lines.finish(tell);
                }
                break;
            }
        }
        if let Some(file) = &mut report {
            match file.read_to_end(&mut reported) {
                Err(e) if e.kind() == ErrorKind::WouldBlock => (),
                _ => report = None,
            }
        }
        if let Some((file, content, written)) = &mut stdin {
            match file.write(&content[*written..]) {
                Ok(n) => *written += n,
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => (),
                // It does not want to read: its affair.
                Err(_) => *written = content.len(),
            }
            if *written == content.len() {
                stdin = None;
            }
        }
        if deadline.is_some_and(|d| d <= Instant::now()) && !ended {
            // The group: the child itself may be the first process of its namespace, which
            // nothing but KILL reaches, but what it runs hears TERM.
            if timed_out {
                let _ = kill_process(child.pid, Signal::KILL);
                let _ = kill_process_group(child.pid, Signal::KILL);
                deadline = None;
            } else {
                let _ = kill_process_group(child.pid, Signal::TERM);
                deadline = Some(Instant::now() + GRACE);
            }
            timed_out = true;
        }
    }
    let status = loop {
        match waitpid(Some(child.pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => break status,
            Ok(None) | Err(Errno::INTR) => (),
            Err(error) => return Err(waiting(error)),
        }
    };
    let [stdout, stderr] = ends;
    Ok(Ended { status, timed_out, stdout, stderr, report: reported })
}
