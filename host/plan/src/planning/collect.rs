//! What the steps answer when they are planned: facts, wishes, remarks, and the block device.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_block_device::{Node, NodeKind};
use dibhost_check::Check;
use dibhost_definition::{Contents, Definition, Diagnostic, Diagnostics, Location};
use serde_json::Value;

use super::idle;
use super::inputs::PlanInputs;
use super::settled::Settled;
use crate::Phase;
use crate::contents;
use crate::description::StepDeclaration;
use crate::disk::{self, Wished};
use crate::fact::Fact;
use crate::grant::{self, Grants};
use crate::label::label;
use crate::order::Key;
use crate::parameters::{self, one_line};
use crate::plan::{HOST, PlanFinding, PlannedBlockDevice};
use crate::planner::{ElementFailure, Finding, Planner, StepAnswer, StepCall};
use crate::preflight::{self, Held};
use crate::resolve::{Elements, trail};
use crate::schema::LAYOUT;
use crate::slot::Timing;
use crate::validate;
use crate::wish::{Wish, WishRecord};

/// Bytes of all files that elements wish for: a plan is held in memory, and what is larger than
/// settings and scripts is an input of the definition.
const CONTENT: u64 = 256 << 20;

/// What steps answered.
pub(crate) struct Collected {
    pub(crate) held: Held,
    pub(crate) facts: Vec<Fact>,
    pub(crate) wishes: Vec<WishRecord>,
    pub(crate) findings: Vec<PlanFinding>,
    pub(crate) block_device: PlannedBlockDevice,
}

/// Has the steps planned.
pub(crate) struct Run<'a> {
    pub(crate) definition: &'a Definition,
    pub(crate) planner: &'a dyn Planner,
    pub(crate) inputs: &'a PlanInputs,
    pub(crate) elements: &'a Elements,
    pub(crate) settled: &'a Settled,
}

/// The step that is planned.
struct At<'a> {
    element: &'a str,
    step: &'a StepDeclaration,
    /// Its name, where element and phase do not say which one it is.
    told: Option<&'a str>,
    /// What it is called in a sentence.
    label: String,
}

/// What was collected so far, in a form that finds quickly.
#[derive(Default)]
struct Answers {
    /// What each element holds: more of it once it is known what the system is.
    held: Held,
    /// Slot → provider and key → fact: in the order that readers see.
    facts: BTreeMap<String, BTreeMap<(String, String), Fact>>,
    wishes: Vec<WishRecord>,
    findings: Vec<PlanFinding>,
    nodes: Wished,
    /// Bytes of all files that were wished for.
    content: u64,
}

impl Answers {
    fn all_facts(&self) -> impl Iterator<Item = &Fact> {
        self.facts.values().flat_map(BTreeMap::values)
    }
}

impl Run<'_> {
    /// What the steps of `root` say the system is, with what each element holds.
    pub(crate) fn root(&self, held: Held) -> Result<Vec<Fact>, Diagnostics> {
        let mut answers = Answers { held, ..Answers::default() };
        let mut wrong = Diagnostics::default();
        self.phase(Phase::Root, &mut answers, &mut wrong);
        wrong.or(answers.all_facts().cloned().collect())
    }

    pub(crate) fn all_phases(&self, held: Held, seed: String) -> Result<Collected, Diagnostics> {
        let nodes = Wished::stated(self.definition);
        let mut answers = Answers { held, nodes, ..Answers::default() };
        let mut block_device = None;
        for phase in Phase::in_planning_order() {
            let mut wrong = Diagnostics::default();
            self.phase(phase, &mut answers, &mut wrong);
            if phase == Phase::Root && wrong.is_empty() {
                let facts: Vec<Fact> = answers.all_facts().cloned().collect();
                let lock = self.inputs.lock.as_ref();
                let Answers { held, findings, .. } = &mut answers;
                preflight::decide(
                    self.definition,
                    self.elements,
                    lock,
                    &facts,
                    held,
                    &mut wrong,
                    findings,
                );
            }
            wrong.or(())?;
            if phase == Phase::BlockDevice {
                let wished = std::mem::take(&mut answers.nodes);
                answers.findings.extend(idle::settings(self.definition, self.elements, &wished));
                let (planned, layout, doubts) = disk::plan(self.definition, wished, seed.clone())?;
                answers.findings.extend(doubts);
                answers.nodes.restore(&planned.nodes);
                self.provide_layout(layout, &mut answers)?;
                block_device = Some(planned);
            }
        }
        // `in_planning_order` has it.
        let block_device =
            block_device.ok_or_else(|| Diagnostic::new("the block device was not planned"))?;
        Ok(Collected {
            held: answers.held,
            facts: answers.facts.into_values().flat_map(BTreeMap::into_values).collect(),
            wishes: answers.wishes,
            findings: answers.findings,
            block_device,
        })
    }

    fn provide_layout(&self, value: Value, answers: &mut Answers) -> Result<(), Diagnostics> {
        if self.settled.checks.slot(LAYOUT).is_none() {
            return Ok(());
        }
        self.settled.checks.check(LAYOUT, &value).map_err(Diagnostic::new)?;
        let fact = Fact {
            slot: LAYOUT.to_owned(),
            provider: HOST.to_owned(),
            phase: Phase::BlockDevice,
            step: None,
            key: String::new(),
            value,
        };
        answers
            .facts
            .entry(LAYOUT.to_owned())
            .or_default()
            .insert((HOST.to_owned(), String::new()), fact);
        Ok(())
    }

    fn phase(&self, phase: Phase, answers: &mut Answers, wrong: &mut Diagnostics) {
        let Some(sorted) = self.settled.order.get(&phase) else { return };
        let mut failed: BTreeSet<&Key> = BTreeSet::new();
        for key in &sorted.steps {
            let before = sorted.before.get(key);
            // What depends on a failure would only fail again, in other words.
            if before.is_some_and(|b| failed.iter().any(|f| b.contains(*f))) {
                failed.insert(key);
                continue;
            }
            let sees = |other: &Key| {
                phase != Phase::BlockDevice
                    || other.0 == key.0
                    || before.is_some_and(|b| b.contains(other))
            };
            let Some(at) = self.at(key) else { continue };
            if let Err(diagnostics) = self.step(&at, key, &sees, answers) {
                failed.insert(key);
                wrong.extend(diagnostics);
            }
        }
    }

    fn at(&self, (element, step): &Key) -> Option<At<'_>> {
        let description = self.elements.get(element)?.description();
        let step = description.step(step)?;
        let told = description.told(step);
        Some(At { element: &description.name, step, told, label: label(element, told) })
    }

    fn step(
        &self,
        at: &At<'_>,
        key: &Key,
        sees: &dyn Fn(&Key) -> bool,
        answers: &mut Answers,
    ) -> Result<(), Diagnostics> {
        let At { element: name, step: declared, label, .. } = at;
        let phase = declared.phase;
        let mut facts = BTreeMap::new();
        for read in &declared.consumes {
            let slot = self.settled.checks.slot(&read.name);
            if slot.is_some_and(|s| s.timing == Timing::Observed) {
                continue;
            }
            let there: Vec<Fact> = answers
                .facts
                .get(&read.name)
                .into_iter()
                .flat_map(|all| all.values().cloned())
                .collect();
            if there.is_empty() && read.required {
                return Err(self.about(name, format!("`{label}` needs a value in the slot `{}`, and those who could give one gave none", read.name)).into());
            }
            facts.insert(read.name.clone(), there);
        }
        let nothing = BTreeMap::new();
        let parameters = self.settled.parameters.get(*name).unwrap_or(&nothing);
        let held = answers.held.get(*name).into_iter().flatten().map(|g| g.right.clone());
        let grants = held.collect::<Grants>().with_inputs(parameters);
        let nodes = answers.nodes.seen(sees);
        let Some(element) = self.elements.get(*name) else { return Ok(()) };
        let call = StepCall {
            element: name,
            description: &element.described.description,
            step: &declared.name,
            phase,
            machine: &self.settled.machine,
            parameters,
            inputs: &self.inputs.inputs,
            grants: &grants,
            limits: &self.definition.limits.of(name),
            facts: &facts,
            nodes: &nodes,
            builder: &self.inputs.builder,
        };
        let answer = self.planner.plan_step(&call).map_err(|failure| self.failed(at, failure))?;
        let mut wrong = Diagnostics::default();
        let StepAnswer { facts, wishes, findings } = answer;
        for (slot, key, value) in facts {
            if let Err(why) = self.fact(at, (slot, key, value), answers) {
                wrong.push(self.about(name, why));
            }
        }
        answers.content += wishes.iter().map(Wish::content).sum::<u64>();
        if answers.content > CONTENT {
            return Err(self.about(name, too_much_content(label)).into());
        }
        for wish in wishes {
            if let Err(why) = check_wish(label, phase, &wish, &grants).and_then(|()| match &wish {
                Wish::Nodes(nodes) => {
                    let nodes = nodes.iter().map(|node| self.with_secrets(name, node));
                    answers.nodes.add(key, &nodes.collect::<Result<Vec<_>, _>>()?)
                }
                Wish::ReplaceNode(node) => {
                    answers.nodes.replace(name, &self.with_secrets(name, node)?, sees)
                }
                _ => Ok(()),
            }) {
                wrong.push(self.about(name, why));
            }
            let (element, step) = ((*name).to_owned(), at.told.map(str::to_owned));
            let location = self.place(&element, &wish).cloned();
            answers.wishes.push(WishRecord { element, phase, step, wish, location });
        }
        for finding in findings {
            self.finding(at, finding, answers, &mut wrong);
        }
        wrong.or(())
    }

    /// A node of an element names the parameters that name its secrets; a planned one, the secrets.
    fn with_secrets(&self, element: &str, node: &Node) -> Result<Node, String> {
        let mut node = node.clone();
        let NodeKind::Encryption { secrets, .. } = &mut node.kind else { return Ok(node) };
        for secret in secrets {
            let parameter = (element.to_owned(), secret.clone());
            let named = self.settled.secret_of.get(&parameter).ok_or_else(|| {
                format!(
                    "`{element}` encrypts the block-device node `{}` with the secret of its parameter `{secret}`, which names none",
                    node.name
                )
            })?;
            secret.clone_from(named);
        }
        Ok(node)
    }

    fn fact(
        &self,
        at: &At<'_>,
        (slot, key, value): (String, String, Value),
        answers: &mut Answers,
    ) -> Result<(), String> {
        let At { element: name, step, told, label } = at;
        let (name, phase) = (*name, step.phase);
        if Check::FactProvide.holds() && !step.provides.iter().any(|s| s.name == slot) {
            return Err(format!(
                "`{label}` provides a value of the slot `{slot}`, which its step in `{phase}` does not declare"
            ));
        }
        if Check::FactTiming.holds()
            && self.settled.checks.slot(&slot).is_some_and(|s| s.timing == Timing::Observed)
        {
            return Err(format!(
                "`{label}` provides a value of the slot `{slot}` while planning; its values are observed while building"
            ));
        }
        self.settled
            .checks
            .check(&slot, &value)
            .map_err(|why| format!("`{label}` provides what it cannot: {why}"))?;
        let there = answers.facts.entry(slot.clone()).or_default();
        let id = (name.to_owned(), key.clone());
        if let Some(fact) = there.get(&id) {
            return if fact.value == value {
                Ok(())
            } else {
                Err(format!(
                    "`{name}` provides two different values of the slot `{slot}` with the key `{key}`"
                ))
            };
        }
        if self.settled.checks.check_room(&slot, there.len()).is_err() {
            let other = there.values().next().map(|f| f.provider.clone()).unwrap_or_default();
            return Err(if other == name {
                format!("`{name}` provides two values of the slot `{slot}`, which takes one")
            } else {
                format!(
                    "`{other}` and `{name}` both provide a value of the slot `{slot}`, which takes one"
                )
            });
        }
        let (provider, step) = (name.to_owned(), told.map(str::to_owned));
        there.insert(id, Fact { slot, provider, phase, step, key, value });
        Ok(())
    }

    fn finding(
        &self,
        at: &At<'_>,
        finding: Finding,
        answers: &mut Answers,
        wrong: &mut Diagnostics,
    ) {
        let At { element: name, step, label, .. } = at;
        let place = finding.parameter.as_ref().and_then(|p| self.parameter_place(name, p));
        let message = match &finding.parameter {
            Some(parameter) => format!(
                "`{label}`, of its parameter `{}`: {}",
                one_line(parameter),
                one_line(&finding.message)
            ),
            None => format!("`{label}`: {}", one_line(&finding.message)),
        };
        if finding.fatal {
            let set = || parameters::place_of_value(self.definition, name, &message).cloned();
            let place = place.or_else(set).or_else(|| trail(self.elements, name).1);
            wrong
                .push(Diagnostic::new(message).at(place.as_ref()).with_optional_help(finding.help));
        } else {
            answers.findings.push(PlanFinding {
                element: Some((*name).to_owned()),
                phase: Some(step.phase),
                location: place.map(|p| p.to_string()),
                message,
                help: finding.help,
            });
        }
    }

    /// The line of the definition that a wish comes of, where that is what asks.
    fn place(&self, element: &str, wish: &Wish) -> Option<&Location> {
        let own = element == Contents::ELEMENT;
        own.then(|| contents::place(&self.definition.contents, wish)).flatten()
    }

    fn parameter_place(&self, element: &str, parameter: &str) -> Option<Location> {
        self.definition.parameters.get(element)?.settings.get(parameter)?.value.location.clone()
    }

    fn failed(&self, at: &At<'_>, failure: ElementFailure) -> Diagnostics {
        let (label, phase) = (&at.label, at.step.phase);
        let message =
            format!("`{label}` fails while it plans the phase `{phase}`: {}", failure.message);
        let mut diagnostic = self.about(at.element, message);
        diagnostic.context.splice(0..0, failure.context);
        diagnostic.help = failure.help;
        diagnostic.into()
    }

    /// A diagnostic about a step of an element.
    fn about(&self, name: &str, message: String) -> Diagnostic {
        let (lines, listed_at) = trail(self.elements, name);
        let set = parameters::place_of_value(self.definition, name, &message);
        let mut diagnostic = Diagnostic::new(message).at(set.or(listed_at.as_ref()));
        diagnostic.context = lines;
        diagnostic
    }
}

fn too_much_content(label: &str) -> String {
    let most = dibhost_text::format_size(CONTENT);
    format!("with the files that `{label}` wishes for, those of the plan have more than {most}")
}

/// Checks a wish as the host that takes it did, in case it did not.
fn check_wish(name: &str, phase: Phase, wish: &Wish, grants: &Grants) -> Result<(), String> {
    validate::wish(wish)
        .map_err(|invalid| format!("`{name}` wishes for what cannot be: {invalid}"))?;
    grant::permits(grants, wish)
        .map_err(|missing| format!("`{name}` wishes for what it may not: {missing}"))?;
    match wish {
        Wish::Bootstrap(_) if phase != Phase::Root => Err(format!(
            "`{name}` wishes for the first tree in the phase `{phase}`: it is made before those of `root`"
        )),
        Wish::Nodes(_) | Wish::ReplaceNode(_) if phase != Phase::BlockDevice => Err(format!(
            "`{name}` wishes for block-device nodes in the phase `{phase}`: the layout is settled when `block-device` is planned"
        )),
        _ => Ok(()),
    }
}
