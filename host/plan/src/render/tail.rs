//! What was worth a remark, and all of it in a few lines.

use std::collections::BTreeMap;

use super::text::Text;
use crate::plan::{Plan, PlanFinding};

impl Text {
    /// What several findings advise is said once, after the last of them.
    pub(super) fn findings(&mut self, plan: &Plan) {
        if plan.findings.is_empty() {
            return;
        }
        self.heading("findings");
        let mut of_help: BTreeMap<Option<&str>, Vec<&PlanFinding>> = BTreeMap::new();
        let mut order = Vec::new();
        for finding in &plan.findings {
            let help = finding.help.as_deref();
            let same = of_help.entry(help).or_default();
            if same.is_empty() || help.is_none() {
                order.push((help, same.len()));
            }
            same.push(finding);
        }
        for (help, from) in order {
            let all = &of_help[&help][from..];
            // Without advice each stands alone, in its place.
            let told = if help.is_none() { &all[..1] } else { all };
            for finding in told {
                let place = finding.location.as_ref().map(|l| format!("{l}: ")).unwrap_or_default();
                self.line(1, format!("{place}{}", finding.message));
            }
            for line in help.iter().flat_map(|help| help.lines()) {
                self.line(2, format!("help: {line}"));
            }
        }
    }

    pub(super) fn summary(&mut self, plan: &Plan) {
        self.heading("summary");
        let counted = |n: usize, one: &str, many: &str| match n {
            0 => None,
            1 => Some(format!("1 {one}")),
            n => Some(format!("{n} {many}")),
        };
        let others = plan.elements.iter().filter(|element| !element.first_party).count();
        let elements =
            counted(plan.elements.len(), "element", "elements").map(|all| match others {
                0 => all,
                n => format!("{all}, {n} of them not shipped with dibhost"),
            });
        let wanted: [Option<String>; 7] = [
            counted(plan.transactions.iter().map(|t| t.install.len()).sum(), "package", "packages"),
            counted(distinct(plan.users.iter().map(|u| &u.user.name)), "user", "users"),
            counted(distinct(plan.groups.iter().map(|g| &g.name)), "group", "groups"),
            counted(distinct(plan.files.iter().map(|f| &f.path)), "path", "paths"),
            counted(
                distinct(
                    plan.unit_states
                        .iter()
                        .map(|u| &u.unit)
                        .chain(plan.unit_definitions.iter().map(|u| &u.unit)),
                ),
                "unit",
                "units",
            ),
            counted(
                plan.transactions.iter().map(|t| t.repositories.len()).sum(),
                "repository",
                "repositories",
            ),
            counted(plan.steps.iter().filter(|s| !s.plan_only).count(), "step", "steps"),
        ];
        let wanted: Vec<String> = wanted.into_iter().flatten().collect();
        let mut rows = Vec::new();
        let mut row = |what: &str, value: String| rows.push(vec![what.to_owned(), value]);
        if let Some(elements) = elements {
            row("made of", elements);
        }
        if !wanted.is_empty() {
            row("asked for", wanted.join(", "));
        }
        row("done by", counted(plan.actions.len(), "action", "actions").unwrap_or_default());
        if let Some(findings) = counted(plan.findings.len(), "remark", "remarks") {
            row("findings", format!("{findings}, above"));
        }
        row("plan", plan.digest.clone());
        self.table(1, &rows);
        if !self.all {
            self.line(
                1,
                "more: `--verbose` has parameters, grants, facts and keys; `--why KIND:NAME` says who wants it",
            );
        }
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> usize {
    names.collect::<std::collections::BTreeSet<_>>().len()
}
