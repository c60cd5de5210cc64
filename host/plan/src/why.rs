//! Why something is in an image: who asked for it, in which phase, in whose words.

mod command;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use dibhost_definition::{Contents, StatedCommand};
use dibhost_text::{closest, quoted_list};
use serde::Serialize;

use crate::Phase;
use crate::fact::Fact;
use crate::grant::{Grants, Right, permits};
use crate::label::label;
use crate::parameters::one_line;
use crate::phrases::{account, node, place, short, source, state, wanted};
use crate::plan::{HOST, Plan};
use crate::transaction::PackageWant;
use crate::wish::{Bootstrap, ModuleStream, PackageGroup, PackageWish, Wish, WishRecord};

/// The slot that kernel arguments are facts of.
const KERNEL_ARGUMENT: &str = "dib:boot/kernel-argument@1";

/// The kind of a subject: what stands before its first `:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A command of the definition, by its words or its script.
    Command,
    /// An element of the image.
    Element,
    /// A slot, and all values in it.
    Fact,
    /// A path of the image that files are wished for at.
    File,
    /// A group.
    Group,
    /// An argument of the kernel's command line, or the word before its `=`.
    KernelArgument,
    /// A node of the block device.
    Node,
    /// A package.
    Package,
    /// A package repository.
    Repository,
    /// A unit of the init system; `service` to those who think of it so.
    Unit,
    /// A user.
    User,
}

impl Kind {
    /// All of them, with the words they are written as; the first is the usual one.
    const ALL: [(Self, &'static [&'static str]); 11] = [
        (Self::Command, &["command", "run"]),
        (Self::Element, &["element"]),
        (Self::Fact, &["fact", "slot"]),
        (Self::File, &["file", "path"]),
        (Self::Group, &["group"]),
        (Self::KernelArgument, &["kernel-argument"]),
        (Self::Node, &["node"]),
        (Self::Package, &["package"]),
        (Self::Repository, &["repository"]),
        (Self::Unit, &["unit", "service"]),
        (Self::User, &["user"]),
    ];

    /// The word before the `:`.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, words)| words[0])
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, words)| words.contains(&word)).map(|(kind, _)| *kind)
    }
}

/// One who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reason {
    /// An element, or [`HOST`]; none: the definition.
    pub element: Option<String>,
    /// The phase it asked in.
    pub phase: Option<Phase>,
    /// The step; none: the element's only one of the phase, named as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What it asks: a sentence part after "wants" (`it installed`) or "gives".
    pub wants: String,
    /// In the element's own words: of the wish, of the value, or of the request for the grant
    /// that the wish needs.
    pub reason: Option<String>,
    /// The line of the definition that asks, where that does: `image.toml:12:8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// The answer to "why".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Why {
    /// The kind of the subject.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What becomes of it: sentences.
    pub outcome: Vec<String>,
    /// Who asked, in the order of the phases.
    pub wanted_by: Vec<Reason>,
    /// How each of those came into the image: element, sentence part after "is in the image".
    pub elements: BTreeMap<String, String>,
}

/// A subject that the plan does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSuchSubject {
    /// What is wrong with it: one sentence.
    pub message: String,
    /// What to ask instead.
    pub help: String,
}

impl fmt::Display for NoSuchSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  help: {}", self.message, self.help)
    }
}

impl std::error::Error for NoSuchSubject {}

type Subjects = BTreeMap<(Kind, String), Vec<Reason>>;

impl Plan {
    /// Who wants `subject` (`package:openssh-server`, `unit:ssh.service`, `fact:SLOT`), and why.
    ///
    /// # Errors
    /// When nothing in the plan is called so, with what could have been meant.
    pub fn why(&self, subject: &str) -> Result<Why, NoSuchSubject> {
        let mut subjects = subjects(self);
        let asked = subject
            .split_once(':')
            .and_then(|(kind, name)| Kind::of(kind).map(|kind| (kind, name.to_owned())));
        let Some(key) = asked else { return Err(without_kind(subject, &subjects)) };
        let Some(wanted_by) = subjects.remove(&key) else {
            return Err(unknown(&key, &subjects, self));
        };
        let (kind, name) = key;
        let elements = wanted_by
            .iter()
            .filter_map(|r| r.element.clone())
            .filter(|element| element != HOST && element != Contents::ELEMENT)
            .map(|element| {
                let how = presence(self, &element);
                (element, how)
            })
            .collect();
        Ok(Why { outcome: outcome(self, kind, &name), kind, name, wanted_by, elements })
    }
}

fn subject(kind: Kind, name: &str) -> String {
    format!("{}:{name}", kind.name())
}

/// The subjects that a wish is about.
pub(crate) fn of(record: &WishRecord) -> Vec<String> {
    named(&record.wish).into_iter().map(|(kind, name, _)| subject(kind, &name)).collect()
}

/// The subjects that an argument of the kernel is: it, and the word before its `=`.
pub(crate) fn of_argument(argument: &str) -> Vec<String> {
    let word = argument.split('=').next().unwrap_or_default();
    [argument, word].map(|name| subject(Kind::KernelArgument, name)).to_vec()
}

/// The subject that a command of the definition is.
pub(crate) fn of_command(command: &StatedCommand) -> String {
    subject(Kind::Command, &command::name_of(command))
}

/// Everything that can be asked for, and who wants it.
fn subjects(plan: &Plan) -> Subjects {
    let mut subjects = Subjects::new();
    for record in &plan.wishes {
        for (kind, name, wants) in named(&record.wish) {
            let reason = Reason {
                element: Some(record.element.clone()),
                phase: Some(record.phase),
                step: record.step.clone(),
                wants,
                reason: reason(plan, record),
                place: None,
            };
            add(&mut subjects, kind, &name, reason);
        }
    }
    for one in &plan.block_device.nodes {
        let is_default = plan.block_device.is_default;
        if !is_default && subjects.contains_key(&(Kind::Node, one.name.clone())) {
            continue;
        }
        let why = match is_default {
            true => "no element wishes for a node",
            false => "the image definition states it",
        };
        let reason = Reason {
            element: Some(HOST.to_owned()),
            phase: Some(Phase::BlockDevice),
            step: None,
            wants: node(one),
            reason: Some(why.to_owned()),
            place: None,
        };
        add(&mut subjects, Kind::Node, &one.name, reason);
    }
    for slot in &plan.slots {
        subjects.entry((Kind::Fact, slot.name.clone())).or_default();
        for step in plan.steps.iter().filter(|s| s.writes.contains(&slot.name)) {
            let given = plan.facts.iter().any(|f| {
                f.slot == slot.name
                    && f.provider == step.element
                    && f.phase == step.phase
                    && f.step == step.name
            });
            if !given {
                let reason = Reason {
                    element: Some(step.element.clone()),
                    phase: Some(step.phase),
                    step: step.name.clone(),
                    wants: match slot.timing {
                        crate::description::Timing::Planned => "no value".to_owned(),
                        crate::description::Timing::Observed => {
                            "what it observes while building".to_owned()
                        }
                    },
                    reason: None,
                    place: None,
                };
                add(&mut subjects, Kind::Fact, &slot.name, reason);
            }
        }
    }
    for fact in &plan.facts {
        add(&mut subjects, Kind::Fact, &fact.slot, given(fact));
        if fact.slot != KERNEL_ARGUMENT {
            continue;
        }
        if let Some(argument) = fact.value["argument"].as_str() {
            let mut reason = given(fact);
            reason.wants = argument.to_owned();
            reason.reason = fact.value["reason"].as_str().map(str::to_owned);
            let word = argument.split('=').next().unwrap_or_default();
            if word != argument {
                add(&mut subjects, Kind::KernelArgument, word, reason.clone());
            }
            add(&mut subjects, Kind::KernelArgument, argument, reason);
        }
    }
    for command in command::commands(plan) {
        let reason = Reason {
            element: Some(Contents::ELEMENT.to_owned()),
            phase: Some(command.phase),
            step: None,
            wants: "it run".to_owned(),
            reason: None,
            place: None,
        };
        add(&mut subjects, Kind::Command, &command.name, reason);
    }
    for element in &plan.elements {
        let asks = |element: Option<String>, wants: &str| Reason {
            element,
            phase: None,
            step: None,
            wants: wants.to_owned(),
            reason: None,
            place: None,
        };
        let named = element.listed.then(|| asks(None, "it by its name"));
        let required =
            element.required_by.iter().map(|by| asks(Some(by.clone()), "it, for it requires it"));
        subjects
            .entry((Kind::Element, element.name.clone()))
            .or_default()
            .extend(named.into_iter().chain(required));
    }
    for ((kind, name), reasons) in &mut subjects {
        let place = plan.places.get(&subject(*kind, name));
        for reason in reasons.iter_mut().filter(|r| r.element.as_deref() == Some(Contents::ELEMENT))
        {
            reason.place = place.cloned();
        }
        reasons.sort_by_key(|r| r.phase);
    }
    subjects
}

fn add(subjects: &mut Subjects, kind: Kind, name: &str, reason: Reason) {
    let there = subjects.entry((kind, name.to_owned())).or_default();
    if !there.contains(&reason) {
        there.push(reason);
    }
}

/// What a wish is about, and what it wants of it.
fn named(wish: &Wish) -> Vec<(Kind, String, String)> {
    match wish {
        Wish::Bootstrap(Bootstrap::Distribution(first)) => first
            .packages
            .iter()
            .map(|name| (Kind::Package, name.clone(), "it in the first tree".to_owned()))
            .collect(),
        Wish::Bootstrap(_) | Wish::UpgradeAll => Vec::new(),
        Wish::Package(package) => {
            let version = package.version.as_ref().map(|v| format!(", version {v}"));
            let wants = format!("{}{}", wanted(package.want), version.unwrap_or_default());
            vec![(Kind::Package, package.name.clone(), wants)]
        }
        Wish::Debconf(answer) => {
            let wants = format!("`{}` answered with {:?}", answer.question, answer.value);
            vec![(Kind::Package, answer.package.clone(), wants)]
        }
        Wish::Repository(repository) => {
            let wants = format!("it at {}", place(repository));
            vec![(Kind::Repository, repository.name().to_owned(), wants)]
        }
        // As grants name them.
        Wish::Module(module) => {
            let name = format!("@{}:{}", module.name, module.stream);
            vec![(Kind::Package, name, "the module enabled".to_owned())]
        }
        Wish::PackageGroup(group) => {
            vec![(Kind::Package, format!("@{}", group.id), "the group installed".to_owned())]
        }
        Wish::Service { unit, state: s } => {
            vec![(Kind::Unit, unit.clone(), format!("it {}", state(*s)))]
        }
        Wish::ServiceDefinition { unit, content } => {
            let lines = content.lines().count();
            vec![(Kind::Unit, unit.clone(), format!("it with a text of {lines} lines"))]
        }
        Wish::DropIn { unit, name, content } => {
            let lines = content.lines().count();
            vec![(
                Kind::Unit,
                unit.clone(),
                format!("it with the drop-in `{name}` of {lines} lines"),
            )]
        }
        Wish::Preset { number, unit, action } => {
            let wants = format!("the preset {number:02} to {} it", action.name());
            vec![(Kind::Unit, unit.clone(), wants)]
        }
        Wish::File(file) => {
            vec![(Kind::File, file.path.clone(), format!("the {}", file.node.at(&file.path)))]
        }
        Wish::User(user) => {
            vec![(Kind::User, user.name.clone(), format!("the account {}", account(user)))]
        }
        Wish::Password { user, parameter } => {
            let wants = format!("the password that its parameter `{parameter}` names");
            vec![(Kind::User, user.clone(), wants)]
        }
        Wish::Group { name, gid } => {
            let gid =
                gid.map_or_else(|| "it".to_owned(), |gid| format!("it with the number {gid}"));
            vec![(Kind::Group, name.clone(), gid)]
        }
        Wish::Nodes(nodes) => nodes.iter().map(|n| (Kind::Node, n.name.clone(), node(n))).collect(),
        Wish::ReplaceNode(one) => {
            vec![(Kind::Node, one.name.clone(), format!("instead, {}", node(one)))]
        }
    }
}

/// Why an element wishes: in the words of the wish, else in those of the request that covers it.
fn reason(plan: &Plan, record: &WishRecord) -> Option<String> {
    match &record.wish {
        Wish::Package(PackageWish { reason, .. })
        | Wish::Module(ModuleStream { reason, .. })
        | Wish::PackageGroup(PackageGroup { reason, .. }) => {
            return Some(reason.clone()).filter(|r| !r.is_empty());
        }
        _ => {}
    }
    let held = &plan.element(&record.element)?.grants;
    let covers = |scope: &Right| {
        let one: Grants = [scope.clone()].into_iter().collect();
        permits(&one, &record.wish).is_ok()
    };
    held.iter().find(|g| covers(&g.right)).map(|g| g.reason.clone()).filter(|r| !r.is_empty())
}

fn given(fact: &Fact) -> Reason {
    let key = if fact.key.is_empty() { String::new() } else { format!("{}: ", fact.key) };
    // A value tells its reason itself, where it has one.
    Reason {
        element: Some(fact.provider.clone()),
        phase: Some(fact.phase),
        step: fact.step.clone(),
        wants: format!("{key}{}", short(&fact.value)),
        reason: None,
        place: None,
    }
}

/// How an element came into the image: `the definition names it`.
fn presence(plan: &Plan, name: &str) -> String {
    if name == Contents::ELEMENT {
        return "keys of the definition itself need it".to_owned();
    }
    let mut told = String::new();
    let mut at = name;
    // Elements may require one another in a circle.
    for _ in 0..plan.elements.len() {
        let Some(element) = plan.element(at) else { break };
        let which = if told.is_empty() { "it" } else { "which" };
        if element.listed {
            let names = if told.is_empty() {
                "the definition names it"
            } else {
                "which the definition names"
            };
            told.push_str(names);
            return told;
        }
        let Some(by) = element.required_by.first() else { break };
        let _ = match which {
            "it" => write!(told, "`{by}` requires it, "),
            _ => write!(told, "which `{by}` requires, "),
        };
        at = by;
    }
    told.trim_end_matches(", ").to_owned()
}

/// What becomes of a subject.
fn outcome(plan: &Plan, kind: Kind, name: &str) -> Vec<String> {
    let readers = |slot: &str| {
        let readers: Vec<String> = plan
            .steps
            .iter()
            .filter(|s| s.reads.iter().any(|r| r == slot))
            .map(|s| format!("`{}` (`{}`)", s.label(), s.phase))
            .collect();
        if readers.is_empty() { "nobody".to_owned() } else { readers.join(", ") }
    };
    match kind {
        Kind::Command => command::commands(plan)
            .iter()
            .filter(|command| command.name == name)
            .map(|command| {
                format!("runs in `{}`, after the steps of other elements", command.phase)
            })
            .collect(),
        Kind::Element => plan
            .element(name)
            .map(|e| format!("{}, found at {}", e.version, e.origin))
            .into_iter()
            .collect(),
        Kind::Fact => plan
            .slots
            .iter()
            .filter(|s| s.name == name)
            .map(|s| format!("{}, {}: read by {}", s.arity.name(), s.timing.name(), readers(name)))
            .collect(),
        Kind::KernelArgument => {
            vec![format!("a fact of `{KERNEL_ARGUMENT}`, read by {}", readers(KERNEL_ARGUMENT))]
        }
        Kind::Package => packages(plan, name),
        Kind::Repository => plan
            .transactions
            .iter()
            .flat_map(|t| t.repositories.iter().map(move |r| (t, r)))
            .filter(|(_, r)| r.repository.name() == name)
            .map(|(t, _)| {
                format!("added before the packages of the transaction for `{}`", t.before)
            })
            .collect(),
        Kind::Unit => {
            let texts = plan.unit_definitions.iter().filter(|u| u.unit == name);
            let drop_ins = plan.unit_drop_ins.iter().filter(|d| d.unit == name);
            let presets = plan.unit_presets.iter().filter_map(|preset| {
                let line = preset.lines.iter().find(|line| line.unit == name)?;
                let (action, number, phase) = (line.action.name(), preset.number, preset.phase);
                Some(format!("preset {number:02} to {action} it before the steps of `{phase}`"))
            });
            let states = plan.unit_states.iter().filter(|u| u.unit == name);
            texts
                .map(|u| format!("written before the steps of `{}`", u.phase))
                .chain(
                    drop_ins.map(|d| {
                        format!("added to by `{}` before the steps of `{}`", d.name, d.phase)
                    }),
                )
                .chain(presets)
                .chain(
                    states.map(|u| format!("{} before the steps of `{}`", state(u.state), u.phase)),
                )
                .collect()
        }
        Kind::File => plan
            .files
            .iter()
            .filter(|f| f.path == name)
            .map(|f| format!("placed before the steps of `{}`: {}", f.phase, f.node.at(&f.path)))
            .collect(),
        Kind::User => plan
            .users
            .iter()
            .filter(|u| u.user.name == name)
            .map(|u| format!("made before the steps of `{}`: {}", u.phase, account(&u.user)))
            .collect(),
        Kind::Group => plan
            .groups
            .iter()
            .filter(|g| g.name == name)
            .map(|g| format!("made before the steps of `{}`", g.phase))
            .collect(),
        Kind::Node => plan.block_device.nodes.iter().filter(|n| n.name == name).map(node).collect(),
    }
}

fn packages(plan: &Plan, name: &str) -> Vec<String> {
    let mut told = Vec::new();
    for transaction in &plan.transactions {
        let has = |list: &[PackageWant]| list.iter().any(|p| p.name == name);
        let before = transaction.before;
        if let Some(bootstrap) = &transaction.bootstrap
            && let Bootstrap::Distribution(first) = &bootstrap.source
            && first.packages.iter().any(|p| p == name)
        {
            told.push(format!("in the first tree: {}", source(&bootstrap.source)));
        }
        for (list, what) in [
            (&transaction.install, "installed"),
            (&transaction.build_only, "installed for the build, and removed at its end,"),
            (&transaction.remove, "removed"),
            (&transaction.hold, "held at its version"),
        ] {
            if has(list) {
                told.push(format!("{what} before the steps of `{before}`"));
            }
        }
        for answer in transaction.answers.iter().filter(|a| a.package == name) {
            told.push(format!("`{}` answered before the steps of `{before}`", answer.question));
        }
        let mut module = transaction.modules.iter();
        if module.any(|m| name == format!("@{}:{}", m.name, m.stream)) {
            told.push(format!("enabled before the steps of `{before}`"));
        }
        if transaction.groups.iter().any(|g| name.strip_prefix('@') == Some(g.id.as_str())) {
            told.push(format!("installed before the steps of `{before}`"));
        }
    }
    told
}

fn without_kind(subject: &str, subjects: &Subjects) -> NoSuchSubject {
    let same: Vec<String> = subjects
        .keys()
        .filter(|(_, name)| name == subject)
        .map(|(kind, name)| format!("`{}:{name}`", kind.name()))
        .collect();
    let kinds = Kind::ALL.map(|(kind, _)| kind.name());
    let word = subject.split(':').next().unwrap_or_default();
    NoSuchSubject {
        message: format!("`{}` does not say what kind of thing it is", one_line(subject)),
        help: if !same.is_empty() {
            format!("did you mean {}?", same.join(" or "))
        } else if let (true, Some(kind)) = (subject.contains(':'), closest(word, kinds)) {
            format!("did you mean `{kind}:{}`?", one_line(&subject[word.len() + 1..]))
        } else {
            format!(
                "write the kind before it, as in `package:openssh-server`; kinds are {}",
                quoted_list(kinds)
            )
        },
    }
}

fn unknown((kind, name): &(Kind, String), subjects: &Subjects, plan: &Plan) -> NoSuchSubject {
    let of_kind = || subjects.keys().filter(|(k, _)| k == kind).map(|(_, n)| n.as_str());
    let elsewhere = subjects.keys().find(|(k, n)| k != kind && n == name);
    let help = match (closest(name, of_kind()), elsewhere, of_kind().count()) {
        (Some(near), _, _) => format!("did you mean `{}:{near}`?", kind.name()),
        (None, Some((other, _)), _) => format!("did you mean `{}:{name}`?", other.name()),
        (None, None, 0) => format!("the plan has no {}", kind.name()),
        (None, None, 1..=20) => format!("those of the plan are {}", quoted_list(of_kind())),
        (None, None, n) => format!("the plan has {n} of them: see `dibhost plan`"),
    };
    if *kind == Kind::Package && elsewhere.is_none() && !plan.transactions.is_empty() {
        return nobody_wants(name, closest(name, of_kind()), plan);
    }
    NoSuchSubject {
        message: format!("nothing in the plan is called `{}:{}`", kind.name(), one_line(name)),
        help,
    }
}

/// A package that may come all the same, because another one depends on it.
fn nobody_wants(name: &str, near: Option<&str>, plan: &Plan) -> NoSuchSubject {
    let name = one_line(name);
    let near =
        near.map(|near| format!("did you mean `package:{near}`? Else: ")).unwrap_or_default();
    NoSuchSubject {
        message: format!(
            "no element wishes for the package `{name}`; what packages depend on is known when they \
             are resolved, while building"
        ),
        help: format!(
            "{near}a build lists all that is installed in `{}.manifest.json`; in the image, `{}` says \
             what needs it",
            plan.image.name,
            needs(&name, plan)
        ),
    }
}

/// How a package manager of the image is asked who needs a package.
fn needs(name: &str, plan: &Plan) -> String {
    let system = plan.facts_of("dib:os/distribution@1").next();
    match system.and_then(|fact| fact.value["package-manager"].as_str()) {
        Some("dnf") => format!("dnf repoquery --installed --whatrequires {name}"),
        Some("zypper") => format!("zypper search --installed-only --requires {name}"),
        _ => format!("apt-cache rdepends --installed {name}"),
    }
}

impl Why {
    /// The answer for people. Ends in a newline.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let mut line = |indent: usize, text: String| {
            let _ = writeln!(out, "{}{}", "  ".repeat(indent), one_line(&text).trim_end());
        };
        line(0, format!("{}:{}", self.kind.name(), self.name));
        for outcome in &self.outcome {
            line(1, outcome.clone());
        }
        let verb =
            if matches!(self.kind, Kind::Fact | Kind::KernelArgument) { "gives" } else { "wants" };
        for reason in &self.wanted_by {
            let who = reason.element.as_ref().map_or_else(
                || "the definition".to_owned(),
                |element| match reason.phase {
                    _ if reason.place.is_some() => {
                        format!("the definition ({})", reason.place.as_deref().unwrap_or_default())
                    }
                    Some(phase) => {
                        format!("`{}` (`{phase}`)", label(element, reason.step.as_deref()))
                    }
                    None => format!("`{element}`"),
                },
            );
            // Who reads the line knows why it is there.
            let why = reason.reason.as_ref().filter(|_| reason.place.is_none());
            let why = why.map(|r| format!(": {r}")).unwrap_or_default();
            line(1, format!("{who} {verb} {}{why}", reason.wants));
        }
        for (element, how) in &self.elements {
            line(1, format!("`{element}` is in the image: {how}"));
        }
        out
    }
}
