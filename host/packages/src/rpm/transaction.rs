//! A resolution into the tree.

use std::collections::BTreeSet;

use dibhost_sys::Cancel;
use dibhost_tree::{Line, Scope, Target};

use super::build::Build;
use super::install::Rpm;
use super::programs::{command, path};
use super::repository::Offers;
use super::{database, said};
use crate::clock::Clock;
use crate::error::PackageError;
use crate::manager::{Applied, Package, Resolution, Selection};
use crate::room::full;

/// The program that is put off: it takes longer than all else that a kernel's package does.
pub(crate) const DRACUT: &str = "dracut";

impl Build {
    /// Has all packages of the resolution: whole, as the signed index says, and signed themselves.
    pub(crate) fn download(
        &self,
        resolution: &Resolution,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), PackageError> {
        self.downloads.have(resolution, cancel, progress)?;
        let of = |package: &Package| {
            let of_it =
                |r: &&Offers| package.url.strip_prefix(&r.url).is_some_and(|p| p.starts_with('/'));
            // One repository may lie below another.
            self.repositories.iter().filter(of_it).max_by_key(|r| r.url.len())
        };
        if let Some(stray) = resolution.packages.iter().find(|p| of(p).is_none()) {
            return Err(PackageError::Rpm {
                doing: "checking the packages".to_owned(),
                detail: format!("`{}` is of no repository that has a key", stray.file),
            });
        }
        for repository in &self.repositories {
            let of_it = resolution.packages.iter();
            let of_it = of_it.filter(|p| of(p).is_some_and(|r| r.name == repository.name));
            let files: Vec<_> = of_it.map(|p| self.downloads.path(p)).collect();
            if let Err((file, detail)) = repository.keys.check_packages(&files, cancel)? {
                let file = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let repository = repository.name.clone();
                return Err(PackageError::PackageSignature { file, repository, detail });
            }
        }
        Ok(())
    }

    /// Carries the resolution out in the tree; all of it must have been downloaded.
    pub(crate) fn install(
        &mut self,
        tree: &mut dyn Target,
        resolution: &Resolution,
        answers: &[Selection],
        line: &mut dyn FnMut(Line),
    ) -> Result<Applied, PackageError> {
        if let Some(answer) = answers.first() {
            return Err(PackageError::Invalid(format!(
                "there is an answer for debconf (`{}`), and RPM packages ask nothing",
                answer.question.escape_debug()
            )));
        }
        let mut clock = Clock::start();
        let there: BTreeSet<String> = match resolution.bootstrap {
            true => BTreeSet::new(),
            false => database::installed(tree)?.into_iter().map(|p| p.name).collect(),
        };
        let mut rpm = Rpm {
            downloads: &self.downloads,
            left_out: &self.left_out,
            tree: &mut *tree,
            line,
            defer: &[DRACUT],
            deferred: Vec::new(),
        };
        if resolution.bootstrap {
            rpm.lay_down(resolution)?;
            clock.lap("laying down the packages that rpm is made of");
        }
        rpm.remove(&resolution.removals, true, "removing packages")?;
        // Kernels stand beside each other; rpm itself would replace the older one.
        let is_beside = |p: &&Package| {
            !p.upgrade && there.contains(&p.name) && !resolution.removals.contains(&p.name)
        };
        let (beside, others): (Vec<_>, Vec<_>) = resolution.packages.iter().partition(is_beside);
        rpm.install(&others, false, "installing the packages")?;
        rpm.install(&beside, true, "installing packages beside older ones")?;
        clock.lap("installing the packages");
        let deferred = rpm.deferred;
        check(tree, resolution)?;
        clock.lap("checking the packages");
        self.mark(resolution);
        self.state.note(&deferred);
        Ok(Applied { deferred, timings: clock.timings() })
    }

    /// Notes what came as a dependency, of what is there what is none any more, and what went.
    fn mark(&mut self, resolution: &Resolution) {
        let automatic = &mut self.state.automatic;
        let came =
            resolution.packages.iter().filter(|p| !p.essential && !p.requested && !p.upgrade);
        automatic.extend(came.map(|p| p.name.clone()));
        for name in resolution.requested.iter().chain(&resolution.removals) {
            automatic.remove(name);
        }
    }
}

/// What was to be installed is there, as that version.
fn check(tree: &mut dyn Target, resolution: &Resolution) -> Result<(), PackageError> {
    if resolution.packages.is_empty() {
        return Ok(());
    }
    let there = database::installed(tree)?;
    let is_there = |p: &&Package| there.iter().any(|i| i.name == p.name && i.version == p.version);
    let Some(missing) = resolution.packages.iter().find(|p| !is_there(p)) else { return Ok(()) };
    Err(PackageError::Install {
        doing: "checking the packages".to_owned(),
        detail: format!(
            "rpm ended well, and `{}` {} is not among what it says is installed",
            missing.name, missing.version
        ),
    })
}

impl Build {
    /// What only packages of the build needed, by what nothing needs without them and with them among what
    /// came as dependencies; what was there before the first of them stays.
    pub(crate) fn only_needed_by(
        &self,
        names: &[String],
        there: &BTreeSet<String>,
        without: &BTreeSet<String>,
        with: BTreeSet<String>,
    ) -> Vec<String> {
        let came = |name: &String| {
            self.state.before_build_only.as_ref().is_none_or(|old| !old.contains(name))
        };
        with.into_iter()
            .filter(|name| there.contains(name))
            .filter(|name| names.contains(name) || (!without.contains(name) && came(name)))
            .collect()
    }

    /// Removes packages that nothing needs any more.
    pub(crate) fn remove(
        &mut self,
        tree: &mut dyn Target,
        names: &[String],
        line: &mut dyn FnMut(Line),
    ) -> Result<(), PackageError> {
        let mut rpm = Rpm {
            downloads: &self.downloads,
            left_out: &self.left_out,
            tree,
            line,
            defer: &[DRACUT],
            deferred: Vec::new(),
        };
        rpm.remove(names, false, "removing the packages of the build")?;
        let deferred = rpm.deferred;
        self.state.note(&deferred);
        Ok(())
    }

    /// Runs once what scripts wanted.
    pub(crate) fn run_deferred(
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

/// Makes one initramfs for each kernel, for any machine and not for the builder's.
fn make_initramfs(tree: &mut dyn Target, line: &mut dyn FnMut(Line)) -> Result<(), PackageError> {
    // Removed again meanwhile: nothing is left to be made.
    if tree.stat(&Scope::all(), &path("/usr/bin/dracut")?)?.is_none() {
        return Ok(());
    }
    let doing = "making the initramfs";
    let words = ["--force", "--regenerate-all", "--no-hostonly", "--reproducible"];
    let command = command(DRACUT, &words);
    let output = tree.exec(&command, line).map_err(|e| full(e, doing))?;
    if output.status == 0 {
        return Ok(());
    }
    let text = [output.stdout.as_slice(), b"\n", &output.stderr].concat();
    let detail = said::complaints(&String::from_utf8_lossy(&text)).join("; ");
    Err(PackageError::Install { doing: doing.to_owned(), detail })
}
