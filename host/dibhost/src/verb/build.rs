//! `dibhost build`: an image.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dibhost_definition::{Definition, LockedPackages, LockedVersion};
use dibhost_element::Library;
use dibhost_engine::{
    BuildFailure, BuildOptions, Event, Level, Outcome, Reuse, Secrets, Visitor, around, last_plan,
};
use dibhost_packages::LockedPackage;
use dibhost_plan::explain::{explain, explained_text};
use dibhost_plan::lock::locked;
use dibhost_plan::{Plan, Work};
use dibhost_sys::Cancel;
use dibhost_text::{did_you_mean, short_size};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::{BuildArgs, Making, OnFailure, Subject};
use crate::failure::Failure;
use crate::in_tree::InTree;
use crate::lock::{self, Kept};
use crate::registries::registries;
use crate::report::Reporter;
use crate::role::{FILL_FILESYSTEM, TARGET_WORKER};
use crate::stock::Stock;
use crate::subject::Asked;
use crate::{boot, surroundings};

/// Plans and builds.
pub(crate) fn run(args: &BuildArgs, reporter: &Reporter) -> Result<(), Failure> {
    let mut terminal = match args.on_failure {
        Some(OnFailure::Shell) => Some(InTree::on_this_terminal("--on-failure shell", reporter)?),
        None => None,
    };
    let mut prepared = prepare(&args.subject, &args.making, reporter)?;
    prepared.options.reuse = reuse(args, &prepared.plan)?;
    if args.explain {
        let before = last_plan(&prepared.options.cache, &prepared.options.stem);
        for line in explained_text(&explain(before.as_ref(), &prepared.plan)).lines() {
            let source = "explain".to_owned();
            reporter.event(&Event::Line { level: Level::Info, source, text: line.to_owned() });
        }
    }
    let visitor = terminal.as_mut().map(|terminal| terminal as &mut dyn Visitor);
    let outcome = prepared.carry_out(visitor, reporter)?;
    lock::keep_pins(&prepared.definition, &outcome.pins, reporter)?;
    report(&prepared.plan, &outcome, reporter)
}

/// A plan, and all that it is carried out with.
pub(super) struct Prepared {
    definition: Definition,
    library: Library,
    pub(super) plan: Plan,
    pub(super) options: BuildOptions,
}

/// Plans, and looks at all that can be wrong before anything is made.
pub(super) fn prepare(
    subject: &Subject,
    making: &Making,
    reporter: &Reporter,
) -> Result<Prepared, Failure> {
    let asked = Asked::of(subject, reporter)?;
    let elements = asked.elements(&making.elements);
    let library = super::library(&elements)?;
    let mut stock = match making.no_fetch {
        true => Stock::offline(&elements),
        false => Stock::online(&elements, &making.stock),
    };
    stock.locked = making.locked;
    let resolved = asked.resolve(&library, &|d| stock.fill(d, &library), reporter)?;
    for format in resolved.definition.formats() {
        let output = resolved.stem.with_added_extension(format.name());
        dibhost_image::check_output(&output).map_err(Failure::wrong)?;
    }
    let secrets = Arc::new(Secrets::of(&resolved.definition));
    let inputs = super::inputs(&resolved.definition, &elements);
    let plan = super::planned(&resolved.definition, &library, &stock, inputs.clone())?;
    let kept = Kept::of(&resolved.definition)?;
    if let Some(kept) = &kept {
        lock::refuse_growth(kept, &resolved.definition, &plan)?;
        if making.locked {
            lock::refuse_change(kept, &stock.complete(locked(&plan)))?;
        }
    }
    missing_secrets(&plan, &secrets)?;
    for finding in &plan.findings {
        let text = finding.message.clone();
        let source = finding.element.clone().unwrap_or_else(|| "definition".to_owned());
        reporter.event(&Event::Line { level: Level::Warning, source, text });
    }
    let packages = kept.as_ref().and_then(Kept::packages).map(locked_packages);
    if let Some(kept) = kept {
        kept.renew(stock.complete(locked(&plan)))?;
    }
    let options = BuildOptions {
        cache: surroundings::cache_folder(&elements),
        worker: (PathBuf::from("/proc/self/exe"), vec![OsString::from(TARGET_WORKER)]),
        filler: (PathBuf::from("/proc/self/exe"), vec![OsString::from(FILL_FILESYSTEM)]),
        stem: resolved.stem,
        no_tmpfs: asked.no_tmpfs(),
        jobs: making
            .jobs
            .or_else(|| thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN),
        host_time: Duration::from_secs(making.host_timeout),
        secrets,
        registries: registries(&making.stock.registries),
        locked: making.locked,
        inputs,
        packages: packages.unwrap_or_default(),
        reuse: (!making.no_cache).then_some(Reuse::All),
    };
    Ok(Prepared { definition: resolved.definition, library, plan, options })
}

impl Prepared {
    /// Builds, or what of it comes before the visitor has it stop.
    pub(super) fn carry_out(
        &self,
        visitor: Option<&mut dyn Visitor>,
        reporter: &Reporter,
    ) -> Result<Outcome, Failure> {
        let cancel = Cancel::new();
        cancelled_by_signals(&cancel)?;
        let (plan, options) = (&self.plan, &self.options);
        let mut tell = |event: Event| reporter.event(&event);
        dibhost_engine::build(plan, &self.library, options, visitor, &cancel, &mut tell).map_err(
            |failure| {
                if failure.cancelled {
                    Failure::failed("cancelled; nothing of the build is left")
                } else {
                    Failure::failed(placed(failure, &self.definition))
                }
            },
        )
    }
}

fn locked_packages(packages: &LockedPackages) -> Vec<LockedPackage> {
    let package = |(name, locked): (&String, &LockedVersion)| LockedPackage {
        name: name.clone(),
        version: locked.version.clone(),
        arch: locked.arch.clone(),
        sha256: locked.sha256.clone(),
    };
    packages.iter().map(package).collect()
}

/// What of earlier builds is used.
fn reuse(args: &BuildArgs, plan: &Plan) -> Result<Option<Reuse>, Failure> {
    if args.check_cache {
        return Ok(Some(Reuse::Compared));
    }
    let reuse = match &args.rebuild_from {
        Some(name) => {
            around(&plan.actions, name).ok_or_else(|| no_action(plan, name))?;
            Reuse::Before(name.clone())
        }
        None => Reuse::All,
    };
    Ok((!args.making.no_cache).then_some(reuse))
}

/// No action of the plan is called so.
pub(super) fn no_action(plan: &Plan, name: &str) -> Failure {
    let elements = plan.actions.iter().filter_map(|action| match &action.work {
        Work::Step { element, .. } => Some(element.as_str()),
        _ => None,
    });
    let names: Vec<&str> =
        elements.chain(plan.actions.iter().map(|action| action.name.as_str())).collect();
    let help = did_you_mean(name, names.iter().copied()).unwrap_or_else(|| {
        "`dibhost plan --verbose` lists the actions; an element that runs a step is one too"
            .to_owned()
    });
    let name = name.escape_debug();
    Failure::wrong(format!("no action of the plan is called `{name}`\n  help: {help}"))
}

/// Says where the definition states the node of the block device that a failure is about.
fn placed(failure: BuildFailure, definition: &Definition) -> BuildFailure {
    let about = failure.node.as_ref();
    let stated = definition.block_device.iter().find(|node| Some(&node.value.name) == about);
    match stated.and_then(|node| node.location.as_ref()) {
        Some(location) => failure.doing(format!("making the node that {location} states")),
        None => failure,
    }
}

/// A secret that is not there would end the build when it has half an image.
fn missing_secrets(plan: &Plan, secrets: &Secrets) -> Result<(), Failure> {
    let missing = secrets.missing();
    let wrong: Vec<_> = plan
        .secrets
        .iter()
        .filter_map(|secret| {
            let why = missing.get(&secret.name)?;
            let to = secret.given_to.join("`, `");
            Some(format!(
                "the secret `{}` {why}\n  while giving it to `{to}`\n  help: `[secrets]` of the definition says where it is",
                secret.name
            ))
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(Failure::wrong(wrong.join("\n"))) }
}

/// Ctrl-C, SIGTERM and a closed terminal cancel the build.
pub(super) fn cancelled_by_signals(cancel: &Cancel) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(Failure::failed)?;
    let cancel = cancel.clone();
    thread::spawn(move || {
        for _ in signals.forever() {
            cancel.cancel();
        }
    });
    Ok(())
}

fn report(plan: &Plan, outcome: &Outcome, reporter: &Reporter) -> Result<(), Failure> {
    reporter.timings(&outcome.timings, outcome.took);
    let mut text = String::new();
    for output in &outcome.outputs {
        let (size, whole) = (short_size(output.bytes), short_size(output.virtual_size));
        let of = if output.format.is_of_disk() { "disk" } else { "tree" };
        text += &format!(
            "{}  {size} ({of} of {whole})  sha256:{}\n",
            show(&output.path),
            output.sha256
        );
    }
    for path in &outcome.beside {
        text += &format!("{}\n", show(path));
    }
    text += &format!("plan {}\n", plan.digest);
    super::show(&text)?;
    if let Some(commands) = boot::commands(plan, outcome) {
        reporter.advice("To try it, on a disk of its own that may be thrown away:", &commands);
        let ends = "Ctrl-A X ends it; where it stands still under KVM, write `accel=tcg`";
        let login = boot::login(plan).into_iter().collect::<Vec<_>>();
        reporter.advice(&format!("It takes two minutes without KVM; {ends}."), &login);
    }
    Ok(())
}

fn show(path: &Path) -> String {
    path.display().to_string()
}
