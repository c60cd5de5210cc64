//! The process that owns the tree.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use dibhost_sys::{Cancel, Program, ProgramError, ProgramOutput};

use crate::{Change, Command, Entry, Line, Output, Scope, Stat, Target, TargetError, TargetPath, Walk};

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The program that calls [`main`]; usually `/proc/self/exe`.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// An empty folder of this build, absolute.
    pub work: PathBuf,
    /// Bytes of a tmpfs to mount over the work folder; none: the folder as it is.
    pub tmpfs: Option<u64>,
    /// The time that what is written bears, in seconds since the epoch.
    pub source_date_epoch: u64,
}

/// What the worker's program calls. Its socket is its standard input.
pub fn main() -> ExitCode {
    unimplemented!()
}

/// A running worker: the real [`Target`].
#[derive(Debug)]
pub struct Worker {
    tree: PathBuf,
}

impl Worker {
    /// Starts it. When `cancel` is thrown it is killed, and every request answers `Cancelled`.
    ///
    /// # Errors
    /// It cannot be started, or not make its namespaces or its tmpfs.
    pub fn start(options: &WorkerOptions, cancel: &Cancel) -> Result<Self, TargetError> {
        let _ = (options, cancel);
        unimplemented!()
    }

    /// The tree, as programs of [`Self::run_on_host`] see it.
    #[must_use]
    pub fn tree(&self) -> &Path {
        &self.tree
    }

    /// Runs a program of the host where the tree can be seen (`mke2fs -d TREE …`). Only for the engine.
    ///
    /// # Errors
    /// As `Program::run`.
    pub fn run_on_host(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        let _ = program;
        unimplemented!()
    }

    /// Moves what lies below each mount point, deepest first, into a folder of its own beside the tree and leaves
    /// an empty folder with the same attributes; says where each is, `/` included.
    ///
    /// # Errors
    /// A mount point is no folder.
    pub fn split(&mut self, mount_points: &[TargetPath]) -> Result<BTreeMap<TargetPath, PathBuf>, TargetError> {
        let _ = mount_points;
        unimplemented!()
    }

    /// Sets the times of all that is newer than `epoch` (seconds) to `epoch`.
    ///
    /// # Errors
    /// The operating system refuses.
    pub fn clamp_times(&mut self, epoch: i64) -> Result<(), TargetError> {
        let _ = epoch;
        unimplemented!()
    }

    /// Ends it and waits until nothing of it is left.
    ///
    /// # Errors
    /// It had ended before.
    pub fn stop(self) -> Result<(), TargetError> {
        unimplemented!()
    }
}

impl Target for Worker {
    fn stat(&mut self, _: &Scope, _: &TargetPath) -> Result<Option<Stat>, TargetError> {
        unimplemented!()
    }
    fn read(&mut self, _: &Scope, _: &TargetPath, _: u64, _: u64) -> Result<Vec<u8>, TargetError> {
        unimplemented!()
    }
    fn walk(&mut self, _: &Scope, _: &TargetPath, _: Walk, _: Option<&TargetPath>, _: usize) -> Result<Vec<Entry>, TargetError> {
        unimplemented!()
    }
    fn apply(&mut self, _: &Scope, _: &[Change]) -> Result<(), TargetError> {
        unimplemented!()
    }
    fn exec(&mut self, _: &Command, _: &mut dyn FnMut(Line)) -> Result<Output, TargetError> {
        unimplemented!()
    }
}
