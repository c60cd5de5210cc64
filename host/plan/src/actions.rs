//! From a plan to its actions, in the order in which the engine carries them out.

use dibhost_block_device::{Graph, NodeKind};
use dibhost_definition::Format;
use serde_json::{Value, json};

use crate::action::{Action, HOST_API, Input, InputKind, Work, chain};
use crate::phase::Phase;
use crate::plan::{Plan, PlannedElement, PlannedFile, Step};
use crate::schema::DISTRIBUTION;
use crate::slot::Timing;
use crate::transaction::{Transaction, package_manager};
use crate::wish::Bootstrap;

/// Programs that resolve, look at and unpack packages outside of the image, by package manager; whatever
/// it is, it is apt that fetches RPM packages.
fn package_programs(manager: Option<&str>) -> &'static [&'static str] {
    match manager {
        Some("dnf") => &["apt-get", "dnf", "rpm"],
        Some("zypper") => &["apt-get", "rpm", "zypper"],
        _ => &["apt-cache", "apt-get", "dpkg-deb"],
    }
}

/// All of them, with their keys: what [`Plan::actions`] has, for whoever makes a plan otherwise.
#[must_use]
pub fn actions(plan: &Plan) -> Vec<Action> {
    let mut actions = vec![empty_tree(plan)];
    for phase in Phase::ALL {
        actions.extend(plan.transaction_before(phase).map(|t| packages(plan, t)));
        actions.extend(accounts(plan, phase));
        actions.extend(files(plan, phase));
        actions.extend(units(plan, phase));
        if phase == Phase::BlockDevice && plan.image.makes_disks() {
            actions.push(fstab(plan));
        }
        actions.extend(deferred(plan, phase));
        let steps = plan.steps_of(phase).filter(|step| !step.plan_only);
        actions.extend(steps.filter_map(|s| Some(step(plan, s, plan.element(&s.element)?))));
        if phase == Phase::Cleanup {
            actions.extend(remove_build_only(plan));
        }
    }
    if plan.image.makes_disks() {
        actions.push(disk(plan));
    }
    actions.extend(plan.image.formats.iter().map(|format| output(plan, *format)));
    chain(&mut actions);
    actions
}

fn empty_tree(plan: &Plan) -> Action {
    let input = |name: &str, value: Value| Input::new(InputKind::Build, name, &value);
    let inputs = vec![
        input("arch", json!(plan.image.arch)),
        input("host-api", json!(HOST_API)),
        input("source-date-epoch", json!(plan.image.source_date_epoch)),
    ];
    Action::new("make an empty tree", Work::EmptyTree, inputs)
}

/// Who wanted a package and why, and whether it stays, is nothing to the tree that comes of it.
fn packages(plan: &Plan, transaction: &Transaction) -> Action {
    let phase = transaction.before;
    let mut inputs = Vec::new();
    if let Some(first) = &transaction.bootstrap {
        inputs.push(Input::new(InputKind::FirstTree, "", &first_tree(&first.source)));
        if !matches!(first.source, Bootstrap::Distribution(_)) {
            // It has to say the same of itself, and which packages go into it depends on that.
            let said = plan.facts_of(DISTRIBUTION);
            inputs.extend(said.map(|f| Input::new(InputKind::FirstTree, "system", &f.value)));
        }
    }
    // What adds them later is resolved from them, and the image's sources are written, with the
    // first tree already.
    let all = if transaction.bootstrap.is_some() { &*plan.transactions } else { &[] };
    let own = std::slice::from_ref(transaction);
    let with_repositories = if all.is_empty() { own } else { all };
    for planned in with_repositories.iter().flat_map(|t| &t.repositories) {
        let repository = &planned.repository;
        inputs.push(Input::new(InputKind::Repository, repository.name(), &json!(repository)));
    }
    let modules = transaction.modules.iter();
    inputs.extend(modules.map(|m| Input::new(InputKind::Module, &m.name, &json!(m.stream))));
    let groups = transaction.groups.iter();
    inputs.extend(groups.map(|g| Input::new(InputKind::PackageGroup, &g.id, &Value::Null)));
    if transaction.upgrade_all {
        inputs.push(Input::new(InputKind::Package, "*", &json!("upgrade")));
    }
    let mut installed: Vec<_> = transaction.install.iter().chain(&transaction.build_only).collect();
    installed.sort_by(|a, b| a.name.cmp(&b.name));
    let kinds = [
        (InputKind::Package, installed),
        (InputKind::Removal, transaction.remove.iter().collect()),
        (InputKind::Hold, transaction.hold.iter().collect()),
    ];
    for (kind, wants) in kinds {
        inputs.extend(wants.iter().map(|want| Input::new(kind, &want.name, &json!(want.version))));
    }
    inputs.extend(transaction.answers.iter().map(|answer| {
        let name = format!("{} {}", answer.package, answer.question);
        Input::new(InputKind::DebconfAnswer, name, &json!([answer.kind, answer.value]))
    }));
    let name = match transaction.bootstrap {
        Some(_) => format!("make the first tree in `{phase}`"),
        None => format!("install packages in `{phase}`"),
    };
    let programs = package_programs(package_manager(&plan.transactions, &plan.facts));
    let programs = programs.iter().map(|&name| name.to_owned()).collect();
    Action { programs, ..Action::new(name, Work::Packages { phase }, inputs) }
}

/// Where something comes from does not matter when its bytes are known beforehand.
fn first_tree(source: &Bootstrap) -> Value {
    match source {
        Bootstrap::Archive(_, digest) => json!({"archive": digest}),
        Bootstrap::DiskImage(_, digest) => json!({"disk-image": digest}),
        Bootstrap::Container(reference) => match reference.rsplit_once('@') {
            Some((_, digest)) => json!({"container": digest}),
            None => json!({"container": reference}),
        },
        Bootstrap::Distribution(_) => json!(source),
    }
}

fn accounts(plan: &Plan, phase: Phase) -> Option<Action> {
    let input = |what: &str, name: &str, value: Value| {
        Input::new(InputKind::Account, format!("{what} {name}"), &value)
    };
    let groups = plan.groups_of(phase).map(|g| input("group", &g.name, json!(g.gid)));
    let users = plan.users_of(phase).map(|u| input("user", &u.user.name, json!(u.user)));
    let passwords =
        plan.passwords_of(phase).map(|p| input("password", &p.user, json!({"secret": p.secret})));
    let inputs: Vec<_> = groups.chain(users).chain(passwords).collect();
    let work = Work::Accounts { phase };
    (!inputs.is_empty()).then(|| Action::new(format!("make accounts in `{phase}`"), work, inputs))
}

fn files(plan: &Plan, phase: Phase) -> Option<Action> {
    let input = |file: &PlannedFile| Input::new(InputKind::File, &file.path, &file.node.key());
    let inputs: Vec<_> = plan.files_of(phase).map(input).collect();
    let work = Work::Files { phase };
    (!inputs.is_empty()).then(|| Action::new(format!("place files in `{phase}`"), work, inputs))
}

fn units(plan: &Plan, phase: Phase) -> Option<Action> {
    let input = |what: &str, name: &str, value: Value| {
        Input::new(InputKind::Unit, format!("{what} {name}"), &value)
    };
    let texts = plan.unit_definitions_of(phase).map(|u| input("text", &u.unit, json!(u.content)));
    let drop_ins = plan
        .unit_drop_ins_of(phase)
        .map(|d| input("drop-in", &format!("{} {}", d.unit, d.name), json!(d.content)));
    let presets = plan.unit_presets_of(phase).map(|p| {
        let lines: Vec<_> = p.lines.iter().map(|line| json!([line.action, line.unit])).collect();
        input("preset", &format!("{:02}", p.number), json!(lines))
    });
    let states = plan.unit_states_of(phase).map(|u| input("state", &u.unit, json!(u.state)));
    let inputs: Vec<_> = texts.chain(drop_ins).chain(presets).chain(states).collect();
    let work = Work::Units { phase };
    (!inputs.is_empty()).then(|| Action::new(format!("set units in `{phase}`"), work, inputs))
}

/// Its lines and the mount points, and not the nodes that they come of: how large a partition is
/// changes no byte of the tree.
fn fstab(plan: &Plan) -> Action {
    let disk = &plan.block_device;
    let written = match Graph::of_image(disk.nodes.clone()) {
        Ok(graph) => {
            let mounts: Vec<&str> = graph.mounts().iter().map(|mount| mount.at.as_str()).collect();
            json!([graph.fstab(&graph.identities(&disk.seed_bytes())), mounts])
        }
        // Never of a plan, whose nodes were checked; and then they say what there is to say.
        Err(_) => json!(disk.nodes),
    };
    let inputs = vec![Input::new(InputKind::Fstab, "/etc/fstab", &written)];
    Action::new("write `/etc/fstab`", Work::Fstab, inputs)
}

fn deferred(plan: &Plan, phase: Phase) -> Option<Action> {
    let programs: Vec<&str> = plan.triggers_before(phase).map(|t| t.program.as_str()).collect();
    let inputs: Vec<_> =
        programs.iter().map(|p| Input::new(InputKind::Trigger, *p, &Value::Null)).collect();
    let name = format!("run {} once in `{phase}`", dibhost_text::quoted_list(&programs));
    (!inputs.is_empty()).then(|| Action::new(name, Work::Deferred { phase }, inputs))
}

fn step(plan: &Plan, step: &Step, element: &PlannedElement) -> Action {
    let mut inputs = vec![
        Input::new(InputKind::Component, "", &json!(element.digest)),
        Input::new(InputKind::Step, "", &json!(step.name())),
        // An element may ask what it is called, and write it.
        Input::new(InputKind::Image, "name", &json!(plan.image.name)),
    ];
    let parameters = element.parameters.iter();
    inputs.extend(parameters.map(|(name, value)| Input::new(InputKind::Parameter, name, value)));
    let grants = element
        .grants
        .iter()
        .map(|grant| Input::new(InputKind::Grant, grant.right.to_string(), &Value::Null));
    inputs.extend(grants);
    inputs.extend(
        element.pins.iter().map(|(asked, is)| Input::new(InputKind::Pin, asked, &json!(is))),
    );
    let given = plan.inputs.iter().filter(|input| input.given_to.contains(&element.name));
    inputs.extend(given.map(|i| Input::new(InputKind::Input, &i.name, &json!(i.digest))));
    let planned =
        |slot: &&String| plan.slots.iter().any(|s| s.name == **slot && s.timing == Timing::Planned);
    // What is observed comes of the actions before, and their keys say of what.
    for slot in step.reads.iter().filter(planned) {
        inputs.extend(plan.facts.iter().filter(|f| f.slot == *slot).map(|fact| {
            let name = format!("{} {} {}", fact.slot, fact.provider, fact.key);
            Input::new(InputKind::Fact, name.trim_end(), &json!([fact.phase, fact.value]))
        }));
    }
    let (phase, element) = (step.phase, step.element.clone());
    let name = format!("run `{}` in `{phase}`", step.label());
    Action::new(name, Work::Step { phase, element, step: step.name.clone() }, inputs)
}

fn remove_build_only(plan: &Plan) -> Option<Action> {
    let names = plan.build_only_packages();
    let inputs: Vec<_> =
        names.iter().map(|name| Input::new(InputKind::Removal, *name, &Value::Null)).collect();
    let name = "remove packages of the build";
    (!inputs.is_empty()).then(|| Action::new(name, Work::RemoveBuildOnly, inputs))
}

fn disk(plan: &Plan) -> Action {
    let disk = &plan.block_device;
    let nodes = disk.nodes.iter();
    let mut inputs: Vec<_> = nodes
        .map(|node| Input::new(InputKind::Node, &node.name, &json!([node.on, node.kind])))
        .collect();
    let input = |name: &str, value: Value| Input::new(InputKind::Disk, name, &value);
    inputs.push(input("backend", json!(disk.backend)));
    inputs.push(input("identities", json!([disk.seed, disk.identities])));
    inputs.push(input("optimise", json!(disk.optimise)));
    let mut programs: Vec<String> = disk
        .nodes
        .iter()
        .filter_map(|node| match &node.kind {
            NodeKind::Filesystem { kind, .. } => maker(kind).map(str::to_owned),
            _ => None,
        })
        .collect();
    programs.sort();
    programs.dedup();
    Action { programs, ..Action::new("write the disk", Work::Disk, inputs) }
}

/// The program of the builder that makes a filesystem; none: the host makes it itself.
fn maker(filesystem: &str) -> Option<&'static str> {
    match filesystem {
        "ext2" | "ext3" | "ext4" => Some("mke2fs"),
        "xfs" => Some("mkfs.xfs"),
        "btrfs" => Some("mkfs.btrfs"),
        "squashfs" => Some("mksquashfs"),
        "erofs" => Some("mkfs.erofs"),
        _ => None,
    }
}

fn output(plan: &Plan, format: Format) -> Action {
    let mut inputs = vec![Input::new(InputKind::Format, "format", &json!(format))];
    if format == Format::Qcow2 {
        let compression = json!(plan.image.qcow2_compression);
        inputs.push(Input::new(InputKind::Format, "compression", &compression));
    }
    let programs = match format {
        Format::Tar | Format::Tgz | Format::TarZst | Format::Oci => vec!["tar".to_owned()],
        Format::Squashfs => vec!["mksquashfs".to_owned()],
        _ => Vec::new(),
    };
    if format == Format::Oci {
        inputs.push(Input::new(InputKind::Format, "name", &json!(plan.image.name)));
    }
    let made = Action::new(format!("make the {format} image"), Work::Output { format }, inputs);
    Action { programs, ..made }
}
