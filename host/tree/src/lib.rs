//! The root tree that is being built: bootstrap, packages, programs in namespaces, changes.

pub mod apt;
mod cgroup;
mod exec;
mod network;
mod path;
mod rooted;
pub mod simulated;
mod tree;
mod unpack;
pub mod worker;

pub use cgroup::ProgramLimits;
pub use path::{PathError, TargetPath};
pub use simulated::SimulatedTarget;
pub use tree::{
    Attributes, Change, Command, Entry, Kind, Line, Output, Over, ReadOnlyBind, Room, Scope, Stat,
    Target, TargetError, Walk, Written,
};
pub use worker::{ListedNode, Worker, WorkerOptions};
