//! Package managers: which packages, from where, and into the tree.

pub mod apt;
mod clock;
mod digest;
pub mod dnf;
mod download;
mod error;
mod files;
mod held;
mod manager;
mod room;
pub mod rpm;
mod said;
pub mod simulated;
mod words;
pub mod zypper;

pub use error::PackageError;
pub use manager::{
    Applied, Batch, IndexFile, Indexes, InstalledPackage, LockedPackage, ManagerState, Package,
    PackageManager, PackageSource, PackageSpec, Resolution, Selection, Surroundings, Wanted,
};
