//! A folder that is gone with the test that made it, however that ends.

use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::{command, text};

/// Removed when it is dropped; where that does not come to pass, because the test was ended by a
/// signal, by a process that waits for its end.
pub(crate) struct WorkFolder {
    folder: TempDir,
    _watch: Watch,
}

/// Ends when nobody can write to its standard input any more.
struct Watch(Child);

/// What it does then. Programs of the test may still be about to end.
const REMOVE: &str =
    "cat >/dev/null; for _ in 1 2 3 4 5; do rm -rf -- \"$0\" && exit; sleep 1; done";

impl WorkFolder {
    /// On a disk, for images are large; `DIBHOST_TEST_FOLDER` says where (default `/var/tmp`).
    pub(crate) fn new() -> Result<Self> {
        let parent = std::env::var_os("DIBHOST_TEST_FOLDER").unwrap_or_else(|| "/var/tmp".into());
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix("dibhost-test-").tempdir_in(parent);
        let folder = folder.context("making a work folder")?;
        // In a session of its own: a test runner ends tests with their process groups.
        let mut watch = command("setsid");
        watch.args(["sh", "-c", REMOVE, text(folder.path())?]);
        watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watch = Watch(watch.spawn().context("starting what removes the work folder")?);
        Ok(Self { folder, _watch: watch })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It has nothing left to remove.
        let _ = self.0.wait();
    }
}
