//! dnf for one build.

use crate::error::PackageError;
use crate::rpm::build::Build;
use crate::rpm::types::RpmOptions;

/// The builder's dnf, which chooses, and the target's rpm, which installs.
#[derive(Debug)]
pub struct Dnf {
    pub(super) build: Build,
}

impl Dnf {
    /// Writes the keys and what the downloader is told. Nothing is fetched yet.
    ///
    /// # Errors
    /// An option that is no address, name or key; the folders cannot be made.
    pub fn new(options: RpmOptions) -> Result<Self, PackageError> {
        Ok(Self { build: Build::new(options, "dnf")? })
    }
}
