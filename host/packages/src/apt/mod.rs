//! Debian packages: which ones, from where, and into the tree.
//!
//! ```text
//! CACHE/lists/KEY/    what one list of archives offers: apt's lists, its caches, resolutions
//! CACHE/packages/     packages by their SHA-256
//! WORK/apt/           this build's configuration, and its packages under their own names
//! ```
//!
//! The builder's apt resolves and downloads, with a configuration of ours; the target's dpkg
//! installs, without network. The archive's signature is checked by apt, each package's digest
//! by apt when it comes and by us whenever it is used.

mod archive;
mod builder;
mod config;
mod install;
mod packages;
mod programs;
mod records;
mod resolve;
mod said;
mod simulation;
mod sources;
mod types;
mod unneeded;

pub use archive::Apt;
pub use builder::builder_mirror;
pub use types::{AptOptions, Mirror};
