//! What is RPM's, whichever package manager chooses the packages: repositories, their indexes and
//! signatures, the tree's database, and installing.

pub(crate) mod build;
mod configuration;
pub(crate) mod database;
pub(crate) mod desk;
pub(crate) mod install;
pub(crate) mod keys;
pub(crate) mod markup;
pub(crate) mod names;
pub(crate) mod packages;
pub mod primary;
pub(crate) mod programs;
pub mod repomd;
pub(crate) mod repository;
pub(crate) mod resolution;
pub mod said;
mod sources;
mod transaction;
pub(crate) mod types;

pub use types::{RpmOptions, RpmRepository};
