//! The root tree that is being built: bootstrap, packages, programs in namespaces, changes.

pub mod apt;
mod path;
pub mod simulated;
mod tree;
pub mod worker;

pub use path::{PathError, TargetPath};
pub use simulated::SimulatedTarget;
pub use tree::{
    Attributes, Change, Command, Entry, Kind, Line, Output, ReadOnlyBind, Scope, Stat, Target,
    TargetError, Walk,
};
pub use worker::{Worker, WorkerOptions};
