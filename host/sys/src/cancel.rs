//! One switch that ends a build: a flag, and the processes to end with it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The build was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// Shared by all who wait for something; cancelled once, for good.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    cancelled: AtomicBool,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    next: u64,
    processes: BTreeMap<u64, Process>,
}

#[derive(Debug, Clone, Copy)]
enum Process {
    One(Pid),
    Group(Pid),
}

impl Process {
    fn kill(self) {
        // It may have ended by itself: nothing to do then.
        let _ = match self {
            Self::One(pid) => kill_process(pid, Signal::KILL),
            Self::Group(pid) => kill_process_group(pid, Signal::KILL),
        };
    }
}

/// Forgets the process when dropped; drop it before the process is reaped.
#[derive(Debug)]
pub struct Guard {
    cancel: Cancel,
    key: u64,
}

impl Cancel {
    /// A switch that nobody has thrown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Throws the switch: every held process is killed, every later `check` fails.
    pub fn cancel(&self) {
        let held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.cancelled.store(true, Ordering::SeqCst);
        for process in held.processes.values() {
            process.kill();
        }
    }

    /// Whether the switch was thrown.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// # Errors
    /// `Cancelled` when the switch was thrown.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Kills process `pid` when the switch is thrown (at once if it was).
    #[must_use]
    pub fn hold_process(&self, pid: Pid) -> Guard {
        self.hold(Process::One(pid))
    }

    /// Kills process group `pid` when the switch is thrown (at once if it was).
    #[must_use]
    pub fn hold_group(&self, pid: Pid) -> Guard {
        self.hold(Process::Group(pid))
    }

    fn hold(&self, process: Process) -> Guard {
        let mut held = self.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_cancelled() {
            process.kill();
        }
        let key = held.next;
        held.next += 1;
        held.processes.insert(key, process);
        Guard { cancel: self.clone(), key }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut held = self.cancel.0.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.processes.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_held_process_ends_with_the_build() {
        let cancel = Cancel::new();
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let guard = cancel.hold_process(Pid::from_child(&child));
        cancel.cancel();
        assert!(!child.wait().unwrap().success());
        drop(guard);
        assert_eq!(cancel.check(), Err(Cancelled));
    }

    #[test]
    fn a_process_held_after_the_switch_was_thrown_ends_too() {
        let cancel = Cancel::new();
        cancel.cancel();
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        let _guard = cancel.hold_process(Pid::from_child(&child));
        assert!(!child.wait().unwrap().success());
    }
}
