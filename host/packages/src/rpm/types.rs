//! Which repositories, and for whom.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::manager::PackageSource;

/// A repository of the distribution's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RpmRepository {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// Where its `repodata` is: `http:`, `https:` or `copy:`. `$releasever` and `$basearch` stand for the
    /// release and the architecture.
    pub url: String,
    /// Armoured keys that its index and its packages may be signed with; there are no unsigned packages.
    pub keys: Vec<String>,
}

/// Which repositories, for whom, and where things are kept; of any solver.
#[derive(Debug, Clone)]
pub struct RpmOptions {
    /// Of the distribution.
    pub repositories: Vec<RpmRepository>,
    /// Names of repositories whose index need not be signed, as Fedora's is not: what it says is believed
    /// as far as the way to it is (`https:`), and packages are held to their own signatures all the same.
    pub unsigned_indexes: BTreeSet<String>,
    /// The release, as `$releasever` has it: `9`, `44`.
    pub release: String,
    /// RPM's name of the architecture: `x86_64`.
    pub arch: String,
    /// What every first tree is made of, with all that it needs: `basesystem`, `rpm`, … The last must be
    /// among them, for it installs the rest.
    pub base: Vec<String>,
    /// What the modules of the distribution are made for, for dnf: `platform:el9`. None: as packages say.
    pub platform: Option<String>,
    /// What packages recommend comes too.
    pub weak_dependencies: bool,
    /// Documentation is installed.
    pub docs: bool,
    /// Of what belongs to a language, only that of these is installed; none: all.
    pub languages: Option<Vec<String>>,
    /// Indexes, packages and resolutions, kept between builds and shared by concurrent ones.
    pub cache: PathBuf,
    /// This build's own folder. Not at or below the worker's work folder: it has the proxy's password
    /// in it, where the builder's apt has one.
    pub work: PathBuf,
    /// Where this build's packages lie: in the worker's work folder, which the worker sees into.
    pub packages: PathBuf,
    /// Repositories on top; they have neither suites nor components.
    pub sources: Vec<PackageSource>,
}
