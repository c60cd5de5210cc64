//! Package transactions of the plan, carried out by whichever package manager the image has.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dibhost_packages::{
    IndexFile, Indexes, LockedPackage, ManagerState, PackageError, PackageManager, PackageSource,
    PackageSpec, Resolution, Selection, Wanted,
};
use dibhost_plan::wish::{Bootstrap, Repository, RpmLocation};
use dibhost_plan::{Observed, PackageWant, Phase, Plan, Transaction};
use dibhost_registry::{Allowed, Fetch, Watch};
use dibhost_sys::Cancel;
use dibhost_tree::{Laying, Line, Tree as _, Workshop};

use crate::base::Base;
use crate::blame;
use crate::event::Level;
use crate::failure::BuildFailure;
use crate::furnished::Furnished;
use crate::system::System;
use crate::teller::Teller;

/// The packages of the image that is being built.
pub(crate) struct Packages<'a> {
    plan: &'a Plan,
    base: &'a mut dyn Base,
    /// A way outside, by which it is seen whether anything is new there.
    fetch: Arc<dyn Fetch>,
    /// What the first tree is to be made of; empty: of the newest.
    locked: &'a [LockedPackage],
    cancel: &'a Cancel,
    /// Known once the first tree is begun.
    manager: Option<Box<dyn PackageManager>>,
    /// What was decided of a transaction that has not been carried out.
    resolved: Option<(Phase, Resolution)>,
    /// The first tree is begun.
    begun: bool,
    /// Of which transaction it was asked last what is on offer.
    asked: Option<Phase>,
}

impl<'a> Packages<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        base: &'a mut dyn Base,
        fetch: Arc<dyn Fetch>,
        locked: &'a [LockedPackage],
        cancel: &'a Cancel,
    ) -> Self {
        Self {
            plan,
            base,
            fetch,
            locked,
            cancel,
            manager: None,
            resolved: None,
            begun: false,
            asked: None,
        }
    }

    /// Decides of the transaction that makes the first tree, once. An empty tree says nothing of it:
    /// which packages come is known before there is one. None: there are none in it, or they are chosen
    /// for a tree that somebody else made.
    pub(crate) fn resolve_first(
        &mut self,
        transaction: &Transaction,
        teller: &mut Teller<'_>,
    ) -> Result<Option<&Resolution>, BuildFailure> {
        let Some(bootstrap) = &transaction.bootstrap else { return Ok(None) };
        let running = teller.begin("begin the first tree");
        let sources = self.sources()?;
        let system = System::of(self.plan);
        let begun = self.base.begin(&bootstrap.source, system.as_ref(), sources)?;
        teller.end(running);
        self.manager = begun.manager;
        self.begun = true;
        match begun.bootstrap {
            Some(first) => self.resolve(transaction, Some(&first), None, teller)?,
            None if self.wants_packages() => self.ask(transaction, teller)?,
            None => {}
        }
        Ok(self.resolved.as_ref().map(|(_, resolution)| resolution))
    }

    /// Whether any transaction has something for a package manager to do.
    fn wants_packages(&self) -> bool {
        self.plan.transactions.iter().any(has_packages)
    }

    /// Asks what is on offer, once for each transaction.
    fn ask(
        &mut self,
        transaction: &Transaction,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        if self.asked == Some(transaction.before) {
            return Ok(());
        }
        let (plan, cancel, fetch) = (self.plan, self.cancel, Arc::clone(&self.fetch));
        let manager = self.manager()?;
        let running = teller.begin("fetch package lists");
        if !are_as_known(&manager.known_indexes(), fetch.as_ref(), cancel) {
            manager.refresh(cancel).map_err(|e| blame::of(plan, transaction, teller.doing(), e))?;
        }
        teller.end(running);
        self.asked = Some(transaction.before);
        Ok(())
    }

    /// Lays down a tree that somebody else made.
    fn lay_down(
        &mut self,
        source: &Bootstrap,
        tree: &mut Furnished<'_>,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        let running = teller.begin("fetch the first tree");
        let mut progress = |done, total| teller.progress(done, Some(total));
        let archives = self.base.archives(source, self.cancel, &mut progress)?;
        teller.end(running);
        let running = teller.begin(format!("unpack {} layers", archives.len()));
        tree.lay_down(&archives, Laying::Over)
            .map_err(|e| BuildFailure::new(e).doing("unpacking the first tree"))?;
        if let Some(system) = System::of(self.plan) {
            system.check(tree)?;
        }
        teller.end(running);
        Ok(())
    }

    fn resolve(
        &mut self,
        transaction: &Transaction,
        first: Option<&[String]>,
        tree: Option<&mut dyn Workshop>,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        self.ask(transaction, teller)?;
        let (plan, cancel) = (self.plan, self.cancel);
        let running = teller.begin("resolve packages");
        let wanted = wanted(transaction, first);
        // What is chosen later is chosen for a tree that is made of what is locked.
        let locked = if first.is_some() { self.locked } else { &[] };
        let manager = self.manager()?;
        let resolution = manager.resolve(tree, &wanted, locked, cancel);
        let resolution = resolution.map_err(|e| blame::of(plan, transaction, teller.doing(), e))?;
        teller.end(running);
        self.resolved = Some((transaction.before, resolution));
        Ok(())
    }

    /// What the tree's programs are run with, once there is a package manager.
    pub(crate) fn furnish(&self, tree: &mut Furnished<'_>) {
        if let Some(manager) = &self.manager {
            tree.furnish(manager.surroundings());
        }
    }

    /// What was on offer when the package sources were last asked; none: there are none.
    pub(crate) fn indexes(&self) -> Result<Option<Indexes>, BuildFailure> {
        let manager = self.manager.as_ref().filter(|_| self.asked.is_some());
        manager.map(|manager| manager.indexes()).transpose().map_err(failure)
    }

    /// What is known of the tree beside what is in it.
    pub(crate) fn state(&self) -> Option<ManagerState> {
        self.manager.as_ref().map(|manager| manager.state().clone())
    }

    /// Goes on with a tree that was kept, in which the first transaction has been carried out.
    pub(crate) fn resume(&mut self, state: Option<ManagerState>) {
        if let (Some(manager), Some(state)) = (&mut self.manager, state) {
            manager.resume(state);
            self.resolved = None;
        }
    }

    /// Carries out one transaction, and adds which programs it put off.
    pub(crate) fn carry_out(
        &mut self,
        transaction: &Transaction,
        tree: &mut Furnished<'_>,
        observed: &mut Observed,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        if transaction.bootstrap.is_some() && !self.begun {
            self.resolve_first(transaction, teller)?;
        }
        self.furnish(tree);
        if self.resolved.as_ref().is_none_or(|(phase, _)| *phase != transaction.before) {
            if let Some(first) = &transaction.bootstrap {
                self.lay_down(&first.source, tree, teller)?;
                if !has_packages(transaction) {
                    return self.write_sources(tree);
                }
            }
            self.resolve(transaction, None, Some(tree), teller)?;
        }
        let resolution = self.resolved.take().map(|(_, resolution)| resolution);
        let resolution = resolution.unwrap_or_default();
        let (plan, cancel) = (self.plan, self.cancel);
        let manager = self.manager()?;
        let count = resolution.packages.len();
        let mebibytes = resolution.size() >> 20;
        let running = teller.begin(format!("fetch {count} packages ({mebibytes} MiB)"));
        let mut progress = |done, total| teller.progress(done, Some(total));
        manager
            .fetch(&resolution, cancel, &mut progress)
            .map_err(|e| blame::of(plan, transaction, teller.doing(), e))?;
        teller.end(running);
        Self::install(plan, manager, &resolution, transaction, tree, observed, teller)
    }

    /// What the image's own package manager knows beside what it found in its first tree.
    fn write_sources(&mut self, tree: &mut Furnished<'_>) -> Result<(), BuildFailure> {
        let added = self.plan.transactions.iter().any(|t| !t.repositories.is_empty());
        let Some(manager) = self.manager.as_mut().filter(|_| added) else { return Ok(()) };
        written(manager.write_sources(tree))
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
            None if self.begun => Err(BuildFailure::new(
                "packages are wished for, and nothing says where packages of this system come from",
            )
            .doing("carrying out a package transaction")
            .with_help("name them with their keys under `[[repositories]]`")),
            None => {
                Err(BuildFailure::new("packages are wished for, and no element made a first tree")
                    .doing("carrying out a package transaction")
                    .with_help("add an element of a distribution, such as `debian-minimal`"))
            }
        }
    }

    fn install(
        plan: &Plan,
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
        let applied = manager
            .apply(tree, resolution, &selections, &mut line)
            .map_err(|e| blame::of(plan, transaction, teller.doing(), e))?;
        teller.end(running);
        for (what, milliseconds) in &applied.timings {
            teller.line(Level::Debug, "host", &format!("{what}: {milliseconds} ms"));
        }
        observed.extend(Observed { deferred: applied.deferred, ..Observed::default() });
        if transaction.bootstrap.is_some() {
            // Elements may write others.
            written(manager.write_sources(tree))?;
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

/// The largest signed index: Debian's have a quarter of a mebibyte.
const INDEX: u64 = 16 << 20;

/// How long a source may take to say that nothing is new, before the package manager asks it itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether each index is there, and what is known of it. Where that cannot be seen: no.
fn are_as_known(known: &[IndexFile], fetch: &dyn Fetch, cancel: &Cancel) -> bool {
    let same = |file: &IndexFile| {
        let host = file.url.split('/').nth(2).unwrap_or_default().to_owned();
        let allowed = Allowed::new(move |other| host.split(':').next() == Some(other));
        let mut watch = Watch {
            stops: std::slice::from_ref(cancel),
            deadline: Instant::now() + PATIENCE,
            progress: &mut |_, _| {},
        };
        let fetched = fetch.get(&file.url, None, INDEX, &allowed, &mut watch);
        fetched.is_ok_and(|fetched| fetched.digest == format!("sha256:{}", file.sha256))
    };
    // Asked at once: each is a way there and back.
    let all = thread::scope(|scope| {
        let asked: Vec<_> = known.iter().map(|file| scope.spawn(move || same(file))).collect();
        asked.into_iter().all(|answer| answer.join().unwrap_or(false))
    });
    !known.is_empty() && all
}

fn written(result: Result<(), PackageError>) -> Result<(), BuildFailure> {
    result.map_err(|e| failure(e).doing("writing the image's package sources"))
}

/// Whether a transaction has something for a package manager to do.
fn has_packages(transaction: &Transaction) -> bool {
    let Transaction { install, build_only, remove, hold, modules, groups, upgrade_all, .. } =
        transaction;
    let wants = [install, build_only, remove, hold];
    *upgrade_all
        || wants.iter().any(|wants| !wants.is_empty())
        || !modules.is_empty()
        || !groups.is_empty()
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
        // An environment of groups is asked for as a group is.
        groups: transaction
            .groups
            .iter()
            .map(|group| group.id.strip_prefix('^').unwrap_or(&group.id).to_owned())
            .collect(),
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
            cost: None,
            module_hotfixes: false,
            build_only: deb.build_only,
        }),
        Repository::Rpm(rpm) if rpm.location == RpmLocation::Baseurl => Ok(PackageSource {
            name: rpm.name.clone(),
            url: rpm.url.clone(),
            suites: Vec::new(),
            components: Vec::new(),
            priority: rpm.priority.and_then(|priority| i32::try_from(priority).ok()),
            key: rpm.keys.join("\n"),
            cost: rpm.cost,
            module_hotfixes: rpm.module_hotfixes,
            build_only: rpm.build_only,
        }),
        Repository::Rpm(rpm) => Err(BuildFailure::new(format!(
            "the repository `{}` is named by a {}, and this version of dibhost asks none where a repository is",
            rpm.name,
            rpm.location.name()
        ))
        .with_help("name it by `baseurl`: the address of the folder that `repodata` is in")),
    }
}

fn failure(error: PackageError) -> BuildFailure {
    let cancelled = matches!(
        error,
        PackageError::Cancelled | PackageError::Target(dibhost_tree::TargetError::Cancelled)
    );
    BuildFailure { cancelled, ..BuildFailure::new(error) }
}
