//! A plan, the twins it is carried out with, and what they were asked for.
#![allow(unreachable_pub, reason = "all of it is for the modules beside it")]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dibhost_definition::Definition;
use dibhost_element::simulated::Scene;
use dibhost_element::{ReadyStep, RunAnswer, RunCall, Runner, SecretStore, SimulatedRunner};
use dibhost_engine::simulated::{SimulatedBase, SimulatedOutput};
use dibhost_engine::{
    Base, BuildFailure, Event, Files, Finished, FirstTree, Means, Needs, Outcome, Output, Settings,
    build_with,
};
use dibhost_inputs::Inputs;
use dibhost_packages::simulated::{CONFIGURE, DEFERRED, Offer};
use dibhost_packages::{
    Applied, InstalledPackage, LockedPackage, PackageError, PackageManager, PackageSource,
    Resolution, Selection, Surroundings, Wanted,
};
use dibhost_plan::file::{Content, FileAttributes, FileNode};
use dibhost_plan::grant::Right;
use dibhost_plan::planner::{Described, ElementFailure, Planner, StepAnswer, StepCall};
use dibhost_plan::wish::{
    Bootstrap, DebRepository, Distribution, PresetAction, Repository, Sudo, UnitState, User,
};
use dibhost_plan::{
    BootstrapWant, DebconfAnswer, DeferredTrigger, HeldGrant, Observed, PackageWant, PasswordHash,
    Phase, Plan, PlanInputs, PlannedDropIn, PlannedElement, PlannedFile, PlannedGroup,
    PlannedPassword, PlannedPreset, PlannedRepository, PlannedUnit, PlannedUnitState, PlannedUser,
    PresetLine, Step, Transaction, WantedBy,
};
use dibhost_registry::SimulatedFetch;
use dibhost_sys::{Cancel, Program, ProgramError, ProgramOutput, SecretBytes};
use dibhost_tree::{
    Attributes, Change, Command, Deferred, Entry, HostPrograms, Line, ListedNode, NotApplied,
    Programs, Room, Scope, Scoped, SimulatedTarget, Stat, Target, TargetError, TargetPath, Tree,
    Walk, Written,
};
use tempfile::TempDir;

use crate::fetching::{FILE, commit, get, outside};

/// Phases of the full build in which everything is wished for.
const BUSY: [Phase; 7] = [
    Phase::Root,
    Phase::PreInstall,
    Phase::Install,
    Phase::PostInstall,
    Phase::BlockDevice,
    Phase::Finalise,
    Phase::Cleanup,
];

pub const EPOCH: i64 = 1_700_000_000;

/// In which way a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It says so.
    Error,
    /// There is no room left.
    Full,
    /// It does not come back until the build is cancelled.
    Hang,
    /// The worker process is gone, and with it all that follows.
    Death,
}

pub const WAYS: [Way; 4] = [Way::Error, Way::Full, Way::Hang, Way::Death];

/// What all twins were asked for, and the one call that is to fail.
#[derive(Debug, Default)]
pub struct Journal {
    pub calls: Vec<String>,
    pub fails: Option<(usize, Way)>,
    /// Cancelled when this is asked for.
    pub cancel_at: Option<String>,
    dead: bool,
}

/// Shared by the twins of one build.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    pub journal: Arc<Mutex<Journal>>,
    pub cancel: Cancel,
}

impl Shared {
    pub fn enter(&self, call: String) -> Result<(), Way> {
        let mut journal = self.journal.lock().unwrap();
        let turn = journal.calls.len();
        if journal.cancel_at.as_deref().is_some_and(|at| call.starts_with(at)) {
            self.cancel.cancel();
        }
        journal.calls.push(call);
        if journal.dead {
            return Err(Way::Death);
        }
        let Some((at, way)) = journal.fails.filter(|(at, _)| *at == turn) else { return Ok(()) };
        assert_eq!(at, turn);
        journal.dead = way == Way::Death;
        drop(journal);
        if way == Way::Hang {
            let cancel = self.cancel.clone();
            std::thread::spawn(move || cancel.cancel());
            while !self.cancel.is_cancelled() {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        Err(way)
    }

    fn tree(&self, call: impl Into<String>) -> Result<(), TargetError> {
        self.enter(call.into()).map_err(of_tree)
    }

    fn packages(&self, call: impl Into<String>) -> Result<(), PackageError> {
        self.enter(call.into()).map_err(|way| match way {
            Way::Error => PackageError::Unreachable("nobody answers".to_owned()),
            Way::Full => PackageError::NoSpace {
                doing: "keeping packages".to_owned(),
                detail: "No space left on device".to_owned(),
                advice: "make room",
            },
            Way::Hang => PackageError::Cancelled,
            Way::Death => of_tree(way).into(),
        })
    }

    fn build(&self, call: impl Into<String>) -> Result<(), BuildFailure> {
        self.enter(call.into()).map_err(|way| BuildFailure::new(of_tree(way)))
    }
}

pub fn of_tree(way: Way) -> TargetError {
    match way {
        Way::Error => TargetError::Conflict("it does not want to".to_owned()),
        Way::Full => TargetError::Os {
            doing: "writing".to_owned(),
            name: "ENOSPC".to_owned(),
            message: "No space left on device".to_owned(),
        },
        Way::Hang => TargetError::Cancelled,
        Way::Death => TargetError::Gone("killed".to_owned()),
    }
}

/// A twin that notes what it is asked for, and fails where it is told to.
pub struct Watched<T> {
    pub inner: T,
    pub shared: Shared,
}

fn told(changes: &[Change]) -> String {
    let what = |change: &Change| match change {
        Change::Write { path, .. } => format!("write {path}"),
        other => format!("{other:?}").split(' ').next().unwrap_or_default().to_lowercase(),
    };
    changes.iter().map(what).collect::<Vec<_>>().join(", ")
}

impl Tree for Watched<SimulatedTarget> {
    fn stat(&mut self, scope: &Scope, path: &TargetPath) -> Result<Option<Stat>, TargetError> {
        self.shared.tree(format!("stat {path}"))?;
        self.inner.stat(scope, path)
    }

    fn read(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        self.shared.tree(format!("read {path}"))?;
        self.inner.read(scope, path, offset, length)
    }

    fn walk(
        &mut self,
        scope: &Scope,
        path: &TargetPath,
        walk: Walk,
        start_after: Option<&TargetPath>,
        limit: usize,
    ) -> Result<Vec<Entry>, TargetError> {
        self.shared.tree(format!("walk {path}"))?;
        self.inner.walk(scope, path, walk, start_after, limit)
    }

    fn apply_within(
        &mut self,
        scope: &Scope,
        changes: &[Change],
        room: Room,
    ) -> Result<Written, TargetError> {
        self.shared.tree(format!("apply {}", told(changes)))?;
        self.inner.apply_within(scope, changes, room)
    }

    fn apply_each(&mut self, parts: &[Scoped]) -> Result<(), NotApplied> {
        let names: Vec<_> = parts.iter().map(|part| told(&part.changes)).collect();
        self.shared.tree(format!("apply each {}", names.join(", ")))?;
        self.inner.apply_each(parts)
    }

    fn split(
        &mut self,
        mount_points: &[TargetPath],
    ) -> Result<BTreeMap<TargetPath, PathBuf>, TargetError> {
        self.shared.tree("split")?;
        self.inner.split(mount_points)
    }

    fn list(&mut self, part: &Path, each: &mut dyn FnMut(ListedNode)) -> Result<(), TargetError> {
        self.shared.tree("list")?;
        self.inner.list(part, each)
    }

    fn read_part(
        &mut self,
        part: &Path,
        file: &Path,
        offset: u64,
        length: u64,
    ) -> Result<Vec<u8>, TargetError> {
        self.shared.tree(format!("read part {}", file.display()))?;
        self.inner.read_part(part, file, offset, length)
    }

    fn clamp_times(&mut self, epoch: i64) -> Result<(), TargetError> {
        self.shared.tree("clamp")?;
        self.inner.clamp_times(epoch)
    }

    fn lay_down(&mut self, archives: &[Program]) -> Result<(), TargetError> {
        self.shared.tree("lay down")?;
        self.inner.lay_down(archives)
    }
}

impl Programs for Watched<SimulatedTarget> {
    fn exec(
        &mut self,
        command: &Command,
        line: &mut dyn FnMut(Line),
    ) -> Result<dibhost_tree::Output, TargetError> {
        let words: Vec<_> =
            std::iter::once(&command.program).chain(&command.args).map(String::as_str).collect();
        self.shared.tree(format!("exec {}", words.join(" ")))?;
        self.inner.exec(command, line)
    }
}

impl HostPrograms for Watched<SimulatedTarget> {
    fn run_on_host(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        self.inner.run_on_host(program)
    }

    fn run_mounting(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        self.inner.run_mounting(program)
    }
}

impl PackageManager for Watched<Box<dyn PackageManager>> {
    fn surroundings(&self) -> Surroundings {
        self.inner.surroundings()
    }

    fn refresh(&mut self, cancel: &Cancel) -> Result<(), PackageError> {
        self.shared.packages("refresh")?;
        self.inner.refresh(cancel)
    }

    fn resolve(
        &mut self,
        tree: &mut dyn Target,
        wanted: &Wanted,
        locked: &[LockedPackage],
        cancel: &Cancel,
    ) -> Result<Resolution, PackageError> {
        self.shared.packages("resolve")?;
        self.inner.resolve(tree, wanted, locked, cancel)
    }

    fn fetch(
        &mut self,
        resolution: &Resolution,
        cancel: &Cancel,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), PackageError> {
        self.shared.packages("fetch")?;
        self.inner.fetch(resolution, cancel, progress)
    }

    fn apply(
        &mut self,
        tree: &mut dyn Target,
        resolution: &Resolution,
        selections: &[Selection],
        line: &mut dyn FnMut(Line),
    ) -> Result<Applied, PackageError> {
        self.shared.packages("install")?;
        self.inner.apply(tree, resolution, selections, line)
    }

    fn write_sources(&mut self, tree: &mut dyn Target) -> Result<(), PackageError> {
        self.shared.packages("sources")?;
        self.inner.write_sources(tree)
    }

    fn hold(&mut self, tree: &mut dyn Target, names: &[String]) -> Result<(), PackageError> {
        self.shared.packages(format!("hold {}", names.join(" ")))?;
        self.inner.hold(tree, names)
    }

    fn installed(&mut self, tree: &mut dyn Target) -> Result<Vec<InstalledPackage>, PackageError> {
        self.shared.packages("installed")?;
        self.inner.installed(tree)
    }

    fn remove_unneeded(
        &mut self,
        tree: &mut dyn Target,
        names: &[String],
        cancel: &Cancel,
        line: &mut dyn FnMut(Line),
    ) -> Result<Vec<String>, PackageError> {
        self.shared.packages(format!("unneeded {}", names.join(" ")))?;
        self.inner.remove_unneeded(tree, names, cancel, line)
    }

    fn deferred(&self) -> &[String] {
        self.inner.deferred()
    }

    fn run_deferred(
        &mut self,
        tree: &mut dyn Target,
        line: &mut dyn FnMut(Line),
    ) -> Result<(), PackageError> {
        self.shared.packages("deferred")?;
        self.inner.run_deferred(tree, line)
    }
}

impl Base for Watched<SimulatedBase> {
    fn begin(
        &mut self,
        source: &Bootstrap,
        sources: Vec<PackageSource>,
    ) -> Result<FirstTree, BuildFailure> {
        self.shared.build("base")?;
        let begun = self.inner.begin(source, sources)?;
        let manager = Watched { inner: begun.manager, shared: self.shared.clone() };
        Ok(FirstTree { manager: Box::new(manager), bootstrap: begun.bootstrap })
    }
}

impl Runner for Watched<SimulatedRunner> {
    fn prepare(&self, call: &RunCall<'_>) -> Result<Box<dyn ReadyStep>, ElementFailure> {
        let entered = self.shared.enter(format!("step {} {}", call.element, call.step));
        entered.map_err(|way| ElementFailure::new(of_tree(way).to_string()))?;
        self.inner.prepare(call)
    }
}

impl Output for Watched<SimulatedOutput> {
    fn needs(&self) -> Needs {
        self.inner.needs()
    }

    fn write(&mut self, finished: Finished<'_>) -> Result<Files, BuildFailure> {
        self.shared.build("output")?;
        self.inner.write(finished)
    }
}

/// The secret `pw`.
#[derive(Debug)]
struct OnePassword;

impl SecretStore for OnePassword {
    fn read(&self, name: &str) -> Result<Arc<SecretBytes>, String> {
        if name != "pw" {
            return Err("is not in the definition".to_owned());
        }
        SecretBytes::read_from(&mut &b"pass phrase"[..], 100)
            .map(Arc::new)
            .map_err(|e| e.to_string())
    }

    fn redact(&self, text: String) -> String {
        text.replace("pass phrase", "***")
    }
}

struct Nobody;

impl Planner for Nobody {
    fn describe(&self, _reference: &str, _base: &Path) -> Result<Described, ElementFailure> {
        Err(ElementFailure::new("there are no elements"))
    }

    fn known_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn plan_step(&self, _call: &StepCall<'_>) -> Result<StepAnswer, ElementFailure> {
        Err(ElementFailure::new("there are no elements"))
    }
}

/// A build to be.
pub struct Bench {
    pub plan: Plan,
    pub offers: Vec<Offer>,
    pub runner: SimulatedRunner,
    pub jobs: usize,
    pub fails: Option<(usize, Way)>,
    pub cancel_at: Option<String>,
    pub inputs: Inputs,
    /// Programs of the tree that end with a status.
    pub statuses: BTreeMap<String, i32>,
    /// Programs that are not in the tree, and with `sudo` its folder.
    pub absent: BTreeSet<String>,
    /// It is cancelled before it begins.
    pub cancelled: bool,
    /// What is outside.
    pub outside: Arc<SimulatedFetch>,
    /// What is not pinned is not fetched.
    pub locked: bool,
    /// Files where the output is to be, name and text.
    pub before: Vec<(String, String)>,
}

/// A build that was.
pub struct Built {
    pub result: Result<Outcome, BuildFailure>,
    pub calls: Vec<String>,
    pub events: Vec<Event>,
    /// Programs of the tree, as they were started.
    pub commands: Vec<Command>,
    pub tree: Watched<SimulatedTarget>,
    /// Names of the files where the output is to be.
    pub files: BTreeSet<String>,
    pub out: TempDir,
}

impl Built {
    /// The calls that begin with one of these words, as they came.
    pub fn only(&self, words: &[&str]) -> Vec<&str> {
        let wanted = |call: &&str| words.iter().any(|w| call.split(' ').next() == Some(w));
        self.calls.iter().map(String::as_str).filter(wanted).collect()
    }

    pub fn failure(&self) -> &BuildFailure {
        self.result.as_ref().expect_err("the build came to an end")
    }

    pub fn ok(self) -> Self {
        if let Err(failure) = &self.result {
            panic!("{failure}\n{:#?}", self.calls);
        }
        self
    }

    /// A file of the tree.
    pub fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.tree.inner.tree().join(path.trim_start_matches('/'))).ok()
    }

    /// Whether this call came before that one; both came.
    pub fn before(&self, first: &str, second: &str) -> bool {
        let at = |call: &str| {
            let found = self.calls.iter().position(|c| c.starts_with(call));
            found.unwrap_or_else(|| panic!("no `{call}` in {:#?}", self.calls))
        };
        at(first) < at(second)
    }
}

impl Bench {
    /// Nothing is wished for.
    pub fn empty() -> Self {
        let text = "[image]\nname = \"test\"\nelements = [\"nothing\"]\n";
        let mut definition = Definition::parse(text, "image.toml", Path::new("/")).unwrap();
        // A definition on paper names one at least.
        definition.image.elements.clear();
        let plan = dibhost_plan::plan(&definition, &Nobody, &PlanInputs::for_arch("amd64"));
        Self {
            plan: plan.unwrap(),
            offers: vec![
                Offer::essential("base", "1"),
                Offer::new("shell", "1", &["base"]),
                Offer::new("app", "1", &["lib"]),
                Offer::new("lib", "1", &[]),
                Offer::new("tool", "1", &["gear", "lib"]),
                Offer::new("gear", "1", &[]),
                Offer::new("late", "1", &["lib"]),
            ],
            runner: SimulatedRunner::default(),
            jobs: 4,
            fails: None,
            cancel_at: None,
            inputs: Inputs::default(),
            statuses: BTreeMap::new(),
            absent: BTreeSet::new(),
            cancelled: false,
            outside: Arc::default(),
            locked: false,
            before: Vec::new(),
        }
    }

    /// A first tree is made of a distribution.
    pub fn new() -> Self {
        let mut bench = Self::empty();
        let source = Bootstrap::Distribution(Distribution {
            package_manager: "simulated".to_owned(),
            release: "one".to_owned(),
            mirror: None,
            components: Vec::new(),
            keys: Vec::new(),
            packages: vec!["shell".to_owned()],
        });
        let mut first = Transaction::before(Phase::Root);
        first.bootstrap = Some(BootstrapWant { source, element: "distribution".to_owned() });
        bench.plan.transactions.push(first);
        bench
    }

    /// Every kind of wish, steps in several phases, facts, a file beside the image.
    pub fn full() -> Self {
        let mut bench = Self::new();
        let first = bench.transaction(Phase::Root);
        first.install.push(want("app"));
        first.build_only.push(want("tool"));
        first.hold.push(want("lib"));
        first.answers.push(DebconfAnswer {
            package: "app".to_owned(),
            question: "app/colour".to_owned(),
            kind: "string".to_owned(),
            value: "red".to_owned(),
            wanted_by: vec!["distribution".to_owned()],
        });
        first.repositories.push(repository("extra", false));
        first.repositories.push(repository("bench", true));
        let second = bench.transaction(Phase::PostInstall);
        second.install.push(want("late"));
        second.remove.push(want("shell"));
        second.upgrade_all = true;
        bench.group(Phase::Install, "staff").user(Phase::Install, "me", &["staff"]);
        bench.user(Phase::PostInstall, "you", &[]).password(Phase::PostInstall, "me");
        bench.unit(Phase::Install, "app.service").enable(Phase::PostInstall, "app.service");
        bench.drop_in(Phase::Install, "app.service", "10-more");
        bench.preset(Phase::Install, 90, &["a.service"]);
        bench.account(Phase::Finalise, somebody("root-like"));
        bench.deferred(Phase::Finalise);
        for phase in BUSY {
            let (name, unit) = (format!("in-{phase}"), format!("in-{phase}.service"));
            bench.group(phase, &format!("group-{phase}")).user(phase, &name, &[]);
            bench.unit(phase, &unit).enable(phase, &unit);
            bench.file(phase, &format!("/srv/wished/{phase}"), "wished");
            bench.step(&name, phase, &[("rootfs", "write /"), ("exec", "true")], move |scene| {
                run(scene, "app-setup")?;
                write(scene, &format!("/srv/{phase}"), "x")?;
                Ok(RunAnswer::done())
            });
        }
        bench.step("first", Phase::Install, &[("rootfs", "write /")], |scene| {
            write(scene, "/srv/first", "x")?;
            Ok(RunAnswer::done())
        });
        bench.step("program", Phase::PostInstall, &[("exec", "true")], |scene| {
            run(scene, "app-setup")?;
            Ok(RunAnswer::done())
        });
        bench.step("beside", Phase::Finalise, &[], |_| Ok(putting(".beside", "of a step")));
        bench.outside = Arc::new(outside());
        bench.step("outside", Phase::Finalise, &[("rootfs", "write /")], |scene| {
            let content = get(scene, "outside", FILE, None)?.fetched.content;
            write(scene, "/srv/file", &String::from_utf8_lossy(&content))?;
            commit(scene, "outside", "main")?;
            Ok(RunAnswer::done())
        });
        bench.step("last", Phase::Cleanup, &[("rootfs", "write /")], |scene| {
            write(scene, "/srv/last", "x")?;
            Ok(RunAnswer::done())
        });
        bench
    }

    /// The transaction before a phase.
    pub fn transaction(&mut self, phase: Phase) -> &mut Transaction {
        let there = self.plan.transactions.iter().position(|t| t.before == phase);
        let at = there.unwrap_or_else(|| {
            self.plan.transactions.push(Transaction::before(phase));
            self.plan.transactions.len() - 1
        });
        &mut self.plan.transactions[at]
    }

    pub fn group(&mut self, phase: Phase, name: &str) -> &mut Self {
        let (name, wanted_by) = (name.to_owned(), Vec::new());
        self.plan.groups.push(PlannedGroup { phase, name, gid: Some(900), wanted_by });
        self
    }

    pub fn user(&mut self, phase: Phase, name: &str, groups: &[&str]) -> &mut Self {
        let user = User {
            name: name.to_owned(),
            groups: groups.iter().map(|g| (*g).to_owned()).collect(),
            authorized_keys: vec![format!("ssh-ed25519 AAAA {name}")],
            ..User::default()
        };
        self.account(phase, user)
    }

    pub fn account(&mut self, phase: Phase, user: User) -> &mut Self {
        self.plan.users.push(PlannedUser { phase, user, wanted_by: Vec::new() });
        self
    }

    pub fn password(&mut self, phase: Phase, user: &str) -> &mut Self {
        let (user, secret) = (user.to_owned(), "pw".to_owned());
        self.plan.passwords.push(PlannedPassword { phase, user, secret, wanted_by: Vec::new() });
        self
    }

    /// An element that wishes for what is to be at a path, and may write below `/srv` and `/etc`.
    pub fn wished(&mut self, phase: Phase, element: &str, path: &str, node: FileNode) -> &mut Self {
        self.element(element, &[("rootfs", "write /srv"), ("rootfs", "write /etc")]);
        let (path, wanted_by) = (path.to_owned(), vec![element.to_owned()]);
        self.plan.files.push(PlannedFile { phase, path, node, wanted_by });
        self
    }

    pub fn file(&mut self, phase: Phase, path: &str, text: &str) -> &mut Self {
        let content = Content::new(text.as_bytes());
        let node = FileNode::File { content, attributes: FileAttributes::default() };
        self.wished(phase, "files", path, node)
    }

    pub fn unit(&mut self, phase: Phase, unit: &str) -> &mut Self {
        let (unit, content) = (unit.to_owned(), "[Service]\n".to_owned());
        self.plan.unit_definitions.push(PlannedUnit { phase, unit, content, wanted_by: vec![] });
        self
    }

    pub fn drop_in(&mut self, phase: Phase, unit: &str, name: &str) -> &mut Self {
        let (unit, name) = (unit.to_owned(), name.to_owned());
        let content = format!("# {name} of {unit}\n");
        self.plan.unit_drop_ins.push(PlannedDropIn {
            phase,
            unit,
            name,
            content,
            wanted_by: vec![],
        });
        self
    }

    pub fn preset(&mut self, phase: Phase, number: u8, units: &[&str]) -> &mut Self {
        let line = |unit: &&str| PresetLine {
            unit: (*unit).to_owned(),
            action: if unit.contains('*') { PresetAction::Disable } else { PresetAction::Enable },
            wanted_by: vec![],
        };
        let lines = units.iter().map(line).collect();
        self.plan.unit_presets.push(PlannedPreset { phase, number, lines });
        self
    }

    pub fn enable(&mut self, phase: Phase, unit: &str) -> &mut Self {
        let (unit, state) = (unit.to_owned(), UnitState::Enabled);
        self.plan.unit_states.push(PlannedUnitState { phase, unit, state, wanted_by: vec![] });
        self
    }

    pub fn deferred(&mut self, before: Phase) -> &mut Self {
        self.plan.deferred_triggers.push(DeferredTrigger { program: DEFERRED.to_owned(), before });
        self
    }

    /// An element that holds these, unless it is there.
    pub fn element(&mut self, element: &str, grants: &[(&str, &str)]) {
        if self.plan.element(element).is_none() {
            let grant = |(capability, scope): &(&str, &str)| HeldGrant {
                right: Right::of(capability, scope).unwrap(),
                reason: String::new(),
                when: Vec::new(),
            };
            self.plan.elements.push(PlannedElement {
                name: element.to_owned(),
                version: "1.0.0".to_owned(),
                digest: "sha256:0".to_owned(),
                origin: String::new(),
                reference: element.to_owned(),
                first_party: true,
                summary: String::new(),
                required_by: Vec::new(),
                listed: true,
                parameters: BTreeMap::new(),
                grants: grants.iter().map(grant).collect(),
                pins: BTreeMap::new(),
                limits: dibhost_definition::Limits::default(),
            });
        }
    }

    /// A step of an element that holds these.
    pub fn step(
        &mut self,
        element: &str,
        phase: Phase,
        grants: &[(&str, &str)],
        act: impl Fn(&Scene) -> Result<RunAnswer, ElementFailure> + Send + Sync + 'static,
    ) -> &mut Step {
        self.element(element, grants);
        self.plan.steps.push(Step {
            phase,
            element: element.to_owned(),
            name: None,
            reads: Vec::new(),
            needs: Vec::new(),
            writes: Vec::new(),
            after: Vec::new(),
            plan_only: false,
        });
        self.runner = std::mem::take(&mut self.runner).step(element, phase.name(), act);
        self.plan.steps.last_mut().unwrap()
    }

    /// One of several steps of an element in a phase.
    pub fn named_step(
        &mut self,
        element: &str,
        name: &str,
        phase: Phase,
        act: impl Fn(&Scene) -> Result<RunAnswer, ElementFailure> + Send + Sync + 'static,
    ) -> &mut Step {
        self.idle(element, phase).name = Some(name.to_owned());
        self.runner = std::mem::take(&mut self.runner).step(element, name, act);
        self.plan.steps.last_mut().unwrap()
    }

    /// Steps that do nothing.
    pub fn idle(&mut self, element: &str, phase: Phase) -> &mut Step {
        self.step(element, phase, &[], |_| Ok(RunAnswer::done()))
    }

    pub fn build(&self) -> Built {
        let out = TempDir::new_in(memory()).unwrap();
        let shared = Shared::default();
        for (name, text) in &self.before {
            std::fs::write(out.path().join(name), text).unwrap();
        }
        if self.cancelled {
            shared.cancel.cancel();
        }
        {
            let mut journal = shared.journal.lock().unwrap();
            (journal.fails, journal.cancel_at) = (self.fails, self.cancel_at.clone());
        }
        let commands = Arc::default();
        let inner = tree(self.statuses.clone(), self.absent.clone(), Arc::clone(&commands));
        let mut tree = Watched { inner, shared: shared.clone() };
        let mut base = Watched {
            inner: SimulatedBase { offers: self.offers.clone() },
            shared: shared.clone(),
        };
        let runner = Watched { inner: self.runner.clone(), shared: shared.clone() };
        let stem = out.path().join("image");
        let mut output = Watched { inner: SimulatedOutput { stem }, shared: shared.clone() };
        let settings = Settings {
            of_elements: out.path().join("of-elements"),
            jobs: NonZeroUsize::new(self.jobs).unwrap(),
            secrets: Arc::new(OnePassword),
            locked: self.locked,
            inputs: self.inputs.clone(),
            versions: BTreeMap::new(),
        };
        let mut events = Vec::new();
        let means = Means {
            tree: &mut tree,
            base: &mut base,
            runner: &runner,
            fetch: Arc::new(Watched { inner: Arc::clone(&self.outside), shared: shared.clone() }),
            output: &mut output,
            filler: Program::new("false"),
        };
        let mut tell = |event| events.push(event);
        let mut plan = self.plan.clone();
        plan.actions = dibhost_plan::actions(&plan);
        let result = build_with(&plan, means, &settings, &shared.cancel, &mut tell);
        let names = std::fs::read_dir(out.path()).unwrap();
        let files = names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        let calls = shared.journal.lock().unwrap().calls.clone();
        let commands = commands.lock().unwrap().clone();
        Built { result, calls, events, commands, tree, files, out }
    }
}

/// Where many builds of small files take no time.
fn memory() -> PathBuf {
    let shared = PathBuf::from("/dev/shm");
    if shared.is_dir() { shared } else { std::env::temp_dir() }
}

/// Of `secret`.
pub const HASH: &str = "$5$Rm5sUgD/y3cqEVaq$8e71ksAFiFM7X480NjBLHNccFwf/w0tY3WAMItzeBU1";

/// An account of which all is said that there is to say.
pub fn somebody(name: &str) -> User {
    User {
        name: name.to_owned(),
        comment: Some("Some Body".to_owned()),
        sudo: Some(Sudo::Nopasswd),
        password_hash: Some(PasswordHash::new(HASH)),
        expires: Some("2030-12-31".to_owned()),
        change_password: true,
        ..User::default()
    }
}

pub fn repository(name: &str, build_only: bool) -> PlannedRepository {
    PlannedRepository {
        phase: Phase::Root,
        repository: Repository::Deb(DebRepository {
            name: name.to_owned(),
            url: format!("https://{name}.example"),
            suites: vec!["one".to_owned()],
            components: Vec::new(),
            priority: None,
            key: "KEY".to_owned(),
            build_only,
        }),
        wanted_by: Vec::new(),
    }
}

pub fn want(name: &str) -> PackageWant {
    let by =
        WantedBy { element: "x".to_owned(), step: None, phase: Phase::Root, reason: String::new() };
    PackageWant { name: name.to_owned(), version: None, wanted_by: vec![by] }
}

/// A tree whose programs are those that a build starts.
fn tree(
    statuses: BTreeMap<String, i32>,
    absent: BTreeSet<String>,
    commands: Arc<Mutex<Vec<Command>>>,
) -> SimulatedTarget {
    let place: Arc<Mutex<PathBuf>> = Arc::default();
    let at = Arc::clone(&place);
    let has_sudo = !absent.contains("sudo");
    let answers = move |command: &Command, line: &mut dyn FnMut(Line)| {
        commands.lock().unwrap().push(command.clone());
        if absent.contains(&command.program) {
            return Err(TargetError::NotFound(command.program.clone()));
        }
        let tree = at.lock().unwrap().clone();
        let option = |name: &str| {
            let at = command.args.iter().position(|arg| arg == name)?;
            command.args.get(at + 1).cloned()
        };
        let set = |file: &str, user: &str, field: usize, value: &str| {
            set(&tree.join(file), user, field, value)
        };
        let last = command.args.last().cloned().unwrap_or_default();
        line(Line { error: false, text: format!("{} {last}", command.program) });
        let append = |file: &str, text: String| {
            std::fs::create_dir_all(tree.join("etc")).unwrap();
            let old = std::fs::read_to_string(tree.join(file)).unwrap_or_default();
            std::fs::write(tree.join(file), old + &text).unwrap();
        };
        let mut output = dibhost_tree::Output {
            status: statuses.get(&command.program).copied().unwrap_or_default(),
            ..dibhost_tree::Output::default()
        };
        match command.program.as_str() {
            "useradd" => {
                std::fs::create_dir_all(tree.join("home").join(&last)).unwrap();
                let comment = option("--comment").unwrap_or_default();
                append("etc/passwd", format!("{last}:x:0:0:{comment}:/home/{last}:/bin/sh\n"));
                append("etc/shadow", format!("{last}:!:19000:0:99999:7:::\n"));
            }
            "usermod" => {
                for (name, field) in [("--comment", 4), ("--shell", 6)] {
                    if let Some(value) = option(name) {
                        set("etc/passwd", &last, field, &value);
                    }
                }
            }
            "chpasswd" => {
                let line = String::from_utf8(command.stdin.clone().unwrap()).unwrap();
                let (user, password) = line.trim_end().split_once(':').unwrap();
                let hashed = command.args == ["--encrypted"];
                set("etc/shadow", user, 1, if hashed { password } else { "hashed" });
                set("etc/shadow", user, 2, "20000");
            }
            "chage" => {
                for (name, field) in [("--lastday", 2), ("--expiredate", 7)] {
                    if let Some(value) = option(name) {
                        set("etc/shadow", &last, field, &value);
                    }
                }
            }
            "groupadd" => append("etc/group", format!("{last}:x:0:\n")),
            CONFIGURE if last == "app" => output.deferred.push(Deferred {
                program: command.defer.first().cloned().unwrap_or_default(),
                args: String::new(),
            }),
            _ => (),
        }
        if output.status != 0 {
            output.stderr = b"no such luck\n".to_vec();
        }
        Ok(output)
    };
    let tree = SimulatedTarget::new_in(&memory(), EPOCH, Box::new(answers)).unwrap();
    place.lock().unwrap().clone_from(&tree.tree());
    for folder in ["etc/systemd/system", "srv"] {
        std::fs::create_dir_all(tree.tree().join(folder)).unwrap();
    }
    if has_sudo {
        std::fs::create_dir_all(tree.tree().join("etc/sudoers.d")).unwrap();
    }
    std::fs::write(tree.tree().join("etc/passwd"), "root:x:0:0::/root:/bin/sh\n").unwrap();
    tree
}

/// Sets a field of a user's line.
fn set(file: &Path, user: &str, field: usize, value: &str) {
    let old = std::fs::read_to_string(file).unwrap_or_default();
    let line = |line: &str| {
        let mut fields: Vec<&str> = line.split(':').collect();
        if fields[0] == user {
            fields[field] = value;
        }
        fields.join(":") + "\n"
    };
    std::fs::write(file, old.lines().map(line).collect::<String>()).unwrap();
}

/// A step writes a file.
pub fn write(scene: &Scene, path: &str, text: &str) -> Result<(), ElementFailure> {
    let path = TargetPath::new(path).unwrap();
    let (content, attributes) = (text.as_bytes().to_vec(), Attributes::default());
    let write = Change::Write { path, content, attributes };
    let done = scene.effects.ask(move |target, _| target.apply(&Scope::all(), &[write]));
    done.unwrap().map_err(|e| ElementFailure::new(e.to_string()))
}

/// What a step answers that puts a file beside the image.
pub fn putting(suffix: &str, text: &str) -> RunAnswer {
    let outputs = vec![(suffix.to_owned(), Arc::from(text.as_bytes()))];
    RunAnswer { observed: Observed { outputs, ..Observed::default() }, ..RunAnswer::done() }
}

/// A step runs a program.
pub fn run(scene: &Scene, program: &str) -> Result<(), ElementFailure> {
    let command = Command { program: program.to_owned(), ..Command::default() };
    let done = scene.effects.ask(move |target, _| target.exec(&command, &mut |_| {}));
    let output = done.unwrap().map_err(|e| ElementFailure::new(e.to_string()))?;
    if output.status == 0 { Ok(()) } else { Err(ElementFailure::new("the program failed")) }
}
