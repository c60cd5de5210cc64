//! Package transactions of the plan, carried out by apt.

use std::path::Path;

use dibhost_plan::wish::{Bootstrap, Distribution};
use dibhost_plan::{Observed, PackageWant, Phase, Plan, Transaction};
use dibhost_sys::Cancel;
use dibhost_tree::apt::{self, Apt, AptError, AptOptions, PackageSpec, Resolution};
use dibhost_tree::{Attributes, Change, Command, Scope, Target as _, TargetPath, Worker};

use crate::accounts::expect_success;
use crate::event::Level;
use crate::failure::BuildFailure;
use crate::teller::Teller;

/// The package manager of the image that is being built.
pub(crate) struct Packages<'a> {
    plan: &'a Plan,
    cache: &'a Path,
    work: &'a Path,
    cancel: &'a Cancel,
    /// Known once the first tree is.
    distribution: Option<Distribution>,
}

impl<'a> Packages<'a> {
    pub(crate) fn new(plan: &'a Plan, cache: &'a Path, work: &'a Path, cancel: &'a Cancel) -> Self {
        Self { plan, cache, work, cancel, distribution: None }
    }

    /// Carries out one transaction, and adds which programs it put off.
    pub(crate) fn carry_out(
        &mut self,
        transaction: &Transaction,
        worker: &mut Worker,
        observed: &mut Observed,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        if let Some(bootstrap) = &transaction.bootstrap {
            self.distribution = Some(distribution(&bootstrap.source)?);
        }
        let Some(distribution) = &self.distribution else {
            return Err(BuildFailure::new(
                "packages are wished for, and no element made a first tree",
            )
            .with_help("add an element of a distribution, such as `debian-minimal`"));
        };
        let apt = Apt::new(self.options(distribution)).map_err(failure)?;
        let bootstrap = transaction.bootstrap.is_some();

        let running = teller.begin("fetch package lists");
        apt.update(self.cancel).map_err(failure)?;
        teller.end(running);

        let running = teller.begin("resolve packages");
        let status = if bootstrap { None } else { Some(read_status(worker)?) };
        let mut install = wanted(&transaction.install);
        install.extend(wanted(&transaction.build_only));
        if bootstrap {
            install.extend(distribution.packages.iter().map(|name| PackageSpec::newest(name)));
        }
        let remove: Vec<_> = transaction.remove.iter().map(|want| want.name.clone()).collect();
        let resolution = apt
            .resolve(status.as_deref(), &install, &remove, bootstrap, self.cancel)
            .map_err(failure)?;
        teller.end(running);

        self.fetch(&apt, &resolution, teller)?;
        self.install(&apt, &resolution, transaction, worker, observed, teller)
    }

    fn options(&self, distribution: &Distribution) -> AptOptions {
        let repositories = self.plan.transactions.iter().flat_map(|t| &t.repositories);
        AptOptions {
            suite: distribution.release.clone(),
            mirror: distribution.mirror.clone(),
            components: distribution.components.clone(),
            keys: distribution.keys.clone(),
            arch: self.plan.image.arch.clone(),
            cache: self.cache.join("apt"),
            work: self.work.join("apt"),
            updates: false,
            security: None,
            repositories: repositories.map(|planned| repository(&planned.repository)).collect(),
            recommends: false,
        }
    }

    fn fetch(
        &self,
        apt: &Apt,
        resolution: &Resolution,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let count = resolution.packages.len();
        let mebibytes = resolution.size() >> 20;
        let running = teller.begin(format!("fetch {count} packages ({mebibytes} MiB)"));
        let mut progress = |done, total| teller.progress(done, Some(total));
        apt.download(resolution, self.cancel, &mut progress).map_err(failure)?;
        teller.end(running);
        Ok(())
    }

    fn install(
        &self,
        apt: &Apt,
        resolution: &Resolution,
        transaction: &Transaction,
        worker: &mut Worker,
        observed: &mut Observed,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let running = teller.begin(format!("install {} packages", resolution.packages.len()));
        let answers: Vec<_> = transaction
            .answers
            .iter()
            .map(|answer| apt::Answer {
                package: answer.package.clone(),
                question: answer.question.clone(),
                kind: answer.kind.clone(),
                value: answer.value.clone(),
            })
            .collect();
        let mut line = |line: dibhost_tree::Line| teller.line(Level::Debug, "dpkg", &line.text);
        let installed = apt.install(worker, resolution, &answers, &mut line).map_err(failure)?;
        teller.end(running);
        for (what, milliseconds) in &installed.timings {
            teller.line(Level::Debug, "host", &format!("{what}: {milliseconds} ms"));
        }
        observed.extend(Observed { deferred: installed.deferred, ..Observed::default() });
        if let (true, Some(sources)) = (resolution.bootstrap, apt.image_sources()) {
            write_sources(worker, sources)?;
        }
        self.hold(&transaction.hold, worker)
    }

    fn hold(&self, hold: &[PackageWant], worker: &mut Worker) -> Result<(), BuildFailure> {
        if hold.is_empty() {
            return Ok(());
        }
        let mut args = vec!["hold".to_owned()];
        args.extend(hold.iter().map(|want| want.name.clone()));
        let command = Command { program: "apt-mark".to_owned(), args, ..Command::default() };
        expect_success(worker, &command, &mut |_| {}).map_err(BuildFailure::new)
    }

    /// Runs once what package scripts wanted many times.
    pub(crate) fn run_deferred(
        &self,
        phase: Phase,
        worker: &mut Worker,
        observed: &mut Observed,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let due = self.plan.triggers_before(phase).any(|t| observed.deferred.contains(&t.program));
        if !due {
            return Ok(());
        }
        let running = teller.begin(format!("run {} once", observed.deferred.join(", ")));
        let mut line = |line: dibhost_tree::Line| teller.line(Level::Debug, "host", &line.text);
        apt::run_deferred(worker, &mut line).map_err(failure)?;
        observed.deferred.clear();
        teller.end(running);
        Ok(())
    }

    /// Removes what only the build needed.
    pub(crate) fn remove_build_only(
        &self,
        worker: &mut Worker,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let names = self.plan.build_only_packages();
        if names.is_empty() {
            return Ok(());
        }
        let running = teller.begin(format!("remove {} packages of the build", names.len()));
        let mut args = vec!["--purge".to_owned()];
        args.extend(names.iter().map(|name| (*name).to_owned()));
        let command = Command { program: "dpkg".to_owned(), args, ..Command::default() };
        expect_success(worker, &command, &mut |_| {}).map_err(BuildFailure::new)?;
        teller.end(running);
        Ok(())
    }
}

fn distribution(source: &Bootstrap) -> Result<Distribution, BuildFailure> {
    let unsupported = |what: &str| {
        Err(BuildFailure::new(format!(
            "this version of dibhost cannot make the first tree from {what}"
        ))
        .with_help("use an element that bootstraps by `apt`, such as `debian-minimal`"))
    };
    match source {
        Bootstrap::Distribution(distribution) if distribution.package_manager == "apt" => {
            Ok(distribution.clone())
        }
        Bootstrap::Distribution(other) => {
            unsupported(&format!("the package manager `{}`", other.package_manager))
        }
        Bootstrap::Container(_) => unsupported("a container image"),
        Bootstrap::Archive(..) => unsupported("an archive"),
        Bootstrap::DiskImage(..) => unsupported("a disk image"),
    }
}

fn repository(planned: &dibhost_plan::wish::Repository) -> apt::Repository {
    apt::Repository {
        name: planned.name.clone(),
        url: planned.url.clone(),
        suites: planned.suites.clone(),
        components: planned.components.clone(),
        priority: planned.priority,
        keys: vec![planned.key.clone()],
    }
}

fn wanted(wants: &[PackageWant]) -> Vec<PackageSpec> {
    let spec =
        |want: &PackageWant| PackageSpec { name: want.name.clone(), version: want.version.clone() };
    wants.iter().map(spec).collect()
}

/// Gives the image the package source that it was made from. Elements may write another.
fn write_sources(worker: &mut Worker, sources: &str) -> Result<(), BuildFailure> {
    let folder = TargetPath::new("/etc/apt/sources.list.d").map_err(BuildFailure::new)?;
    let path = folder.join("debian.sources").map_err(BuildFailure::new)?;
    let attributes = Attributes::default();
    let changes = [
        Change::MakeDirectory { path: folder, attributes: attributes.clone() },
        Change::Write { path, content: sources.as_bytes().to_vec(), attributes },
    ];
    worker
        .apply(&Scope::all(), &changes)
        .map_err(|e| BuildFailure::new(e).doing("writing the image's package source"))
}

/// dpkg's own record of what is installed.
fn read_status(worker: &mut Worker) -> Result<Vec<u8>, BuildFailure> {
    let path = TargetPath::new("/var/lib/dpkg/status").map_err(BuildFailure::new)?;
    let mut status = Vec::new();
    loop {
        // The most that one request answers.
        let length = 8 << 20;
        let offset = status.len() as u64;
        let part = worker
            .read(&Scope::all(), &path, offset, length)
            .map_err(|e| BuildFailure::new(e).doing("reading which packages are installed"))?;
        if part.is_empty() {
            return Ok(status);
        }
        status.extend(part);
    }
}

fn failure(error: AptError) -> BuildFailure {
    BuildFailure { cancelled: matches!(error, AptError::Cancelled), ..BuildFailure::new(error) }
}
