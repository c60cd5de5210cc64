//! `[[block-device]]` and `[disks]`: the block device as TOML, in an image definition or a file of
//! its own.
//!
//! Each entry is a node: its `name`, its `type`, what it stands `on`, and the keys of its type.
//! Nothing is skipped: a key that is unknown is an error, and reading goes on after an error, so
//! that all of them are told at once.

mod entry;
mod error;
mod keys;
mod kinds;
mod read;
mod schema;
mod settings;
mod size;
mod write;

pub use error::ConfigError;
pub use keys::types_with;
pub use read::{Config, KEY, SETTINGS_KEY, is_image_definition};
pub use schema::{bytes_schema, nodes_schema, settings_schema, size_schema};
pub use settings::{DiskSettings, KEYS as SETTINGS};
pub use size::{SIZES, size_of};
pub use write::{entries, to_toml};

#[cfg(test)]
mod tests;
