//! Which packages: apt's resolver, its answer kept by all that it depends on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use dibhost_sys::Cancel;
use sha2::{Digest as _, Sha256};

use super::archive::Apt;
use super::config;
use super::simulation::{Relations, Step, debs, parse_records, parse_steps, parse_uris};
use crate::digest::digest_text;
use crate::error::PackageError;
use crate::files::{read, write};
use crate::manager::{LockedPackage, Resolution, Wanted};
use crate::words::is_file_name;

/// Part of the key of kept resolutions: changed whenever what is kept means something else.
const FORMAT: u32 = 2;

impl Apt {
    /// What is to be installed and removed. `status` is the tree's `/var/lib/dpkg/status`; with
    /// `bootstrap` the tree is empty, and the essential packages and `apt` come on top.
    pub(super) fn solve(
        &self,
        status: &[u8],
        wanted: &Wanted,
        locked: &[LockedPackage],
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        let bootstrap = wanted.bootstrap;
        // Of an empty tree all is new anyway.
        let mode = if wanted.upgrade_all && !bootstrap { "dist-upgrade" } else { "install" };
        let mut requested = BTreeSet::new();
        let mut arguments = vec![mode.to_owned()];
        if bootstrap {
            // Of the two that may see to a merged `/usr`, the one that has nothing to do.
            arguments.extend(["?essential", "apt", "?exact-name(usrmerge)-"].map(str::to_owned));
            requested.insert("apt");
        }
        for spec in wanted.install.iter().chain(&wanted.build_only) {
            config::check_package(&spec.name)?;
            requested.insert(spec.name.as_str());
            arguments.push(match &spec.version {
                None => spec.name.clone(),
                Some(version) => {
                    config::check_version(version)?;
                    format!("{}={version}", spec.name)
                }
            });
        }
        for name in &wanted.remove {
            config::check_package(name)?;
            if requested.contains(name.as_str()) {
                return Err(PackageError::Unresolvable(format!(
                    "the package `{name}` is to be installed and to be removed"
                )));
            }
            arguments.push(format!("{name}-"));
        }
        let mut preferences: String =
            self.sources.iter().filter_map(|(_, preference)| preference.as_deref()).collect();
        preferences.push_str(&config::pins(locked)?);
        write(&self.folders.own.join("preferences"), preferences.as_bytes())?;
        let resolution = self.kept_or_asked(&arguments, &requested, status, bootstrap, cancel)?;
        if !locked.is_empty() {
            resolution.check_locked(locked)?;
        }
        Ok(resolution)
    }

    fn kept_or_asked(
        &self,
        arguments: &[String],
        requested: &BTreeSet<&str>,
        status: &[u8],
        bootstrap: bool,
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        let _lock = self.downloads.lock(cancel)?;
        let kept = self.kept(arguments, status, bootstrap)?;
        if let Ok(text) = std::fs::read(&kept)
            && let Ok(resolution) = serde_json::from_slice(&text)
        {
            return Ok(resolution);
        }
        write(&self.folders.own.join("status"), status)?;
        let resolution = self.ask(arguments, requested, bootstrap, cancel)?;
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

    fn ask(
        &self,
        arguments: &[String],
        requested: &BTreeSet<&str>,
        bootstrap: bool,
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        let doing = "resolving the packages";
        let apt_get =
            |mode: &[&str]| self.program("apt-get").args(mode).arg("--yes").args(arguments);
        let simulated = self.run(&apt_get(&["--simulate"]), doing, cancel)?;
        let steps = parse_steps(&simulated.text());
        let removals: Vec<String> = steps
            .iter()
            .filter_map(|s| match s {
                Step::Remove { name } => Some(name.clone()),
                _ => None,
            })
            .collect();
        let chosen: Vec<String> = steps
            .iter()
            .filter_map(|s| match s {
                Step::Unpack { name, version, .. } => Some(format!("{name}={version}")),
                _ => None,
            })
            .collect();
        let requested_names = requested.iter().map(|name| (*name).to_owned()).collect();
        let mut resolution =
            Resolution { bootstrap, removals, requested: requested_names, ..Resolution::default() };
        if chosen.is_empty() {
            return Ok(resolution);
        }
        let uris = self.run(&apt_get(&["-qq", "--print-uris"]), doing, cancel)?;
        let uris = parse_uris(&uris.text());
        let show = self.program("apt-cache").args(["--no-all-versions", "show"]).args(&chosen);
        let records = parse_records(&self.run(&show, doing, cancel)?.text());
        let relations = Relations::new(&records);
        let essential = if bootstrap { relations.essential() } else { BTreeSet::new() };
        resolution.packages = debs(&steps, &uris, &essential, requested)
            .map_err(|detail| PackageError::Apt { doing: doing.to_owned(), detail })?;
        if let Some(bad) =
            resolution.packages.iter().find(|p| !is_file_name(&p.file) || p.sha256.len() != 64)
        {
            return Err(PackageError::Apt {
                doing: doing.to_owned(),
                detail: format!("apt names a file `{}`", bad.file.escape_debug()),
            });
        }
        resolution.order = relations.batches(&steps, &essential);
        Ok(resolution)
    }

    /// The signed indexes of the sources, as they were fetched last.
    pub(super) fn releases(&self) -> Result<Vec<PathBuf>, PackageError> {
        let lists = self.folders.lists.join("lists");
        let names = std::fs::read_dir(&lists).map_err(|source| PackageError::Io {
            doing: format!("reading `{}`", lists.display()),
            source,
        })?;
        let mut releases: Vec<PathBuf> = names
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.to_string_lossy().ends_with("Release"))
            .collect();
        releases.sort();
        Ok(releases)
    }

    pub(super) fn digest_of(&self, release: &Path) -> Result<[u8; 32], PackageError> {
        Ok(Sha256::digest(read(release)?).into())
    }

    /// Where the answer to this question is kept.
    fn kept(
        &self,
        arguments: &[String],
        status: &[u8],
        bootstrap: bool,
    ) -> Result<PathBuf, PackageError> {
        let mut digest = Sha256::new();
        let key = (FORMAT, &self.arch, bootstrap, arguments);
        digest.update(format!("{key:?}"));
        for file in ["sources.list", "preferences"] {
            let text = read(&self.folders.own.join(file))?;
            // The sources name this build's folder, but what lies in it is in the lists' key.
            if file == "preferences" {
                digest.update(&text);
            }
        }
        for release in self.releases()? {
            digest.update(self.digest_of(&release)?);
        }
        digest.update(Sha256::digest(status));
        let name = format!("{}.json", digest_text(&digest.finalize()));
        Ok(self.folders.lists.join("resolutions").join(name))
    }
}
