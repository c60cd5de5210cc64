//! What every package manager can be asked: the real tool resolves, we fetch and verify, the tree's
//! own tool installs. The real ones are in modules of their own ([`crate::apt`], [`crate::dnf`],
//! [`crate::zypper`]); a simulated twin ([`crate::simulated`]) passes the same tests.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_sys::Cancel;
use dibhost_tree::{Line, StandIn, Target, Workshop};
use serde::{Deserialize, Serialize};

use crate::error::PackageError;

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

/// What one transaction is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The tree is empty: what the distribution calls essential comes on top.
    pub bootstrap: bool,
    /// Streams of modules to enable before anything is resolved, as `NAME:STREAM`.
    pub modules: Vec<String>,
    /// To be in the image.
    pub install: Vec<PackageSpec>,
    /// Groups of packages to be in the image, by id.
    pub groups: Vec<String>,
    /// To be there until [`PackageManager::remove_unneeded`].
    pub build_only: Vec<PackageSpec>,
    /// To be gone.
    pub remove: Vec<String>,
    /// All that is there is brought up to date.
    pub upgrade_all: bool,
}

impl Wanted {
    /// Refuses modules and groups, for a package manager that knows neither.
    ///
    /// # Errors
    /// There is one.
    pub(crate) fn refuse_modules_and_groups(&self, manager: &str) -> Result<(), PackageError> {
        let module = self.modules.first().map(|name| format!("the module `{name}`"));
        let group = self.groups.first().map(|id| format!("the group of packages `{id}`"));
        match module.or(group) {
            Some(what) => Err(PackageError::Unresolvable(format!(
                "{what} is wished for, and {manager} knows nothing of the kind"
            ))),
            None => Ok(()),
        }
    }
}

/// One package file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
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
    /// In the closure of the essential packages (bootstrap only): laid down before the package
    /// manager of the tree runs.
    pub essential: bool,
    /// Asked for by name; what is only a dependency is marked so for the tree's own package manager.
    pub requested: bool,
    /// Another version of it is in the tree.
    pub upgrade: bool,
}

/// Consecutive steps of one kind, in the package manager's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Batch {
    /// Packages to unpack.
    Unpack(Vec<String>),
    /// Packages to configure before the next batch is unpacked (they are pre-dependencies).
    Configure(Vec<String>),
}

/// What was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// For an empty tree.
    pub bootstrap: bool,
    /// What to download and install.
    pub packages: Vec<Package>,
    /// How, apart from the essential packages of a bootstrap. All that is left unconfigured is
    /// configured at the end.
    pub order: Vec<Batch>,
    /// Packages to remove first.
    pub removals: Vec<String>,
    /// What was asked for by name, there already or not: it is no dependency any more.
    pub requested: Vec<String>,
    /// Streams of modules that are enabled for good, as `NAME:STREAM`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
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

    /// Of what is locked, nothing else may have been chosen.
    pub(crate) fn check_locked(&self, locked: &[LockedPackage]) -> Result<(), PackageError> {
        let other = self.packages.iter().find(|p| !locked.contains(&LockedPackage::from(*p)));
        let Some(other) = other else { return Ok(()) };
        let (name, version) = (&other.name, &other.version);
        Err(PackageError::Locked(match locked.iter().find(|l| l.name == other.name) {
            None => format!("`{name}` {version} is needed and not in it"),
            Some(there) if there.version != other.version => {
                format!("`{name}` is locked at {} and {version} would be had", there.version)
            }
            Some(_) => format!("the file of `{name}` {version} is another one"),
        }))
    }
}

/// A package as a lock file has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockedPackage {
    /// Package.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture.
    pub arch: String,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
}

impl From<&Package> for LockedPackage {
    fn from(package: &Package) -> Self {
        Self {
            name: package.name.clone(),
            version: package.version.clone(),
            arch: package.arch.clone(),
            sha256: package.sha256.clone(),
        }
    }
}

/// A source of packages beside the distribution's own. There are no unsigned ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageSource {
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
    /// The armoured key that it is signed with; of RPM packages also several, one after the other.
    pub key: String,
    /// What it costs to fetch from it, where several of one priority have a package; dnf's alone.
    pub cost: Option<u32>,
    /// Its packages come before those of modules; dnf's alone.
    pub module_hotfixes: bool,
    /// The image itself is to know neither it nor its key.
    pub build_only: bool,
}

/// An answer to a question of a package, as debconf has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// The package that asks.
    pub package: String,
    /// `locales/default_environment_locale`.
    pub question: String,
    /// `select`, `boolean`, `string`, …
    pub kind: String,
    /// The answer.
    pub value: String,
}

/// What a transaction took and left to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Programs that package scripts wanted and that were put off, each once; see
    /// [`PackageManager::run_deferred`].
    pub deferred: Vec<String>,
    /// What was done and how many milliseconds it took.
    pub timings: Vec<(String, u64)>,
}

/// A package that is in the tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstalledPackage {
    /// Package, with its architecture where several may be there.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture.
    pub arch: String,
}

/// What package sources offer, as their signed indexes have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexes {
    /// SHA-256 of all of them, in lower-case hexadecimal: equal offers have equal digests.
    pub digest: String,
}

/// A signed index of a package source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// Where it is, by HTTP.
    pub url: String,
    /// SHA-256 of what was fetched of it last, in lower-case hexadecimal.
    pub sha256: String,
}

/// What a package manager knows of a tree beside what is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagerState {
    /// Programs that package scripts wanted and that are still to be run.
    pub deferred: Vec<String>,
    /// What was in the tree when the first package came that only the build needs.
    pub before_build_only: Option<BTreeSet<String>>,
    /// What came as a dependency only, where the tree has no record of it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub automatic: BTreeSet<String>,
}

impl ManagerState {
    /// Notes programs that package scripts wanted, each once.
    pub(crate) fn note(&mut self, deferred: &[String]) {
        for program in deferred {
            if !self.deferred.contains(program) {
                self.deferred.push(program.clone());
            }
        }
    }
}

/// What every program of a tree is run with, so that packages can be installed and configured
/// without a running system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Stand-ins: no service starts while an image is built.
    pub stand_ins: Vec<StandIn>,
    /// Variables of the environment.
    pub env: BTreeMap<String, String>,
}

/// The package manager of one image: of its first tree, and of all transactions that follow.
pub trait PackageManager {
    /// What programs of the tree are run with, whoever starts them.
    fn surroundings(&self) -> Surroundings;

    /// Fetches what the sources offer, of what has not changed only that it is so.
    ///
    /// # Errors
    /// A source cannot be reached, lacks what was asked for, or is not signed well.
    fn refresh(&mut self, cancel: &Cancel) -> Result<(), PackageError>;

    /// What is to be installed and removed, by the package manager's own solver; no tree: it is empty,
    /// which a bootstrap begins with. What a solver of the builder's reads of a tree it reads in its workshop. Of packages that are locked, that very file; when any are, all that is chosen must be.
    ///
    /// # Errors
    /// A package that is not there or cannot be installed beside the others; what is locked cannot
    /// be had; a module or a group, where the package manager knows none.
    fn resolve(
        &mut self,
        tree: Option<&mut dyn Workshop>,
        wanted: &Wanted,
        locked: &[LockedPackage],
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError>;

    /// Has all packages of the resolution, verified; tells bytes done and bytes in all.
    ///
    /// # Errors
    /// A source fails, a digest is wrong, no space is left.
    fn fetch(
        &mut self,
        resolution: &Resolution,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), PackageError>;

    /// Carries the resolution out in the tree; all of it must have been fetched.
    ///
    /// # Errors
    /// A package's script fails, no space is left.
    fn apply(
        &mut self,
        tree: &mut dyn Target,
        resolution: &Resolution,
        selections: &[Selection],
        line: &mut dyn FnMut(Line),
    ) -> Result<Applied, PackageError>;

    /// Writes the sources that the image finds more packages by: that which its first tree came
    /// from, where nobody named another, and those that were added, with their keys; but not those
    /// that only the build may use.
    ///
    /// # Errors
    /// They cannot be written.
    fn write_sources(&mut self, tree: &mut dyn Target) -> Result<(), PackageError>;

    /// Keeps packages at their version, for the image's own package manager too.
    ///
    /// # Errors
    /// One of them is not there.
    fn hold(&mut self, tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError>;

    /// What is in the tree, by name; nothing when the tree knows no packages.
    ///
    /// # Errors
    /// The tree's records cannot be read.
    fn installed(&mut self, tree: &mut dyn Target) -> Result<Vec<InstalledPackage>, PackageError>;

    /// Removes packages that only the build needed, with the dependencies that came with them and
    /// that nothing else needs; says which. One that another package needs stays.
    ///
    /// # Errors
    /// A package's script fails.
    fn remove_unneeded(
        &mut self,
        tree: &mut dyn Workshop,
        names: &[String],
        cancel: &Cancel,
        line: &mut dyn FnMut(Line),
    ) -> Result<Vec<String>, PackageError>;

    /// What the sources offered when they were last [refreshed](Self::refresh).
    ///
    /// # Errors
    /// They never were.
    fn indexes(&self) -> Result<Indexes, PackageError>;

    /// The signed indexes as they were fetched last and found to be good, a while ago at most: where each
    /// of them is the same still, [`refresh`](Self::refresh) would find nothing new. Empty: nobody can
    /// tell without.
    fn known_indexes(&self) -> Vec<IndexFile> {
        Vec::new()
    }

    /// What it knows of the tree that the tree does not say itself: kept with it.
    fn state(&self) -> &ManagerState;

    /// Goes on with a tree that was kept.
    fn resume(&mut self, state: ManagerState);

    /// Programs that package scripts wanted and that are still to be run.
    fn deferred(&self) -> &[String] {
        &self.state().deferred
    }

    /// Runs once what package scripts wanted so far. Nothing when none wanted it.
    ///
    /// # Errors
    /// It fails in the tree.
    fn run_deferred(
        &mut self,
        tree: &mut dyn Target,
        line: &mut dyn FnMut(Line),
    ) -> Result<(), PackageError>;
}
