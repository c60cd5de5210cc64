//! What passes between the engine and apt.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which archive, for whom, and where things are kept.
#[derive(Debug, Clone)]
pub struct AptOptions {
    /// `bookworm`.
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
    /// This build's own folder. Not at or below the worker's work folder, over which the worker
    /// may mount a tmpfs.
    pub work: PathBuf,
    /// `SUITE-updates` of an explicit mirror too.
    pub updates: bool,
    /// `SUITE-security` of this archive, with an explicit mirror.
    pub security: Option<String>,
    /// Repositories on top.
    pub repositories: Vec<Repository>,
    /// Recommended packages too.
    pub recommends: bool,
}

/// One repository on top of the archive. There are no unsigned ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// `http:`, `https:`, `file:` or `copy:`.
    pub url: String,
    /// Suites.
    pub suites: Vec<String>,
    /// Components.
    pub components: Vec<String>,
    /// Pin priority of all that comes from it.
    pub priority: Option<i32>,
    /// Armoured keys.
    pub keys: Vec<String>,
}

/// A package to install.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageSpec {
    /// The distribution's name.
    pub name: String,
    /// None: the newest.
    pub version: Option<String>,
}

impl PackageSpec {
    /// The newest of a package.
    #[must_use]
    pub fn newest(name: &str) -> Self {
        Self { name: name.to_owned(), version: None }
    }
}

/// One package file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deb {
    /// Package.
    pub name: String,
    /// Version.
    pub version: String,
    /// `amd64`, `all`.
    pub arch: String,
    /// Name of the file: `libc6_2.36-9_amd64.deb`.
    pub file: String,
    /// Where it comes from.
    pub url: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// In the closure of the essential packages (bootstrap only): laid down before dpkg runs.
    pub essential: bool,
    /// Asked for by name; what is only a dependency is marked so for the target's own apt.
    pub requested: bool,
}

/// Consecutive steps of one kind, in apt's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Batch {
    /// Packages to unpack.
    Unpack(Vec<String>),
    /// Packages to configure before the next batch is unpacked (they are pre-dependencies).
    Configure(Vec<String>),
}

/// What apt decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// For an empty tree.
    pub bootstrap: bool,
    /// What to download and install.
    pub packages: Vec<Deb>,
    /// How, apart from the essential packages of a bootstrap. All that is left unconfigured is
    /// configured at the end.
    pub order: Vec<Batch>,
    /// Packages to remove first.
    pub removals: Vec<String>,
}

impl Resolution {
    /// Nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty() && self.removals.is_empty()
    }

    /// Bytes of all packages.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.packages.iter().map(|p| p.size).sum()
    }
}

/// An answer for debconf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The package that asks.
    pub package: String,
    /// `locales/default_environment_locale`.
    pub question: String,
    /// `select`, `boolean`, `string`, …
    pub kind: String,
    /// The answer.
    pub value: String,
}

/// What an installation took and left to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// Programs that package scripts wanted and that were put off (`update-initramfs`), each
    /// once; see `run_deferred`.
    pub deferred: Vec<String>,
    /// What was done and how many milliseconds it took.
    pub timings: Vec<(String, u64)>,
}

/// Why packages could not be had or installed.
#[derive(Debug, thiserror::Error)]
pub enum AptError {
    /// Something in the options is no URL, suite or package name.
    #[error("{0}")]
    Invalid(String),
    /// The builder's apt configuration names no archive.
    #[error(
        "the apt configuration of this machine names no Debian archive; set the parameter `mirror` to the base URL of one"
    )]
    NoMirror,
    /// A file that the suite must have is not on the mirror.
    #[error(
        "the mirror does not have what was asked for ({detail}); see whether `mirror` and the suite `{suite}` are right"
    )]
    NotOnMirror {
        /// What apt said.
        detail: String,
        /// The suite.
        suite: String,
    },
    /// The mirror cannot be reached.
    #[error(
        "the mirror cannot be reached ({0}); see whether the network and the parameter `mirror` are right"
    )]
    Unreachable(String),
    /// The archive is not signed by a key that is trusted.
    #[error(
        "the signature of the archive is not good, so nothing of it is used ({0}); give the archive's key in `keys`, or another `mirror`"
    )]
    Signature(String),
    /// What was downloaded is not what the signed lists say.
    #[error(
        "what the mirror sent is not what its signed lists promise ({0}); try again later, or another `mirror`"
    )]
    Corrupt(String),
    /// The lists are too old or from the future.
    #[error(
        "the lists of the archive are out of date ({0}); see whether the clock of this machine is right, or use another `mirror`"
    )]
    Expired(String),
    /// A package is not in the archive, or cannot be installed.
    #[error("{0}")]
    Unresolvable(String),
    /// A disk or a tmpfs is full.
    #[error("no space is left while {doing} ({detail}); {advice}")]
    NoSpace {
        /// What was being done.
        doing: String,
        /// What was said.
        detail: String,
        /// What to do.
        advice: &'static str,
    },
    /// dpkg or a package's script failed.
    #[error("{doing} failed ({detail})")]
    Install {
        /// What was being done.
        doing: String,
        /// The last things said.
        detail: String,
    },
    /// Something else that apt said.
    #[error("{doing}: {detail}")]
    Apt {
        /// What was being done.
        doing: String,
        /// apt's own words, condensed.
        detail: String,
    },
    /// The operating system refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why.
        source: std::io::Error,
    },
    /// The worker refused.
    #[error(transparent)]
    Target(#[from] crate::TargetError),
    /// The build was cancelled.
    #[error("cancelled")]
    Cancelled,
}
