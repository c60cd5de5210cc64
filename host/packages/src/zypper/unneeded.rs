//! Removing what only the build needed, with what came with it: zypper says which packages of the build
//! nothing needs, when they count as dependencies, and what else would go with them.

use std::collections::BTreeSet;

use dibhost_sys::Cancel;
use dibhost_tree::{Line, Workshop};

use super::automatic;
use super::build::Zypper;
use super::solver::Shown;
use super::summary::{ActKind, listed, parse};
use crate::error::PackageError;
use crate::rpm::database::{self, Database};
use crate::rpm::names::check_package;

const DOING: &str = "finding out which packages only the build needed";

impl Zypper {
    pub(super) fn remove_with_dependencies(
        &mut self,
        tree: &mut dyn Workshop,
        names: &[String],
        cancel: &Cancel,
        line: &mut dyn FnMut(Line),
    ) -> Result<Vec<String>, PackageError> {
        names.iter().try_for_each(|name| check_package(name))?;
        let database = database::read(tree)?;
        let there: BTreeSet<String> =
            database::installed(tree)?.into_iter().map(|p| p.name).collect();
        let marked: BTreeSet<String> =
            self.build.state.automatic.union(&names.iter().cloned().collect()).cloned().collect();
        let with = self.unneeded(tree, &database, &marked, names, cancel)?;
        let gone = self.build.only_needed_by(names, &there, &BTreeSet::new(), with);
        self.build.remove(tree, &gone, line)?;
        self.build.state.automatic =
            marked.into_iter().filter(|name| !gone.contains(name)).collect();
        automatic::write(tree, &self.build.state.automatic)?;
        Ok(gone)
    }

    fn unneeded(
        &self,
        tree: &mut dyn Workshop,
        database: &Database,
        automatic: &BTreeSet<String>,
        names: &[String],
        cancel: &Cancel,
    ) -> Result<BTreeSet<String>, PackageError> {
        let _lock = self.build.downloads.lock(cancel)?;
        let shown =
            Shown { database: database.clone(), locks: Vec::new(), automatic: automatic.clone() };
        let words = ["packages", "--unneeded"].map(str::to_owned);
        // It tells those that nothing needs at all, and not what only they need.
        let mut first = listed(&self.ask(Some(&mut *tree), &words, &shown, DOING, cancel)?);
        first.retain(|name| names.contains(name));
        if first.is_empty() {
            return Ok(BTreeSet::new());
        }
        let mut words = ["remove", "--dry-run", "--clean-deps", "--"].map(str::to_owned).to_vec();
        words.extend(first);
        let acts =
            parse(&self.ask(Some(tree), &words, &shown, DOING, cancel)?).map_err(|problems| {
                PackageError::Rpm { doing: DOING.to_owned(), detail: problems.join("; ") }
            })?;
        Ok(acts.into_iter().filter(|a| a.kind == ActKind::Remove).map(|a| a.name).collect())
    }
}
