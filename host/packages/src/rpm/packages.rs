//! RPM packages as a package manager has them: whoever chooses them, rpm fetches, checks and installs them
//! alike.

use dibhost_sys::Cancel;
use dibhost_tree::{Line, Target, Workshop};

use super::build::Build;
use super::{database, programs};
use crate::error::PackageError;
use crate::manager::{
    Applied, IndexFile, Indexes, InstalledPackage, LockedPackage, ManagerState, PackageManager,
    Resolution, Selection, Surroundings, Wanted,
};

/// What is a solver's own.
pub(crate) trait Solver {
    /// Where the tree's own looks for repositories.
    const SOURCES: &'static str;

    fn build(&self) -> &Build;

    fn build_mut(&mut self) -> &mut Build;

    /// What is to be installed and removed.
    fn solve(
        &mut self,
        tree: Option<&mut dyn Workshop>,
        wanted: &Wanted,
        locked: &[LockedPackage],
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError>;

    /// Notes in the tree what rpm does not.
    fn note(&self, tree: &mut dyn Target, resolution: &Resolution) -> Result<(), PackageError>;

    /// Keeps these at their version, for the tree's own; all are there.
    fn keep(&self, tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError>;

    /// Removes these, and what came with them and nothing else needs.
    fn remove(
        &mut self,
        tree: &mut dyn Workshop,
        names: &[String],
        cancel: &Cancel,
        line: &mut dyn FnMut(Line),
    ) -> Result<Vec<String>, PackageError>;
}

impl<S: Solver> PackageManager for S {
    fn surroundings(&self) -> Surroundings {
        programs::surroundings()
    }

    fn refresh(&mut self, cancel: &Cancel) -> Result<(), PackageError> {
        self.build().update(cancel)
    }

    fn resolve(
        &mut self,
        tree: Option<&mut dyn Workshop>,
        wanted: &Wanted,
        locked: &[LockedPackage],
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        self.solve(tree, wanted, locked, cancel)
    }

    fn fetch(
        &mut self,
        resolution: &Resolution,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), PackageError> {
        self.build().download(resolution, cancel, progress)
    }

    fn apply(
        &mut self,
        tree: &mut dyn Target,
        resolution: &Resolution,
        selections: &[Selection],
        line: &mut dyn FnMut(Line),
    ) -> Result<Applied, PackageError> {
        let applied = self.build_mut().install(tree, resolution, selections, line)?;
        self.note(tree, resolution)?;
        Ok(applied)
    }

    fn write_sources(&mut self, tree: &mut dyn Target) -> Result<(), PackageError> {
        self.build().write_image_sources(tree, S::SOURCES)
    }

    fn hold(&mut self, tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError> {
        if names.is_empty() {
            return Ok(());
        }
        database::has_all(tree, names)?;
        self.keep(tree, names)
    }

    fn installed(&mut self, tree: &mut dyn Target) -> Result<Vec<InstalledPackage>, PackageError> {
        database::installed(tree)
    }

    fn remove_unneeded(
        &mut self,
        tree: &mut dyn Workshop,
        names: &[String],
        cancel: &Cancel,
        line: &mut dyn FnMut(Line),
    ) -> Result<Vec<String>, PackageError> {
        if names.is_empty() { Ok(Vec::new()) } else { self.remove(tree, names, cancel, line) }
    }

    fn indexes(&self) -> Result<Indexes, PackageError> {
        Ok(Indexes { digest: self.build().offered()? })
    }

    fn known_indexes(&self) -> Vec<IndexFile> {
        self.build().known()
    }

    fn state(&self) -> &ManagerState {
        &self.build().state
    }

    fn resume(&mut self, state: ManagerState) {
        self.build_mut().state = state;
    }

    fn run_deferred(
        &mut self,
        tree: &mut dyn Target,
        line: &mut dyn FnMut(Line),
    ) -> Result<(), PackageError> {
        self.build_mut().run_deferred(tree, line)
    }
}
