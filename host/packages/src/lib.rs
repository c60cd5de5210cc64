//! Package managers: which packages, from where, and into the tree.

pub mod apt;
mod error;
mod manager;
pub mod simulated;

pub use error::PackageError;
pub use manager::{
    Applied, Batch, IndexFile, Indexes, InstalledPackage, LockedPackage, ManagerState, Package,
    PackageManager, PackageSource, PackageSpec, Resolution, Selection, Surroundings, Wanted,
};
