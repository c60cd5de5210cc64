//! Package managers: which packages, from where, and into the tree.

pub mod apt;
mod error;
mod manager;
pub mod simulated;

pub use error::PackageError;
pub use manager::{
    Applied, Batch, InstalledPackage, LockedPackage, Package, PackageManager, PackageSource,
    PackageSpec, Resolution, Selection, Surroundings, Wanted,
};
