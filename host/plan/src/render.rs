//! The plan for people: every step, fact edge, wish and grant; stable, so that two plans can be
//! compared line by line.

use std::fmt::{self, Write};

use dibhost_block_device::{Backend, Node, NodeKind, Size, TableKind};
use dibhost_text::format_size;
use serde_json::Value;

use crate::Phase;
use crate::condition::in_words;
use crate::digest::canonical;
use crate::label::label;
use crate::plan::{Plan, PlannedBlockDevice, PlannedElement, Step};
use crate::transaction::{PackageWant, Transaction, WantedBy};
use crate::wish::{Bootstrap, PackageWish, Repository, Sudo, UnitState, User, Want, Wish};

/// Columns after which a fact's value is cut: facts are small, schemas of others need not be.
const VALUE_WIDTH: usize = 160;

impl Plan {
    /// The plan as text. Ends in a newline; lines have no trailing blanks.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = Text::default();
        text.image(self);
        text.elements(self);
        text.secrets(self);
        text.inputs(self);
        text.phases(self);
        text.facts(self);
        text.block_device(self);
        text.actions(self);
        text.findings(self);
        text.out
    }
}

#[derive(Default)]
struct Text {
    out: String,
}

impl Text {
    fn line(&mut self, indent: usize, text: impl fmt::Display) {
        let text = text.to_string();
        // Elements' texts were checked to have no control characters; this keeps one line one
        // line whatever comes.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let _ = writeln!(self.out, "{}{}", "  ".repeat(indent), text.trim_end());
    }

    fn heading(&mut self, text: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.line(0, text);
    }

    /// Rows with their columns aligned.
    fn table(&mut self, indent: usize, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |i: usize| {
            rows.iter()
                .filter_map(|r| r.get(i))
                .map(|c| c.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in rows {
            let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            self.line(indent, padded.collect::<Vec<_>>().join("  "));
        }
    }

    fn image(&mut self, plan: &Plan) {
        let image = &plan.image;
        self.heading(&format!("image {} ({})", image.name, image.arch));
        let formats: Vec<String> = image
            .formats
            .iter()
            .map(|f| match f {
                dibhost_definition::Format::Qcow2 => {
                    format!("qcow2 ({})", image.qcow2_compression.name())
                }
                dibhost_definition::Format::Raw => "raw".to_owned(),
            })
            .collect();
        let rows = [
            ("formats", formats.join(", ")),
            ("source date epoch", image.source_date_epoch.to_string()),
            ("plan", plan.digest.clone()),
        ];
        self.table(1, &rows.map(|(what, value)| vec![what.to_owned(), value]));
    }

    fn elements(&mut self, plan: &Plan) {
        self.heading("elements");
        for element in &plan.elements {
            self.element(element);
        }
    }

    fn element(&mut self, element: &PlannedElement) {
        let mut about = vec![element.version.clone()];
        if element.first_party {
            about.push("shipped".to_owned());
        }
        if !element.required_by.is_empty() {
            about.push(format!("required by {}", element.required_by.join(", ")));
        }
        self.line(1, format!("{} ({}): {}", element.name, about.join("; "), element.summary));
        self.line(2, format!("from {} {}", element.origin, element.digest));
        let parameters = element
            .parameters
            .iter()
            .map(|(name, value)| vec![format!("parameter {name}"), short(value)]);
        self.table(2, &parameters.collect::<Vec<_>>());
        let grants = element.grants.iter().map(|g| {
            let mut why = g.reason.clone();
            if !g.when.is_empty() {
                why.push_str(&format!(" (as {})", in_words(&g.when)));
            }
            vec![format!("grant {}", g.right), why]
        });
        self.table(2, &grants.collect::<Vec<_>>());
        let pins = element.pins.iter().map(|(asked, is)| vec![format!("pin {asked}"), is.clone()]);
        self.table(2, &pins.collect::<Vec<_>>());
        let limits = element
            .limits
            .changed()
            .map(|(limit, value)| vec![format!("limit {limit}"), limit.shown(value)]);
        self.table(2, &limits.collect::<Vec<_>>());
    }

    /// Twelve digits tell keys apart; the JSON form has them whole, and what each comes of.
    fn actions(&mut self, plan: &Plan) {
        self.heading("actions");
        for action in &plan.actions {
            self.line(1, format!("{}  {}", action.key.get(..12).unwrap_or_default(), action.name));
        }
    }

    fn secrets(&mut self, plan: &Plan) {
        if plan.secrets.is_empty() {
            return;
        }
        self.heading("secrets");
        let rows = plan.secrets.iter().map(|secret| {
            let to = format!("given to {}", secret.given_to.join(", "));
            vec![secret.name.clone(), secret.source.clone(), to]
        });
        self.table(1, &rows.collect::<Vec<_>>());
    }

    fn inputs(&mut self, plan: &Plan) {
        if plan.inputs.is_empty() {
            return;
        }
        self.heading("inputs");
        let rows = plan.inputs.iter().map(|input| {
            let many = input.nodes.map_or_else(|| "file".to_owned(), |n| format!("folder of {n}"));
            let about = format!("{many}, {}", format_size(input.size));
            let to = match input.given_to.is_empty() {
                true => "given to nobody".to_owned(),
                false => format!("given to {}", input.given_to.join(", ")),
            };
            vec![input.name.clone(), input.path.clone(), about, input.digest.clone(), to]
        });
        self.table(1, &rows.collect::<Vec<_>>());
    }

    fn phases(&mut self, plan: &Plan) {
        self.heading("phases");
        for phase in Phase::ALL {
            let transaction = plan.transaction_before(phase);
            let has_wishes = plan.wishes.iter().any(|w| w.phase == phase);
            let has_steps = plan.steps_of(phase).next().is_some();
            let has_triggers = plan.triggers_before(phase).next().is_some();
            if !has_steps && !has_wishes && transaction.is_none() && !has_triggers {
                continue;
            }
            self.line(1, phase);
            if let Some(transaction) = transaction {
                self.transaction(transaction);
            }
            self.accounts_files_and_units(plan, phase);
            for trigger in plan.triggers_before(phase) {
                self.line(2, format!("run once: {}", trigger.program));
            }
            for step in plan.steps_of(phase) {
                self.step(plan, step);
            }
        }
    }

    fn transaction(&mut self, transaction: &Transaction) {
        let phases: Vec<&str> = transaction.phases.iter().map(|p| p.name()).collect();
        self.line(2, format!("transaction for {}", phases.join(", ")));
        if let Some(bootstrap) = &transaction.bootstrap {
            self.line(
                3,
                format!("first tree: {}, by {}", source(&bootstrap.source), bootstrap.element),
            );
        }
        for repository in &transaction.repositories {
            let by = repository.wanted_by.join(", ");
            let shown = place(&repository.repository);
            self.line(3, format!("repository {}: {shown}, by {by}", repository.repository.name()));
        }
        let modules = transaction.modules.iter().flat_map(|module| {
            rows(format!("enable the module {}:{}", module.name, module.stream), &module.wanted_by)
        });
        self.table(3, &modules.collect::<Vec<_>>());
        if transaction.upgrade_all {
            self.line(3, "upgrade everything");
        }
        let kinds = [
            ("install", &transaction.install),
            ("install for the build", &transaction.build_only),
            ("remove", &transaction.remove),
            ("hold", &transaction.hold),
        ];
        for (kind, packages) in kinds {
            let rows: Vec<Vec<String>> =
                packages.iter().flat_map(|p| package_rows(kind, p)).collect();
            self.table(3, &rows);
        }
        let groups = transaction
            .groups
            .iter()
            .flat_map(|group| rows(format!("install the group {}", group.id), &group.wanted_by));
        self.table(3, &groups.collect::<Vec<_>>());
        for answer in &transaction.answers {
            let by = answer.wanted_by.join(", ");
            self.line(
                3,
                format!(
                    "answer {} {} {} {:?}, by {by}",
                    answer.package, answer.question, answer.kind, answer.value
                ),
            );
        }
    }

    fn accounts_files_and_units(&mut self, plan: &Plan, phase: Phase) {
        for group in plan.groups_of(phase) {
            let gid = group.gid.map(|n| format!(" ({n})")).unwrap_or_default();
            self.line(2, format!("group {}{gid}, by {}", group.name, group.wanted_by.join(", ")));
        }
        for user in plan.users_of(phase) {
            self.line(2, format!("user {}, by {}", account(&user.user), user.wanted_by.join(", ")));
        }
        for password in plan.passwords_of(phase) {
            self.line(
                2,
                format!(
                    "password of {} from the secret {}, by {}",
                    password.user,
                    password.secret,
                    password.wanted_by.join(", ")
                ),
            );
        }
        for file in plan.files_of(phase) {
            let by = file.wanted_by.join(", ");
            self.line(2, format!("{}, by {by}", file.node.at(&file.path)));
        }
        for unit in plan.unit_definitions_of(phase) {
            let lines = unit.content.lines().count();
            self.line(
                2,
                format!("unit {} of {lines} lines, by {}", unit.unit, unit.wanted_by.join(", ")),
            );
        }
        for drop_in in plan.unit_drop_ins_of(phase) {
            let (lines, by) = (drop_in.content.lines().count(), drop_in.wanted_by.join(", "));
            self.line(
                2,
                format!(
                    "unit {} with the drop-in {} of {lines} lines, by {by}",
                    drop_in.unit, drop_in.name
                ),
            );
        }
        for preset in plan.unit_presets_of(phase) {
            for line in &preset.lines {
                let (action, by) = (line.action.name(), line.wanted_by.join(", "));
                self.line(
                    2,
                    format!("preset {:02}: {action} {}, by {by}", preset.number, line.unit),
                );
            }
        }
        for unit in plan.unit_states_of(phase) {
            self.line(
                2,
                format!(
                    "unit {} {}, by {}",
                    unit.unit,
                    state(unit.state),
                    unit.wanted_by.join(", ")
                ),
            );
        }
    }

    fn step(&mut self, plan: &Plan, step: &Step) {
        let (phase, label) = (step.phase, step.label());
        let after = step.after.join(", ");
        let after = if after.is_empty() { after } else { format!(" (after {after})") };
        let only = if step.plan_only { " (planned only)" } else { "" };
        self.line(2, format!("step {label}{after}{only}"));
        let there = |label: String, of: Phase| {
            if of == phase { label } else { format!("{label} ({of})") }
        };
        let reads = plan
            .edges
            .iter()
            .filter(|e| e.phase == phase && e.to == step.element && e.to_step == step.name);
        let reads = reads.map(|e| {
            let from = there(e.from_label(), e.from_phase);
            vec![format!("reads {}", e.slot), format!("from {from}")]
        });
        let mut rows: Vec<Vec<String>> = reads.collect();
        for slot in &step.writes {
            let readers = plan.edges.iter().filter(|e| {
                e.slot == *slot
                    && e.from == step.element
                    && e.from_phase == phase
                    && e.from_step == step.name
            });
            let readers: Vec<String> = readers.map(|e| there(e.to_label(), e.phase)).collect();
            let to = if readers.is_empty() {
                "to nobody".to_owned()
            } else {
                format!("to {}", readers.join(", "))
            };
            rows.push(vec![format!("gives {slot}"), to]);
        }
        self.table(3, &rows);
        for record in plan
            .wishes
            .iter()
            .filter(|w| w.phase == phase && w.element == step.element && w.step == step.name)
        {
            match &record.wish {
                Wish::Nodes(nodes) => nodes
                    .iter()
                    .for_each(|n| self.line(3, format!("wishes for the node {}", node(n)))),
                wish => self.line(3, format!("wishes for {}", wished(wish))),
            }
        }
    }

    fn facts(&mut self, plan: &Plan) {
        if plan.slots.is_empty() {
            return;
        }
        self.heading("facts");
        for slot in &plan.slots {
            self.line(1, format!("{} ({}, {})", slot.name, slot.arity.name(), slot.timing.name()));
            let rows = plan.facts_of(&slot.name).map(|f| {
                let who = label(&f.provider, f.step.as_deref());
                let provider = format!("{who} ({})", f.phase);
                let key = if f.key.is_empty() { String::new() } else { format!("{}:", f.key) };
                vec![
                    provider,
                    format!("{key}{}{}", if key.is_empty() { "" } else { " " }, short(&f.value)),
                ]
            });
            self.table(2, &rows.collect::<Vec<_>>());
        }
    }

    fn block_device(&mut self, plan: &Plan) {
        self.heading(if plan.block_device.is_default {
            "block device (default)"
        } else {
            "block device"
        });
        for one in &plan.block_device.nodes {
            self.line(1, node(one));
        }
        for line in how(&plan.block_device) {
            self.line(1, line);
        }
    }

    fn findings(&mut self, plan: &Plan) {
        if plan.findings.is_empty() {
            return;
        }
        self.heading("findings");
        for finding in &plan.findings {
            let place = finding.location.as_ref().map(|l| format!("{l}: ")).unwrap_or_default();
            self.line(1, format!("{place}{}", finding.message));
            for help in finding.help.iter().flat_map(|h| h.lines()) {
                self.line(2, format!("help: {help}"));
            }
        }
    }
}

pub(crate) fn short(value: &Value) -> String {
    let text = canonical(value);
    if text.chars().count() <= VALUE_WIDTH {
        return text;
    }
    text.chars().take(VALUE_WIDTH - 1).chain(['…']).collect()
}

/// A package with a row for each who wants it.
fn package_rows(kind: &str, package: &PackageWant) -> Vec<Vec<String>> {
    let version = package.version.as_ref().map(|v| format!("={v}")).unwrap_or_default();
    rows(format!("{kind} {}{version}", package.name), &package.wanted_by)
}

/// What is wanted, in the first row, with a row for each who wants it.
fn rows(what: String, wanted_by: &[WantedBy]) -> Vec<Vec<String>> {
    let rows = wanted_by.iter().enumerate().map(|(i, by)| {
        let name = if i == 0 { what.clone() } else { String::new() };
        let who = label(&by.element, by.step.as_deref());
        vec![name, format!("{who} ({})", by.phase), by.reason.clone()]
    });
    rows.collect()
}

/// Where a repository is, and what of it.
pub(crate) fn place(repository: &Repository) -> String {
    let mut shown = match repository {
        Repository::Deb(deb) => {
            format!("{} {} {}", deb.url, deb.suites.join(" "), deb.components.join(" "))
        }
        Repository::Rpm(rpm) => {
            let mut shown = format!("RPM packages by the {} {}", rpm.location.name(), rpm.url);
            shown.extend(rpm.priority.map(|n| format!(", priority {n}")));
            shown.extend(rpm.cost.map(|n| format!(", cost {n}")));
            shown.push_str(if rpm.module_hotfixes { ", before modules" } else { "" });
            shown
        }
    };
    shown.push_str(if repository.build_only() { ", for the build only" } else { "" });
    shown
}

pub(crate) fn source(source: &Bootstrap) -> String {
    match source {
        Bootstrap::Distribution(d) => {
            let mirror = d
                .mirror
                .as_deref()
                .unwrap_or("the builder's own mirror (the image's package source too)");
            let more = if d.packages.is_empty() {
                String::new()
            } else {
                format!(" with {}", d.packages.join(", "))
            };
            format!(
                "{} {} {} from {mirror}{more}",
                d.package_manager,
                d.release,
                d.components.join(" ")
            )
        }
        Bootstrap::Container(reference) => format!("container image {reference}"),
        Bootstrap::Archive(url, digest) => format!("archive {url} {digest}"),
        Bootstrap::DiskImage(url, digest) => format!("disk image {url} {digest}"),
    }
}

/// What is wanted of a package, as a sentence part after "wants".
pub(crate) fn wanted(want: Want) -> &'static str {
    match want {
        Want::Install => "it installed",
        Want::BuildOnly => "it for the build",
        Want::Remove => "it removed",
        Want::Hold => "it held",
    }
}

pub(crate) fn state(state: UnitState) -> &'static str {
    match state {
        UnitState::Enabled => "enabled",
        UnitState::Disabled => "disabled",
        UnitState::Masked => "masked",
    }
}

pub(crate) fn account(user: &User) -> String {
    let mut parts = vec![user.name.clone()];
    parts.extend(user.uid.map(|n| format!("uid {n}")));
    parts.extend(user.gid.map(|n| format!("gid {n}")));
    parts.extend(user.home.as_ref().map(|p| format!("home {p}")));
    parts.extend(user.shell.as_ref().map(|p| format!("shell {p}")));
    parts.extend(user.comment.as_ref().map(|c| format!("called {c:?}")));
    if user.system {
        parts.push("system".to_owned());
    }
    match user.sudo {
        None => {}
        Some(Sudo::None) => parts.push("without sudo".to_owned()),
        Some(Sudo::Password) => parts.push("root by sudo with its password".to_owned()),
        Some(Sudo::Nopasswd) => parts.push("root by sudo without a password".to_owned()),
    }
    parts.extend(user.password_hash.as_ref().map(|h| format!("password by {}", h.method())));
    if user.change_password {
        parts.push("password to be changed".to_owned());
    }
    parts.extend(user.expires.as_ref().map(|day| format!("until {day}")));
    if !user.groups.is_empty() {
        parts.push(format!("in {}", user.groups.join("+")));
    }
    match user.authorized_keys.len() {
        0 => {}
        1 => parts.push("1 key".to_owned()),
        n => parts.push(format!("{n} keys")),
    }
    parts.join(" ")
}

fn wished(wish: &Wish) -> String {
    match wish {
        Wish::Bootstrap(how) => format!("the first tree: {}", source(how)),
        Wish::Package(PackageWish { name, version, want, .. }) => {
            let version = version.as_ref().map(|v| format!("={v}")).unwrap_or_default();
            let want = match want {
                Want::Install => "",
                Want::BuildOnly => " for the build",
                Want::Remove => " removed",
                Want::Hold => " held",
            };
            format!("the package {name}{version}{want}")
        }
        Wish::Debconf(a) => format!("the answer to {} of {}", a.question, a.package),
        Wish::Repository(r) => format!("the repository {}: {}", r.name(), r.url()),
        Wish::Module(m) => format!("the module {}:{}", m.name, m.stream),
        Wish::PackageGroup(g) => format!("the group of packages {}", g.id),
        Wish::UpgradeAll => "an upgrade of everything".to_owned(),
        Wish::Service { unit, state: s } => format!("the unit {unit} {}", state(*s)),
        Wish::ServiceDefinition { unit, .. } => format!("the unit {unit} with its text"),
        Wish::DropIn { unit, name, .. } => format!("the drop-in {name} of the unit {unit}"),
        Wish::Preset { number, unit, action } => {
            format!("the preset {number:02} to {} {unit}", action.name())
        }
        Wish::File(file) => format!("the {}", file.node.at(&file.path)),
        Wish::User(user) => format!("the user {}", account(user)),
        Wish::Group { name, .. } => format!("the group {name}"),
        Wish::Password { user, .. } => format!("a password for the user {user}"),
        Wish::Nodes(nodes) => nodes.iter().map(node).collect::<Vec<_>>().join("; "),
        Wish::ReplaceNode(one) => format!("the node {} instead", node(one)),
    }
}

fn size(size: Size) -> String {
    let percent = |millionths: u32| format!("{}.{:04} %", millionths / 10_000, millionths % 10_000);
    match size {
        Size::Bytes(bytes) => format_size(bytes),
        Size::Share(millionths) => format!("{} of the whole", percent(millionths)),
        Size::ShareOfRest(millionths) => format!("{} of the rest", percent(millionths)),
        Size::Rest => "the rest".to_owned(),
        Size::Content(0) => "its content".to_owned(),
        Size::Content(more) => format!("its content and {} more", format_size(more)),
    }
}

pub(crate) fn node(node: &Node) -> String {
    let on = if node.on.is_empty() { String::new() } else { format!(" on {}", node.on.join(", ")) };
    format!("{}{on}: {}", node.name, node_kind(&node.kind))
}

/// How the disks are laid out and made, where it is not as usual.
pub(crate) fn how(device: &PlannedBlockDevice) -> Vec<String> {
    let optimise = device.optimise.map(|purpose| format!("laid out for {}", purpose.name()));
    let made = (device.backend == Backend::Loop).then(|| {
        "made by the back-end loop: the kernel mounts the filesystems, on loop devices".to_owned()
    });
    optimise.into_iter().chain(made).collect()
}

fn node_kind(kind: &NodeKind) -> String {
    let labelled = |label: &Option<String>| {
        label.as_ref().map(|l| format!(" labelled {l}")).unwrap_or_default()
    };
    match kind {
        NodeKind::Disk { size, sector_size } => {
            let size = size.map_or_else(
                || "as large as its content".to_owned(),
                |s| format!("of {}", format_size(s)),
            );
            format!("disk {size}, sectors of {sector_size} B")
        }
        NodeKind::Table { kind: TableKind::Gpt, .. } => "GPT".to_owned(),
        NodeKind::Table { kind: TableKind::Mbr, .. } => "MBR".to_owned(),
        NodeKind::Partition { label, type_id, size: s, preserve, .. } => {
            let preserve = if *preserve { ", preserved" } else { "" };
            format!("partition {label} of type {type_id}, {}{preserve}", size(*s))
        }
        NodeKind::Encryption { secrets, label } => {
            format!("LUKS2{} opened by {}", labelled(label), secrets.join(", "))
        }
        NodeKind::PhysicalVolume => "LVM physical volume".to_owned(),
        NodeKind::VolumeGroup { extent_size } => {
            format!("LVM volume group, extents of {}", format_size(*extent_size))
        }
        NodeKind::LogicalVolume { size: s, thin_pool, is_thin_pool, stripes } => {
            let pool = thin_pool.as_ref().map(|p| format!(" in {p}")).unwrap_or_default();
            let what = if *is_thin_pool { "LVM thin pool" } else { "LVM logical volume" };
            let stripes = if *stripes > 1 { format!(", {stripes} stripes") } else { String::new() };
            format!("{what}{pool}, {}{stripes}", size(*s))
        }
        NodeKind::Filesystem { kind, label, uuid, tuning } => {
            let uuid = uuid.as_ref().map(|u| format!(", UUID {u}")).unwrap_or_default();
            let tuning: String = tuning
                .iter()
                .map(|(key, value)| match value.parse::<u64>() {
                    Ok(bytes) if bytes >= 1024 => format!(", {key} {}", format_size(bytes)),
                    _ => format!(", {key} {value}"),
                })
                .collect();
            format!("{kind}{}{uuid}{tuning}", labelled(label))
        }
        NodeKind::Mount { at, options, in_fstab } => {
            let options = if options.is_empty() {
                String::new()
            } else {
                format!(" ({})", options.join(","))
            };
            format!("mounted at {at}{options}{}", if *in_fstab { "" } else { ", not in fstab" })
        }
        NodeKind::GrubBios { boot_image, core_image } => {
            format!("GRUB for BIOS from {boot_image} and {core_image}")
        }
        NodeKind::Driver { name, .. } => format!("driver {name}"),
    }
}
