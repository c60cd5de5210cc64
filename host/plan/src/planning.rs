//! From a definition to a plan.

mod collect;
mod idle;
mod inputs;
mod kept;
mod settled;

use std::collections::{BTreeMap, BTreeSet};

use dibhost_block_device::{Node, NodeKind};
use dibhost_definition::{Contents, Definition, Diagnostic, Diagnostics, LockedImage};
use serde_json::{Value, json};

use collect::{Collected, Run};
pub use inputs::{CANNOT_RUN_HELP, DEFAULT_SOURCE_DATE_EPOCH, KeptSlots, PlanInputs};
use settled::Settled;

use crate::Phase;
use crate::accounts;
use crate::actions;
use crate::consent;
use crate::contents;
use crate::digest::digest_of;
use crate::fact::Fact;
use crate::left::{left_empty, no_first_tree, unknown_extensions};
use crate::limits;
use crate::lock;
use crate::merge;
use crate::order;
use crate::parameters::{self, Parameters, one_line};
use crate::plan::{
    DeferredTrigger, Plan, PlanFinding, PlannedElement, PlannedImage, PlannedSecret, VERSION,
};
use crate::planner::{Planner, TargetMachine};
use crate::preflight::{self, Held};
use crate::resolve::{Elements, resolve};
use crate::slots::Declared;
use crate::transaction::{Transaction, package_manager};
use crate::why;
use crate::wish::{Wish, WishRecord};

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
    let definition = &contents::whole(definition, &inputs.inputs, &mut wrong);
    let mut elements = resolve(definition, planner, &inputs.inputs, &mut wrong);
    wrong.or(())?;
    consent::ask(&mut elements);

    let mut findings: Vec<PlanFinding> =
        elements.iter().flat_map(|(name, e)| unknown_extensions(name, e)).collect();
    let mut wrong = Diagnostics::default();
    limits::check(definition, &elements, &mut wrong);
    let held =
        preflight::check(definition, &elements, inputs.lock.as_ref(), &mut wrong, &mut findings);
    let declared = Declared::of(&elements);
    let settled =
        Settled::of(definition, planner, inputs, &elements, &declared, &mut wrong, &mut findings);
    wrong.or(())?;

    let seed = seed(definition, &settled.machine);
    let run = Run { definition, planner, inputs, elements: &elements, settled: &settled };
    let Collected { held, facts, mut wishes, findings: remarks, block_device } =
        run.all_phases(held, seed)?;
    let Settled { parameters, machine, slots, edges, order, secret_of, .. } = settled;
    let secrets = planned_secrets(definition, &elements, &parameters);
    findings.extend(remarks);
    findings.sort();
    findings.dedup();

    let mut wrong = Diagnostics::default();
    left_empty(&slots, &facts, &declared, &mut wrong);
    merge::kernel_arguments(&facts, &definition.contents, &mut wrong);
    wishes.sort_by_key(|w| w.phase);
    let planned_elements =
        planned_elements(definition, &elements, parameters, &held, inputs.lock.as_ref());
    let given = crate::inputs::planned(definition, &inputs.inputs, &planned_elements);
    findings.extend(crate::inputs::idle(definition, &given));
    findings.extend(definition.remarks.iter().map(said));
    let steps = order::steps(&elements, &order);
    let toucher = |name: &str| planned_elements.iter().any(|e| e.name == name && e.sees_target());
    let touching: BTreeSet<Phase> =
        steps.iter().filter(|s| !s.plan_only && toucher(&s.element)).map(|s| s.phase).collect();
    if !wishes.iter().any(|w| matches!(w.wish, Wish::Bootstrap(_))) {
        findings.push(no_first_tree());
    }
    merge::check_family(&wishes, &facts, &mut wrong);
    let transactions = merge::transactions(&wishes, &touching, &mut wrong);
    let deferred_triggers = deferred_triggers(&transactions, &facts);
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
        places: places(definition, &wishes, &facts),
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
        inputs: given,
        unit_definitions: merge::definitions(&wishes, &mut wrong),
        unit_drop_ins: merge::drop_ins(&wishes, &mut wrong),
        unit_presets: merge::presets(&wishes, &mut wrong),
        unit_states: merge::states(&wishes, &mut wrong),
        files: merge::files(&wishes, &mut wrong),
        deferred_triggers,
        transactions,
        wishes,
        block_device,
        actions: Vec::new(),
        findings,
    };
    let remarks = accounts::remarks(&plan.users, &plan.passwords, &plan.transactions);
    plan.findings.extend(remarks);
    plan.findings.extend(plan.nobody_logs_in());
    plan.findings.extend(plan.locked_out());
    plan.findings.extend(plan.never_started());
    plan.actions = actions::actions(&plan);
    plan.digest = digest(&plan).unwrap_or_else(|error| {
        wrong.push(Diagnostic::new(format!("the plan is no JSON: {error}")));
        String::new()
    });
    let missing = missing_secrets(&plan, inputs);
    plan.findings.extend(missing);
    let foreign = inputs.cannot_run.as_ref().filter(|_| plan.runs_programs());
    plan.findings.extend(foreign.map(|why| cannot_run(why)));
    let grown = inputs.lock.as_ref().map(|lock| lock::grown(lock, definition, &plan));
    plan.findings.extend(grown.into_iter().flatten().map(|growth| growth.finding()));
    wrong.or(plan)
}

/// What the definition itself has to say.
fn said(remark: &Diagnostic) -> PlanFinding {
    PlanFinding {
        element: None,
        phase: None,
        location: remark.location.as_ref().map(ToString::to_string),
        message: remark.message.clone(),
        help: remark.help.clone(),
    }
}

/// What the steps of `root` say of the system, with all that each element asks for: what is planned
/// is only looked at.
pub(crate) fn root(
    definition: &Definition,
    planner: &dyn Planner,
    inputs: &PlanInputs,
    elements: &Elements,
) -> Result<Vec<Fact>, Diagnostics> {
    let mut wrong = Diagnostics::default();
    let declared = Declared::of(elements);
    let settled =
        Settled::of(definition, planner, inputs, elements, &declared, &mut wrong, &mut Vec::new());
    wrong.or(())?;
    let run = Run { definition, planner, inputs, elements, settled: &settled };
    run.root(preflight::asked(elements))
}

/// Where the definition says in its own keys what is wished for, by subject.
fn places(
    definition: &Definition,
    wishes: &[WishRecord],
    facts: &[Fact],
) -> BTreeMap<String, String> {
    let wished =
        wishes.iter().filter_map(|record| Some((why::of(record), record.location.as_ref()?)));
    let wished = wished.flat_map(|(subjects, at)| subjects.into_iter().map(move |s| (s, at)));
    let own = facts.iter().filter(|fact| fact.provider == Contents::ELEMENT);
    let arguments = own.filter_map(|fact| {
        let argument = fact.value["argument"].as_str()?;
        let at = contents::place_of_argument(&definition.contents, argument)?;
        Some((why::of_argument(argument), at))
    });
    let arguments = arguments.flat_map(|(subjects, at)| subjects.into_iter().map(move |s| (s, at)));
    let commands = definition.contents.commands.iter();
    let commands = commands.filter_map(|c| Some((why::of_command(c), c.location.as_ref()?)));
    let all = wished.chain(arguments).chain(commands);
    all.map(|(subject, at)| (subject, at.to_string())).collect()
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

fn planned_elements(
    definition: &Definition,
    elements: &Elements,
    mut parameters: Parameters,
    held: &Held,
    lock: Option<&LockedImage>,
) -> Vec<PlannedElement> {
    let pins = |name| Some(lock?.get(name)?.pins.clone());
    let set = |name| Some(definition.parameters.get(name)?.settings.keys().cloned().collect());
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
        parameters_set: set(name).unwrap_or_default(),
        grants: held.get(name).cloned().unwrap_or_default(),
        pins: pins(name).unwrap_or_default(),
        limits: definition.limits.of(name),
    });
    planned.collect()
}

/// The image is for a machine whose programs this one does not run.
fn cannot_run(why: &str) -> PlanFinding {
    PlanFinding {
        element: None,
        phase: None,
        location: None,
        message: format!("a build here would be refused: {why}"),
        help: Some(CANNOT_RUN_HELP.to_owned()),
    }
}

/// What package scripts start again and again and the host once. A program that is not in the
/// image has nothing to be started for.
fn deferred_triggers(transactions: &[Transaction], facts: &[Fact]) -> Vec<DeferredTrigger> {
    if transactions.is_empty() {
        return Vec::new();
    }
    let program = match package_manager(transactions, facts) {
        Some("dnf" | "zypper") => "dracut",
        _ => "update-initramfs",
    };
    vec![DeferredTrigger { program: program.to_owned(), before: Phase::Finalise }]
}

/// What identities derive from: the image and what the definition says of its disk. Elements and
/// parameters are no part of it: a boot loader that is told another identity has to be made anew, with
/// all after it, and of two versions of one image only one is in a machine. Nor are formats: a raw and
/// a qcow2 image of one plan are one disk.
fn seed(definition: &Definition, machine: &TargetMachine) -> String {
    let root = &definition.root_filesystem;
    let mut all = json!({
        "machine": machine,
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
        all.shift_remove("places");
    }
    for element in value["elements"].as_array_mut().into_iter().flatten() {
        element["origin"] = Value::Null;
        element["reference"] = Value::Null;
        if let Some(element) = element.as_object_mut() {
            element.shift_remove("parameters-set");
        }
    }
    let secrets = value.get_mut("secrets").and_then(Value::as_array_mut);
    for secret in secrets.into_iter().flatten() {
        secret["source"] = Value::Null;
    }
    let inputs = value.get_mut("inputs").and_then(Value::as_array_mut);
    for input in inputs.into_iter().flatten() {
        input["path"] = Value::Null;
    }
    for finding in value["findings"].as_array_mut().into_iter().flatten() {
        finding["location"] = Value::Null;
    }
    Ok(format!("sha256:{}", digest_of(&value)))
}
