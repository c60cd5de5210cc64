//! A target without privileges, over a plain folder.

use crate::{Change, Command, Entry, Line, Output, Scope, Stat, Target, TargetError, TargetPath, Walk};

/// Answers for programs "run" in a simulated target.
pub type Program = Box<dyn FnMut(&Command, &mut dyn FnMut(Line)) -> Result<Output, TargetError> + Send>;

/// A target without privileges over a temporary folder; programs are answered by a closure.
pub struct SimulatedTarget {}

impl SimulatedTarget {
    /// An empty tree in a temporary folder, removed when dropped.
    ///
    /// # Errors
    /// No folder can be made.
    pub fn new(program: Program) -> Result<Self, TargetError> {
        let _ = program;
        unimplemented!()
    }
}

impl Target for SimulatedTarget {
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
