//! Who wants what: everything that can be asked for, and in whose words.

use std::fmt::Write as _;

use dibhost_definition::Contents;

use super::command;
use super::subject::{Kind, Reason, Subjects, subject};
use crate::Phase;
use crate::fact::Fact;
use crate::grant::{Grants, Right, permits};
use crate::phrases::{account, node, place, short, state, wanted};
use crate::plan::{HOST, Plan};
use crate::wish::{Bootstrap, ModuleStream, PackageGroup, PackageWish, Wish, WishRecord};

/// The slot that kernel arguments are facts of.
pub(super) const KERNEL_ARGUMENT: &str = "dib:boot/kernel-argument@1";

/// Everything that can be asked for, and who wants it.
pub(super) fn subjects(plan: &Plan) -> Subjects {
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
pub(super) fn named(wish: &Wish) -> Vec<(Kind, String, String)> {
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
            let account = (Kind::User, user.name.clone(), format!("the account {}", account(user)));
            let member = |group: &String| {
                (Kind::Group, group.clone(), format!("the user `{}` in it", user.name))
            };
            std::iter::once(account).chain(user.groups.iter().map(member)).collect()
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
pub(super) fn presence(plan: &Plan, name: &str) -> String {
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
