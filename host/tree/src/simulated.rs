//! A target without privileges, over a plain folder: what can be tested without root is tested
//! with it, by the same tests as the real one.

use std::fmt;

use tempfile::TempDir;

use crate::rooted::{Rooted, os};
use crate::{
    Change, Command, Entry, Line, Output, Room, Scope, Stat, Target, TargetError, TargetPath, Walk,
    Written,
};

/// Answers for programs "run" in a simulated target.
pub type Answers =
    Box<dyn FnMut(&Command, &mut dyn FnMut(Line)) -> Result<Output, TargetError> + Send>;

/// A target without privileges over a temporary folder; programs are answered by a closure.
/// Owners are set when it runs as root and left alone otherwise.
pub struct SimulatedTarget {
    rooted: Rooted,
    answers: Answers,
    /// Removed when dropped.
    folder: TempDir,
}

impl SimulatedTarget {
    /// An empty tree in a temporary folder, removed when dropped. What is written bears the
    /// time `epoch` (seconds).
    ///
    /// # Errors
    /// No folder can be made.
    pub fn new(epoch: i64, answers: Answers) -> Result<Self, TargetError> {
        let folder = TempDir::new().map_err(|e| os("making a temporary folder", e))?;
        let owners = rustix::process::geteuid().is_root();
        let rooted = Rooted::create(folder.path(), epoch, owners)?;
        Ok(Self { rooted, answers, folder })
    }

    /// The tree on the host.
    #[must_use]
    pub fn tree(&self) -> std::path::PathBuf {
        self.folder.path().join("tree")
    }
}

impl fmt::Debug for SimulatedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedTarget").field("tree", &self.tree()).finish_non_exhaustive()
    }
}

impl Target for SimulatedTarget {
    fn stat(&mut self, scope: &Scope, path: &TargetPath) -> Result<Option<Stat>, TargetError> {
        self.rooted.stat(scope, path)
    }

    fn read(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        self.rooted.read(scope, path, offset, length)
    }

    fn walk(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        walk: Walk,
        start_after: Option<&TargetPath>,
        limit: usize,
    ) -> Result<Vec<Entry>, TargetError> {
        self.rooted.walk(scope, path, walk, start_after, limit)
    }

    fn apply_within(
        &mut self,
        scope: &Scope,
        changes: &[Change],
        room: Room,
    ) -> Result<Written, TargetError> {
        self.rooted.apply_within(scope, changes, room)
    }

    fn exec(
        &mut self,
        command: &Command,
        line: &mut dyn FnMut(Line),
    ) -> Result<Output, TargetError> {
        (self.answers)(command, line)
    }
}
