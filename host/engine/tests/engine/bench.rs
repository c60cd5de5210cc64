//! A plan, the twins it is carried out with, and what they were asked for.
#![allow(unreachable_pub, reason = "all of it is for the modules beside it")]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dibhost_definition::Definition;
use dibhost_element::simulated::Scene;
use dibhost_element::{RunAnswer, SecretStore, SimulatedRunner};
use dibhost_engine::simulated::{SimulatedBase, SimulatedOutput};
use dibhost_engine::{
    BuildFailure, Event, LayerSettings, Means, Occasion, Outcome, Reuse, Settings, Visitor,
    build_with,
};
use dibhost_inputs::Inputs;
use dibhost_layers::store::Store;

use dibhost_packages::LockedPackage;
use dibhost_packages::simulated::{DEFERRED, Offer};
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
use dibhost_sys::{Program, SecretBytes};
use dibhost_tree::{Attributes, Change, Command, Programs, Scope, SimulatedTarget, TargetPath};
use tempfile::TempDir;

use crate::fetching::{FILE, commit, get, outside};
use crate::journal::{Shared, Way};
use crate::tree::{Listing, memory, tree};
use crate::watched::Watched;

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
    /// What says the layers of an image of a container.
    pub tar: Vec<Program>,
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
    /// What is in the tree is kept at each call.
    pub watched: bool,
    /// Files where the output is to be, name and text.
    pub before: Vec<(String, String)>,
    /// Where layers are kept.
    pub layers: Option<(Store, Reuse)>,
    /// What the outputs are known by in the notes; none: each build's by its own place.
    pub place: Option<PathBuf>,
    /// How long an action takes at least whose layer is kept.
    pub worth: Duration,
    /// What the first tree is to be made of.
    pub packages: Vec<LockedPackage>,
    /// Somebody looks into the tree; when so many actions are done, if that is said.
    pub looks: Option<Option<usize>>,
}

/// Looks into the tree by a program.
struct Looker {
    stops: Option<usize>,
    saw: Vec<String>,
}

impl Visitor for Looker {
    fn stops_at(&self) -> Option<usize> {
        self.stops
    }

    fn enter(
        &mut self,
        tree: &mut dyn Programs,
        occasion: Occasion<'_>,
    ) -> Result<(), BuildFailure> {
        self.saw.push(match occasion {
            Occasion::Reached => "reached".to_owned(),
            Occasion::Failed(failure) => failure.to_string(),
        });
        let command = Command { program: "app-setup".to_owned(), ..Command::default() };
        tree.exec(&command, &mut |_| {}).map(drop).map_err(BuildFailure::new)
    }
}

/// A build that was.
pub struct Built {
    pub result: Result<Outcome, BuildFailure>,
    pub calls: Vec<String>,
    pub events: Vec<Event>,
    /// Programs of the tree, as they were started.
    pub commands: Vec<Command>,
    pub tree: Watched<SimulatedTarget>,
    /// What was in it when each call came, where that was wished for.
    pub trees: Vec<Listing>,
    /// Names of the files where the output is to be.
    pub files: BTreeSet<String>,
    pub out: TempDir,
    /// What whoever looked into the tree saw.
    pub saw: Vec<String>,
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
            tar: Vec::new(),
            runner: SimulatedRunner::default(),
            jobs: 4,
            fails: None,
            cancel_at: None,
            inputs: Inputs::default(),
            statuses: BTreeMap::new(),
            absent: BTreeSet::new(),
            cancelled: false,
            watched: false,
            outside: Arc::default(),
            locked: false,
            before: Vec::new(),
            layers: None,
            place: None,
            worth: Duration::ZERO,
            packages: Vec::new(),
            looks: None,
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
            rpm: None,
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
                parameters_set: std::collections::BTreeSet::new(),
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
        if self.watched {
            shared.journal.lock().unwrap().watches = Some(inner.tree());
        }
        let mut tree = Watched { inner, shared: shared.clone() };
        let mut base = Watched {
            inner: SimulatedBase { offers: self.offers.clone(), layers: self.tar.clone() },
            shared: shared.clone(),
        };
        let runner = Watched { inner: self.runner.clone(), shared: shared.clone() };
        let stem = out.path().join("image");
        let mut output = Watched { inner: SimulatedOutput::new(stem), shared: shared.clone() };
        let settings = Settings {
            of_elements: out.path().join("of-elements"),
            jobs: NonZeroUsize::new(self.jobs).unwrap(),
            secrets: Arc::new(OnePassword),
            locked: self.locked,
            inputs: self.inputs.clone(),
            packages: self.packages.clone(),
            layers: self.layers.clone().map(|(store, reuse)| LayerSettings {
                noted: store.path().join("../noted"),
                store,
                reuse,
                outputs: self.place.clone().unwrap_or_else(|| out.path().join("image")),
                worth: self.worth,
            }),
            versions: BTreeMap::new(),
        };
        let mut events = Vec::new();
        let mut looker = self.looks.map(|stops| Looker { stops, saw: Vec::new() });
        let means = Means {
            tree: &mut tree,
            base: &mut base,
            runner: &runner,
            fetch: Arc::new(Watched { inner: Arc::clone(&self.outside), shared: shared.clone() }),
            output: &mut output,
            filler: Program::new("false"),
            visitor: looker.as_mut().map(|looker| looker as &mut dyn Visitor),
        };
        let mut tell = |event| events.push(event);
        let mut plan = self.plan.clone();
        plan.actions = dibhost_plan::actions(&plan);
        let result = build_with(&plan, means, &settings, &shared.cancel, &mut tell);
        let names = std::fs::read_dir(out.path()).unwrap();
        let files = names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        let (calls, trees) = {
            let mut journal = shared.journal.lock().unwrap();
            (journal.calls.clone(), std::mem::take(&mut journal.trees))
        };
        let commands = commands.lock().unwrap().clone();
        let saw = looker.map(|looker| looker.saw).unwrap_or_default();
        Built { result, calls, events, commands, tree, trees, files, out, saw }
    }
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
