//! Removing what only the build needed, with what came with it.
//!
//! dnf's own notes of why a package is there begin with dnf's own transactions, and it was rpm that
//! installed these: what came as a dependency is in the build's state. What nothing else needs of it is
//! reckoned by dnf's sets of packages: once as it is, and once with the packages of the build among it. The
//! difference is what only they needed. What was in the tree before the first of them stays.

use std::collections::BTreeSet;

use dibhost_sys::Cancel;
use dibhost_tree::{Line, Workshop};

use super::build::Dnf;
use super::modules;
use super::question::Asked;
use super::solver::Shown;
use crate::error::PackageError;
use crate::rpm::database;
use crate::rpm::names::check_package;

const DOING: &str = "finding out which packages only the build needed";

impl Dnf {
    pub(super) fn remove_with_dependencies(
        &mut self,
        tree: &mut dyn Workshop,
        names: &[String],
        cancel: &Cancel,
        line: &mut dyn FnMut(Line),
    ) -> Result<Vec<String>, PackageError> {
        names.iter().try_for_each(|name| check_package(name))?;
        let shown = Shown { database: database::read(tree)?, modules: modules::read(tree)? };
        let there: BTreeSet<String> =
            database::installed(tree)?.into_iter().map(|p| p.name).collect();
        let marked: BTreeSet<String> =
            self.build.state.automatic.union(&names.iter().cloned().collect()).cloned().collect();
        let before = self.unneeded(tree, &shown, &self.build.state.automatic, cancel)?;
        let after = self.unneeded(tree, &shown, &marked, cancel)?;
        let gone = self.build.only_needed_by(names, &there, &before, after);
        self.build.remove(tree, &gone, line)?;
        self.build.state.automatic =
            marked.into_iter().filter(|name| !gone.contains(name)).collect();
        Ok(gone)
    }

    /// Of what came as a dependency, what nothing else needs.
    fn unneeded(
        &self,
        tree: &mut dyn Workshop,
        shown: &Shown,
        automatic: &BTreeSet<String>,
        cancel: &Cancel,
    ) -> Result<BTreeSet<String>, PackageError> {
        let _lock = self.build.downloads.lock(cancel)?;
        let asked = Asked {
            automatic: Some(automatic.iter().cloned().collect()),
            // What is installed says it all.
            repositories: Vec::new(),
            ..self.of_this_build()
        };
        let solution = self.ask(Some(tree), &asked, shown, DOING, cancel)?;
        Ok(solution.removals.into_iter().collect())
    }
}
