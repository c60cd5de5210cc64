//! Debian packages: which ones, from where, and into the tree.

mod types;

use std::path::PathBuf;

use dibhost_sys::Cancel;

use crate::{Line, Worker};
pub use types::{
    Answer, AptError, AptOptions, Batch, Deb, Installed, PackageSpec, Repository, Resolution,
};

/// What the builder's own apt configuration says of the Debian archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Base URL of the archive.
    pub archive: String,
    /// Base URL of the security archive.
    pub security: Option<String>,
    /// The keyring that its entry names.
    pub keyring: Option<PathBuf>,
    /// `Acquire::…` settings (proxies, time-outs, validity checks), in order.
    pub acquire: Vec<(String, String)>,
}

/// # Errors
/// `NoMirror`, or apt's configuration cannot be read.
pub fn builder_mirror() -> Result<Mirror, AptError> {
    unimplemented!()
}

/// One archive with its lists, resolver and download cache.
#[derive(Debug)]
pub struct Apt {}

impl Apt {
    /// # Errors
    /// An option that is no URL, suite or name; no mirror.
    pub fn new(options: AptOptions) -> Result<Self, AptError> {
        let _ = options;
        unimplemented!()
    }

    /// Fetches the package lists (only what changed).
    ///
    /// # Errors
    /// The mirror cannot be reached, lacks the suite, or is not signed well.
    pub fn update(&self, cancel: &Cancel) -> Result<(), AptError> {
        let _ = cancel;
        unimplemented!()
    }

    /// What is to be installed for these packages; `status` is the tree's dpkg status, none for an empty tree
    /// with `bootstrap`.
    ///
    /// # Errors
    /// A package that is not there or cannot be installed beside the others.
    pub fn resolve(&self, status: Option<&[u8]>, install: &[PackageSpec], remove: &[String], bootstrap: bool, cancel: &Cancel) -> Result<Resolution, AptError> {
        let _ = (status, install, remove, bootstrap, cancel);
        unimplemented!()
    }

    /// Has all packages of the resolution in the cache, verified; tells bytes done and bytes in all.
    ///
    /// # Errors
    /// The mirror fails, a digest is wrong, no space.
    pub fn download(&self, resolution: &Resolution, cancel: &Cancel, progress: &mut dyn FnMut(u64, u64)) -> Result<(), AptError> {
        let _ = (resolution, cancel, progress);
        unimplemented!()
    }

    /// Carries the resolution out in the tree. All of it must have been downloaded.
    ///
    /// # Errors
    /// dpkg or a package's script fails, no space.
    pub fn install(&self, worker: &mut Worker, resolution: &Resolution, answers: &[Answer], line: &mut dyn FnMut(Line)) -> Result<Installed, AptError> {
        let _ = (worker, resolution, answers, line);
        unimplemented!()
    }
}

/// Does once what package scripts wanted during transactions: one initramfs for each kernel, when
/// any installation had `deferred` entries.
///
/// # Errors
/// It fails in the target.
pub fn run_deferred(worker: &mut Worker, line: &mut dyn FnMut(Line)) -> Result<(), AptError> {
    let _ = (worker, line);
    unimplemented!()
}
