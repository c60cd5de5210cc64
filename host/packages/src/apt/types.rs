//! Which archive, and what the builder says of it.

use std::path::PathBuf;

use crate::manager::PackageSource;

/// Which archive, for whom, and where things are kept.
#[derive(Debug, Clone)]
pub struct AptOptions {
    /// `bookworm`; empty: there is no archive but the sources on top.
    pub suite: String,
    /// Base URL of the archive. None: what the builder's own apt configuration says, with its
    /// updates and security suites.
    pub mirror: Option<String>,
    /// `main`, …; empty: `main`.
    pub components: Vec<String>,
    /// Armoured keys that the archive may be signed with. None: the builder's keyring of the
    /// Debian archive.
    pub keys: Vec<String>,
    /// Debian's name of the architecture: `amd64`.
    pub arch: String,
    /// Package lists, packages and resolutions, kept between builds and shared by concurrent ones.
    pub cache: PathBuf,
    /// This build's own folder. Not at or below the worker's work folder: it has the proxy's password
    /// in it, where the builder's apt has one.
    pub work: PathBuf,
    /// Where this build's packages lie: in the worker's work folder, which the worker sees into.
    pub packages: PathBuf,
    /// Sources on top.
    pub sources: Vec<PackageSource>,
}

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
