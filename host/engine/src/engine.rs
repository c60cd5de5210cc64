//! Walks the plan's actions, one after another.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dibhost_block_device::Backend;
use dibhost_element::{Library, Remote, Runner, SecretStore};
use dibhost_image::{Output as ImageFile, Scratch, check_beside};
use dibhost_inputs::Inputs;
use dibhost_packages::LockedPackage;
use dibhost_plan::action::{Action, Work, with_versions};
use dibhost_plan::{CANNOT_RUN_HELP, Observed, Phase, Plan, PlannedDropIn, Taint};
use dibhost_registry::oci::Registries;
use dibhost_registry::{Fetch, Fetcher, Found, Pins};
use dibhost_sys::{Cancel, Program};
use dibhost_tree::{
    HostLimits, Ids, ProgramLimits, TargetError, Worker, WorkerOptions, Workshop, can_give_network,
};

use crate::accounts;
use crate::asked::asked_by;
use crate::base::{Base, Bases};
use crate::contained;
use crate::event::{Event, Level, Timing};
use crate::facts::Facts;
use crate::failure::BuildFailure;
use crate::finish::{self, Finish};
use crate::furnished::Furnished;
use crate::image_files::{ImageFiles, planned_suffixes};
use crate::journal::Journal;
use crate::kept::Kept;
use crate::layer_store;
use crate::layers::{LayerSettings, Layers, Resumed, Reuse, WORTH};
use crate::output::{Files, Output};
use crate::packages::Packages;
use crate::secrets::Secrets;
use crate::steps::Steps;
use crate::teller::Teller;
use crate::unchanged::NOTED;
use crate::visitor::{Occasion, Visitor};
use crate::work::{Clearing, SEEN, WorkFolder, open_cache};
use crate::{files, login, memory, sudo, units, versions};

/// What a build needs beside the plan.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Where downloads are kept between builds.
    pub cache: PathBuf,
    /// The program that becomes the target's worker process, and its arguments.
    pub worker: (PathBuf, Vec<OsString>),
    /// The program that fills a filesystem where the tree can be seen, and its arguments: it calls
    /// [`Filling::carry_out`](dibhost_block_device::Filling::carry_out) with the path that comes last.
    pub filler: (PathBuf, Vec<OsString>),
    /// Folder and name of the outputs, without extension.
    pub stem: PathBuf,
    /// Never a tmpfs for the tree.
    pub no_tmpfs: bool,
    /// How many steps run at the same time, at most.
    pub jobs: NonZeroUsize,
    /// How long a program of the builder may take that reads the tree or a disk.
    pub host_time: Duration,
    /// Those that the plan's parameters name.
    pub secrets: Arc<Secrets>,
    /// How elements that fetch get outside, and images of containers are had.
    pub registries: Registries,
    /// What is not pinned in `dib.lock` is not fetched.
    pub locked: bool,
    /// Those that the plan was made with.
    pub inputs: Inputs,
    /// What the first tree is to be made of, by `dib.lock`; empty: of the newest.
    pub packages: Vec<LockedPackage>,
    /// What of the layers of earlier builds is used; none: nothing is, and none is kept.
    pub reuse: Option<Reuse>,
}

/// What a build came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The image files.
    pub outputs: Vec<ImageFile>,
    /// Other files beside them.
    pub beside: Vec<PathBuf>,
    /// Where the time went.
    pub timings: Vec<Timing>,
    /// All of it.
    pub took: Duration,
    /// What elements fetched without saying the digest of it, and nothing had pinned: what
    /// `dib.lock` is to say, by element.
    pub pins: Found,
}

/// What a build is carried out with: each a trait, so that a build needs neither root nor a mirror
/// where the twins are given.
pub struct Means<'a> {
    /// The tree, and programs on it.
    pub tree: &'a mut dyn Workshop,
    /// What makes the first tree.
    pub base: &'a mut dyn Base,
    /// What runs the steps of elements.
    pub runner: &'a dyn Runner,
    /// What gets steps what is outside.
    pub fetch: Arc<dyn Fetch>,
    /// What becomes of the finished tree.
    pub output: &'a mut dyn Output,
    /// See [`BuildOptions::filler`].
    pub filler: Program,
    /// Who looks into the tree on the way.
    pub visitor: Option<&'a mut dyn Visitor>,
}

/// How a build is carried out.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where elements keep bytes between builds, a folder for each.
    pub of_elements: PathBuf,
    /// How many steps run at the same time, at most.
    pub jobs: NonZeroUsize,
    /// Those that the plan's parameters name.
    pub secrets: Arc<dyn SecretStore>,
    /// What is not pinned in the plan is not fetched.
    pub locked: bool,
    /// Those that the plan was made with.
    pub inputs: Inputs,
    /// What the first tree is to be made of, by `dib.lock`; empty: of the newest.
    pub packages: Vec<LockedPackage>,
    /// Where layers are kept; none: everything is made anew, and nothing is kept.
    pub layers: Option<LayerSettings>,
    /// Versions of the programs of the builder that shape the image, by their names: the keys of
    /// the actions have them.
    pub versions: BTreeMap<String, String>,
}

/// Builds what a plan says on this machine. Outputs are whole when this answers `Ok`, and absent
/// otherwise, and where a visitor had the build stop.
///
/// # Errors
/// Whatever stopped it. Nothing of the build is left then.
pub fn build(
    plan: &Plan,
    library: &Library,
    options: &BuildOptions,
    visitor: Option<&mut dyn Visitor>,
    cancel: &Cancel,
    tell: &mut dyn FnMut(Event),
) -> Result<Outcome, BuildFailure> {
    told(options.secrets.as_ref(), cancel, tell, |teller| {
        on_this_machine(plan, library, options, visitor, cancel, teller)
    })
}

/// Builds what a plan says with what is given. The output is whole when this answers `Ok`, and
/// absent otherwise.
///
/// # Errors
/// Whatever stopped it.
pub fn build_with(
    plan: &Plan,
    means: Means<'_>,
    settings: &Settings,
    cancel: &Cancel,
    tell: &mut dyn FnMut(Event),
) -> Result<Outcome, BuildFailure> {
    told(settings.secrets.as_ref(), cancel, tell, |teller| {
        carry_out(plan, means, settings, cancel, teller)
    })
}

/// Carries a build out and tells of it, without its secrets; of a failure, what was being done.
fn told(
    secrets: &dyn SecretStore,
    cancel: &Cancel,
    tell: &mut dyn FnMut(Event),
    build: impl FnOnce(&mut Teller<'_>) -> Result<Built, BuildFailure>,
) -> Result<Outcome, BuildFailure> {
    let begun = Instant::now();
    let redact = |text: String| secrets.redact(text);
    let mut tell = |event: Event| tell(event.map_texts(&redact));
    let mut teller = Teller::new(&mut tell);
    let Built { files, pins } = build(&mut teller).map_err(|mut failure| {
        failure.cancelled |= cancel.is_cancelled();
        if let (true, None, Some(doing)) =
            (failure.context.is_empty(), &failure.element, teller.doing())
        {
            failure = failure.doing(format!("carrying out `{doing}`"));
        }
        failure = failure.map_texts(&redact);
        if let Some(phase) = teller.phase {
            failure = failure.in_phase(phase);
        }
        failure
    })?;
    let timings = teller.into_timings();
    let Files { images: outputs, beside } = files;
    Ok(Outcome { outputs, beside, timings, took: begun.elapsed(), pins })
}

/// What is there when all is done.
struct Built {
    files: Files,
    pins: Found,
}

fn on_this_machine(
    plan: &Plan,
    library: &Library,
    options: &BuildOptions,
    visitor: Option<&mut dyn Visitor>,
    cancel: &Cancel,
    teller: &mut Teller<'_>,
) -> Result<Built, BuildFailure> {
    // Before an hour of building, not after it.
    if plan.runs_programs() {
        dibhost_sys::can_run(&plan.image.arch).map_err(|why| {
            BuildFailure::new(format!("programs of the image do not run here: {why}"))
                .with_help(CANNOT_RUN_HELP)
        })?;
    }
    if plan.reaches_network() {
        can_give_network().map_err(|e| {
            BuildFailure::new(e).doing("looking whether this machine can give programs a network")
        })?;
    }
    let graph = finish::graph(plan)?;
    plan.block_device.backend.check_machine(&graph).map_err(|e| {
        BuildFailure::new(e).doing("looking whether this machine can make the disks")
    })?;
    let folder = match options.stem.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // What is known of files beside the image, too.
    let suffixes = planned_suffixes(plan);
    check_beside(&options.stem, &suffixes, cancel).map_err(|e| {
        BuildFailure::new(e).doing("looking whether there is room for the files of the build")
    })?;
    let cache = open_cache(&options.cache)?;
    let scratch = Scratch::create(folder)
        .map_err(|e| BuildFailure::new(e).doing("making a folder for the image files"))?;
    let places = Places { scratch: &scratch, cache: &cache };
    in_scratch(places, plan, library, options, visitor, cancel, teller)
        .map_err(|failure| failure.map_texts(&|text| scratch.in_words(&text)))
}

/// Folders of a build, which are open.
struct Places<'a> {
    scratch: &'a Scratch,
    cache: &'a Path,
}

fn in_scratch(
    Places { scratch, cache }: Places<'_>,
    plan: &Plan,
    library: &Library,
    options: &BuildOptions,
    visitor: Option<&mut dyn Visitor>,
    cancel: &Cancel,
    teller: &mut Teller<'_>,
) -> Result<Built, BuildFailure> {
    let making = |e| BuildFailure::new(e).doing("making the build's work folder in the cache");
    let ids = match plan.block_device.backend {
        Backend::File => Ids::mapped(),
        // It mounts what it fills, which takes the machine's root.
        Backend::Loop => Ok(Ids::Machine),
    };
    let ids =
        ids.map_err(|e| BuildFailure::new(e).doing("looking for ids of the image's users"))?;
    let clearing = Clearing { worker: options.worker.clone(), ids: ids.clone() };
    let work = WorkFolder::create(&cache.join("work"), Some(clearing)).map_err(making)?;
    // What the tree's worker sees into, which may be nobody on this machine.
    let seen = work.path().join(SEEN);
    std::fs::create_dir(&seen).map_err(making)?;

    let running = teller.begin("start the target's worker");
    let mut worker = Worker::start(
        &WorkerOptions {
            program: options.worker.0.clone(),
            args: options.worker.1.clone(),
            work: seen.clone(),
            tmpfs: if options.no_tmpfs { None } else { memory::for_tree() },
            source_date_epoch: plan.image.source_date_epoch,
            limits: ProgramLimits::default(),
            host: HostLimits { time: options.host_time, ..HostLimits::default() },
            ids,
        },
        cancel,
    )
    .and_then(|mut worker| worker.hold(scratch.held()).map(|()| worker))
    .map_err(|e| BuildFailure::new(e).doing("starting the target's worker process"))?;
    teller.end(running);
    contained::check(&plan.elements, &worker, teller)?;

    let fetcher =
        Fetcher::open(&cache.join("fetched"), work.path(), options.registries.outside.clone())
            .map_err(|e| BuildFailure::new(e).doing("making ready what elements fetch with"))?;
    let settings = Settings {
        of_elements: cache.join("of-elements"),
        jobs: options.jobs,
        locked: options.locked,
        secrets: Arc::clone(&options.secrets) as Arc<dyn SecretStore>,
        inputs: options.inputs.clone(),
        packages: options.packages.clone(),
        layers: layers_in(cache, options, cancel, teller)?,
        versions: versions::of(&plan.actions, cancel),
    };
    let mut base = Bases {
        arch: &plan.image.arch,
        cache,
        work: work.path(),
        seen: &seen,
        registries: &options.registries,
    };
    // What is secret stays in no cache, compressed or not.
    let clusters = settings.layers.as_ref().filter(|_| plan.secrets.is_empty());
    let mut output =
        ImageFiles::new(&options.stem, scratch, clusters.map(|_| cache.join(CLUSTERS)));
    let means = Means {
        tree: &mut worker,
        base: &mut base,
        runner: library,
        fetch: Arc::new(fetcher),
        output: &mut output,
        filler: Program::new(&options.filler.0).args(&options.filler.1),
        visitor: visitor.map(|visitor| visitor as &mut dyn Visitor),
    };
    let built = carry_out(plan, means, &settings, cancel, teller)?;
    worker.stop().map_err(|e| BuildFailure::new(e).doing("ending the target's worker process"))?;
    Ok(built)
}

/// Where layers are kept, where they are wished for and can be.
fn layers_in(
    cache: &Path,
    options: &BuildOptions,
    cancel: &Cancel,
    teller: &mut Teller<'_>,
) -> Result<Option<LayerSettings>, BuildFailure> {
    // What a host makes that lacks a check is nothing for one that has it.
    let whole = dibhost_check::handed_on().next().is_none();
    let Some(reuse) = options.reuse.clone().filter(|_| whole) else { return Ok(None) };
    let store = layer_store::usable(layer_store::open(cache, cancel), teller)?;
    Ok(store.map(|store| LayerSettings {
        store,
        reuse,
        outputs: options.stem.clone(),
        noted: cache.join(NOTED),
        worth: WORTH,
    }))
}

/// The folder of compressed clusters in the cache.
const CLUSTERS: &str = "clusters";

/// One build that is under way.
struct Build<'a> {
    plan: &'a Plan,
    tree: Furnished<'a>,
    packages: Packages<'a>,
    steps: Steps<'a>,
    secrets: Arc<dyn SecretStore>,
    finish: Finish<'a>,
    /// What the actions so far brought to light.
    observed: Observed,
}

fn carry_out(
    plan: &Plan,
    means: Means<'_>,
    settings: &Settings,
    cancel: &Cancel,
    teller: &mut Teller<'_>,
) -> Result<Built, BuildFailure> {
    let pinned = plan.elements.iter().map(|e| (e.name.clone(), e.pins.clone())).collect();
    let pins = Arc::new(Pins::new(pinned, settings.locked));
    let facts =
        Facts::of(plan).map_err(|e| BuildFailure::new(e).doing("reading the facts of the plan"))?;
    as_planned(plan, &settings.inputs)?;
    let mut build = Build {
        plan,
        tree: Furnished::new(means.tree),
        packages: Packages::new(
            plan,
            means.base,
            Arc::clone(&means.fetch),
            &settings.packages,
            cancel,
        ),
        steps: Steps {
            plan,
            runner: means.runner,
            cancel,
            cache: &settings.of_elements,
            jobs: settings.jobs,
            facts,
            secrets: Arc::clone(&settings.secrets),
            remote: Remote { fetch: means.fetch, pins: Arc::clone(&pins) },
            inputs: &settings.inputs,
            journal: Journal::default(),
        },
        secrets: Arc::clone(&settings.secrets),
        finish: Finish {
            plan,
            secrets: Arc::clone(&settings.secrets),
            filler: means.filler,
            output: means.output,
            cancel,
            packages: None,
            disks: None,
            made: Vec::new(),
        },
        observed: Observed::default(),
    };
    let actions = with_versions(&plan.actions, &settings.versions);
    let mut layers = match &settings.layers {
        Some(settings) => build.layers(settings, &actions, teller)?,
        None => None,
    };
    let visitor = means.visitor;
    let stop = visitor.as_ref().and_then(|visitor| visitor.stops_at());
    let mut done = 0;
    if let Some(layers) = &mut layers {
        layers.until(stop.unwrap_or(actions.len()));
        // A secret that changed is in no key.
        if plan.secrets.is_empty()
            && stop.is_none()
            && let Some(files) = layers.outputs(teller)?
        {
            return Ok(Built { files, pins: Found::default() });
        }
        done = build.resume(layers, teller)?;
    }
    let mut begun = None;
    for (at, action) in actions.iter().enumerate().skip(done) {
        if stop == Some(at) {
            break;
        }
        let phase = action.work.phase();
        teller.phase = phase;
        cancelled(cancel, || format!("trying to {}", action.name))?;
        teller.line(Level::Debug, "host", &format!("{}: key {}", action.name, action.key));
        // Steps of one phase run side by side, and image files are made side by side: the first of
        // them has them all done.
        if let Work::Step { .. } | Work::Output { .. } = action.work {
            if begun == Some(phase) {
                continue;
            }
            begun = Some(phase);
        }
        if let Err(failure) = build.act(action, teller) {
            if let Some(visitor) = visitor.filter(|_| !cancel.is_cancelled()) {
                visitor.enter(&mut build.tree, Occasion::Failed(&failure))?;
            }
            return Err(failure);
        }
        if let Some(layers) = &mut layers {
            build.keep(layers, at, teller)?;
        }
    }
    if let (Some(_), Some(visitor)) = (stop, visitor) {
        teller.phase = None;
        visitor.enter(&mut build.tree, Occasion::Reached)?;
        return Ok(Built { files: Files::default(), pins: pins.found() });
    }
    build.finish_tree(teller)?;
    if let Some(layers) = &layers {
        layers.judge(&build.finish.made, &mut build.tree, teller)?;
    }
    let tainted = !build.observed.tainted.is_empty() || !plan.secrets.is_empty();
    let files = build.finish.publish(build.observed.outputs, teller)?;
    if let Some(layers) = &layers
        && !tainted
    {
        layers.made(plan, &files, teller)?;
    }
    Ok(Built { files, pins: pins.found() })
}

/// Whether the inputs are those that the plan was made with: its keys say so.
fn as_planned(plan: &Plan, inputs: &Inputs) -> Result<(), BuildFailure> {
    for planned in &plan.inputs {
        let now = inputs.get(&planned.name).map(|input| input.manifest().digest());
        if now != Some(planned.digest.as_str()) {
            let name = &planned.name;
            return Err(BuildFailure::new(format!(
                "the input `{name}` changed since the image was planned"
            ))
            .doing("looking whether the inputs are as they were planned")
            .with_help("start again: the image is planned with what is there now"));
        }
    }
    Ok(())
}

/// Whether the build is to end.
fn cancelled(cancel: &Cancel, doing: impl FnOnce() -> String) -> Result<(), BuildFailure> {
    cancel.check().map_err(|e| BuildFailure::new(e).doing(doing()))
}

impl Build<'_> {
    /// The layers of this build. Which packages its first tree is made of is part of what they are
    /// found by.
    fn layers<'a>(
        &mut self,
        settings: &LayerSettings,
        actions: &'a [Action],
        teller: &mut Teller<'_>,
    ) -> Result<Option<Layers<'a>>, BuildFailure> {
        let first = self.plan.transactions.iter().find(|t| t.bootstrap.is_some());
        let resolved = match first {
            Some(transaction) => {
                teller.phase = Some(transaction.before);
                self.packages.resolve_first(transaction, teller)?
            }
            None => None,
        };
        teller.phase = None;
        let mut layers = Layers::of(settings, actions, resolved, finish::epoch(self.plan), teller)?;
        if let Some(layers) = &mut layers {
            layers.offered(self.packages.indexes()?.map(|indexes| indexes.digest));
        }
        Ok(layers)
    }

    /// Goes on where an earlier build came to; answers how many actions are done.
    fn resume(
        &mut self,
        layers: &mut Layers<'_>,
        teller: &mut Teller<'_>,
    ) -> Result<usize, BuildFailure> {
        let Some(Resumed { done, kept, observed }) = layers.resume(&mut self.tree, teller)? else {
            return Ok(0);
        };
        self.packages.resume(kept.manager);
        self.packages.furnish(&mut self.tree);
        self.steps.facts.resume(kept.facts);
        self.observed = observed;
        Ok(done)
    }

    /// Keeps what became of the tree by that action and those before it, if that is worth it.
    fn keep(
        &mut self,
        layers: &mut Layers<'_>,
        at: usize,
        teller: &mut Teller<'_>,
    ) -> Result<(), BuildFailure> {
        if matches!(layers.actions[at].work, Work::Packages { .. }) {
            layers.offered(self.packages.indexes()?.map(|indexes| indexes.digest));
        }
        let Self { plan, tree, packages, steps, observed, .. } = self;
        let kept = || {
            let facts = steps.facts.of_the_build(plan);
            observed.tainted.is_empty().then(|| Kept::of(facts, observed, packages.state()))
        };
        layers.keep(at, tree, kept, teller)
    }

    fn act(&mut self, action: &Action, teller: &mut Teller<'_>) -> Result<(), BuildFailure> {
        let Self { plan, tree, packages, steps, observed, .. } = self;
        if !matches!(action.work, Work::Step { .. }) {
            steps.journal.action(&action.name);
        }
        match &action.work {
            Work::Packages { phase } => match plan.transaction_before(*phase) {
                Some(transaction) => packages.carry_out(transaction, tree, observed, teller),
                None => Err(BuildFailure::new("the plan has no packages for this action")
                    .doing(format!("trying to {}", action.name))),
            },
            Work::Accounts { phase } => self.accounts(*phase, teller),
            Work::Files { phase } => self.files(*phase, teller),
            Work::Units { phase } => self.units(*phase, teller),
            Work::Fstab => finish::write_fstab(plan, tree),
            Work::Deferred { phase } => packages.run_deferred(*phase, tree, observed, teller),
            Work::Step { phase, .. } => steps.run(*phase, tree, observed, teller),
            Work::RemoveBuildOnly => packages.remove_build_only(tree, observed, teller),
            // The tree that is given is one.
            Work::EmptyTree => Ok(()),
            Work::Disk => {
                self.finish_tree(teller)?;
                self.finish.disk(&mut self.tree, &self.steps.journal, teller)
            }
            Work::Output { .. } => {
                self.finish_tree(teller)?;
                self.finish.images(&mut self.tree, teller)
            }
        }
    }

    /// When no action changes the tree any more, once.
    fn finish_tree(&mut self, teller: &mut Teller<'_>) -> Result<(), BuildFailure> {
        if self.finish.packages.is_some() {
            return Ok(());
        }
        let left = self.steps.facts.left_empty(self.plan);
        left.map_err(|e| BuildFailure::new(e).doing("looking for facts that are missing"))?;
        let packages = self.packages.installed(&mut self.tree, teller)?;
        self.finish.tree(packages, &mut self.tree, teller)
    }

    fn accounts(&mut self, phase: Phase, teller: &mut Teller<'_>) -> Result<(), BuildFailure> {
        let plan = self.plan;
        let failed = |what: &str, name: &str, wanted_by: &[String]| {
            let kind = if what == "group" { "group" } else { "user" };
            let asked = asked_by(plan, &format!("{kind}:{name}"), wanted_by);
            let doing = format!("making the {what} `{name}`{asked}");
            move |e: TargetError| BuildFailure::new(e).doing(doing)
        };
        for group in self.plan.groups_of(phase) {
            let running = teller.begin(format!("group {}", group.name));
            accounts::ensure_group(&mut self.tree, &group.name, group.gid).map_err(failed(
                "group",
                &group.name,
                &group.wanted_by,
            ))?;
            teller.end(running);
        }
        for planned in self.plan.users_of(phase) {
            let running = teller.begin(format!("user {}", planned.user.name));
            accounts::ensure_user(&mut self.tree, &planned.user)
                .and_then(|()| login::ensure_login(&mut self.tree, &planned.user))
                .and_then(|()| sudo::ensure_rule(&mut self.tree, &planned.user))
                .map_err(failed("user", &planned.user.name, &planned.wanted_by))?;
            teller.end(running);
        }
        for planned in self.plan.passwords_of(phase) {
            let running = teller.begin(format!("password of {}", planned.user));
            let password = self.secrets.read(&planned.secret).map_err(|why| {
                let asked = asked_by(plan, &format!("user:{}", planned.user), &[]);
                BuildFailure::new(format!("the secret `{}` {why}", planned.secret))
                    .doing(format!("setting the password of `{}`{asked}", planned.user))
            })?;
            self.observed.tainted.insert(Taint::SecretPlaced);
            accounts::set_password(&mut self.tree, &planned.user, password.expose())
                .map_err(failed("password of", &planned.user, &[]))?;
            teller.end(running);
        }
        for name in self.plan.passwords_to_change(phase) {
            let doing = || format!("having the password of `{name}` changed at the first login");
            login::expire_password(&mut self.tree, name)
                .map_err(|e| BuildFailure::new(e).doing(doing()))?;
        }
        Ok(())
    }

    fn files(&mut self, phase: Phase, teller: &mut Teller<'_>) -> Result<(), BuildFailure> {
        let running = teller.begin("place files");
        files::place(self.plan, phase, &mut self.tree)?;
        teller.end(running);
        Ok(())
    }

    fn units(&mut self, phase: Phase, teller: &mut Teller<'_>) -> Result<(), BuildFailure> {
        for planned in self.plan.unit_definitions_of(phase) {
            units::define(&mut self.tree, &planned.unit, &planned.content).map_err(|e| {
                let asked =
                    asked_by(self.plan, &format!("unit:{}", planned.unit), &planned.wanted_by);
                BuildFailure::new(e).doing(format!("writing the unit `{}`{asked}", planned.unit))
            })?;
        }
        for planned in self.plan.unit_drop_ins_of(phase) {
            units::extend(&mut self.tree, planned).map_err(|e| {
                let PlannedDropIn { unit, name, wanted_by, .. } = planned;
                let asked = asked_by(self.plan, &format!("unit:{unit}"), wanted_by);
                BuildFailure::new(e)
                    .doing(format!("writing the drop-in `{name}` of `{unit}`{asked}"))
            })?;
        }
        for planned in self.plan.unit_presets_of(phase) {
            units::preset(&mut self.tree, planned).map_err(|e| {
                BuildFailure::new(e).doing(format!("writing the presets {:02}", planned.number))
            })?;
        }
        let states: Vec<_> = self
            .plan
            .unit_states_of(phase)
            .map(|planned| (planned.unit.clone(), planned.state))
            .collect();
        if states.is_empty() {
            return Ok(());
        }
        let running = teller.begin(format!("set the state of {} units", states.len()));
        let mut line =
            |line: dibhost_tree::Line| teller.line(Level::Debug, "systemctl", &line.text);
        units::set_states(&mut self.tree, &states, &mut line)
            .map_err(|e| units::not_set(self.plan, phase, &e.to_string()))?;
        teller.end(running);
        Ok(())
    }
}
