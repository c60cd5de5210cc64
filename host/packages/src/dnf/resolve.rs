//! Which packages: dnf's answer, kept by all that it depends on.

use std::collections::BTreeSet;
use std::path::PathBuf;

use dibhost_sys::Cancel;
use dibhost_tree::Target;

use super::build::Dnf;
use super::question::{Asked, Chosen, Locked, Named, Offering, Solution};
use super::solver::Shown;
use super::{holds, modules};
use crate::digest::hex;
use crate::error::PackageError;
use crate::files::{read, write};
use crate::manager::{Batch, LockedPackage, Package, PackageSpec, Resolution, Wanted};
use crate::rpm::database;
use crate::rpm::names::{check_module, check_package, check_version, file_name};
use crate::words::is_file_name;

/// Part of the key of kept resolutions: changed whenever what is kept means something else.
const FORMAT: u32 = 1;

const DOING: &str = "resolving the packages";

impl Dnf {
    /// What is to be installed and removed.
    pub(super) fn solve(
        &mut self,
        tree: Option<&mut dyn Target>,
        wanted: &Wanted,
        locked: &[LockedPackage],
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        let mut held = BTreeSet::new();
        let mut shown = Shown::default();
        let mut there = BTreeSet::new();
        if let Some(tree) = tree.filter(|_| !wanted.bootstrap) {
            held = holds::read(tree)?;
            shown = Shown { database: database::read(tree)?, modules: modules::read(tree)? };
            there = database::installed(tree)?.into_iter().map(|p| p.name).collect();
        }
        if !wanted.build_only.is_empty() {
            self.state.before_build_only.get_or_insert_with(|| there.clone());
        }
        let (asked, requested) = self.asked(wanted, &held, locked)?;
        let resolution = self.kept_or_asked(asked, &shown, &requested, cancel)?;
        check_requested(&resolution, &requested, &there)?;
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
        let mut install = Vec::new();
        if wanted.bootstrap {
            install.extend(self.base.iter().map(|name| PackageSpec::newest(name)));
        }
        install.extend(wanted.install.iter().chain(&wanted.build_only).cloned());
        for spec in &install {
            check_package(&spec.name)?;
            spec.version.as_deref().map_or(Ok(()), check_version)?;
        }
        let requested: BTreeSet<String> = install.iter().map(|spec| spec.name.clone()).collect();
        for name in &wanted.remove {
            check_package(name)?;
            if requested.contains(name) {
                return Err(PackageError::Unresolvable(format!(
                    "the package `{name}` is to be installed and to be removed"
                )));
            }
        }
        wanted.groups.iter().try_for_each(|id| check_package(id))?;
        wanted.modules.iter().try_for_each(|module| check_module(module).map(drop))?;
        for package in locked {
            check_package(&package.name)?;
            check_version(&package.version)?;
        }
        let named = |spec: PackageSpec| Named { name: spec.name, version: spec.version };
        let locked = locked.iter().map(|p| Locked {
            name: p.name.clone(),
            version: p.version.clone(),
            arch: p.arch.clone(),
        });
        let asked = Asked {
            bootstrap: wanted.bootstrap,
            base: self.base.clone(),
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
        let offering = |offers: &super::repository::Offers| Offering {
            name: offers.name.clone(),
            folder: offers.offered(),
            priority: offers.priority,
        };
        Asked {
            release: self.release.clone(),
            arch: self.arch.clone(),
            platform: self.platform.clone(),
            weak: self.weak,
            repositories: self.repositories.iter().map(offering).collect(),
            ..Asked::default()
        }
    }

    fn kept_or_asked(
        &self,
        asked: Asked,
        shown: &Shown,
        requested: &BTreeSet<String>,
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        let _lock = self.downloads.lock(cancel)?;
        let kept = self.kept(&asked, shown)?;
        if let Ok(text) = std::fs::read(&kept)
            && let Ok(resolution) = serde_json::from_slice(&text)
        {
            return Ok(resolution);
        }
        let solution = self.ask(&asked, shown, DOING, cancel)?;
        let resolution = self.resolution(solution, asked, requested)?;
        if let Ok(text) = serde_json::to_vec(&resolution) {
            // Written whole or not at all; the lock keeps others away.
            let new = kept.with_extension("new");
            write(&new, &text)?;
            std::fs::rename(&new, &kept).map_err(|source| PackageError::Io {
                doing: format!("writing `{}`", kept.display()),
                source,
            })?;
        }
        Ok(resolution)
    }

    /// Where the answer to this question is kept.
    fn kept(&self, asked: &Asked, shown: &Shown) -> Result<PathBuf, PackageError> {
        let mut key = format!("{FORMAT}\n{asked:?}\n{}\n", self.offered()?);
        for (name, content) in &shown.database.files {
            key.push_str(&format!("{name} {}\n", hex(content)));
        }
        for (name, content) in &shown.modules {
            key.push_str(&format!("{name} {}\n", hex(content)));
        }
        Ok(self.solver.join("resolutions").join(format!("{}.json", hex(key.as_bytes()))))
    }

    /// The digest of all that the repositories offer, as they were fetched last.
    pub(super) fn offered(&self) -> Result<String, PackageError> {
        let mut all = Vec::new();
        for repository in &self.repositories {
            all.extend_from_slice(hex(&read(&repository.index())?).as_bytes());
        }
        Ok(hex(&all))
    }

    fn resolution(
        &self,
        solution: Solution,
        asked: Asked,
        requested: &BTreeSet<String>,
    ) -> Result<Resolution, PackageError> {
        let Solution { packages, removals, releases, .. } = solution;
        // A release of the distribution that was not asked for is what nobody wants to find out later.
        if let Some(other) = releases.iter().find(|r| !is_release(r, &self.release)) {
            return Err(PackageError::Unresolvable(format!(
                "the repositories are of the release {other} of the distribution, and {} is asked for; see whether their addresses are right",
                self.release
            )));
        }
        let packages = packages
            .into_iter()
            .map(|chosen| self.package(chosen, requested))
            .collect::<Result<Vec<_>, _>>()?;
        removals.iter().try_for_each(|name| check_package(name))?;
        let names = packages.iter().filter(|p| !p.essential).map(|p| p.name.clone()).collect();
        Ok(Resolution {
            bootstrap: asked.bootstrap,
            order: if packages.is_empty() { Vec::new() } else { vec![Batch::Unpack(names)] },
            packages,
            removals,
            requested: requested.iter().cloned().collect(),
            modules: asked.modules,
        })
    }

    fn package(
        &self,
        chosen: Chosen,
        requested: &BTreeSet<String>,
    ) -> Result<Package, PackageError> {
        let odd = |what: String| PackageError::Rpm { doing: DOING.to_owned(), detail: what };
        let Chosen { name, version, arch, repository, location, sha256, size, .. } = chosen;
        let from = self.repository(&repository).ok_or_else(|| {
            odd(format!("dnf chose `{name}` from `{}`", repository.escape_debug()))
        })?;
        check_package(&name)?;
        check_version(&version)?;
        let file = file_name(&name, &version, &arch);
        if arch != self.arch && arch != "noarch" {
            return Err(odd(format!(
                "dnf chose `{file}`, which is not of the architecture {}",
                self.arch
            )));
        }
        let sha256 = sha256.filter(|sum| sum.len() == 64).ok_or_else(|| {
            odd(format!("the index of the repository `{repository}` knows `{file}` by another digest than SHA-256"))
        })?;
        let plain = location.bytes().all(|b| b.is_ascii_graphic() && !b"\"'`<>{}|\\".contains(&b));
        let inside = location.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
        if !is_file_name(&file) || !plain || !inside || location.contains(':') {
            return Err(odd(format!(
                "the repository `{repository}` names a file `{}`",
                location.escape_debug()
            )));
        }
        Ok(Package {
            requested: requested.contains(&name)
                || chosen.replaces.iter().any(|o| requested.contains(o)),
            url: format!("{}/{location}", from.url),
            name,
            version,
            arch,
            file,
            sha256,
            size,
            essential: chosen.essential,
            upgrade: chosen.upgrade,
        })
    }
}

/// Whether a version of what names a release is of this one: `9.4` is of `9`.
fn is_release(version: &str, release: &str) -> bool {
    version
        .strip_prefix(release)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
}

/// All that was asked for is chosen, or there. dnf has been known to give something else.
fn check_requested(
    resolution: &Resolution,
    requested: &BTreeSet<String>,
    there: &BTreeSet<String>,
) -> Result<(), PackageError> {
    let chosen: BTreeSet<&str> = resolution.packages.iter().map(|p| p.name.as_str()).collect();
    let missing =
        requested.iter().find(|name| !chosen.contains(name.as_str()) && !there.contains(*name));
    match missing {
        // What takes the place of one that was renamed counts as asked for.
        Some(name)
            if resolution.packages.iter().filter(|p| p.requested).count() < requested.len() =>
        {
            Err(PackageError::Unresolvable(format!(
                "`{name}` is asked for, and dnf chose neither it nor what takes its place"
            )))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_that_one() {
        assert!(is_release("9", "9") && is_release("9.4", "9") && is_release("9.4", "9.4"));
        assert!(!is_release("10", "9") && !is_release("44", "4") && !is_release("9.3", "9.4"));
    }
}
