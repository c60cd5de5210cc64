//! Which packages: dnf's answer.

use std::collections::BTreeSet;

use dibhost_sys::Cancel;
use dibhost_tree::Workshop;

use super::build::Dnf;
use super::question::{Asked, Locked, Named, Offering};
use super::solver::Shown;
use super::{holds, modules};
use crate::digest::hex;
use crate::error::PackageError;
use crate::manager::{LockedPackage, PackageSpec, Resolution, Wanted};
use crate::rpm::database;

const DOING: &str = "resolving the packages";

impl Dnf {
    /// What is to be installed and removed.
    pub(super) fn choose(
        &mut self,
        tree: Option<&mut dyn Workshop>,
        wanted: &Wanted,
        locked: &[LockedPackage],
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        let mut held = BTreeSet::new();
        let mut shown = Shown::default();
        let mut there = BTreeSet::new();
        let mut tree = tree.filter(|_| !wanted.bootstrap);
        if let Some(tree) = tree.as_deref_mut() {
            held = holds::read(tree)?;
            shown = Shown { database: database::read(tree)?, modules: modules::read(tree)? };
            there = database::installed(tree)?.into_iter().map(|p| p.name).collect();
        }
        if !wanted.build_only.is_empty() {
            self.build.state.before_build_only.get_or_insert_with(|| there.clone());
        }
        let (asked, requested) = self.asked(wanted, &held, locked)?;
        let resolution = self.kept_or_asked(tree, asked, &shown, &requested, cancel)?;
        self.build.check_requested(&resolution, &requested, &there)?;
        if !locked.is_empty() {
            resolution.check_locked(locked)?;
        }
        Ok(resolution)
    }

    /// The question, and what is asked for by name.
    fn asked(
        &self,
        wanted: &Wanted,
        held: &BTreeSet<String>,
        locked: &[LockedPackage],
    ) -> Result<(Asked, BTreeSet<String>), PackageError> {
        let (install, requested) = self.build.asked_for(wanted, locked)?;
        let named = |spec: PackageSpec| Named { name: spec.name, version: spec.version };
        let locked = locked.iter().map(|p| Locked {
            name: p.name.clone(),
            version: p.version.clone(),
            arch: p.arch.clone(),
        });
        let asked = Asked {
            bootstrap: wanted.bootstrap,
            base: self.build.base.clone(),
            modules: wanted.modules.clone(),
            install: install.into_iter().map(named).collect(),
            groups: wanted.groups.clone(),
            remove: wanted.remove.clone(),
            // Of an empty tree all is new anyway.
            upgrade_all: wanted.upgrade_all && !wanted.bootstrap,
            held: held.iter().cloned().collect(),
            locked: locked.collect(),
            ..self.of_this_build()
        };
        Ok((asked, requested))
    }

    /// A question that asks for nothing.
    pub(super) fn of_this_build(&self) -> Asked {
        let offering = |offers: &crate::rpm::repository::Offers| Offering {
            name: offers.name.clone(),
            folder: offers.offered(),
            priority: offers.preference.priority,
            cost: offers.preference.cost,
            module_hotfixes: offers.preference.module_hotfixes,
        };
        Asked {
            release: self.build.release.clone(),
            arch: self.build.arch.clone(),
            platform: self.build.platform.clone(),
            weak: self.build.weak,
            repositories: self.build.repositories.iter().map(offering).collect(),
            ..Asked::default()
        }
    }

    fn kept_or_asked(
        &self,
        tree: Option<&mut dyn Workshop>,
        asked: Asked,
        shown: &Shown,
        requested: &BTreeSet<String>,
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        let mut key = format!("{asked:?}\n");
        for (name, content) in &shown.modules {
            key.push_str(&format!("{name} {}\n", hex(content)));
        }
        self.build.kept_or_asked(&key, &shown.database, cancel, || {
            let solution = self.ask(tree, &asked, shown, DOING, cancel)?;
            self.build.resolution(solution, asked.bootstrap, requested, asked.modules)
        })
    }
}
