//! Package transactions of the plan, carried out by whichever package manager the image has.

use dibhost_packages::{
    PackageError, PackageManager, PackageSource, PackageSpec, Resolution, Selection, Wanted,
};
use dibhost_plan::wish::Repository;
use dibhost_plan::{Observed, PackageWant, Phase, Plan, Transaction};
use dibhost_sys::Cancel;
use dibhost_tree::Line;

use crate::base::Base;
use crate::event::Level;
use crate::failure::BuildFailure;
use crate::furnished::Furnished;
use crate::teller::Teller;

/// The packages of the image that is being built.
pub(crate) struct Packages<'a> {
    plan: &'a Plan,
    base: &'a mut dyn Base,
    cancel: &'a Cancel,
    /// Known once the first tree is begun.
    manager: Option<Box<dyn PackageManager>>,
}

impl<'a> Packages<'a> {
    pub(crate) fn new(plan: &'a Plan, base: &'a mut dyn Base, cancel: &'a Cancel) -> Self {
        Self { plan, base, cancel, manager: None }
    }

    /// Carries out one transaction, and adds which programs it put off.
    pub(crate) fn carry_out(
        &mut self,
        transaction: &Transaction,
        tree: &mut Furnished<'_>,
        observed: &mut Observed,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let mut first = None;
        if let Some(bootstrap) = &transaction.bootstrap {
            let running = teller.begin("begin the first tree");
            let sources = self.sources()?;
            let begun = self.base.begin(&bootstrap.source, sources)?;
            teller.end(running);
            tree.furnish(begun.manager.surroundings());
            self.manager = Some(begun.manager);
            first = begun.bootstrap;
        }
        let cancel = self.cancel;
        let manager = self.manager()?;
        let running = teller.begin("fetch package lists");
        manager.refresh(cancel).map_err(failure)?;
        teller.end(running);

        let running = teller.begin("resolve packages");
        let wanted = wanted(transaction, first.as_deref());
        let resolution = manager.resolve(tree, &wanted, &[], cancel).map_err(failure)?;
        teller.end(running);

        let count = resolution.packages.len();
        let mebibytes = resolution.size() >> 20;
        let running = teller.begin(format!("fetch {count} packages ({mebibytes} MiB)"));
        let mut progress = |done, total| teller.progress(done, Some(total));
        manager.fetch(&resolution, cancel, &mut progress).map_err(failure)?;
        teller.end(running);
        Self::install(manager, &resolution, transaction, tree, observed, teller)
    }

    /// Those that elements added, of all transactions: what is resolved late is to be what would
    /// have been resolved early.
    fn sources(&self) -> Result<Vec<PackageSource>, BuildFailure> {
        let planned = self.plan.transactions.iter().flat_map(|t| &t.repositories);
        planned.map(|planned| source(&planned.repository)).collect()
    }

    fn manager(&mut self) -> Result<&mut dyn PackageManager, BuildFailure> {
        match &mut self.manager {
            Some(manager) => Ok(manager.as_mut()),
            None => {
                Err(BuildFailure::new("packages are wished for, and no element made a first tree")
                    .doing("carrying out a package transaction")
                    .with_help("add an element of a distribution, such as `debian-minimal`"))
            }
        }
    }

    fn install(
        manager: &mut dyn PackageManager,
        resolution: &Resolution,
        transaction: &Transaction,
        tree: &mut Furnished<'_>,
        observed: &mut Observed,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let running = teller.begin(format!("install {} packages", resolution.packages.len()));
        let selections: Vec<_> = transaction
            .answers
            .iter()
            .map(|answer| Selection {
                package: answer.package.clone(),
                question: answer.question.clone(),
                kind: answer.kind.clone(),
                value: answer.value.clone(),
            })
            .collect();
        let mut line = |line: Line| teller.line(Level::Debug, "packages", &line.text);
        let applied = manager.apply(tree, resolution, &selections, &mut line).map_err(failure)?;
        teller.end(running);
        for (what, milliseconds) in &applied.timings {
            teller.line(Level::Debug, "host", &format!("{what}: {milliseconds} ms"));
        }
        observed.extend(Observed { deferred: applied.deferred, ..Observed::default() });
        if transaction.bootstrap.is_some() {
            // Elements may write others.
            manager
                .write_sources(tree)
                .map_err(|e| failure(e).doing("writing the image's package sources"))?;
        }
        let hold: Vec<String> = transaction.hold.iter().map(|want| want.name.clone()).collect();
        if hold.is_empty() {
            return Ok(());
        }
        manager
            .hold(tree, &hold)
            .map_err(|e| failure(e).doing(format!("holding {}", hold.join(", "))))
    }

    /// Runs once what package scripts wanted many times.
    pub(crate) fn run_deferred(
        &mut self,
        phase: Phase,
        tree: &mut Furnished<'_>,
        observed: &mut Observed,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let due = self.plan.triggers_before(phase).any(|t| observed.deferred.contains(&t.program));
        let (true, Some(manager)) = (due, &mut self.manager) else { return Ok(()) };
        let running = teller.begin(format!("run {} once", observed.deferred.join(", ")));
        let mut line = |line: Line| teller.line(Level::Debug, "host", &line.text);
        manager.run_deferred(tree, &mut line).map_err(failure)?;
        observed.deferred = manager.deferred().to_vec();
        teller.end(running);
        Ok(())
    }

    /// Removes what only the build needed.
    pub(crate) fn remove_build_only(
        &mut self,
        tree: &mut Furnished<'_>,
        observed: &mut Observed,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let names: Vec<String> =
            self.plan.build_only_packages().into_iter().map(str::to_owned).collect();
        if names.is_empty() {
            return Ok(());
        }
        let cancel = self.cancel;
        let manager = self.manager()?;
        let running = teller.begin(format!("remove {} packages of the build", names.len()));
        let mut line = |line: Line| teller.line(Level::Debug, "packages", &line.text);
        let gone = manager.remove_unneeded(tree, &names, cancel, &mut line).map_err(failure)?;
        observed.deferred = manager.deferred().to_vec();
        teller.line(Level::Debug, "host", &format!("removed: {}", gone.join(", ")));
        teller.end(running);
        Ok(())
    }

    /// What the image has installed, by name.
    pub(crate) fn installed(
        &mut self,
        tree: &mut Furnished<'_>,
        teller: &mut Teller<'_>,
    ) -> Result<Vec<dibhost_packages::InstalledPackage>, BuildFailure> {
        let Some(manager) = &mut self.manager else { return Ok(Vec::new()) };
        let running = teller.begin("list the packages of the image");
        let installed = manager.installed(tree).map_err(failure)?;
        teller.end(running);
        Ok(installed)
    }
}

fn wanted(transaction: &Transaction, first: Option<&[String]>) -> Wanted {
    let specs = |wants: &[PackageWant]| {
        let spec = |want: &PackageWant| PackageSpec {
            name: want.name.clone(),
            version: want.version.clone(),
        };
        wants.iter().map(spec).collect::<Vec<_>>()
    };
    let mut install = specs(&transaction.install);
    install.extend(first.unwrap_or_default().iter().map(|name| PackageSpec::newest(name)));
    Wanted {
        bootstrap: first.is_some(),
        install,
        build_only: specs(&transaction.build_only),
        modules: transaction.modules.iter().map(|m| format!("{}:{}", m.name, m.stream)).collect(),
        groups: transaction.groups.iter().map(|group| group.id.clone()).collect(),
        remove: transaction.remove.iter().map(|want| want.name.clone()).collect(),
        upgrade_all: transaction.upgrade_all,
    }
}

fn source(planned: &Repository) -> Result<PackageSource, BuildFailure> {
    match planned {
        Repository::Deb(deb) => Ok(PackageSource {
            name: deb.name.clone(),
            url: deb.url.clone(),
            suites: deb.suites.clone(),
            components: deb.components.clone(),
            priority: deb.priority,
            key: deb.key.clone(),
            build_only: deb.build_only,
        }),
        Repository::Rpm(rpm) => Err(BuildFailure::new(format!(
            "this version of dibhost takes no packages from the repository `{}` of RPM packages",
            rpm.name
        ))
        .with_help("leave out the element that adds it")),
    }
}

fn failure(error: PackageError) -> BuildFailure {
    let cancelled = matches!(
        error,
        PackageError::Cancelled | PackageError::Target(dibhost_tree::TargetError::Cancelled)
    );
    BuildFailure { cancelled, ..BuildFailure::new(error) }
}
