//! apt as a package manager among others.

use dibhost_sys::Cancel;
use dibhost_tree::{Line, Target, Workshop};
use sha2::{Digest as _, Sha256};

use super::archive::Apt;
use super::install::make_initramfs;
use super::programs::{self, command};
use super::records;
use crate::digest::digest_text;
use crate::error::PackageError;
use crate::manager::{
    Applied, IndexFile, Indexes, InstalledPackage, LockedPackage, ManagerState, PackageManager,
    Resolution, Selection, Surroundings, Wanted,
};
use crate::room::full;

impl PackageManager for Apt {
    fn surroundings(&self) -> Surroundings {
        // Its paths are constants that are good.
        programs::surroundings().unwrap_or_default()
    }

    fn refresh(&mut self, cancel: &Cancel) -> Result<(), PackageError> {
        self.update(cancel)
    }

    fn resolve(
        &mut self,
        tree: Option<&mut dyn Workshop>,
        wanted: &Wanted,
        locked: &[LockedPackage],
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        wanted.refuse_modules_and_groups("apt")?;
        let status = match tree {
            Some(tree) if !wanted.bootstrap => records::status(tree)?,
            _ => Vec::new(),
        };
        if !wanted.build_only.is_empty() {
            self.state.before_build_only.get_or_insert_with(|| records::names(&status));
        }
        self.solve(&status, wanted, locked, cancel)
    }

    fn fetch(
        &mut self,
        resolution: &Resolution,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), PackageError> {
        self.downloads.have(resolution, cancel, progress)
    }

    fn apply(
        &mut self,
        tree: &mut dyn Target,
        resolution: &Resolution,
        selections: &[Selection],
        line: &mut dyn FnMut(Line),
    ) -> Result<Applied, PackageError> {
        let applied = self.install(tree, resolution, selections, line)?;
        self.state.note(&applied.deferred);
        Ok(applied)
    }

    fn write_sources(&mut self, tree: &mut dyn Target) -> Result<(), PackageError> {
        self.write_image_sources(tree)
    }

    fn hold(&mut self, tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError> {
        if names.is_empty() {
            return Ok(());
        }
        let doing = "holding packages at their version";
        let words: Vec<&str> =
            ["hold", "--"].into_iter().chain(names.iter().map(String::as_str)).collect();
        let output =
            tree.exec(&command("apt-mark", &words)?, &mut |_| {}).map_err(|e| full(e, doing))?;
        if output.status == 0 {
            return Ok(());
        }
        let detail = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(PackageError::Install { doing: doing.to_owned(), detail })
    }

    fn installed(&mut self, tree: &mut dyn Target) -> Result<Vec<InstalledPackage>, PackageError> {
        records::installed(tree)
    }

    fn remove_unneeded(
        &mut self,
        tree: &mut dyn Workshop,
        names: &[String],
        cancel: &Cancel,
        line: &mut dyn FnMut(Line),
    ) -> Result<Vec<String>, PackageError> {
        if names.is_empty() { Ok(Vec::new()) } else { self.remove(tree, names, cancel, line) }
    }

    fn indexes(&self) -> Result<Indexes, PackageError> {
        let mut digest = Sha256::new();
        for release in self.releases()? {
            digest.update(self.digest_of(&release)?);
        }
        Ok(Indexes { digest: digest_text(&digest.finalize()) })
    }

    fn known_indexes(&self) -> Vec<IndexFile> {
        self.known_indexes()
    }

    fn state(&self) -> &ManagerState {
        &self.state
    }

    fn resume(&mut self, state: ManagerState) {
        self.state = state;
    }

    fn run_deferred(
        &mut self,
        tree: &mut dyn Target,
        line: &mut dyn FnMut(Line),
    ) -> Result<(), PackageError> {
        if self.state.deferred.is_empty() {
            return Ok(());
        }
        make_initramfs(tree, line)?;
        self.state.deferred.clear();
        Ok(())
    }
}
