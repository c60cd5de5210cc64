//! zypper as one of those who choose RPM packages.

use dibhost_sys::Cancel;
use dibhost_tree::{Line, Target, Workshop};

use super::build::Zypper;
use super::{automatic, locks};
use crate::error::PackageError;
use crate::manager::{LockedPackage, Resolution, Wanted};
use crate::rpm::build::Build;
use crate::rpm::packages::Solver;

impl Solver for Zypper {
    const SOURCES: &'static str = "/etc/zypp/repos.d";

    fn build(&self) -> &Build {
        &self.build
    }

    fn build_mut(&mut self) -> &mut Build {
        &mut self.build
    }

    fn solve(
        &mut self,
        tree: Option<&mut dyn Workshop>,
        wanted: &Wanted,
        locked: &[LockedPackage],
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        self.choose(tree, wanted, locked, cancel)
    }

    fn note(&self, tree: &mut dyn Target, _resolution: &Resolution) -> Result<(), PackageError> {
        automatic::write(tree, &self.build.state.automatic)
    }

    fn keep(&self, tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError> {
        locks::add(tree, names)
    }

    fn remove(
        &mut self,
        tree: &mut dyn Workshop,
        names: &[String],
        cancel: &Cancel,
        line: &mut dyn FnMut(Line),
    ) -> Result<Vec<String>, PackageError> {
        self.remove_with_dependencies(tree, names, cancel, line)
    }
}
