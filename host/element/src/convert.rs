//! From the contract's types to the host's, and back: the only place that names both.

use dibhost_block_device as disk;
use dibhost_check::Check;
use dibhost_plan::description as plan;
use dibhost_plan::fact::Fact;
use dibhost_plan::planner::{ElementFailure, Finding};
use dibhost_plan::wish;
use dibhost_plan::{PasswordHash, Phase};
use dibhost_tree as tree;
use serde_json::Value;

use crate::bindings::dib::element::{
    accounts, block_device, bootstrap, facts, packages, rootfs, types,
};
use crate::bindings::exports::dib::element::{lifecycle, metadata};
use crate::describe_size;
use crate::extensions::{told, unknown};
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

/// Notes what a record of a description says beyond the contract; `of` is empty for the element.
fn extensions(
    found: &mut Vec<plan::Extension>,
    of: impl FnOnce() -> String,
    list: Vec<(String, String)>,
) -> Result<(), String> {
    if list.is_empty() {
        return Ok(());
    }
    match unknown(&list) {
        Err(Refusal::Answer(error)) => return Err(error.message),
        Err(Refusal::Trap(error)) => return Err(error.to_string()),
        Ok(_) => {}
    }
    let of = of();
    let noted = list.into_iter().map(|(key, value)| plan::Extension { of: of.clone(), key, value });
    found.extend(noted);
    Ok(())
}

/// What a word of the contract means, by those that this host knows.
pub(crate) fn word<T: Copy>(what: &str, said: &str, known: &[(&str, T)]) -> Result<T, Refusal> {
    let found = known.iter().find(|(word, _)| *word == said).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        let words = dibhost_text::quoted_list(known.iter().map(|(word, _)| *word));
        Refusal::invalid(format!("`{}` is no {what}: this host knows {words}", harmless(said, 100)))
    })
}

/// What `describe` returned, as plain data.
pub(crate) fn description(said: metadata::Description) -> Result<plan::Description, String> {
    if Check::DescriptionBytes.holds() {
        describe_size::check(&said)?;
    }
    let mut found = Vec::new();
    extensions(&mut found, String::new, said.extensions)?;
    let mut requires = Vec::new();
    for r in said.requires {
        extensions(
            &mut found,
            || format!("its requirement `{}`", harmless(&r.name, 100)),
            r.extensions,
        )?;
        requires.push(plan::Requirement { name: r.name, version: r.version, optional: r.optional });
    }
    let mut requests = Vec::new();
    for r in said.requests {
        let of = || format!("its request of `{}`", harmless(&r.capability, 100));
        extensions(&mut found, of, r.extensions)?;
        let mut when = Vec::new();
        for c in r.when {
            let of = || format!("a condition of its request of `{}`", harmless(&r.capability, 100));
            extensions(&mut found, of, c.extensions)?;
            when.push(plan::Condition { slot: c.slot, field: c.field, one_of: c.one_of });
        }
        let reason = harmless(&r.reason, TEXT);
        requests.push(plan::Request { capability: r.capability, scope: r.scope, reason, when });
    }
    let mut parameters = Vec::new();
    for p in said.parameters {
        parameters.push(parameter(p, &mut found)?);
    }
    let mut steps = Vec::new();
    for s in said.steps {
        steps.push(step(s, &mut found)?);
    }
    Ok(plan::Description {
        name: said.name,
        version: said.version,
        summary: harmless(&said.summary, TEXT),
        license: harmless(&said.license, TEXT),
        requires,
        stands_in_for: said.stands_in_for,
        conflicts_with: said.conflicts_with,
        parameters,
        steps,
        requests,
        extensions: found,
    })
}

fn parameter(
    said: metadata::Parameter,
    found: &mut Vec<plan::Extension>,
) -> Result<plan::Parameter, String> {
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
    let of = || format!("its parameter `{}`", harmless(&name, 100));
    extensions(found, of, said.extensions)?;
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

fn step(
    said: metadata::Step,
    found: &mut Vec<plan::Extension>,
) -> Result<plan::StepDeclaration, String> {
    let name = said.name;
    extensions(found, || format!("its step `{}`", harmless(&name, 100)), said.extensions)?;
    let mut consumes = Vec::new();
    for u in said.consumes {
        let of = || format!("its use of the slot `{}`", harmless(&u.name, 200));
        extensions(found, of, u.extensions)?;
        let (arity, required) = (arity(u.arity), u.required);
        consumes.push(plan::SlotUse { name: u.name, arity, required });
    }
    let mut provides = Vec::new();
    for s in said.provides {
        provides.push(slot(s, found)?);
    }
    Ok(plan::StepDeclaration {
        name,
        phase: phase(said.phase),
        provides,
        consumes,
        after: said.after,
        before: said.before,
        plan_only: said.plan_only,
    })
}

fn slot(said: metadata::Slot, found: &mut Vec<plan::Extension>) -> Result<plan::Slot, String> {
    let name = said.name;
    extensions(found, || format!("its slot `{}`", harmless(&name, 200)), said.extensions)?;
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

/// A finding, and one for each thing that it says beyond the contract.
pub(crate) fn finding(said: lifecycle::Finding) -> Result<Vec<Finding>, String> {
    let keys = match unknown(&said.extensions) {
        Ok(keys) => keys,
        Err(Refusal::Answer(error)) => return Err(error.message),
        Err(Refusal::Trap(error)) => return Err(error.to_string()),
    };
    let own = Finding {
        parameter: said.parameter,
        message: harmless(&said.message, TEXT),
        help: said.help.map(|h| multi_line(&h)),
        fatal: said.fatal,
    };
    let beyond = keys.into_iter().map(|key| Finding {
        parameter: None,
        message: told(&key, "one of its remarks"),
        help: None,
        fatal: false,
    });
    Ok(std::iter::once(own).chain(beyond).collect())
}

/// The failure an element reported.
pub(crate) fn failure(said: types::Error) -> ElementFailure {
    ElementFailure {
        message: harmless(said.message.trim_end(), TEXT),
        context: said
            .context
            .iter()
            .take(20)
            .map(|c| harmless(c, TEXT))
            .chain(said.extensions.iter().take(20).map(|(key, _)| {
                format!("failing, of which it says `{}`, unknown to this host", harmless(key, 100))
            }))
            .collect(),
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
        extensions: Vec::new(),
    }
}

pub(crate) fn package(said: packages::Wish) -> Result<wish::PackageWish, Refusal> {
    let wants = [
        ("install", wish::Want::Install),
        ("build-only", wish::Want::BuildOnly),
        ("remove", wish::Want::Remove),
        ("hold", wish::Want::Hold),
    ];
    Ok(wish::PackageWish {
        want: word("wish for a package", &said.want, &wants)?,
        name: said.name,
        version: said.version,
        reason: harmless(&said.reason, TEXT),
    })
}

pub(crate) fn answer(said: packages::Answer) -> wish::Debconf {
    let packages::Answer { package, question, kind, value, extensions: _ } = said;
    wish::Debconf { package, question, kind, value }
}

pub(crate) fn deb_repository(said: packages::DebRepository) -> wish::Repository {
    wish::Repository::Deb(wish::DebRepository {
        name: said.name,
        url: said.url,
        suites: said.suites,
        components: said.components,
        priority: said.priority,
        key: said.key,
        build_only: said.build_only,
    })
}

pub(crate) fn rpm_repository(said: packages::RpmRepository) -> Result<wish::Repository, Refusal> {
    use wish::RpmLocation::{Baseurl, Metalink, Mirrorlist};
    let locations = [Baseurl, Metalink, Mirrorlist].map(|location| (location.name(), location));
    Ok(wish::Repository::Rpm(wish::RpmRepository {
        location: word("location of a repository", &said.location, &locations)?,
        name: said.name,
        url: said.url,
        keys: said.keys,
        priority: said.priority,
        cost: said.cost,
        module_hotfixes: said.module_hotfixes,
        build_only: said.build_only,
    }))
}

pub(crate) fn module(said: packages::Module) -> wish::ModuleStream {
    let reason = harmless(&said.reason, TEXT);
    wish::ModuleStream { name: said.name, stream: said.stream, reason }
}

pub(crate) fn package_group(said: packages::Group) -> wish::PackageGroup {
    wish::PackageGroup { id: said.id, reason: harmless(&said.reason, TEXT) }
}

pub(crate) fn preset_action(said: &str) -> Result<wish::PresetAction, Refusal> {
    use wish::PresetAction::{Disable, Enable};
    word("action of a preset", said, &[Enable, Disable].map(|action| (action.name(), action)))
}

pub(crate) fn user(said: accounts::User) -> Result<wish::User, Refusal> {
    use wish::Sudo::{None, Nopasswd, Password};
    let rules = [None, Password, Nopasswd].map(|sudo| (sudo.name(), sudo));
    let sudo = said.sudo.map(|sudo| word("rule of sudo", &sudo, &rules)).transpose()?;
    Ok(wish::User {
        sudo,
        comment: said.comment,
        password_hash: said.password_hash.map(PasswordHash::new),
        expires: said.expires,
        change_password: said.change_password,
        name: said.name,
        uid: said.uid,
        gid: said.gid,
        home: said.home,
        shell: said.shell,
        groups: said.groups,
        system: said.system,
        authorized_keys: said.authorized_keys,
    })
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
            rpm: d.rpm.map(rpm_distribution),
        }),
        Source::Container(reference) => wish::Bootstrap::Container(reference),
        Source::Archive(file) => wish::Bootstrap::Archive(file.url, file.digest),
        Source::DiskImage(file) => wish::Bootstrap::DiskImage(file.url, file.digest),
    }
}

fn rpm_distribution(said: bootstrap::RpmDistribution) -> wish::RpmDistribution {
    let origin = |origin: bootstrap::RpmOrigin| wish::RpmOrigin {
        name: origin.name,
        url: origin.url,
        keys: origin.keys,
        index_unsigned: origin.index_unsigned,
    };
    wish::RpmDistribution {
        origins: said.origins.into_iter().map(origin).collect(),
        base: said.base,
        module_platform: said.module_platform,
        weak_dependencies: said.weak_dependencies,
        documentation: said.documentation,
        languages: said.languages,
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

/// The driver of GRUB for BIOS.
const GRUB_BIOS: &str = "grub-bios";

/// Its settings.
#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct GrubBios {
    boot_image: String,
    core_image: String,
}

pub(crate) fn node(said: block_device::Node) -> Result<disk::Node, Refusal> {
    use block_device::NodeKind as Kind;
    use disk::NodeKind;
    let kind = match said.kind {
        Kind::Disk(d) => NodeKind::Disk { size: d.size, sector_size: d.sector_size },
        Kind::Table(t) => NodeKind::Table {
            kind: word(
                "partition table",
                &t.kind,
                &[("gpt", disk::TableKind::Gpt), ("mbr", disk::TableKind::Mbr)],
            )?,
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
        Kind::Driver((name, settings)) if name == GRUB_BIOS => {
            let GrubBios { boot_image, core_image } =
                serde_json::from_str(&settings).map_err(|why| {
                    let node = harmless(&said.name, 100);
                    Refusal::invalid(format!("the settings of the node `{node}` are none: {why}"))
                })?;
            NodeKind::GrubBios { boot_image, core_image }
        }
        Kind::Driver((name, settings)) => NodeKind::Driver { name, settings },
    };
    Ok(disk::Node { name: said.name, on: said.on, kind })
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
                disk::TableKind::Gpt => "gpt".to_owned(),
                disk::TableKind::Mbr => "mbr".to_owned(),
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
            let settings = serde_json::json!({"boot-image": boot_image, "core-image": core_image});
            Kind::Driver((GRUB_BIOS.to_owned(), settings.to_string()))
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

pub(crate) fn attributes(said: types::Attributes) -> tree::Attributes {
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
        Said::Append(more) => Change::Append { path: at(&more.path)?, content: more.content },
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
        Said::HardLink(name) => {
            Change::HardLink { source: at(&name.existing)?, destination: at(&name.path)? }
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
        extensions: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_not_known_is_refused_with_those_that_are() {
        let user = |sudo: &str| accounts::User {
            name: "me".to_owned(),
            uid: None,
            gid: None,
            home: None,
            shell: None,
            groups: Vec::new(),
            system: false,
            authorized_keys: Vec::new(),
            comment: None,
            sudo: Some(sudo.to_owned()),
            password_hash: None,
            expires: None,
            change_password: false,
            extensions: Vec::new(),
        };
        let repository = |location: &str| packages::RpmRepository {
            name: "r".to_owned(),
            url: "https://r.example".to_owned(),
            location: location.to_owned(),
            keys: Vec::new(),
            priority: None,
            cost: None,
            module_hotfixes: false,
            build_only: false,
            extensions: Vec::new(),
        };
        for sudo in [wish::Sudo::None, wish::Sudo::Password, wish::Sudo::Nopasswd] {
            assert_eq!(super::user(user(sudo.name())).unwrap().sudo, Some(sudo));
        }
        assert!(rpm_repository(repository("mirrorlist")).is_ok());
        assert_eq!(preset_action("disable").unwrap(), wish::PresetAction::Disable);
        let refused = [
            super::user(user("ALL")).err().unwrap(),
            rpm_repository(repository("baseurl\ngpgcheck=0")).err().unwrap(),
            preset_action("mask").unwrap_err(),
        ];
        let said = refused.map(|refusal| match refusal {
            Refusal::Answer(error) => error.message,
            Refusal::Trap(error) => panic!("{error}"),
        });
        assert_eq!(
            said,
            [
                "`ALL` is no rule of sudo: this host knows `none`, `password` and `nopasswd`",
                "`baseurl\\u{a}gpgcheck=0` is no location of a repository: this host knows `baseurl`, `metalink` and `mirrorlist`",
                "`mask` is no action of a preset: this host knows `enable` and `disable`",
            ]
        );
    }

    #[test]
    fn grub_for_bios_is_a_driver_with_settings_of_its_own() {
        let said = |settings: &str| block_device::Node {
            name: "grub".to_owned(),
            on: vec!["disk0".to_owned()],
            kind: block_device::NodeKind::Driver((GRUB_BIOS.to_owned(), settings.to_owned())),
            extensions: Vec::new(),
        };
        let settings = r#"{"boot-image": "/boot/boot.img", "core-image": "/boot/core.img"}"#;
        let there = node(said(settings)).unwrap();
        let disk::NodeKind::GrubBios { boot_image, core_image } = &there.kind else { panic!() };
        assert_eq!((&**boot_image, &**core_image), ("/boot/boot.img", "/boot/core.img"));
        let again = node(node_to_wit(&there)).unwrap();
        assert_eq!(again.kind, there.kind);
        for settings in ["{}", "[]", r#"{"boot-image": "/a", "core-image": "/b", "x": 1}"#] {
            let Err(Refusal::Answer(error)) = node(said(settings)) else { panic!("{settings}") };
            assert!(error.message.starts_with("the settings of the node `grub` are none: "));
        }
    }
}
