//! Settings of the kernel, of this definition and of other elements. Of one setting no two may say two
//! things: diskimage-builder's command of that name fails then, too.

use std::collections::BTreeMap;

use dibhost_element_sdk::{
    Description, Element, Fact, Finding, Parameters, Phase, Plan, Result, Step, description,
    export_element, names,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A setting of the kernel that an element needs. It is written with the rights of `sysctl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "dibhost:sysctl/value@1", arity = "many", timing = "planned")]
#[serde(rename_all = "kebab-case")]
pub struct SysctlValue {
    /// `net.ipv4.ip_forward`.
    pub name: String,
    /// What sysctl.d(5) has behind the `=`.
    pub value: String,
    /// Why.
    pub reason: String,
}

/// The element.
#[derive(Parameters)]
pub struct Sysctl {
    /// Settings and their values: `{ "net.ipv4.ip_forward" = "1" }`.
    #[parameter(json, default = {})]
    values: BTreeMap<String, String>,
}

/// After what packages and most elements set; before `[sysctl]` of a definition (`90-dibhost.conf`),
/// which counts.
const FILE: &str = "/etc/sysctl.d/80-dibhost-sysctl.conf";

impl Element for Sysctl {
    fn describe() -> Description {
        description!().step(Step::planning(Phase::Install).consumes::<SysctlValue>()).request(
            "rootfs",
            "write /etc/sysctl.d",
            "settings of the kernel",
        )
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        // Value, who says it, and the comment above it.
        let mut all: BTreeMap<String, (String, String, String)> = BTreeMap::new();
        let mut problems = Vec::new();
        let own = self.values.iter().map(|(name, value)| {
            let by = "the parameter `values`".to_owned();
            (name.clone(), value.clone(), by, "the definition says so".to_owned())
        });
        let others = plan.consume::<SysctlValue>()?.into_iter().map(|fact| {
            let SysctlValue { name, value, reason } = fact.value;
            (name, value, format!("`{}`", fact.provider), reason)
        });
        for (name, value, by, reason) in own.chain(others) {
            if let Some(problem) = problem(&name, &value) {
                problems.push(format!("{problem}: {by} says so."));
                continue;
            }
            // `net/ipv4/ip_forward` is the same one.
            let name = if name.contains('/') { name.replace('/', ".") } else { name };
            match all.get(&name) {
                Some((known, first, _)) if *known != value => problems
                    .push(format!("`{name}` is `{known}` by {first}, and `{value}` by {by}.")),
                Some(_) => {}
                None => drop(all.insert(name, (value, by, one_line(&reason)))),
            }
        }
        for problem in &problems {
            plan.find(
                Finding::refusal(problem)
                    .about("values")
                    .help("Write settings as sysctl.d(5) does, and let one of them go."),
            );
        }
        if !problems.is_empty() {
            return Ok(());
        }
        if all.is_empty() {
            plan.find(
                Finding::warning("`sysctl` changes nothing: nobody says a setting.")
                    .about("values")
                    .help("Set `values`, or leave it out."),
            );
            return Ok(());
        }
        let mut text = "# Written by the dibhost element `sysctl`.\n".to_owned();
        for (name, (value, by, reason)) in &all {
            text.push_str(&format!("# {}: {reason}\n{name} = {value}\n", by.replace('`', "")));
        }
        plan.file(FILE, text)
    }
}

/// What is wrong with a setting, as a part of a sentence.
fn problem(name: &str, value: &str) -> Option<String> {
    if !names::is_word(name, "._-/*@:") || !name.contains(['.', '/']) {
        return Some(format!("`{}` is no setting of the kernel", name.escape_debug()));
    }
    let odd = value.trim() != value || value.is_empty() || value.chars().any(char::is_control);
    odd.then(|| format!("`{}` is no value of `{name}`", value.escape_debug()))
}

/// A comment that stays one.
fn one_line(reason: &str) -> String {
    reason.split(char::is_control).collect::<Vec<_>>().join(" ")
}

export_element!(Sysctl);
