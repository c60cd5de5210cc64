//! The root tree that is being built: bootstrap, packages, programs in namespaces, changes.

mod path;
mod tree;

pub use path::{PathError, TargetPath};
pub use tree::{
    Attributes, Change, Command, Entry, Kind, Line, Output, ReadOnlyBind, Scope, Stat, Target,
    TargetError, Walk,
};
