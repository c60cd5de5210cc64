//! RPM packages of distributions that have zypper: which ones, from where, and into the tree.
//!
//! Where things are kept, and all but the choosing, is as for dnf ([`crate::dnf`]). The builder's zypper
//! says what it would do (`--dry-run`, in XML); what it chose is looked up in the signed indexes.

mod automatic;
mod build;
mod locks;
mod packages;
mod resolve;
mod solver;
mod summary;
mod unneeded;

pub use build::Zypper;
#[doc(hidden)]
pub use summary::read_summary;
