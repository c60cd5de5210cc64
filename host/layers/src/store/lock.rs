//! Locks that end with who holds them, and waiting for them that a build's end ends.
//!
//! They are `flock`s: of an open file, not of a process, so that two threads exclude each other as two
//! processes do.

use std::fs::File;
use std::io;
use std::time::Duration;

use dibhost_sys::Cancel;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::error::{Doing as _, StoreError};

/// Short beside any commit, long beside the cost of looking.
const INTERVAL: Duration = Duration::from_millis(5);

/// Unlocks when dropped, also where a child of this process still has the descriptor.
#[derive(Debug)]
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Nobody removes anything from the store.
#[derive(Debug)]
pub(crate) struct Shared {
    _held: Held,
}

/// Nobody else is in the store.
#[derive(Debug)]
pub(crate) struct Alone {
    _held: Held,
}

impl Shared {
    /// Waits until nobody is alone in the store.
    pub(crate) fn wait(file: File, cancel: &Cancel) -> Result<Self, StoreError> {
        let held = wait(file, FlockOperation::NonBlockingLockShared, cancel)?;
        Ok(Self { _held: held })
    }
}

impl Alone {
    /// Waits until nobody is in the store.
    pub(crate) fn wait(file: File, cancel: &Cancel) -> Result<Self, StoreError> {
        let held = wait(file, FlockOperation::NonBlockingLockExclusive, cancel)?;
        Ok(Self { _held: held })
    }
}

fn wait(file: File, how: FlockOperation, cancel: &Cancel) -> Result<Held, StoreError> {
    while !attempt(&file, how).doing(|| "locking the store".to_owned())? {
        pause(cancel)?;
    }
    Ok(Held(file))
}

/// Waits a moment before the next look.
pub(crate) fn pause(cancel: &Cancel) -> Result<(), StoreError> {
    cancel.check()?;
    std::thread::sleep(INTERVAL);
    Ok(())
}

/// Locks a file for its holder alone, if nobody has it locked.
pub(crate) fn try_lock(file: &File) -> io::Result<bool> {
    attempt(file, FlockOperation::NonBlockingLockExclusive)
}

fn attempt(file: &File, how: FlockOperation) -> io::Result<bool> {
    loop {
        match flock(file, how) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_share_one_is_alone_and_a_cancelled_build_does_not_wait() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("lock");
        let open = || File::options().create(true).append(true).open(&path).unwrap();
        let cancel = Cancel::new();
        let first = Shared::wait(open(), &cancel).unwrap();
        let second = Shared::wait(open(), &cancel).unwrap();
        cancel.cancel();
        assert!(matches!(Alone::wait(open(), &cancel), Err(StoreError::Cancelled)));
        drop((first, second));
        // What need not wait goes on.
        let alone = Alone::wait(open(), &cancel).unwrap();
        assert!(matches!(Shared::wait(open(), &cancel), Err(StoreError::Cancelled)));
        assert!(!try_lock(&open()).unwrap());
        // A child that was forked meanwhile has the descriptor, and not the lock.
        let child = alone._held.0.try_clone().unwrap();
        drop(alone);
        assert!(try_lock(&open()).unwrap());
        drop(child);
    }
}
