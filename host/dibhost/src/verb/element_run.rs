//! `dibhost element run`: one step of one element, for its author: on a tree that is thrown away,
//! recorded, or replayed from a record without root and without a tree.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dibhost_definition::{Definition, Limits};
use dibhost_element::{
    Library, NoSecrets, Observer, Outcome, Record, Remote, RunAnswer, RunCall, SecretStore,
};
use dibhost_engine::{Event, Level, WorkFolder, limited, open_cache};
use dibhost_inputs::Inputs;
use dibhost_plan::description::{Description, ParameterKind, StepDeclaration};
use dibhost_plan::fact::Fact;
use dibhost_plan::grant::Grants;
use dibhost_plan::planner::{
    Described, ElementFailure, Planner as _, StepAnswer, StepCall, TargetMachine,
};
use dibhost_plan::{DEFAULT_SOURCE_DATE_EPOCH, Phase};
use dibhost_registry::{Fetcher, Outside};
use dibhost_sys::{Cancel, Program};
use dibhost_tree::{
    HostLimits, Ids, ProgramLimits, SimulatedTarget, Target, TargetError, Worker, WorkerOptions,
};
use serde_json::Value;

use super::element_tree::{Seen, make_usual};
use crate::cli::RunArgs;
use crate::failure::Failure;
use crate::report::Reporter;
use crate::role::TARGET_WORKER;
use crate::surroundings;

/// Runs, records or replays.
pub(crate) fn run(args: &RunArgs, reporter: &Reporter) -> Result<(), Failure> {
    let library = super::library(&args.elements)?;
    let described =
        library.describe(&args.element, Path::new(".")).map_err(super::wrong_element)?;
    if let Some(file) = &args.replay {
        return replay(&library, &described.description, &described.digest, file);
    }
    let step = step(args, &described.description)?;
    let given = Given::of(args, &described.description)?;
    if args.plan {
        plan(&library, &described.description, step, &given, args)
    } else {
        effects(&library, &described, step, &given, args, reporter)
    }
}

/// The step that is meant: by its name, or the only one of its phase.
fn step<'a>(args: &RunArgs, description: &'a Description) -> Result<&'a StepDeclaration, Failure> {
    let element = &description.name;
    let named = |phase: Option<Phase>| {
        let steps = description.steps.iter().filter(|s| phase.is_none_or(|p| s.phase == p));
        steps.map(|s| s.name.as_str()).collect::<Vec<_>>()
    };
    let found = match (&args.step, args.phase) {
        (None, None) => {
            return Err(Failure::wrong(
                "which step is to run?\n  help: name its phase, as `--phase install`",
            ));
        }
        (Some(name), _) => description.step(name),
        (None, Some(phase)) if description.steps_of(phase).count() > 1 => {
            return Err(Failure::wrong(format!(
                "`{element}` has several steps in the phase `{phase}`\n  help: name one, as `--step {}`; they are {}",
                named(Some(phase)).first().copied().unwrap_or_default(),
                dibhost_text::quoted_list(named(Some(phase)))
            )));
        }
        (None, Some(phase)) => description.steps_of(phase).next(),
    };
    let what = match (&args.step, args.phase) {
        (Some(name), _) => format!("`{}`", dibhost_text::harmless(name, 100)),
        (None, Some(phase)) => format!("of the phase `{phase}`"),
        (None, None) => String::new(),
    };
    let found = found.filter(|step| args.phase.is_none_or(|phase| step.phase == phase));
    found.ok_or_else(|| {
        Failure::wrong(format!(
            "`{element}` has no step {what}\n  help: its steps are {}",
            dibhost_text::quoted_list(named(None))
        ))
    })
}

/// What a step is given.
struct Given {
    machine: TargetMachine,
    parameters: BTreeMap<String, Value>,
    grants: Grants,
    limits: Limits,
    facts: BTreeMap<String, Vec<Fact>>,
    inputs: Inputs,
}

impl Given {
    fn of(args: &RunArgs, description: &Description) -> Result<Self, Failure> {
        let name = &description.name;
        let mut given = Self {
            machine: TargetMachine {
                arch: dibhost_sys::own_machine().to_owned(),
                image_name: "image".to_owned(),
                source_date_epoch: DEFAULT_SOURCE_DATE_EPOCH,
            },
            parameters: BTreeMap::new(),
            grants: Grants::default(),
            limits: Limits::default(),
            facts: BTreeMap::new(),
            inputs: Inputs::default(),
        };
        let mut granted = None;
        if let Some(file) = &args.definition {
            let definition = Definition::load(file).map_err(Failure::wrong)?;
            given.machine.image_name = definition.image.name.value.clone();
            let settings = definition.parameters.get(name).into_iter().flat_map(|s| &s.settings);
            given.parameters.extend(settings.map(|(k, s)| (k.clone(), s.value.value.clone())));
            granted = Some(definition.grants.get(name).map(Grants::given).unwrap_or_default());
            given.limits = definition.limits.of(name);
            given.inputs = super::inputs(&definition, &args.elements);
        }
        for setting in &args.parameters {
            let (key, value) = parameter(setting, description)?;
            given.parameters.insert(key, value);
        }
        if let Some(file) = &args.facts {
            for fact in facts(file)? {
                given.facts.entry(fact.slot.clone()).or_default().push(fact);
            }
        }
        for of_slot in given.facts.values_mut() {
            of_slot.sort_by(|a, b| (&a.provider, &a.key).cmp(&(&b.provider, &b.key)));
        }
        let facts: Vec<Fact> = given.facts.values().flatten().cloned().collect();
        let granted = granted.unwrap_or_else(|| Grants::asked(&description.requests, &facts));
        given.grants = granted.with_inputs(&given.parameters);
        Ok(given)
    }
}

/// `NAME=VALUE`: text where the element declares text, else JSON.
fn parameter(setting: &str, description: &Description) -> Result<(String, Value), Failure> {
    let Some((name, value)) = setting.split_once('=') else {
        return Err(Failure::wrong(format!(
            "`--parameter {setting}` has no `=`\n  help: write `--parameter NAME=VALUE`"
        )));
    };
    let declared = description.parameters.iter().find(|p| p.name == name).ok_or_else(|| {
        let known = description.parameters.iter().map(|p| p.name.as_str());
        let help = dibhost_text::did_you_mean(name, known).unwrap_or_else(|| {
            format!("`dibhost element inspect {}` lists them", description.name)
        });
        Failure::wrong(format!("`{}` has no parameter `{name}`\n  help: {help}", description.name))
    })?;
    let value = match declared.kind {
        ParameterKind::Text | ParameterKind::Choice(_) => Value::from(value),
        _ => serde_json::from_str(value).map_err(|e| {
            Failure::wrong(format!(
                "the value of `{name}` is no JSON: {e}\n  help: write it as in `--parameter '{name}=[\"a\", \"b\"]'`"
            ))
        })?,
    };
    Ok((name.to_owned(), value))
}

fn facts(file: &Path) -> Result<Vec<Fact>, Failure> {
    let text = read(file)?;
    serde_json::from_str(&text).map_err(|e| {
        Failure::wrong(format!(
            "`{}` holds no facts: {e}\n  help: a list of {{\"slot\": …, \"provider\": …, \"phase\": …, \"key\": …, \"value\": …}}, as `facts` of `dibhost plan --format json`",
            file.display()
        ))
    })
}

fn read(file: &Path) -> Result<String, Failure> {
    dibhost_sys::read_written(file)
        .map_err(|e| Failure::wrong(format!("reading `{}`: {e}", file.display())))
}

/// Writes the record, if one is wanted, then says how it ended.
fn keep<T>(
    recorded: (Record, Result<T, ElementFailure>),
    file: Option<&Path>,
) -> Result<T, Failure> {
    let (record, answer) = recorded;
    if let Some(file) = file {
        std::fs::write(file, record.to_text()).map_err(|e| {
            Failure::failed(format!("writing the record `{}`: {e}", file.display()))
        })?;
    }
    answer.map_err(|failure| {
        let said = super::sentence(failure);
        Failure::failed(format!("`{}` {said}", record.element))
    })
}

fn plan(
    library: &Library,
    description: &Arc<Description>,
    step: &StepDeclaration,
    given: &Given,
    args: &RunArgs,
) -> Result<(), Failure> {
    let builder = surroundings::builder();
    let call = StepCall {
        element: &description.name,
        description,
        step: &step.name,
        phase: step.phase,
        machine: &given.machine,
        parameters: &given.parameters,
        inputs: &given.inputs,
        grants: &given.grants,
        limits: &given.limits,
        facts: &given.facts,
        nodes: &[],
        builder: &builder,
    };
    let recorded = library.record_plan(&call).map_err(super::said)?;
    let StepAnswer { facts, wishes, findings } = keep(recorded, args.record.as_deref())?;
    let mut text = String::from("planned\n");
    facts_as_text(&mut text, &facts);
    for wish in wishes {
        let wish = serde_json::to_string(&wish).map_err(Failure::failed)?;
        let _ = writeln!(text, "wish {wish}");
    }
    for finding in findings {
        let kind = if finding.fatal { "error" } else { "remark" };
        let _ = writeln!(text, "{kind} {}", finding.message);
    }
    super::show(&text)
}

fn effects(
    library: &Library,
    described: &Described,
    step: &StepDeclaration,
    given: &Given,
    args: &RunArgs,
    reporter: &Reporter,
) -> Result<(), Failure> {
    let element = &described.description.name;
    let cancel = Cancel::new();
    super::build::cancelled_by_signals(&cancel)?;
    let work = open_cache(&surroundings::cache_folder(&args.elements)).map_err(Failure::failed)?;
    // Before what is in it: it is removed after that, and by the next start where this one is killed.
    let held = WorkFolder::create(&work.join("work"), None)
        .map_err(|e| Failure::failed(format!("making a work folder in the cache: {e}")))?;
    let mut scratch = Scratch::of(args.tree.as_deref(), held.path(), &cancel)?;
    if let Scratch::Real(worker) = &scratch
        && !described.first_party
        && described.imports.iter().any(|interface| interface == "exec")
    {
        limited(element, worker).map_err(|failure| Failure::failed(failure.to_string()))?;
    }
    // None is handed over: what is recorded is kept in a file.
    let secrets: Arc<dyn SecretStore> = Arc::new(NoSecrets);
    let remote = Remote {
        fetch: Arc::new(
            Fetcher::open(
                &work.join("fetched"),
                held.path(),
                Outside::of(&surroundings::builder()),
            )
            .map_err(Failure::failed)?,
        ),
        // There is no definition whose `dib.lock` could have any.
        pins: Arc::default(),
    };
    let call = RunCall {
        element,
        step: &step.name,
        phase: step.phase,
        machine: &given.machine,
        parameters: &given.parameters,
        inputs: &given.inputs,
        grants: &given.grants,
        facts: &given.facts,
        limits: &given.limits,
        secrets: &secrets,
        cache: None,
        remote: Some(&remote),
        cancel: &cancel,
    };
    let mut told = Told { element, reporter };
    let before = Seen::of(&scratch.tree());
    let recorded = library.record_step(&call, scratch.target(), &mut told).map_err(super::said)?;
    let RunAnswer { outcome, observed } = keep(recorded, args.record.as_deref())?;
    let mut text = match outcome {
        Outcome::Done => "done\n".to_owned(),
        Outcome::Skipped(why) => format!("nothing to do: {why}\n"),
    };
    text += &before.changes(&Seen::of(&scratch.tree()));
    facts_as_text(&mut text, &observed.facts);
    for (suffix, content) in observed.outputs {
        let _ = writeln!(text, "output {suffix} ({} bytes)", content.len());
    }
    super::show(&text)
}

fn facts_as_text(text: &mut String, facts: &[(String, String, Value)]) {
    for (slot, key, value) in facts {
        let _ = writeln!(text, "fact {slot} `{key}` {value}");
    }
}

fn replay(
    library: &Library,
    description: &Description,
    digest: &str,
    file: &Path,
) -> Result<(), Failure> {
    let text = read(file)?;
    let record = Record::parse(&text)
        .map_err(|why| Failure::wrong(format!("`{}` {why}", file.display())))?;
    if record.element != description.name {
        return Err(Failure::wrong(format!(
            "`{}` is a record of `{}` and not of `{}`",
            file.display(),
            record.element,
            description.name
        )));
    }
    let ending = library.replay(&record).map_err(|failure| {
        Failure::failed(format!("`{}` {}", record.element, super::sentence(failure)))
    })?;
    let same = if record.digest == digest { "the same" } else { "another" };
    super::show(&format!(
        "replayed {} calls by {same} component: it {}\n",
        record.calls.len(),
        ending.shown()
    ))
}

/// A tree to work on, thrown away afterwards: the real target for root, whose programs run as in
/// a build, else its simulated twin, which runs none.
enum Scratch {
    Real(Worker),
    Simulated(SimulatedTarget),
}

impl Scratch {
    fn of(tree: Option<&Path>, held: &Path, cancel: &Cancel) -> Result<Self, Failure> {
        if !dibhost_sys::is_root() {
            let no_programs = |command: &dibhost_tree::Command, _: &mut dyn FnMut(_)| {
                Err(TargetError::Invalid(format!(
                    "`{}` cannot be started: programs of a tree are run for root only",
                    command.program
                )))
            };
            let epoch = i64::try_from(DEFAULT_SOURCE_DATE_EPOCH).unwrap_or_default();
            let target =
                SimulatedTarget::new(epoch, Box::new(no_programs)).map_err(Failure::failed)?;
            copy(tree, &target.tree(), cancel)?;
            return Ok(Self::Simulated(target));
        }
        let work = held.join("run");
        // A tree may hold what only root may read.
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&work)
            .map_err(|e| Failure::failed(format!("making `{}`: {e}", work.display())))?;
        let options = WorkerOptions {
            program: PathBuf::from("/proc/self/exe"),
            args: vec![OsString::from(TARGET_WORKER)],
            work: work.clone(),
            tmpfs: None,
            limits: ProgramLimits::default(),
            host: HostLimits::default(),
            // What is copied into the tree keeps its owners, which are the machine's.
            ids: Ids::Machine,
            source_date_epoch: DEFAULT_SOURCE_DATE_EPOCH,
        };
        let worker = Worker::start(&options, cancel).map_err(Failure::failed)?;
        copy(tree, worker.tree(), cancel)?;
        Ok(Self::Real(worker))
    }

    fn tree(&self) -> PathBuf {
        match self {
            Self::Real(worker) => worker.tree().to_owned(),
            Self::Simulated(target) => target.tree(),
        }
    }

    fn target(&mut self) -> &mut dyn Target {
        match self {
            Self::Real(worker) => worker,
            Self::Simulated(target) => target,
        }
    }
}

/// Copies a tree with all that its files are; without one, makes one of the usual folders.
fn copy(from: Option<&Path>, to: &Path, cancel: &Cancel) -> Result<(), Failure> {
    let Some(from) = from else {
        return make_usual(to)
            .map_err(|e| Failure::failed(format!("making the folders of the tree: {e}")));
    };
    if !from.is_dir() {
        return Err(Failure::wrong(format!("`--tree {}` is no folder", from.display())));
    }
    Program::new("cp")
        .args(["-a", "--"])
        .arg(from.join("."))
        .arg(to)
        .run(cancel)
        .map(drop)
        .map_err(|e| Failure::failed(format!("copying the tree: {e}")))
}

/// Passes on what the step says.
struct Told<'a> {
    element: &'a str,
    reporter: &'a Reporter,
}

impl Told<'_> {
    fn line(&self, level: Level, text: String) {
        self.reporter.event(&Event::Line { level, source: self.element.to_owned(), text });
    }
}

impl Observer for Told<'_> {
    fn log(&mut self, level: dibhost_element::Level, message: &str, _: &[(String, String)]) {
        use dibhost_element::Level as Said;
        let level = match level {
            Said::Trace | Said::Debug => Level::Debug,
            Said::Info => Level::Info,
            Said::Warn | Said::Error => Level::Warning,
        };
        self.line(level, message.to_owned());
    }

    fn program_line(&mut self, program: &str, _error: bool, text: &str) {
        self.line(Level::Debug, format!("{program}: {text}"));
    }
}
