//! A terminal of its own for a program in the tree, shown on this one. The program never holds this
//! one: whoever does can type into it.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::pty::openpty;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use signal_hook::consts::SIGWINCH;

/// How long the ends wait for one another before they look whether all is over.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// This process's end of it.
pub(crate) struct Terminal {
    ours: File,
}

impl Terminal {
    /// Whether this process has one to show it on.
    pub(crate) fn is_here() -> bool {
        io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Opens one; the other end is the program's.
    pub(crate) fn open() -> io::Result<(Self, File)> {
        let size = tcgetwinsize(io::stdout()).ok();
        let pair = openpty(None, None)?;
        if let Some(size) = size {
            tcsetwinsize(&pair.master, size)?;
        }
        Ok((Self { ours: File::from(pair.master) }, File::from(pair.slave)))
    }

    /// Shows it here while something is done.
    pub(crate) fn during<T>(&self, act: impl FnOnce() -> T) -> io::Result<T> {
        let _raw = Raw::set()?;
        let over = AtomicBool::new(false);
        let resized = Arc::new(AtomicBool::new(false));
        let signal = signal_hook::flag::register(SIGWINCH, Arc::clone(&resized))?;
        let done = thread::scope(|scope| {
            let typed = scope.spawn(|| self.type_in(&over, &resized));
            let shown = scope.spawn(|| self.show(&over));
            let done = act();
            // What the program said last is shown before this ends.
            thread::sleep(Duration::from_millis(20));
            over.store(true, Ordering::Release);
            let _ = (typed.join(), shown.join());
            done
        });
        signal_hook::low_level::unregister(signal);
        Ok(done)
    }

    /// What is typed here goes to the program, and how large the window is.
    fn type_in(&self, over: &AtomicBool, resized: &AtomicBool) {
        let mut bytes = [0; 4096];
        while !over.load(Ordering::Acquire) {
            if resized.swap(false, Ordering::Relaxed)
                && let Ok(size) = tcgetwinsize(io::stdout())
            {
                let _ = tcsetwinsize(&self.ours, size);
            }
            if !is_ready(io::stdin().as_fd()) {
                continue;
            }
            match rustix::io::read(io::stdin(), &mut bytes) {
                Ok(0) => return,
                Ok(n) if (&self.ours).write_all(&bytes[..n]).is_err() => return,
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    /// What the program says is shown here.
    fn show(&self, over: &AtomicBool) {
        let mut bytes = [0; 4096];
        loop {
            if !is_ready(self.ours.as_fd()) {
                if over.load(Ordering::Acquire) {
                    return;
                }
                continue;
            }
            // Nobody holds the other end any more: that is an error here, and no end.
            let Ok(n @ 1..) = (&self.ours).read(&mut bytes) else {
                if over.load(Ordering::Acquire) {
                    return;
                }
                thread::sleep(Duration::from_millis(10));
                continue;
            };
            let mut out = io::stdout();
            if out.write_all(&bytes[..n]).and_then(|()| out.flush()).is_err() {
                return;
            }
        }
    }
}

fn is_ready(end: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(end, PollFlags::IN)];
    matches!(poll(&mut fds, Some(&LOOK)), Ok(1..))
}

/// This terminal as it hands on every key; as it was when dropped.
struct Raw {
    before: Termios,
}

impl Raw {
    fn set() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        // What was typed ahead counts.
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}
