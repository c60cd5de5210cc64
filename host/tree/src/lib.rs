//! The root tree that is being built: changes, programs in namespaces, its parts.

mod cgroup;
mod command;
mod entries;
mod error;
mod exec;
mod files;
mod ids;
mod layered;
mod limits;
mod network;
mod path;
mod rooted;
pub mod simulated;
mod tree;
mod unpack;
pub mod worker;

pub use command::{Command, Deferred, Line, Output, ReadOnlyBind, StandIn, StandInPlace};
pub use error::{Over, TargetError};
pub use ids::{IdMap, Ids};
pub use limits::{HostLimits, ProgramLimits};
pub use network::can_give_network;
pub use path::{PathError, TargetPath};
pub use simulated::SimulatedTarget;
pub use tree::{
    Attributes, Change, Entry, HostPrograms, Kind, LayerFiles, Layered, Laying, Links, ListedNode,
    NotApplied, Programs, Room, Scope, Scoped, Stat, Target, Tree, Walk, Workshop, Written,
};
#[doc(hidden)]
pub use worker::protocol::read_messages;
pub use worker::{Worker, WorkerOptions};
