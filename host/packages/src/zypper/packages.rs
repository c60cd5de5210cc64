//! zypper as a package manager among others.

use dibhost_sys::Cancel;
use dibhost_tree::{Line, Target};

use super::build::Zypper;
use super::{automatic, locks};
use crate::error::PackageError;
use crate::manager::{
    Applied, IndexFile, Indexes, InstalledPackage, LockedPackage, ManagerState, PackageManager,
    Resolution, Selection, Surroundings, Wanted,
};
use crate::rpm::{database, programs};

impl PackageManager for Zypper {
    fn surroundings(&self) -> Surroundings {
        programs::surroundings()
    }

    fn refresh(&mut self, cancel: &Cancel) -> Result<(), PackageError> {
        self.build.update(cancel)
    }

    fn resolve(
        &mut self,
        tree: Option<&mut dyn Target>,
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
        self.build.download(resolution, cancel, progress)
    }

    fn apply(
        &mut self,
        tree: &mut dyn Target,
        resolution: &Resolution,
        selections: &[Selection],
        line: &mut dyn FnMut(Line),
    ) -> Result<Applied, PackageError> {
        let applied = self.build.install(tree, resolution, selections, line)?;
        automatic::write(tree, &self.build.state.automatic)?;
        Ok(applied)
    }

    fn write_sources(&mut self, tree: &mut dyn Target) -> Result<(), PackageError> {
        self.build.write_image_sources(tree, "/etc/zypp/repos.d")
    }

    fn hold(&mut self, tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError> {
        if names.is_empty() {
            return Ok(());
        }
        database::has_all(tree, names)?;
        locks::add(tree, names)
    }

    fn installed(&mut self, tree: &mut dyn Target) -> Result<Vec<InstalledPackage>, PackageError> {
        database::installed(tree)
    }

    fn remove_unneeded(
        &mut self,
        tree: &mut dyn Target,
        names: &[String],
        cancel: &Cancel,
        line: &mut dyn FnMut(Line),
    ) -> Result<Vec<String>, PackageError> {
        if names.is_empty() { Ok(Vec::new()) } else { self.remove(tree, names, cancel, line) }
    }

    fn indexes(&self) -> Result<Indexes, PackageError> {
        Ok(Indexes { digest: self.build.offered()? })
    }

    fn known_indexes(&self) -> Vec<IndexFile> {
        self.build.known()
    }

    fn state(&self) -> &ManagerState {
        &self.build.state
    }

    fn resume(&mut self, state: ManagerState) {
        self.build.state = state;
    }

    fn run_deferred(
        &mut self,
        tree: &mut dyn Target,
        line: &mut dyn FnMut(Line),
    ) -> Result<(), PackageError> {
        self.build.run_deferred(tree, line)
    }
}
