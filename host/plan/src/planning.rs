//! From a definition to a plan.

use std::collections::{BTreeMap, BTreeSet};

use dibhost_block_device::{Node, NodeKind};
use dibhost_check::Check;
use dibhost_definition::{Definition, Diagnostic, Diagnostics, Location, LockedImage};
use serde_json::{Value, json};

use crate::Phase;
use crate::actions;
use crate::description::StepDeclaration;
use crate::digest::digest_of;
use crate::disk::{self, Wished};
use crate::fact::Fact;
use crate::label::label;
use crate::left::{left_empty, no_first_tree, unknown_extensions};
use crate::limits;
use crate::lock;
use crate::merge;
use crate::order::{self, Key, Order};
use crate::parameters::{self, Parameters, one_line};
use crate::plan::{
    DeferredTrigger, HOST, Plan, PlanFinding, PlannedBlockDevice, PlannedElement, PlannedImage,
    PlannedSecret, VERSION,
};
use crate::planner::{
    BuilderSurroundings, ElementFailure, Finding, Planner, StepAnswer, StepCall, TargetMachine,
};
use crate::preflight::{self, Held};
use crate::resolve::{Elements, resolve, trail};
use crate::schema::{LAYOUT, Slots};
use crate::slot::Timing;
use crate::slots::Declared;
use crate::wish::{Wish, WishRecord};
use crate::{grant, validate};

/// Timestamps of an image whose definition names none: 2024-01-01, so that two builds of one
/// definition are equal. Not 1970, which some programs take for "no time at all".
pub const DEFAULT_SOURCE_DATE_EPOCH: u64 = 1_704_067_200;

/// What a plan depends on besides the definition and the elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanInputs {
    /// What elements with the grant `builder` may see.
    pub builder: BuilderSurroundings,
    /// The machine of a definition that names none, as Debian names it.
    pub builder_arch: String,
    /// For a definition that names none: from the environment's `SOURCE_DATE_EPOCH`, say.
    pub source_date_epoch: u64,
    /// What the image's elements were when somebody last agreed to them; none: nobody did.
    pub lock: Option<LockedImage>,
    /// Secrets of the definition that are not where it says, and why: a sentence part after the
    /// name. Told as findings, which are no part of the plan's digest.
    pub missing_secrets: BTreeMap<String, String>,
}

impl PlanInputs {
    /// Inputs for a builder of that machine, with nothing else to see.
    pub fn for_arch(arch: impl Into<String>) -> Self {
        Self {
            builder: BuilderSurroundings::default(),
            builder_arch: arch.into(),
            source_date_epoch: DEFAULT_SOURCE_DATE_EPOCH,
            lock: None,
            missing_secrets: BTreeMap::new(),
        }
    }
}

/// Plans a build: describes all elements, checks parameters and grants, orders steps, has every
/// step planned, and merges what they wish for. A function of its arguments: no root, no
/// network, nothing written.
///
/// # Errors
/// All that is wrong, as far as one thing can be told without the other: what elements are in
/// the image, then parameters, grants and slots, then what steps answer, then contradictions.
pub fn plan(
    definition: &Definition,
    planner: &dyn Planner,
    inputs: &PlanInputs,
) -> Result<Plan, Diagnostics> {
    let mut wrong = Diagnostics::default();
    let elements = resolve(definition, planner, &mut wrong);
    wrong.or(())?;

    let mut wrong = Diagnostics::default();
    let mut findings = Vec::new();
    findings.extend(elements.iter().flat_map(|(name, e)| unknown_extensions(name, e)));
    let parameters = parameters::check(definition, &elements, &mut wrong);
    limits::check(definition, &elements, &mut wrong);
    let held =
        preflight::check(definition, &elements, inputs.lock.as_ref(), &mut wrong, &mut findings);
    let known = planner.known_names();
    let declared = Declared::of(&elements);
    let slots = declared.slots(&elements, &mut wrong);
    declared.check_readers(&slots, &elements, &known, &mut wrong, &mut findings);
    let edges = declared.edges(&slots);
    let order = order::order(&elements, &edges, &known, &mut wrong);
    let checks = Slots::new(&slots).unwrap_or_else(|why| {
        wrong.push(Diagnostic::new(why));
        Slots::default()
    });
    wrong.or(())?;

    let machine = TargetMachine {
        arch: definition
            .image
            .arch
            .as_ref()
            .map_or_else(|| inputs.builder_arch.clone(), |a| a.value.clone()),
        image_name: definition.image.name.value.clone(),
        source_date_epoch: definition
            .image
            .source_date_epoch
            .as_ref()
            .map_or(inputs.source_date_epoch, |s| s.value),
    };
    let secret_of = secret_names(&elements, &parameters);
    let seed = seed(definition, &machine, &elements, &parameters);
    let run = Run {
        definition,
        planner,
        inputs,
        elements: &elements,
        parameters: &parameters,
        held: &held,
        order: &order,
        slots: &checks,
        machine: &machine,
        secret_of: &secret_of,
    };
    let Collected { facts, mut wishes, findings: remarks, block_device } = run.all_phases(seed)?;
    let secrets = planned_secrets(definition, &elements, &parameters);
    findings.extend(remarks);
    findings.sort();
    findings.dedup();

    let mut wrong = Diagnostics::default();
    left_empty(&slots, &facts, &declared, &mut wrong);
    merge::kernel_arguments(&facts, &mut wrong);
    wishes.sort_by_key(|w| w.phase);
    let planned_elements = planned_elements(definition, &elements, parameters, &held);
    let steps = order::steps(&elements, &order);
    let toucher = |name: &str| planned_elements.iter().any(|e| e.name == name && e.sees_target());
    let touching: BTreeSet<Phase> =
        steps.iter().filter(|s| !s.plan_only && toucher(&s.element)).map(|s| s.phase).collect();
    if !wishes.iter().any(|w| matches!(w.wish, Wish::Bootstrap(_))) {
        findings.push(no_first_tree());
    }
    let transactions = merge::transactions(&wishes, &touching, &mut wrong);
    let mut plan = Plan {
        version: VERSION,
        digest: String::new(),
        image: PlannedImage {
            name: machine.image_name.clone(),
            arch: machine.arch.clone(),
            formats: definition.formats(),
            qcow2_compression: definition.image.qcow2_compression,
            source_date_epoch: machine.source_date_epoch,
        },
        elements: planned_elements,
        steps,
        slots,
        edges,
        facts,
        groups: merge::groups(&wishes, &mut wrong),
        users: merge::users(&wishes, &mut wrong),
        passwords: merge::passwords(
            &wishes,
            &|element, parameter| {
                secret_of.get(&(element.to_owned(), parameter.to_owned())).cloned()
            },
            &mut wrong,
        ),
        secrets,
        unit_definitions: merge::definitions(&wishes, &mut wrong),
        unit_states: merge::states(&wishes, &mut wrong),
        deferred_triggers: deferred_triggers(!transactions.is_empty()),
        transactions,
        wishes,
        block_device,
        actions: Vec::new(),
        findings,
    };
    plan.actions = actions::actions(&plan);
    plan.digest = digest(&plan).unwrap_or_else(|error| {
        wrong.push(Diagnostic::new(format!("the plan is no JSON: {error}")));
        String::new()
    });
    let missing = missing_secrets(&plan, inputs);
    plan.findings.extend(missing);
    let grown = inputs.lock.as_ref().map(|lock| lock::grown(lock, definition, &plan));
    plan.findings.extend(grown.into_iter().flatten().map(|growth| growth.finding()));
    wrong.or(plan)
}

/// The secrets that elements are given, and where they are.
fn planned_secrets(
    definition: &Definition,
    elements: &Elements,
    parameters: &Parameters,
) -> Vec<PlannedSecret> {
    let mut given = parameters::secrets(elements, parameters);
    for node in &definition.block_device {
        let NodeKind::Encryption { secrets, .. } = &node.value.kind else { continue };
        for secret in secrets {
            given.entry(secret.clone()).or_default().push(format!("node:{}", node.name));
        }
    }
    let planned = given.into_iter().map(|(name, given_to)| PlannedSecret {
        source: definition.secrets.get(&name).map(|s| s.source.to_string()).unwrap_or_default(),
        name,
        given_to,
    });
    planned.collect()
}

/// Which secret a parameter of an element names.
fn secret_names(
    elements: &Elements,
    parameters: &Parameters,
) -> BTreeMap<(String, String), String> {
    let given = parameters::secrets(elements, parameters);
    let each = given.into_iter().flat_map(|(secret, to)| {
        to.into_iter().filter_map(move |to| {
            let (element, parameter) = to.split_once('.')?;
            Some(((element.to_owned(), parameter.to_owned()), secret.clone()))
        })
    });
    each.collect()
}

/// Those that are not where the definition says. A plan is made all the same: whoever reads it
/// need not be the one who has the secrets.
fn missing_secrets(plan: &Plan, inputs: &PlanInputs) -> Vec<PlanFinding> {
    let missing = plan.secrets.iter().filter_map(|secret| {
        let why = inputs.missing_secrets.get(&secret.name)?;
        Some(PlanFinding {
            element: None,
            phase: None,
            location: None,
            message: format!("the secret `{}` {why}", secret.name),
            help: Some("a build needs it; what a plan says does not depend on it".to_owned()),
        })
    });
    missing.collect()
}

/// What steps answered.
struct Collected {
    facts: Vec<Fact>,
    wishes: Vec<WishRecord>,
    findings: Vec<PlanFinding>,
    block_device: PlannedBlockDevice,
}

/// Everything that is settled before the first step is planned.
struct Run<'a> {
    definition: &'a Definition,
    planner: &'a dyn Planner,
    inputs: &'a PlanInputs,
    elements: &'a Elements,
    parameters: &'a Parameters,
    held: &'a Held,
    order: &'a Order,
    slots: &'a Slots,
    machine: &'a TargetMachine,
    /// Element and parameter → the secret that the parameter names.
    secret_of: &'a BTreeMap<(String, String), String>,
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
    /// Slot → provider and key → fact: in the order that readers see.
    facts: BTreeMap<String, BTreeMap<(String, String), Fact>>,
    wishes: Vec<WishRecord>,
    findings: Vec<PlanFinding>,
    nodes: Wished,
}

impl Run<'_> {
    fn all_phases(&self, seed: String) -> Result<Collected, Diagnostics> {
        let nodes = Wished::stated(self.definition);
        let mut answers = Answers { nodes, ..Answers::default() };
        let mut block_device = None;
        for phase in Phase::in_planning_order() {
            let mut wrong = Diagnostics::default();
            self.phase(phase, &mut answers, &mut wrong);
            wrong.or(())?;
            if phase == Phase::BlockDevice {
                let wished = std::mem::take(&mut answers.nodes);
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
            facts: answers.facts.into_values().flat_map(BTreeMap::into_values).collect(),
            wishes: answers.wishes,
            findings: answers.findings,
            block_device,
        })
    }

    fn provide_layout(&self, value: Value, answers: &mut Answers) -> Result<(), Diagnostics> {
        if self.slots.slot(LAYOUT).is_none() {
            return Ok(());
        }
        self.slots.check(LAYOUT, &value).map_err(Diagnostic::new)?;
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
        let Some(sorted) = self.order.get(&phase) else { return };
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
            let slot = self.slots.slot(&read.name);
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
        let grants = self.held.get(*name).into_iter().flatten().map(|g| g.right.clone()).collect();
        let nodes = answers.nodes.seen(sees);
        let call = StepCall {
            element: name,
            step: &declared.name,
            phase,
            machine: self.machine,
            parameters: self.parameters.get(*name).unwrap_or(&nothing),
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
            answers.wishes.push(WishRecord { element, phase, step, wish });
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
            let named = self.secret_of.get(&parameter).ok_or_else(|| {
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
            && self.slots.slot(&slot).is_some_and(|s| s.timing == Timing::Observed)
        {
            return Err(format!(
                "`{label}` provides a value of the slot `{slot}` while planning; its values are observed while building"
            ));
        }
        self.slots
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
        if self.slots.check_room(&slot, there.len()).is_err() {
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
            let place = place.or_else(|| trail(self.elements, name).1);
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
        let (lines, place) = trail(self.elements, name);
        let mut diagnostic = Diagnostic::new(message).at(place.as_ref());
        diagnostic.context = lines;
        diagnostic
    }
}

/// Checks a wish as the host that takes it did, in case it did not.
fn check_wish(name: &str, phase: Phase, wish: &Wish, grants: &grant::Grants) -> Result<(), String> {
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

fn planned_elements(
    definition: &Definition,
    elements: &Elements,
    mut parameters: Parameters,
    held: &Held,
) -> Vec<PlannedElement> {
    let planned = elements.iter().map(|(name, element)| PlannedElement {
        name: name.clone(),
        version: element.description().version.clone(),
        digest: element.described.digest.clone(),
        origin: element.described.origin.clone(),
        reference: element.reference.clone(),
        first_party: element.described.first_party,
        summary: one_line(&element.description().summary),
        required_by: element.required_by.iter().cloned().collect(),
        listed: element.listed,
        parameters: parameters.remove(name).unwrap_or_default(),
        grants: held.get(name).cloned().unwrap_or_default(),
        limits: definition.limits.of(name),
    });
    planned.collect()
}

/// What package scripts start again and again and the host once. A program that is not in the
/// image has nothing to be started for.
fn deferred_triggers(transactions: bool) -> Vec<DeferredTrigger> {
    let initramfs =
        DeferredTrigger { program: "update-initramfs".to_owned(), before: Phase::Finalise };
    if transactions { vec![initramfs] } else { Vec::new() }
}

/// What identities derive from: all that was there before any element wished for anything.
/// Formats are no part of it: a raw and a qcow2 image of one plan are one disk.
fn seed(
    definition: &Definition,
    machine: &TargetMachine,
    elements: &Elements,
    parameters: &Parameters,
) -> String {
    let digests: BTreeMap<&String, &String> =
        elements.iter().map(|(name, e)| (name, &e.described.digest)).collect();
    let root = &definition.root_filesystem;
    let mut all = json!({
        "machine": machine,
        "elements": digests,
        "parameters": parameters,
        "root-filesystem": {
            "label": root.label.as_ref().map(|l| &l.value),
            "max-online-resize": root.max_online_resize.as_ref().map(|n| n.value),
            "free-space": root.free_space.as_ref().map(|n| n.value),
        },
    });
    if !definition.block_device.is_empty() {
        let nodes: Vec<&Node> = definition.block_device.iter().map(|n| &n.value).collect();
        all["block-device"] = json!(nodes);
    }
    digest_of(&all)
}

/// `sha256:…` of a plan, but for what says where things were found.
fn digest(plan: &Plan) -> Result<String, serde_json::Error> {
    let mut value = serde_json::to_value(plan)?;
    value["digest"] = Value::Null;
    if let Some(all) = value.as_object_mut() {
        all.shift_remove("actions");
    }
    for element in value["elements"].as_array_mut().into_iter().flatten() {
        element["origin"] = Value::Null;
        element["reference"] = Value::Null;
    }
    let secrets = value.get_mut("secrets").and_then(Value::as_array_mut);
    for secret in secrets.into_iter().flatten() {
        secret["source"] = Value::Null;
    }
    for finding in value["findings"].as_array_mut().into_iter().flatten() {
        finding["location"] = Value::Null;
    }
    Ok(format!("sha256:{}", digest_of(&value)))
}
