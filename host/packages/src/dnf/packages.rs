//! dnf as one of those who choose RPM packages.

use dibhost_sys::Cancel;
use dibhost_tree::{Line, Target, Workshop};

use super::build::Dnf;
use super::{holds, modules};
use crate::error::PackageError;
use crate::manager::{LockedPackage, Resolution, Wanted};
use crate::rpm::build::Build;
use crate::rpm::packages::Solver;

impl Solver for Dnf {
    const SOURCES: &'static str = "/etc/yum.repos.d";

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

    fn note(&self, tree: &mut dyn Target, resolution: &Resolution) -> Result<(), PackageError> {
        modules::write(tree, &resolution.modules)
    }

    fn keep(&self, tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError> {
        holds::add(tree, names)
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
