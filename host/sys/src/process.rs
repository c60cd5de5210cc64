//! Forking a single-threaded process, into new namespaces too.

#![expect(
    unsafe_code,
    reason = "system calls without a safe wrapper; each with its SAFETY comment"
)]

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};

use nix::libc;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    DumpableBehavior, Pid, Signal, getppid, set_dumpable_behavior, set_parent_process_death_signal,
};

/// Which of the two processes this is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forked {
    /// The one that forked, with the other's process id.
    Parent(Pid),
    /// The new one.
    Child,
}

/// Namespaces that a new process gets of its own; all others it shares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// Mounts, a copy of the parent's.
    pub mount: bool,
    /// Process ids; the new process is number 1 and takes all others with it when it ends.
    pub pid: bool,
    /// System V and POSIX queues.
    pub ipc: bool,
    /// Host name.
    pub uts: bool,
    /// Network: an empty one.
    pub network: bool,
    /// Ids. The others that are made with it belong to it. The new process is nobody until its map
    /// is written from outside.
    pub user: bool,
}

impl Namespaces {
    /// All of them but that of ids.
    pub const ALL: Self =
        Self { mount: true, pid: true, ipc: true, uts: true, network: true, user: false };

    fn flags(self) -> libc::c_int {
        [
            (self.mount, libc::CLONE_NEWNS),
            (self.pid, libc::CLONE_NEWPID),
            (self.ipc, libc::CLONE_NEWIPC),
            (self.uts, libc::CLONE_NEWUTS),
            (self.network, libc::CLONE_NEWNET),
            (self.user, libc::CLONE_NEWUSER),
        ]
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .fold(0, |flags, (_, flag)| flags | flag)
    }
}

fn single_threaded() -> io::Result<()> {
    if std::fs::read_dir("/proc/self/task")?.count() == 1 {
        return Ok(());
    }
    Err(io::Error::other(
        "a process with several threads must not fork without executing a program",
    ))
}

/// Forks. Refuses when this process has more than one thread, for then the child could find a
/// lock held by a thread that it does not have. Needs `/proc`.
///
/// # Errors
/// Several threads, no `/proc`, or the kernel refuses.
pub fn fork(namespaces: Namespaces) -> io::Result<Forked> {
    single_threaded()?;
    let flags = namespaces.flags();
    let pid = if flags == 0 {
        // SAFETY: no other thread exists (checked above, and only this thread could start one),
        // so the child has everything that the parent had.
        unsafe { libc::fork() }
    } else {
        clone(flags | libc::SIGCHLD)
    };
    match pid {
        0 => Ok(Forked::Child),
        // No number of a process, which `Pid` would not take.
        refused if refused < 0 => Err(io::Error::last_os_error()),
        pid => Pid::from_raw(pid)
            .map_or_else(|| Err(io::Error::last_os_error()), |pid| Ok(Forked::Parent(pid))),
    }
}

/// `clone(2)` used as `fork`: no memory is shared and no stack is given, so the child runs on a
/// copy of this one. (glibc has no wrapper for that; its cached thread id stays the parent's in
/// the child, which matters to nothing that runs there: locks are compared by it only within one
/// process.)
fn clone(flags: libc::c_int) -> libc::pid_t {
    let flags = libc::c_long::from(flags);
    let none: libc::c_long = 0;
    #[cfg(not(target_arch = "s390x"))]
    let (first, second) = (flags, none);
    #[cfg(target_arch = "s390x")]
    let (first, second) = (none, flags);
    // SAFETY: the process is single-threaded (checked by the caller); without CLONE_VM and with a
    // null stack the call behaves as fork does; the three other pointers are null and unused.
    let pid = unsafe { libc::syscall(libc::SYS_clone, first, second, none, none, none) };
    libc::pid_t::try_from(pid).unwrap_or(-1)
}

/// The first process of a process namespace, between `fork` and `exec`: our own code, which nobody in the
/// namespace can end or look into, and which takes all of them with it.
pub(crate) struct First {
    /// Hung up when who waits outside is gone.
    _outside: OwnedFd,
    /// How the program ended.
    status: OwnedFd,
}

impl First {
    /// Forks: the new process is this, and the old one waits for it, ends as the program does and does
    /// not come back. The namespace was made before. `parent` is who started the old one.
    ///
    /// # Errors
    /// The kernel refuses; `parent` is gone.
    pub(crate) fn become_it(parent: Pid) -> Result<Self, Errno> {
        let die = || set_parent_process_death_signal(Some(Signal::KILL));
        // What the namespaces changed of this process took that away.
        die()?;
        if getppid() != Some(parent) {
            return Err(Errno::SRCH);
        }
        let (here, outside) = pipe_with(PipeFlags::CLOEXEC)?;
        let (told, status) = pipe_with(PipeFlags::CLOEXEC)?;
        match clone(libc::SIGCHLD) {
            0 => {
                drop((outside, told));
                die()?;
                // Who waits may have ended before the kernel knew of the wish.
                let mut fds = [PollFd::new(&here, PollFlags::empty())];
                poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
                if fds[0].revents().contains(PollFlags::HUP) {
                    return Err(Errno::SRCH);
                }
                set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
                Ok(Self { _outside: here, status })
            }
            child => match refusal(child) {
                Some(refused) => Err(refused),
                None => stand_by(child, outside.as_raw_fd(), told.as_raw_fd()),
            },
        }
    }

    /// Forks: the new process becomes the program, and the first one waits for all that come of it.
    ///
    /// # Errors
    /// The kernel refuses.
    pub(crate) fn begin(self) -> Result<(), Errno> {
        match clone(libc::SIGCHLD) {
            0 => Ok(()),
            child => match refusal(child) {
                Some(refused) => Err(refused),
                None => reap(child, self.status.as_raw_fd()),
            },
        }
    }
}

fn refusal(pid: libc::pid_t) -> Option<Errno> {
    let last = || Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::AGAIN);
    (pid < 0).then(last)
}

/// Leaves nothing open but these two, for whoever reads what the program says must see its end; and no
/// handler of the engine's.
fn alone_with(one: RawFd, other: RawFd) {
    let (one, other) = (one.min(other), one.max(other));
    let close = |first: RawFd, last: RawFd| {
        if first <= last {
            // SAFETY: nobody else is in this process, which ends by its own code.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        }
    };
    close(0, one - 1);
    close(one + 1, other - 1);
    close(other + 1, RawFd::MAX);
    for signal in 1..libc::SIGSYS {
        // SAFETY: as above.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Waits outside for the first process, and ends as the program did.
fn stand_by(first: libc::pid_t, outside: RawFd, told: RawFd) -> ! {
    alone_with(outside, told);
    let mut status: libc::c_int = 0;
    let size = size_of::<libc::c_int>();
    // SAFETY: system calls alone, in a process that nobody else is in and that ends here; `status` lives
    // until then.
    unsafe {
        while libc::waitpid(first, std::ptr::null_mut(), 0) < 0 {
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                libc::_exit(255);
            }
        }
        let read = libc::read(told, (&raw mut status).cast(), size);
        if usize::try_from(read) != Ok(size) {
            libc::_exit(255);
        }
        if libc::WIFSIGNALED(status) {
            libc::raise(libc::WTERMSIG(status));
        }
        libc::_exit(if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 255 })
    }
}

/// Waits in the namespace for all that come of the program, and tells how it ended.
fn reap(program: libc::pid_t, tell: RawFd) -> ! {
    alone_with(tell, tell);
    let mut status: libc::c_int = 0;
    // SAFETY: as in `stand_by`.
    unsafe {
        loop {
            let ended = libc::waitpid(-1, &raw mut status, 0);
            if ended == program {
                libc::write(tell, (&raw const status).cast(), size_of::<libc::c_int>());
                libc::_exit(0);
            }
            let lost = || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted;
            if ended < 0 && lost() {
                libc::_exit(255);
            }
        }
    }
}

/// Marks all open files but standard input, output and error as to be closed when this process
/// executes a program.
///
/// # Errors
/// The kernel refuses.
pub fn close_on_exec() -> io::Result<()> {
    let first: libc::c_uint = 3;
    // SAFETY: only flags of descriptors change; nothing is closed here, so no owner of a
    // descriptor is surprised.
    let done = unsafe {
        libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_several_threads_does_not_fork() {
        // The test harness itself may or may not be a second thread: make sure of one.
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || wait.recv());
        let error = fork(Namespaces::default()).unwrap_err();
        assert!(error.to_string().contains("several threads"));
        drop(done);
        assert!(thread.join().unwrap().is_err());
    }
}
