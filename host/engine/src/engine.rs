//! Walks the plan's actions, one after another.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dibhost_element::{Library, SecretStore};
use dibhost_image::{Output, Scratch, check_beside};
use dibhost_plan::action::{Action, Work, with_versions};
use dibhost_plan::{Observed, Phase, Plan, Taint};
use dibhost_sys::{Cancel, Program};
use dibhost_tree::{ProgramLimits, TargetError, Worker, WorkerOptions};

use crate::accounts;
use crate::contained;
use crate::event::{Event, Level, Timing};
use crate::facts::Facts;
use crate::failure::BuildFailure;
use crate::memory;
use crate::packages::Packages;
use crate::secrets::Secrets;
use crate::steps::Steps;
use crate::teller::Teller;
use crate::work::{WorkFolder, open_cache};
use crate::{finish, units, versions};

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
    /// Those that the plan's parameters name.
    pub secrets: Arc<Secrets>,
}

/// What a build came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The image files.
    pub outputs: Vec<Output>,
    /// Other files beside them.
    pub beside: Vec<PathBuf>,
    /// Where the time went.
    pub timings: Vec<Timing>,
    /// All of it.
    pub took: Duration,
}

/// Builds what a plan says. Outputs are whole when this answers `Ok`, and absent otherwise.
///
/// # Errors
/// Whatever stopped it. Nothing of the build is left then.
pub fn build(
    plan: &Plan,
    library: &Library,
    options: &BuildOptions,
    cancel: &Cancel,
    tell: &mut dyn FnMut(Event),
) -> Result<Outcome, BuildFailure> {
    let begun = Instant::now();
    let redact = |text: String| options.secrets.redact(text);
    let mut tell = |event: Event| tell(event.map_texts(&redact));
    let mut teller = Teller::new(&mut tell);
    let outputs = run(plan, library, options, cancel, &mut teller).map_err(|mut failure| {
        failure.cancelled |= cancel.is_cancelled();
        failure = failure.map_texts(&redact);
        if let Some(phase) = teller.phase {
            failure = failure.in_phase(phase);
        }
        failure
    })?;
    let timings = teller.into_timings();
    Ok(Outcome { outputs: outputs.0, beside: outputs.1, timings, took: begun.elapsed() })
}

/// One build that is under way.
struct Build<'a> {
    plan: &'a Plan,
    worker: Worker,
    packages: Packages<'a>,
    steps: Steps<'a>,
    secrets: Arc<dyn SecretStore>,
    /// What the actions so far brought to light.
    observed: Observed,
}

fn run(
    plan: &Plan,
    library: &Library,
    options: &BuildOptions,
    cancel: &Cancel,
    teller: &mut Teller<'_>,
) -> Result<(Vec<Output>, Vec<PathBuf>), BuildFailure> {
    // Before an hour of building, not after it.
    let graph = finish::graph(plan)?;
    plan.block_device.backend.check_machine(&graph).map_err(BuildFailure::new)?;
    let folder = match options.stem.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // What is known of files beside the image, too.
    let suffixes = finish::planned_suffixes(plan);
    check_beside(&options.stem, &suffixes, cancel).map_err(BuildFailure::new)?;
    let cache = open_cache(&options.cache)?;
    let scratch = Scratch::create(folder).map_err(BuildFailure::new)?;
    run_in(&scratch, &cache, plan, library, options, cancel, teller)
        .map_err(|failure| failure.map_texts(&|text| scratch.in_words(&text)))
}

fn run_in(
    scratch: &Scratch,
    cache: &Path,
    plan: &Plan,
    library: &Library,
    options: &BuildOptions,
    cancel: &Cancel,
    teller: &mut Teller<'_>,
) -> Result<(Vec<Output>, Vec<PathBuf>), BuildFailure> {
    let making = |e| BuildFailure::new(e).doing("making the build's work folder in the cache");
    let work = WorkFolder::create(&cache.join("work")).map_err(making)?;
    let tree = work.path().join("target");
    std::fs::create_dir(&tree).map_err(making)?;

    let running = teller.begin("start the target's worker");
    let worker = Worker::start(
        &WorkerOptions {
            program: options.worker.0.clone(),
            args: options.worker.1.clone(),
            work: tree,
            tmpfs: if options.no_tmpfs { None } else { memory::for_tree() },
            source_date_epoch: plan.image.source_date_epoch,
            limits: ProgramLimits::default(),
        },
        cancel,
    )
    .and_then(|mut worker| worker.hold(scratch.held()).map(|()| worker))
    .map_err(|e| BuildFailure::new(e).doing("starting the target's worker process"))?;
    teller.end(running);
    contained::check(&plan.elements, &worker, teller)?;

    let of_elements = cache.join("of-elements");
    let secrets = Arc::clone(&options.secrets) as Arc<dyn SecretStore>;
    let mut build = Build {
        plan,
        worker,
        packages: Packages::new(plan, cache, work.path(), cancel),
        steps: Steps {
            plan,
            library,
            cancel,
            cache: &of_elements,
            jobs: options.jobs,
            facts: Facts::of(plan).map_err(BuildFailure::new)?,
            secrets: Arc::clone(&secrets),
        },
        secrets,
        observed: Observed::default(),
    };
    let actions = with_versions(&plan.actions, &versions::of(&plan.actions, cancel));
    let mut stepped = None;
    for action in &actions {
        let phase = action.work.phase();
        teller.phase = phase;
        cancel.check().map_err(BuildFailure::new)?;
        teller.line(Level::Debug, "host", &format!("{}: key {}", action.name, action.key));
        // Those of one phase run side by side: the first of them has them all run.
        if matches!(action.work, Work::Step { .. }) {
            if stepped == phase {
                continue;
            }
            stepped = phase;
        }
        build.act(action, teller)?;
    }
    teller.phase = None;
    build.steps.facts.left_empty(plan).map_err(BuildFailure::new)?;
    let (stem, secrets) = (&options.stem, build.secrets.as_ref());
    let filler = Program::new(&options.filler.0).args(&options.filler.1);
    let finished =
        finish::Finished { plan, emitted: build.observed.outputs, stem, secrets, filler };
    let published = finish::finish(finished, &mut build.worker, scratch, cancel, teller)?;
    build.worker.stop().map_err(BuildFailure::new)?;
    Ok(published)
}

impl Build<'_> {
    fn act(&mut self, action: &Action, teller: &mut Teller<'_>) -> Result<(), BuildFailure> {
        let Self { plan, worker, packages, steps, observed, .. } = self;
        match &action.work {
            Work::Packages { phase } => match plan.transaction_before(*phase) {
                Some(transaction) => packages.carry_out(transaction, worker, observed, teller),
                None => Err(BuildFailure::new("the plan has no packages for this action")
                    .doing(format!("trying to {}", action.name))),
            },
            Work::Accounts { phase } => self.accounts(*phase, teller),
            Work::Units { phase } => self.units(*phase, teller),
            Work::Fstab => finish::write_fstab(plan, worker),
            Work::Deferred { phase } => packages.run_deferred(*phase, worker, observed, teller),
            Work::Step { phase, .. } => steps.run(*phase, worker, observed, teller),
            Work::RemoveBuildOnly => packages.remove_build_only(worker, teller),
            // The worker that runs has an empty tree; the disk and its image files come of the
            // finished one, all of them or none.
            Work::EmptyTree | Work::Disk | Work::Output { .. } => Ok(()),
        }
    }

    fn accounts(&mut self, phase: Phase, teller: &mut Teller<'_>) -> Result<(), BuildFailure> {
        let failed = |what: &str, name: &str| {
            let doing = format!("making the {what} `{name}`");
            move |e: TargetError| BuildFailure::new(e).doing(doing)
        };
        for group in self.plan.groups_of(phase) {
            let running = teller.begin(format!("group {}", group.name));
            accounts::ensure_group(&mut self.worker, &group.name, group.gid)
                .map_err(failed("group", &group.name))?;
            teller.end(running);
        }
        for planned in self.plan.users_of(phase) {
            let running = teller.begin(format!("user {}", planned.user.name));
            accounts::ensure_user(&mut self.worker, &planned.user)
                .map_err(failed("user", &planned.user.name))?;
            teller.end(running);
        }
        for planned in self.plan.passwords_of(phase) {
            let running = teller.begin(format!("password of {}", planned.user));
            let password = self.secrets.read(&planned.secret).map_err(|why| {
                BuildFailure::new(format!("the secret `{}` {why}", planned.secret))
                    .doing(format!("setting the password of `{}`", planned.user))
            })?;
            self.observed.tainted.insert(Taint::SecretPlaced);
            accounts::set_password(&mut self.worker, &planned.user, password.expose())
                .map_err(failed("password of", &planned.user))?;
            teller.end(running);
        }
        Ok(())
    }

    fn units(&mut self, phase: Phase, teller: &mut Teller<'_>) -> Result<(), BuildFailure> {
        for planned in self.plan.unit_definitions_of(phase) {
            units::define(&mut self.worker, &planned.unit, &planned.content).map_err(|e| {
                BuildFailure::new(e).doing(format!("writing the unit `{}`", planned.unit))
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
        units::set_states(&mut self.worker, &states, &mut line)
            .map_err(|e| BuildFailure::new(e).doing("setting the states of units"))?;
        teller.end(running);
        Ok(())
    }
}
