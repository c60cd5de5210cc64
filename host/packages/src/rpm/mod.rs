//! What is RPM's, whichever package manager chooses the packages: indexes of repositories, their
//! signatures, the tree's database, and installing.

pub(crate) mod database;
pub(crate) mod install;
pub(crate) mod keys;
pub(crate) mod names;
pub(crate) mod programs;
pub mod repomd;
pub mod said;
