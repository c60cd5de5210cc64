//! What a solver chose, checked and made into a resolution; kept by all that it depends on.

use std::collections::BTreeSet;

use dibhost_sys::Cancel;
use serde::Deserialize;

use super::build::Build;
use super::database::Database;
use super::names::{check_module, check_package, check_version, file_name};
use crate::digest::hex;
use crate::error::PackageError;
use crate::files::{read, write};
use crate::manager::{Batch, LockedPackage, Package, PackageSpec, Resolution, Wanted};
use crate::words::is_file_name;

/// Part of the key of kept resolutions: changed whenever what is kept means something else.
const FORMAT: u32 = 1;

const DOING: &str = "resolving the packages";

/// What a solver chose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Solution {
    #[serde(default)]
    pub(crate) packages: Vec<Chosen>,
    #[serde(default)]
    pub(crate) removals: Vec<String>,
    /// Versions of what says which release of the distribution the tree is.
    #[serde(default)]
    pub(crate) releases: Vec<String>,
}

/// A package of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Chosen {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) arch: String,
    pub(crate) repository: String,
    /// Below the repository.
    pub(crate) location: String,
    /// None: it is known by another digest.
    pub(crate) sha256: Option<String>,
    pub(crate) size: u64,
    pub(crate) essential: bool,
    pub(crate) upgrade: bool,
    /// Names that it takes the place of, beside older ones of its own.
    #[serde(default)]
    pub(crate) replaces: Vec<String>,
}

impl Build {
    /// What is to be installed, and its names; all words of what is wanted are what they are to be.
    pub(crate) fn asked_for(
        &self,
        wanted: &Wanted,
        locked: &[LockedPackage],
    ) -> Result<(Vec<PackageSpec>, BTreeSet<String>), PackageError> {
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
        Ok((install, requested))
    }

    /// The answer to a question, asked where it is not known from earlier.
    pub(crate) fn kept_or_asked(
        &self,
        question: &str,
        database: &Database,
        cancel: &Cancel,
        ask: impl FnOnce() -> Result<Resolution, PackageError>,
    ) -> Result<Resolution, PackageError> {
        let _lock = self.downloads.lock(cancel)?;
        let mut key = format!("{FORMAT}\n{question}\n{}\n", self.offered()?);
        for (name, content) in &database.files {
            key.extend([name, " ", &hex(content), "\n"]);
        }
        let kept = self.solver.join("resolutions").join(format!("{}.json", hex(key.as_bytes())));
        if let Ok(text) = std::fs::read(&kept)
            && let Ok(resolution) = serde_json::from_slice(&text)
        {
            return Ok(resolution);
        }
        let resolution = ask()?;
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

    /// The digest of all that the repositories offer, as they were fetched last.
    pub(crate) fn offered(&self) -> Result<String, PackageError> {
        let mut all = Vec::new();
        for repository in &self.repositories {
            all.extend_from_slice(hex(&read(&repository.index())?).as_bytes());
        }
        Ok(hex(&all))
    }

    /// The resolution that a solver's choice is, when it is what was asked for.
    pub(crate) fn resolution(
        &self,
        solution: Solution,
        bootstrap: bool,
        requested: &BTreeSet<String>,
        modules: Vec<String>,
    ) -> Result<Resolution, PackageError> {
        let Solution { packages, removals, releases } = solution;
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
            bootstrap,
            order: if packages.is_empty() { Vec::new() } else { vec![Batch::Unpack(names)] },
            packages,
            removals,
            requested: requested.iter().cloned().collect(),
            modules,
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
            odd(format!("{} chose `{name}` from `{}`", self.manager, repository.escape_debug()))
        })?;
        check_package(&name)?;
        check_version(&version)?;
        let file = file_name(&name, &version, &arch);
        if arch != self.arch && arch != "noarch" {
            return Err(odd(format!(
                "{} chose `{file}`, which is not of the architecture {}",
                self.manager, self.arch
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

    /// All that was asked for is chosen, or there. Solvers have been known to give something else.
    pub(crate) fn check_requested(
        &self,
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
                    "`{name}` is asked for, and {} chose neither it nor what takes its place",
                    self.manager
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a version of what names a release is of this one: `9.4` is of `9`.
fn is_release(version: &str, release: &str) -> bool {
    version
        .strip_prefix(release)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
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
