//! The plan for people; stable, so that two plans can be compared line by line.

mod head;
mod tail;
mod text;

use dibhost_text::readable_size;

use text::Text;

use crate::Phase;
use crate::condition::in_words;
use crate::label::label;
use crate::phrases::{account, how, node, place, short, source, state, wished};
use crate::plan::{Plan, PlannedElement, Step};
use crate::transaction::{PackageWant, Transaction, WantedBy};
use crate::wish::Wish;

impl Plan {
    /// All of the plan as text: every step, fact edge, wish and grant. Ends in a newline; lines
    /// have no trailing blanks.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = Text::new(true);
        text.plan(self);
        text.into_text()
    }

    /// What most people want to know of it: as [`to_text`](Self::to_text), without what elements
    /// shipped with the host hold and tell one another, and each wish told once, as it was merged.
    #[must_use]
    pub fn to_overview(&self) -> String {
        self.to_overview_of(&self.image.name)
    }

    /// The same of outputs that are called so, without their endings.
    #[must_use]
    pub fn to_overview_of(&self, stem: &str) -> String {
        let mut text = Text::new(false);
        text.stem = Some(stem.to_owned());
        text.plan(self);
        text.into_text()
    }
}

impl Text {
    fn plan(&mut self, plan: &Plan) {
        self.head(plan);
        self.elements(plan);
        self.secrets(plan);
        self.inputs(plan);
        self.phases(plan);
        if self.all {
            self.facts(plan);
        }
        self.block_device(plan);
        if self.all {
            self.actions(plan);
        }
        self.findings(plan);
        self.summary(plan);
    }

    fn elements(&mut self, plan: &Plan) {
        self.heading("elements");
        for element in &plan.elements {
            self.element(element);
        }
    }

    fn element(&mut self, element: &PlannedElement) {
        let folded = element.first_party && !self.all;
        let mut about = vec![element.version.clone()];
        if !element.first_party {
            about.push("not shipped with dibhost".to_owned());
        } else if self.all {
            about.push("shipped".to_owned());
        }
        if !element.required_by.is_empty() {
            about.push(format!("required by {}", element.required_by.join(", ")));
        }
        self.line(1, format!("{} ({}): {}", element.name, about.join("; "), element.summary));
        if !folded {
            self.line(2, format!("from {} {}", element.origin, element.digest));
        }
        let set = |name: &String| element.parameters_set.contains(name);
        let parameters = element
            .parameters
            .iter()
            .filter(|(name, _)| !folded || set(name))
            .map(|(name, value)| vec![format!("parameter {name}"), short(value)]);
        self.table(2, &parameters.collect::<Vec<_>>());
        let grants = element.grants.iter().filter(|_| !folded).map(|g| {
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
            let about = format!("{many}, {}", readable_size(input.size));
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
            self.unless_empty(phase.name(), |text| {
                if let Some(transaction) = plan.transaction_before(phase) {
                    text.transaction(transaction);
                }
                text.accounts_files_and_units(plan, phase);
                for trigger in plan.triggers_before(phase) {
                    text.line(2, format!("run once: {}", trigger.program));
                }
                for step in plan.steps_of(phase) {
                    if text.all {
                        text.step(plan, step);
                    } else if !step.plan_only {
                        text.step_that_runs(plan, step);
                    }
                }
            });
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

    /// A step with what it reads, each slot once with all who give it.
    fn step_that_runs(&mut self, plan: &Plan, step: &Step) {
        let phase = step.phase;
        self.line(2, format!("run {}", step.label()));
        let mut rows: Vec<Vec<String>> = Vec::new();
        for edge in &plan.edges {
            if edge.phase != phase || edge.to != step.element || edge.to_step != step.name {
                continue;
            }
            let from = match edge.from_phase == phase {
                true => edge.from_label(),
                false => format!("{} ({})", edge.from_label(), edge.from_phase),
            };
            let slot = format!("reads {}", edge.slot);
            match rows.last_mut().filter(|row| row[0] == slot) {
                Some(row) => row[1].push_str(&format!(", {from}")),
                None => rows.push(vec![slot, format!("from {from}")]),
            }
        }
        self.table(3, &rows);
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
        if !plan.image.makes_disks() {
            return;
        }
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
