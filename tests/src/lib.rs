//! What the end-to-end tests share: the built program, checks of disks by
//! other people's tools, mirrors that break, and the search for what a build left behind.
//!
//! Everything here returns [`anyhow::Result`]; an error says what the machine or tool said.
//! Nothing is skipped silently: a tool that is missing is an error that names the command that
//! installs it.

pub mod cases;
pub mod disk;
pub mod leftovers;
pub mod mirror;
pub mod mistakes;
pub mod program;
pub mod registry;
pub mod tool;

pub use program::{Dibhost, Outcome, Running, dibhost};

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use dibhost_machine::{Builder, Machine};
use tempfile::TempDir;

/// The top folder of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    // Cargo's own answer at run time comes first: clones share a target folder, and a test that
    // was built for one may be fresh for the other.
    let tests = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    tests.parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// A folder for a test's files, removed with it; on a disk, for images are large.
///
/// `DIBHOST_TEST_FOLDER` says where (default `/var/tmp`).
///
/// # Errors
/// When no folder can be made there.
pub fn work_folder() -> Result<TempDir> {
    let parent = parent();
    tempfile::Builder::new()
        .prefix("dibhost-test-")
        .tempdir_in(&parent)
        .with_context(|| format!("making a work folder in {}", parent.display()))
}

/// A machine of an image, that works where the tests do and waits for its turn among theirs.
pub fn machine(image: impl Into<PathBuf>) -> Builder {
    Machine::of(image).work_in(parent()).in_turn()
}

fn parent() -> PathBuf {
    std::env::var_os("DIBHOST_TEST_FOLDER").unwrap_or_else(|| "/var/tmp".into()).into()
}
