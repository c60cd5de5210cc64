//! From the contract's types to the host's, and back: the only place that names both.

use dibhost_block_device as disk;
use dibhost_check::Check;
use dibhost_plan::Phase;
use dibhost_plan::description as plan;
use dibhost_plan::fact::Fact;
use dibhost_plan::planner::{ElementFailure, Finding};
use dibhost_plan::wish;
use dibhost_tree as tree;
use serde_json::Value;

use crate::bindings::dib::element::{
    accounts, block_device, bootstrap, facts, packages, rootfs, types,
};
use crate::bindings::exports::dib::element::{lifecycle, metadata};
use crate::describe_size;
use crate::extensions::known_extensions;
use crate::refusal::Refusal;
use dibhost_text::harmless;

/// Bytes of one text of a description that are kept.
const TEXT: usize = 4096;

pub(crate) fn phase(phase: types::Phase) -> Phase {
    match phase {
        types::Phase::Root => Phase::Root,
        types::Phase::ExtraData => Phase::ExtraData,
        types::Phase::PreInstall => Phase::PreInstall,
        types::Phase::Install => Phase::Install,
        types::Phase::PostInstall => Phase::PostInstall,
        types::Phase::PostRoot => Phase::PostRoot,
        types::Phase::BlockDevice => Phase::BlockDevice,
        types::Phase::PreFinalise => Phase::PreFinalise,
        types::Phase::Finalise => Phase::Finalise,
        types::Phase::Cleanup => Phase::Cleanup,
    }
}

pub(crate) fn phase_to_wit(phase: Phase) -> types::Phase {
    match phase {
        Phase::Root => types::Phase::Root,
        Phase::ExtraData => types::Phase::ExtraData,
        Phase::PreInstall => types::Phase::PreInstall,
        Phase::Install => types::Phase::Install,
        Phase::PostInstall => types::Phase::PostInstall,
        Phase::PostRoot => types::Phase::PostRoot,
        Phase::BlockDevice => types::Phase::BlockDevice,
        Phase::PreFinalise => types::Phase::PreFinalise,
        Phase::Finalise => types::Phase::Finalise,
        Phase::Cleanup => types::Phase::Cleanup,
    }
}

fn json(text: &str, what: impl FnOnce() -> String) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|e| format!("{} is no JSON: {e}", what()))
}

fn extensions(list: Vec<(String, String)>) -> Result<Vec<(String, String)>, String> {
    match known_extensions(&list) {
        Ok(()) => Ok(list),
        Err(Refusal::Answer(error)) => Err(error.message),
        Err(Refusal::Trap(error)) => Err(error.to_string()),
    }
}

/// What `describe` returned, as plain data.
pub(crate) fn description(said: metadata::Description) -> Result<plan::Description, String> {
    if Check::DescriptionBytes.holds() {
        describe_size::check(&said)?;
    }
    let requirement = |r: metadata::Requirement| plan::Requirement {
        name: r.name,
        version: r.version,
        optional: r.optional,
    };
    let request = |r: metadata::Request| plan::Request {
        capability: r.capability,
        scope: r.scope,
        reason: harmless(&r.reason, TEXT),
    };
    Ok(plan::Description {
        name: said.name,
        version: said.version,
        summary: harmless(&said.summary, TEXT),
        license: harmless(&said.license, TEXT),
        requires: said.requires.into_iter().map(requirement).collect(),
        stands_in_for: said.stands_in_for,
        conflicts_with: said.conflicts_with,
        parameters: said.parameters.into_iter().map(parameter).collect::<Result<_, _>>()?,
        steps: said.steps.into_iter().map(step).collect::<Result<_, _>>()?,
        requests: said.requests.into_iter().map(request).collect(),
        extensions: extensions(said.extensions)?,
    })
}

fn parameter(said: metadata::Parameter) -> Result<plan::Parameter, String> {
    use metadata::ParameterKind as Kind;
    let name = said.name;
    let kind = match said.kind {
        Kind::Text => plan::ParameterKind::Text,
        Kind::Integer => plan::ParameterKind::Integer,
        Kind::Boolean => plan::ParameterKind::Boolean,
        Kind::TextList => plan::ParameterKind::TextList,
        Kind::Choice(of) => plan::ParameterKind::Choice(of),
        Kind::Secret => plan::ParameterKind::Secret,
        Kind::Json(schema) => plan::ParameterKind::Json(json(&schema, || {
            format!("the schema of parameter `{}`", harmless(&name, 100))
        })?),
    };
    let default = said
        .default
        .map(|text| json(&text, || format!("the default of parameter `{}`", harmless(&name, 100))));
    extensions(said.extensions)?;
    Ok(plan::Parameter {
        kind,
        default: default.transpose()?,
        doc: harmless(&said.doc, TEXT),
        aliases: said.aliases,
        name,
    })
}

fn arity(said: metadata::Arity) -> plan::Arity {
    match said {
        metadata::Arity::One => plan::Arity::One,
        metadata::Arity::Optional => plan::Arity::Optional,
        metadata::Arity::Many => plan::Arity::Many,
    }
}

fn step(said: metadata::Step) -> Result<plan::StepDeclaration, String> {
    let slot_use = |u: metadata::SlotUse| plan::SlotUse {
        name: u.name,
        arity: arity(u.arity),
        required: u.required,
    };
    Ok(plan::StepDeclaration {
        name: said.name,
        phase: phase(said.phase),
        provides: said.provides.into_iter().map(slot).collect::<Result<_, _>>()?,
        consumes: said.consumes.into_iter().map(slot_use).collect(),
        after: said.after,
        before: said.before,
        plan_only: said.plan_only,
        extensions: extensions(said.extensions)?,
    })
}

fn slot(said: metadata::Slot) -> Result<plan::Slot, String> {
    let name = said.name;
    let schema =
        said.schema.map(|s| json(&s, || format!("the schema of slot `{}`", harmless(&name, 200))));
    Ok(plan::Slot {
        arity: arity(said.arity),
        timing: match said.timing {
            metadata::Timing::Planned => plan::Timing::Planned,
            metadata::Timing::Observed => plan::Timing::Observed,
        },
        schema: schema.transpose()?,
        doc: harmless(&said.doc, TEXT),
        name,
    })
}

pub(crate) fn finding(said: lifecycle::Finding) -> Finding {
    Finding {
        parameter: said.parameter,
        message: harmless(&said.message, TEXT),
        help: said.help.map(|h| multi_line(&h)),
        fatal: said.fatal,
    }
}

/// The failure an element reported.
pub(crate) fn failure(said: types::Error) -> ElementFailure {
    ElementFailure {
        message: harmless(said.message.trim_end(), TEXT),
        context: said.context.iter().take(20).map(|c| harmless(c, TEXT)).collect(),
        help: said.help.map(|h| multi_line(&h)),
    }
}

/// Help may have lines: those of a grant, for one.
fn multi_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().take(20).map(|l| harmless(l, TEXT)).collect();
    lines.join("\n")
}

pub(crate) fn fact_to_wit(fact: &Fact) -> facts::Fact {
    facts::Fact {
        provider: fact.provider.clone(),
        step: fact.step_name().to_owned(),
        phase: phase_to_wit(fact.phase),
        key: fact.key.clone(),
        value: fact.value.to_string(),
    }
}

pub(crate) fn package(said: packages::Wish) -> wish::PackageWish {
    wish::PackageWish {
        name: said.name,
        version: said.version,
        want: match said.want {
            packages::Want::Install => wish::Want::Install,
            packages::Want::BuildOnly => wish::Want::BuildOnly,
            packages::Want::Remove => wish::Want::Remove,
            packages::Want::Hold => wish::Want::Hold,
        },
        reason: harmless(&said.reason, TEXT),
        answers: said.answers,
    }
}

pub(crate) fn repository(said: packages::Repository) -> wish::Repository {
    wish::Repository {
        name: said.name,
        url: said.url,
        suites: said.suites,
        components: said.components,
        priority: said.priority,
        key: said.key,
    }
}

pub(crate) fn user(said: accounts::User) -> wish::User {
    wish::User {
        name: said.name,
        uid: said.uid,
        gid: said.gid,
        home: said.home,
        shell: said.shell,
        groups: said.groups,
        system: said.system,
        authorized_keys: said.authorized_keys,
    }
}

pub(crate) fn bootstrap(said: bootstrap::Source) -> wish::Bootstrap {
    use bootstrap::Source;
    match said {
        Source::Distribution(d) => wish::Bootstrap::Distribution(wish::Distribution {
            package_manager: d.package_manager,
            release: d.release,
            mirror: d.mirror,
            components: d.components,
            keys: d.keys,
            packages: d.packages,
        }),
        Source::Container(reference) => wish::Bootstrap::Container(reference),
        Source::Archive(file) => wish::Bootstrap::Archive(file.url, file.digest),
        Source::DiskImage(file) => wish::Bootstrap::DiskImage(file.url, file.digest),
    }
}

fn size(said: block_device::Size) -> disk::Size {
    use block_device::Size;
    match said {
        Size::Bytes(bytes) => disk::Size::Bytes(bytes),
        Size::Share(millionths) => disk::Size::Share(millionths),
        Size::ShareOfRest(millionths) => disk::Size::ShareOfRest(millionths),
        Size::Rest => disk::Size::Rest,
        Size::Content(more) => disk::Size::Content(more),
    }
}

fn size_to_wit(size: disk::Size) -> block_device::Size {
    use block_device::Size;
    match size {
        disk::Size::Bytes(bytes) => Size::Bytes(bytes),
        disk::Size::Share(millionths) => Size::Share(millionths),
        disk::Size::ShareOfRest(millionths) => Size::ShareOfRest(millionths),
        disk::Size::Rest => Size::Rest,
        disk::Size::Content(more) => Size::Content(more),
    }
}

pub(crate) fn node(said: block_device::Node) -> disk::Node {
    use block_device::NodeKind as Kind;
    use disk::NodeKind;
    let kind = match said.kind {
        Kind::Disk(d) => NodeKind::Disk { size: d.size, sector_size: d.sector_size },
        Kind::Table(t) => NodeKind::Table {
            kind: match t.kind {
                block_device::TableKind::Gpt => disk::TableKind::Gpt,
                block_device::TableKind::Mbr => disk::TableKind::Mbr,
            },
            alignment: t.alignment,
        },
        Kind::Partition(p) => NodeKind::Partition {
            label: p.label,
            type_id: p.type_id,
            size: size(p.size),
            attributes: p.attributes,
            preserve: p.preserve,
        },
        Kind::Encryption(e) => NodeKind::Encryption { secrets: e.secrets, label: e.label },
        Kind::PhysicalVolume => NodeKind::PhysicalVolume,
        Kind::VolumeGroup(extent_size) => NodeKind::VolumeGroup { extent_size },
        Kind::LogicalVolume(v) => NodeKind::LogicalVolume {
            size: size(v.size),
            thin_pool: v.thin_pool,
            is_thin_pool: v.is_thin_pool,
            stripes: v.stripes,
        },
        Kind::Filesystem(f) => {
            NodeKind::Filesystem { kind: f.kind, label: f.label, uuid: f.uuid, tuning: f.tuning }
        }
        Kind::Mount(m) => NodeKind::Mount { at: m.at, options: m.options, in_fstab: m.in_fstab },
        Kind::GrubBios(g) => {
            NodeKind::GrubBios { boot_image: g.boot_image, core_image: g.core_image }
        }
        Kind::Driver((name, settings)) => NodeKind::Driver { name, settings },
    };
    disk::Node { name: said.name, on: said.on, kind }
}

pub(crate) fn node_to_wit(node: &disk::Node) -> block_device::Node {
    use block_device::NodeKind as Kind;
    use disk::NodeKind;
    let kind = match node.kind.clone() {
        NodeKind::Disk { size, sector_size } => {
            Kind::Disk(block_device::Disk { size, sector_size })
        }
        NodeKind::Table { kind, alignment } => Kind::Table(block_device::Table {
            kind: match kind {
                disk::TableKind::Gpt => block_device::TableKind::Gpt,
                disk::TableKind::Mbr => block_device::TableKind::Mbr,
            },
            alignment,
        }),
        NodeKind::Partition { label, type_id, size, attributes, preserve } => {
            let size = size_to_wit(size);
            Kind::Partition(block_device::Partition { label, type_id, size, attributes, preserve })
        }
        NodeKind::Encryption { secrets, label } => {
            Kind::Encryption(block_device::Encryption { secrets, label })
        }
        NodeKind::PhysicalVolume => Kind::PhysicalVolume,
        NodeKind::VolumeGroup { extent_size } => Kind::VolumeGroup(extent_size),
        NodeKind::LogicalVolume { size, thin_pool, is_thin_pool, stripes } => {
            let size = size_to_wit(size);
            Kind::LogicalVolume(block_device::LogicalVolume {
                size,
                thin_pool,
                is_thin_pool,
                stripes,
            })
        }
        NodeKind::Filesystem { kind, label, uuid, tuning } => {
            Kind::Filesystem(block_device::Filesystem { kind, label, uuid, tuning })
        }
        NodeKind::Mount { at, options, in_fstab } => {
            Kind::Mount(block_device::Mount { at, options, in_fstab })
        }
        NodeKind::GrubBios { boot_image, core_image } => {
            Kind::GrubBios(block_device::GrubBios { boot_image, core_image })
        }
        NodeKind::Driver { name, settings } => Kind::Driver((name, settings)),
    };
    block_device::Node {
        name: node.name.clone(),
        on: node.on.clone(),
        kind,
        extensions: Vec::new(),
    }
}

pub(crate) fn attributes(said: rootfs::Attributes) -> tree::Attributes {
    tree::Attributes { mode: said.mode, owner: said.owner, group: said.group, xattrs: said.xattrs }
}

pub(crate) fn change(said: rootfs::Change) -> Result<tree::Change, Refusal> {
    use rootfs::Change as Said;
    use tree::Change;
    let at = |path: &str| tree::TargetPath::new(path).map_err(Refusal::from);
    Ok(match said {
        Said::Write(file) => Change::Write {
            path: at(&file.path)?,
            content: file.content,
            attributes: attributes(file.attributes),
        },
        Said::Append(file) => Change::Append { path: at(&file.path)?, content: file.content },
        Said::MakeDirectory(folder) => Change::MakeDirectory {
            path: at(&folder.path)?,
            attributes: attributes(folder.attributes),
        },
        Said::Symlink(link) => {
            if link.to.is_empty() || link.to.contains('\0') {
                return Err(Refusal::invalid(format!(
                    "the symbolic link `{}` says nothing, or has a NUL in it",
                    harmless(&link.path, 200)
                )));
            }
            Change::Symlink { path: at(&link.path)?, to: link.to }
        }
        Said::HardLink(to) => {
            Change::HardLink { source: at(&to.source)?, destination: at(&to.destination)? }
        }
        Said::Copy(to) => {
            Change::Copy { source: at(&to.source)?, destination: at(&to.destination)? }
        }
        Said::SetAttributes(of) => {
            Change::SetAttributes { path: at(&of.path)?, attributes: attributes(of.attributes) }
        }
        Said::Rename(to) => {
            Change::Rename { source: at(&to.source)?, destination: at(&to.destination)? }
        }
        Said::Remove(path) => Change::Remove { path: at(&path)? },
    })
}

pub(crate) fn stat(stat: tree::Stat) -> rootfs::Stat {
    rootfs::Stat {
        kind: match stat.kind {
            tree::Kind::File => rootfs::Kind::File,
            tree::Kind::Directory => rootfs::Kind::Directory,
            tree::Kind::Symlink => rootfs::Kind::Symlink,
            tree::Kind::CharacterDevice => rootfs::Kind::CharacterDevice,
            tree::Kind::BlockDevice => rootfs::Kind::BlockDevice,
            tree::Kind::Fifo => rootfs::Kind::Fifo,
            tree::Kind::Socket => rootfs::Kind::Socket,
        },
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        size: stat.size,
        modified: stat.modified,
        links: stat.links,
        link_target: stat.link_target,
        xattrs: stat.xattrs,
    }
}
