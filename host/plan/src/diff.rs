//! In what two plans differ, by the names of things: not line by line, so that a step more does
//! not look like twenty changes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::action::{Action, first_difference};
use crate::digest::canonical;
use crate::label::label;
use crate::parameters::one_line;
use crate::phrases::short;
use crate::plan::Plan;
use crate::wish::Wish;

/// The parts of a plan that are compared, as they are told.
const SECTIONS: [&str; 17] = [
    "image",
    "outputs",
    "elements",
    "parameters",
    "grants",
    "pins",
    "inputs",
    "steps",
    "slots",
    "facts",
    "wishes",
    "transactions",
    "accounts and units",
    "files",
    "nodes",
    "disks",
    "findings",
];

/// What became of a thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum Change {
    /// Only the second plan has it.
    Added {
        /// What it is there.
        after: Value,
    },
    /// Only the first plan has it.
    Removed {
        /// What it was there.
        before: Value,
    },
    /// Both have it, in different forms.
    Changed {
        /// What differs, by its place in the thing: before and after, none where it is not.
        fields: BTreeMap<String, (Option<Value>, Option<Value>)>,
    },
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Item {
    /// The part of the plan: `elements`, `wishes`, `nodes`, …
    pub section: &'static str,
    /// Its name in that part.
    pub name: String,
    /// What became of it.
    #[serde(flatten)]
    pub change: Change,
}

/// An action that the other plan has not, or has under another key: what was kept of it is of no
/// use there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ChangedAction {
    /// The name that both plans have it by, or the second.
    pub name: String,
    /// The first input that differs, kind and name; none: the action is new, or only what is
    /// before it differs.
    pub first: Option<(String, String)>,
    /// The first plan has it too.
    pub known: bool,
}

/// In what a plan differs from another one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// Whether there is none.
    pub equal: bool,
    /// What differs, in the order of the plan's parts and by name.
    pub items: Vec<Item>,
    /// Actions of the second plan that have to be done anew, as they are done.
    pub actions: Vec<ChangedAction>,
}

/// The things of a plan: part and name → what it is.
type Things = BTreeMap<(usize, String), Value>;

impl Difference {
    /// Compares what two plans hold. Where elements were found does not count, and neither do
    /// UUIDs that derive from what else differs.
    #[must_use]
    pub fn between(before: &Plan, after: &Plan) -> Self {
        let (mut old, new) = (things(before), things(after));
        let mut items = Vec::new();
        let mut tell = |(section, name): (usize, String), change| {
            items.push(Item { section: SECTIONS[section], name, change });
        };
        for (key, after) in new {
            match old.remove(&key) {
                None => tell(key, Change::Added { after }),
                Some(before) if canonical(&before) != canonical(&after) => {
                    let mut fields = BTreeMap::new();
                    compare("", Some(&before), Some(&after), &mut fields);
                    tell(key, Change::Changed { fields });
                }
                Some(_) => {}
            }
        }
        for (key, before) in old {
            tell(key, Change::Removed { before });
        }
        let place = |s: &str| SECTIONS.iter().position(|t| *t == s);
        items.sort_by(|a, b| (place(a.section), &a.name).cmp(&(place(b.section), &b.name)));
        let actions = changed_actions(&before.actions, &after.actions);
        Self { equal: items.is_empty() && actions.is_empty(), items, actions }
    }

    /// The difference for people: `+` added, `-` removed, `~` changed. Ends in a newline.
    #[must_use]
    pub fn to_text(&self) -> String {
        if self.equal {
            return "the plans are equal\n".to_owned();
        }
        let mut out = String::new();
        let mut section = "";
        let said = |value: &Option<Value>| {
            value.as_ref().map_or_else(|| "nothing".to_owned(), |v| one_line(&short(v)))
        };
        for item in &self.items {
            if item.section != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                let _ = writeln!(out, "{gap}{}", item.section);
                section = item.section;
            }
            let name = one_line(&item.name);
            let whole = |value: &Value| match value {
                Value::Null => String::new(),
                value => format!(": {}", said(&Some(value.clone()))),
            };
            let _ = match &item.change {
                Change::Added { after } => writeln!(out, "  + {name}{}", whole(after)),
                Change::Removed { before } => writeln!(out, "  - {name}{}", whole(before)),
                Change::Changed { .. } => writeln!(out, "  ~ {name}"),
            };
            if let Change::Changed { fields } = &item.change {
                for (field, (before, after)) in fields {
                    let field = if field.is_empty() {
                        String::new()
                    } else {
                        format!("{}: ", one_line(field))
                    };
                    let _ = writeln!(out, "      {field}{} → {}", said(before), said(after));
                }
            }
        }
        out + &self.actions_to_text()
    }

    /// Most actions behind one that changed have to be done anew for no reason of their own: they
    /// are counted.
    fn actions_to_text(&self) -> String {
        let mut out = String::new();
        if self.actions.is_empty() {
            return out;
        }
        out.push_str("\nactions\n");
        let mut behind = 0;
        for action in &self.actions {
            let name = one_line(&action.name);
            match (&action.first, action.known) {
                (Some((kind, input)), _) => {
                    let what = one_line(format!("{kind} {input}").trim_end());
                    let _ = writeln!(out, "  ~ {name}: its {what}");
                }
                (None, false) => {
                    let _ = writeln!(out, "  + {name}");
                }
                (None, true) => behind += 1,
            }
        }
        if behind > 0 {
            let _ = writeln!(out, "  and {behind} that come of what is before them");
        }
        out
    }
}

/// The actions of the second plan that the first has not under that key.
fn changed_actions(before: &[Action], after: &[Action]) -> Vec<ChangedAction> {
    let changed = after.iter().filter_map(|action| {
        let there = before.iter().find(|a| a.name == action.name);
        if there.is_some_and(|a| a.key == action.key) {
            return None;
        }
        let first = there.and_then(|there| first_difference(there, action));
        let first = first.map(|input| (input.kind.name(), input.name.clone()));
        Some(ChangedAction { name: action.name.clone(), first, known: there.is_some() })
    });
    changed.collect()
}

/// Places in which two values differ.
fn compare(
    at: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    fields: &mut BTreeMap<String, (Option<Value>, Option<Value>)>,
) {
    if let (Some(Value::Object(old)), Some(Value::Object(new))) = (before, after) {
        let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            compare(&at, old.get(key), new.get(key), fields);
        }
    } else if before.map(canonical) != after.map(canonical) {
        fields.insert(at.to_owned(), (before.cloned(), after.cloned()));
    }
}

struct Collector {
    things: Things,
    section: usize,
}

impl Collector {
    fn section(&mut self, name: &str) {
        self.section = SECTIONS.iter().position(|s| *s == name).unwrap_or_default();
    }

    /// Adds a thing. Two of one name (two versions of a wish) are both told.
    fn add(&mut self, name: impl Into<String>, value: Value) {
        let name = name.into();
        let mut unique = name.clone();
        let mut n = 1;
        while self.things.contains_key(&(self.section, unique.clone())) {
            n += 1;
            unique = format!("{name} (no. {n})");
        }
        self.things.insert((self.section, unique), value);
    }
}

fn things(plan: &Plan) -> Things {
    let mut all = Collector { things: Things::new(), section: 0 };
    let image = &plan.image;
    all.add("name", json!(image.name));
    all.add("arch", json!(image.arch));
    all.add("source date epoch", json!(image.source_date_epoch));
    all.section("outputs");
    for format in &image.formats {
        let qcow2 = *format == dibhost_definition::Format::Qcow2;
        let compression = qcow2.then(|| image.qcow2_compression.name());
        all.add(format.name(), json!(compression));
    }
    for element in &plan.elements {
        all.section("elements");
        all.add(
            &element.name,
            json!({
                "version": element.version,
                "digest": element.digest,
                "first-party": element.first_party,
                "listed": element.listed,
                "required-by": element.required_by,
            }),
        );
        all.section("parameters");
        for (name, value) in &element.parameters {
            all.add(format!("{}.{name}", element.name), value.clone());
        }
        all.section("grants");
        for grant in &element.grants {
            all.add(format!("{}: {}", element.name, grant.right), Value::Null);
        }
        all.section("pins");
        for (asked, is) in &element.pins {
            all.add(format!("{}: {asked}", element.name), json!(is));
        }
    }
    all.section("inputs");
    for input in &plan.inputs {
        all.add(&input.name, json!({"digest": input.digest, "given-to": input.given_to}));
    }
    all.section("steps");
    for step in &plan.steps {
        all.add(
            format!("{} {}", step.phase, step.label()),
            json!({
                "reads": step.reads,
                "needs": step.needs,
                "writes": step.writes,
                "after": step.after,
                "plan-only": step.plan_only,
            }),
        );
    }
    all.section("slots");
    for slot in &plan.slots {
        let schema = slot.schema.as_ref().map(canonical);
        let about = json!({
            "arity": slot.arity,
            "timing": slot.timing,
            "schema": schema,
        });
        all.add(&slot.name, about);
    }
    all.section("facts");
    for fact in &plan.facts {
        let name = format!(
            "{} {} {} {}",
            fact.slot,
            label(&fact.provider, fact.step.as_deref()),
            fact.phase,
            fact.key
        );
        all.add(name.trim_end(), derived_aside(&fact.value, plan));
    }
    all.section("wishes");
    for record in &plan.wishes {
        for (what, value) in wished(&record.wish) {
            let who = label(&record.element, record.step.as_deref());
            all.add(format!("{who} {} {what}", record.phase), value);
        }
    }
    merged(plan, &mut all);
    files(plan, &mut all);
    all.section("nodes");
    let disk = &plan.block_device;
    for node in &disk.nodes {
        all.add(&node.name, json!({"on": node.on, "is": node.kind}));
    }
    all.section("disks");
    all.add("how they are made", json!({"backend": disk.backend, "optimise": disk.optimise}));
    all.section("findings");
    for finding in &plan.findings {
        all.add(&finding.message, Value::Null);
    }
    all.things
}

/// What wishes came to, once merged.
fn merged(plan: &Plan, all: &mut Collector) {
    all.section("transactions");
    for transaction in &plan.transactions {
        let names = |list: &[crate::PackageWant]| -> Value {
            let versions = list
                .iter()
                .map(|p| (p.name.clone(), json!(p.version.as_deref().unwrap_or("the newest"))));
            versions.collect::<Map<_, _>>().into()
        };
        let modules = transaction.modules.iter().map(|m| (m.name.clone(), json!(m.stream)));
        let groups = transaction.groups.iter().map(|g| g.id.as_str());
        all.add(
            format!("before {}", transaction.before),
            json!({
                "phases": transaction.phases,
                "bootstrap": transaction.bootstrap,
                "install": names(&transaction.install),
                "build-only": names(&transaction.build_only),
                "modules": modules.collect::<Map<_, _>>(),
                "groups": groups.collect::<Vec<_>>(),
                "remove": names(&transaction.remove),
                "hold": names(&transaction.hold),
                "upgrade-all": transaction.upgrade_all,
            }),
        );
    }
    all.section("accounts and units");
    for group in &plan.groups {
        all.add(format!("{} group {}", group.phase, group.name), json!({"gid": group.gid}));
    }
    for user in &plan.users {
        all.add(format!("{} user {}", user.phase, user.user.name), json!(user.user));
    }
    for password in &plan.passwords {
        let what = format!("{} password of {}", password.phase, password.user);
        all.add(what, json!(password.secret));
    }
    for unit in &plan.unit_definitions {
        all.add(format!("{} text of {}", unit.phase, unit.unit), json!(unit.content));
    }
    for drop_in in &plan.unit_drop_ins {
        let name = format!("{} drop-in {} of {}", drop_in.phase, drop_in.name, drop_in.unit);
        all.add(name, json!(drop_in.content));
    }
    for preset in &plan.unit_presets {
        let lines: Vec<_> =
            preset.lines.iter().map(|l| format!("{} {}", l.action.name(), l.unit)).collect();
        all.add(format!("{} preset {:02}", preset.phase, preset.number), json!(lines));
    }
    for unit in &plan.unit_states {
        all.add(format!("{} {}", unit.phase, unit.unit), json!(unit.state));
    }
}

/// What is at each path, as the plan shows it.
fn files(plan: &Plan, all: &mut Collector) {
    all.section("files");
    for file in &plan.files {
        all.add(format!("{} {}", file.phase, file.path), json!(file.node));
    }
}

/// Wishes by what they are about.
fn wished(wish: &Wish) -> Vec<(String, Value)> {
    let one = |what: String, value: Value| vec![(what, value)];
    match wish {
        Wish::Bootstrap(how) => one("first tree".to_owned(), json!(how)),
        Wish::Package(p) => one(format!("package {}", p.name), json!(p)),
        Wish::Debconf(a) => {
            one(format!("answer to {} of {}", a.question, a.package), json!([a.kind, a.value]))
        }
        Wish::Repository(r) => one(format!("repository {}", r.name()), json!(r)),
        Wish::Module(m) => one(format!("module {}", m.name), json!(m.stream)),
        Wish::PackageGroup(g) => one(format!("group of packages {}", g.id), Value::Null),
        Wish::UpgradeAll => one("upgrade of everything".to_owned(), Value::Null),
        Wish::Service { unit, state } => one(format!("unit {unit}"), json!(state)),
        Wish::ServiceDefinition { unit, content } => one(format!("text of {unit}"), json!(content)),
        Wish::DropIn { unit, name, content } => {
            one(format!("drop-in {name} of {unit}"), json!(content))
        }
        Wish::Preset { number, unit, action } => {
            one(format!("preset {number:02} of {unit}"), json!(action))
        }
        Wish::File(file) => one(format!("path {}", file.path), json!(file.node)),
        Wish::User(user) => one(format!("user {}", user.name), json!(user)),
        Wish::Password { user, parameter } => {
            one(format!("password of {user}"), json!({"parameter": parameter}))
        }
        Wish::Group { name, gid } => one(format!("group {name}"), json!({"gid": gid})),
        Wish::Nodes(nodes) => {
            nodes.iter().map(|n| (format!("node {}", n.name), json!(n))).collect()
        }
        Wish::ReplaceNode(node) => one(format!("node {} instead", node.name), json!(node)),
    }
}

/// A value without the UUIDs that derive from the plan: every other difference would repeat in them.
fn derived_aside(value: &Value, plan: &Plan) -> Value {
    fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::String(text) => found.push(text),
            Value::Array(items) => items.iter().for_each(|v| texts(v, found)),
            Value::Object(map) => map.values().for_each(|v| texts(v, found)),
            _ => {}
        }
    }
    fn without(value: &Value, derived: &[&str]) -> Value {
        match value {
            Value::String(text) if derived.contains(&text.as_str()) => json!("derived"),
            Value::Array(items) => items.iter().map(|v| without(v, derived)).collect(),
            Value::Object(map) => map
                .iter()
                .map(|(k, v)| (k.clone(), without(v, derived)))
                .collect::<Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }
    let mut derived = Vec::new();
    texts(&plan.block_device.identities, &mut derived);
    without(value, &derived)
}
