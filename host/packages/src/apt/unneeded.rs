//! Removing what only the build needed, with what came with it.
//!
//! The builder's apt says, from the tree's records, what `autoremove` would take: once as they are,
//! and once with the packages of the build marked as dependencies. The difference is what only they
//! needed. What was in the tree before the first of them stays, whoever needs it.

use std::collections::BTreeSet;

use dibhost_sys::Cancel;
use dibhost_tree::{Line, Target};

use super::archive::Apt;
use super::config;
use super::install::Dpkg;
use super::records::{self, ExtendedStates};
use super::simulation::{Step, parse_steps};
use crate::error::PackageError;
use crate::files::write;

const DOING: &str = "finding out which packages only the build needed";

impl Apt {
    pub(super) fn remove(
        &mut self,
        tree: &mut dyn Target,
        names: &[String],
        cancel: &Cancel,
        line: &mut dyn FnMut(Line),
    ) -> Result<Vec<String>, PackageError> {
        names.iter().try_for_each(|name| config::check_package(name))?;
        let status = records::status(tree)?;
        let states = records::extended_states(tree)?;
        let installed = records::names(&status);
        let there = names.iter().map(|n| records::bare(n)).filter(|n| installed.contains(*n));
        let marked = states.forced(there, &self.arch);
        let lock = self.downloads.lock(cancel)?;
        let before = self.unneeded(&status, &states, cancel)?;
        let after = self.unneeded(&status, &marked, cancel)?;
        drop(lock);
        let asked = |name: &str| names.iter().any(|n| records::bare(n) == records::bare(name));
        let came = |name: &str| {
            self.state.before_build_only.as_ref().is_none_or(|b| !b.contains(records::bare(name)))
        };
        let gone: Vec<String> = after
            .into_iter()
            .filter(|name| asked(name) || (!before.contains(name) && came(name)))
            .collect();
        if !gone.is_empty() {
            let mut dpkg = Dpkg { apt: self, tree: &mut *tree, line, deferred: Vec::new() };
            let words: Vec<&str> =
                std::iter::once("--purge").chain(gone.iter().map(String::as_str)).collect();
            dpkg.run_words("dpkg", &words, None, "removing the packages of the build")?;
            let deferred = dpkg.deferred;
            self.state.note(&deferred);
        }
        let forgotten = gone.iter().map(|name| records::bare(name)).collect();
        records::write_extended_states(tree, &states, &marked.forgetting(&forgotten))?;
        Ok(gone)
    }

    /// What `autoremove` would take of a tree with these records.
    fn unneeded(
        &self,
        status: &[u8],
        states: &ExtendedStates,
        cancel: &Cancel,
    ) -> Result<BTreeSet<String>, PackageError> {
        write(&self.folders.own.join("status"), status)?;
        let file = self.folders.own.join("extended_states");
        write(&file, states.text().as_bytes())?;
        let program = self.program("apt-get").args(["--simulate", "--yes", "autoremove"]);
        let said = self.run(&program, DOING, cancel);
        // Solving is not to see it: it asks by name what is to be there.
        std::fs::remove_file(&file).map_err(|source| PackageError::Io {
            doing: format!("removing `{}`", file.display()),
            source,
        })?;
        let removed = |step: Step| match step {
            Step::Remove { name } => Some(name),
            _ => None,
        };
        Ok(parse_steps(&said?.text()).into_iter().filter_map(removed).collect())
    }
}
