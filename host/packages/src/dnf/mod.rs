//! RPM packages of distributions that have dnf: which ones, from where, and into the tree.
//!
//! ```text
//! CACHE/repositories/KEY/    what a repository offers: its index, as it is signed, and what that names
//! CACHE/solver/KEY/          dnf's caches of these, and resolutions
//! CACHE/packages/            packages by their SHA-256
//! WORK/dnf/                  this build's keys, and what dnf is told
//! ```
//!
//! The builder's dnf chooses, from indexes that we have fetched and found to be signed; it reaches no
//! network and reads no configuration of the builder's. The target's own rpm installs. A package's digest
//! is that of the signed index, and it is signed itself by a key of its repository.

mod build;
mod holds;
mod modules;
mod packages;
mod question;
mod resolve;
mod solver;
mod unneeded;

pub use build::Dnf;
