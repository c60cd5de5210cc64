//! What becomes of a subject, as sentences.

use super::command;
use super::subject::Kind;
use super::wanted::KERNEL_ARGUMENT;
use crate::grant::{Access, Right};
use crate::phrases::{account, node, source, state};
use crate::plan::Plan;
use crate::transaction::PackageWant;
use crate::wish::Bootstrap;

/// What becomes of a subject.
pub(super) fn outcome(plan: &Plan, kind: Kind, name: &str) -> Vec<String> {
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

/// What is known of a path that nothing places: who may write there in its own steps.
pub(super) fn writers(plan: &Plan, path: &str) -> Vec<(String, String)> {
    let covers = |right: &Right| {
        matches!(right, Right::Rootfs(Access::Write, _))
            && right.covers(&Right::Rootfs(Access::Write, path.to_owned()))
    };
    let mut told = Vec::new();
    for element in &plan.elements {
        for held in element.grants.iter().filter(|held| covers(&held.right)) {
            let why =
                if held.reason.is_empty() { String::new() } else { format!(": {}", held.reason) };
            let (capability, scope) = (held.right.capability(), held.right.text());
            told.push((
                element.name.clone(),
                format!(
                    "`{}` may write it in its own steps, by its grant `{capability} = [\"{scope}\"]`{why}",
                    element.name
                ),
            ));
        }
    }
    told
}
