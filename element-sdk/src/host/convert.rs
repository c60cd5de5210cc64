//! Between the contract's types and this crate's.

use serde_json::Value;

use crate::bindings::dib::element::{
    accounts, block_device as wit_block, builder, exec, facts, files, host, inputs, log, packages,
    rootfs, services, types,
};
use crate::bindings::exports::dib::element::{lifecycle, metadata};
use crate::block_device::{Filesystem, Mount, Node, NodeKind, Partition, Size, TableKind};
use crate::change::{Attributes, Change};
use crate::command::{Command, Output};
use crate::description::{
    Condition, Description, Parameter, ParameterKind, Request, Requirement, Slot, SlotUse, Step,
};
use crate::error::{Error, ErrorCode};
use crate::extensions::Extensions;
use crate::fact::{Arity, RawFact, Timing};
use crate::file::{File, FileNode};
use crate::input::{InputAbout, InputNode, Placement};
use crate::level::Level;
use crate::outcome::Outcome;
use crate::phase::Phase;
use crate::stat::{Kind, Stat};
use crate::wish::{
    DebRepository, DebconfAnswer, DropIn, Finding, Machine, Module, Package, PackageGroup, Preset,
    Proxy, RpmRepository, User,
};

/// Both ways between two enums whose cases have the same names.
macro_rules! same_cases {
    ($theirs:path, $ours:path: $($case:ident),*) => {
        impl From<$theirs> for $ours {
            fn from(value: $theirs) -> Self {
                match value { $(<$theirs>::$case => Self::$case),* }
            }
        }

        impl From<$ours> for $theirs {
            fn from(value: $ours) -> Self {
                match value { $(<$ours>::$case => Self::$case),* }
            }
        }
    };
}

same_cases!(types::Phase, Phase: Root, ExtraData, PreInstall, Install, PostInstall, PostRoot,
    BlockDevice, PreFinalise, Finalise, Cleanup);
same_cases!(metadata::Arity, Arity: One, Optional, Many);
same_cases!(metadata::Timing, Timing: Planned, Observed);
same_cases!(log::Level, Level: Trace, Debug, Info, Warn, Error);
same_cases!(rootfs::Kind, Kind: File, Directory, Symlink, CharacterDevice, BlockDevice, Fifo,
    Socket);

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Self {
        use types::ErrorCode as Code;
        let code = match error.code {
            Code::Denied => ErrorCode::Denied,
            Code::Undeclared => ErrorCode::Undeclared,
            Code::NotFound => ErrorCode::NotFound,
            Code::Conflict => ErrorCode::Conflict,
            Code::InvalidArgument => ErrorCode::InvalidArgument,
            Code::Unsupported => ErrorCode::Unsupported,
            Code::Integrity => ErrorCode::Integrity,
            Code::ExitStatus(status) => ErrorCode::ExitStatus(status),
            Code::Killed(signal) => ErrorCode::Killed(signal),
            Code::Cancelled => ErrorCode::Cancelled,
            Code::Os(name) => ErrorCode::Os(name),
            Code::Other(name) => ErrorCode::Other(name),
        };
        Self {
            code,
            message: error.message,
            context: error.context,
            help: error.help,
            extensions: error.extensions,
        }
    }
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        use types::ErrorCode as Code;
        let code = match error.code {
            ErrorCode::Denied => Code::Denied,
            ErrorCode::Undeclared => Code::Undeclared,
            ErrorCode::NotFound => Code::NotFound,
            ErrorCode::Conflict => Code::Conflict,
            ErrorCode::InvalidArgument => Code::InvalidArgument,
            ErrorCode::Unsupported => Code::Unsupported,
            ErrorCode::Integrity => Code::Integrity,
            ErrorCode::ExitStatus(status) => Code::ExitStatus(status),
            ErrorCode::Killed(signal) => Code::Killed(signal),
            ErrorCode::Cancelled => Code::Cancelled,
            ErrorCode::Os(name) => Code::Os(name),
            ErrorCode::Other(name) => Code::Other(name),
        };
        Self {
            code,
            message: error.message,
            context: error.context,
            help: error.help,
            extensions: error.extensions,
        }
    }
}

impl From<host::Target> for Machine {
    fn from(target: host::Target) -> Self {
        let host::Target { arch, image_name, source_date_epoch, extensions } = target;
        Self { arch, image_name, source_date_epoch, extensions: extensions.into() }
    }
}

impl TryFrom<host::Value> for Value {
    type Error = Error;

    fn try_from(value: host::Value) -> Result<Self, Error> {
        Ok(match value {
            host::Value::Text(text) => text.into(),
            host::Value::Integer(number) => number.into(),
            host::Value::Boolean(truth) => truth.into(),
            host::Value::TextList(texts) => texts.into(),
            host::Value::Json(json) => serde_json::from_str(&json)?,
        })
    }
}

impl From<facts::Fact> for RawFact {
    fn from(fact: facts::Fact) -> Self {
        let facts::Fact { provider, step, phase, key, value, extensions } = fact;
        let extensions = extensions.into();
        Self { provider, step, phase: phase.into(), key, value, extensions }
    }
}

impl From<Description> for metadata::Description {
    fn from(d: Description) -> Self {
        Self {
            name: d.name,
            version: d.version,
            summary: d.summary,
            license: d.license,
            requires: d.requires.into_iter().map(Into::into).collect(),
            stands_in_for: d.stands_in_for,
            conflicts_with: d.conflicts_with,
            parameters: d.parameters.into_iter().map(Into::into).collect(),
            steps: d.steps.into_iter().map(Into::into).collect(),
            requests: d.requests.into_iter().map(Into::into).collect(),
            extensions: d.extensions.into(),
        }
    }
}

impl From<Requirement> for metadata::Requirement {
    fn from(Requirement { name, version, optional, extensions }: Requirement) -> Self {
        Self { name, version, optional, extensions: extensions.into() }
    }
}

impl From<Request> for metadata::Request {
    fn from(Request { capability, scope, reason, when, extensions }: Request) -> Self {
        let when = when.into_iter().map(Into::into).collect();
        Self { capability, scope, reason, when, extensions: extensions.into() }
    }
}

impl From<Condition> for metadata::Condition {
    fn from(Condition { slot, field, one_of, extensions }: Condition) -> Self {
        Self { slot, field, one_of, extensions: extensions.into() }
    }
}

impl From<Parameter> for metadata::Parameter {
    fn from(Parameter { name, kind, default, doc, aliases, extensions }: Parameter) -> Self {
        let kind = match kind {
            ParameterKind::Text => metadata::ParameterKind::Text,
            ParameterKind::Integer => metadata::ParameterKind::Integer,
            ParameterKind::Boolean => metadata::ParameterKind::Boolean,
            ParameterKind::TextList => metadata::ParameterKind::TextList,
            ParameterKind::Choice(names) => metadata::ParameterKind::Choice(names),
            ParameterKind::Secret => metadata::ParameterKind::Secret,
            ParameterKind::Json(schema) => metadata::ParameterKind::Json(schema),
        };
        Self { name, kind, default, doc, aliases, extensions: extensions.into() }
    }
}

impl From<Step> for metadata::Step {
    fn from(step: Step) -> Self {
        let Step { name, phase, provides, consumes, after, before, plan_only, extensions } = step;
        Self {
            name,
            phase: phase.into(),
            provides: provides.into_iter().map(Into::into).collect(),
            consumes: consumes.into_iter().map(Into::into).collect(),
            after,
            before,
            plan_only,
            extensions: extensions.into(),
        }
    }
}

impl From<Slot> for metadata::Slot {
    fn from(Slot { name, arity, timing, schema, doc, extensions }: Slot) -> Self {
        let (arity, timing, extensions) = (arity.into(), timing.into(), extensions.into());
        Self { name, arity, timing, schema, doc, extensions }
    }
}

impl From<SlotUse> for metadata::SlotUse {
    fn from(SlotUse { name, arity, required, extensions }: SlotUse) -> Self {
        Self { name, arity: arity.into(), required, extensions: extensions.into() }
    }
}

impl From<Finding> for lifecycle::Finding {
    fn from(Finding { parameter, message, help, fatal, extensions }: Finding) -> Self {
        Self { parameter, message, help, fatal, extensions: extensions.into() }
    }
}

impl From<Outcome> for lifecycle::Outcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::Done,
            Outcome::Skipped(reason) => Self::Skipped(reason),
        }
    }
}

impl From<Package> for packages::Wish {
    fn from(Package { name, version, want, reason, extensions }: Package) -> Self {
        let (want, extensions) = (want.word().to_owned(), extensions.into());
        Self { name, version, want, reason, extensions }
    }
}

impl From<DebconfAnswer> for packages::Answer {
    fn from(answer: DebconfAnswer) -> Self {
        let DebconfAnswer { package, question, kind, value, extensions } = answer;
        Self { package, question, kind, value, extensions: extensions.into() }
    }
}

impl From<DebRepository> for packages::DebRepository {
    fn from(repository: DebRepository) -> Self {
        Self {
            name: repository.name,
            url: repository.url,
            suites: repository.suites,
            components: repository.components,
            priority: repository.priority,
            key: repository.key,
            build_only: repository.build_only,
            extensions: repository.extensions.into(),
        }
    }
}

impl From<RpmRepository> for packages::RpmRepository {
    fn from(repository: RpmRepository) -> Self {
        Self {
            name: repository.name,
            url: repository.url,
            location: repository.location.word().to_owned(),
            keys: repository.keys,
            priority: repository.priority,
            cost: repository.cost,
            module_hotfixes: repository.module_hotfixes,
            build_only: repository.build_only,
            extensions: repository.extensions.into(),
        }
    }
}

impl From<Module> for packages::Module {
    fn from(Module { name, stream, reason, extensions }: Module) -> Self {
        Self { name, stream, reason, extensions: extensions.into() }
    }
}

impl From<PackageGroup> for packages::Group {
    fn from(PackageGroup { id, reason, extensions }: PackageGroup) -> Self {
        Self { id, reason, extensions: extensions.into() }
    }
}

impl From<DropIn> for services::DropIn {
    fn from(DropIn { unit, name, content, extensions }: DropIn) -> Self {
        Self { unit, name, content, extensions: extensions.into() }
    }
}

impl From<Preset> for services::Preset {
    fn from(Preset { number, unit, action, extensions }: Preset) -> Self {
        let (action, extensions) = (action.word().to_owned(), extensions.into());
        Self { number, unit, action, extensions }
    }
}

impl From<User> for accounts::User {
    fn from(user: User) -> Self {
        Self {
            name: user.name,
            uid: user.uid,
            gid: user.gid,
            home: user.home,
            shell: user.shell,
            groups: user.groups,
            system: user.system,
            authorized_keys: user.authorized_keys,
            comment: user.comment,
            sudo: user.sudo.map(|sudo| sudo.word().to_owned()),
            password_hash: user.password_hash,
            expires: user.expires,
            change_password: user.change_password,
            extensions: user.extensions.into(),
        }
    }
}

impl From<builder::Proxy> for Proxy {
    fn from(builder::Proxy { http, https, no_proxy, extensions }: builder::Proxy) -> Self {
        Self { http, https, no_proxy, extensions: extensions.into() }
    }
}

impl From<Size> for wit_block::Size {
    fn from(size: Size) -> Self {
        match size {
            Size::Bytes(n) => Self::Bytes(n),
            Size::Share(n) => Self::Share(n),
            Size::ShareOfRest(n) => Self::ShareOfRest(n),
            Size::Rest => Self::Rest,
            Size::Content(n) => Self::Content(n),
        }
    }
}

impl From<wit_block::Size> for Size {
    fn from(size: wit_block::Size) -> Self {
        match size {
            wit_block::Size::Bytes(n) => Self::Bytes(n),
            wit_block::Size::Share(n) => Self::Share(n),
            wit_block::Size::ShareOfRest(n) => Self::ShareOfRest(n),
            wit_block::Size::Rest => Self::Rest,
            wit_block::Size::Content(n) => Self::Content(n),
        }
    }
}

/// The driver of GRUB for BIOS.
const GRUB_BIOS: &str = "grub-bios";

/// Its settings.
#[derive(serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
struct GrubBios {
    boot_image: String,
    core_image: String,
}

impl From<Node> for wit_block::Node {
    fn from(Node { name, on, kind, extensions }: Node) -> Self {
        use wit_block::NodeKind as Theirs;
        let kind = match kind {
            NodeKind::Disk { size, sector_size } => {
                Theirs::Disk(wit_block::Disk { size, sector_size })
            }
            NodeKind::Table { kind, alignment } => {
                Theirs::Table(wit_block::Table { kind: kind.word().to_owned(), alignment })
            }
            NodeKind::Partition(p) => Theirs::Partition(wit_block::Partition {
                label: p.label,
                type_id: p.type_id,
                size: p.size.into(),
                attributes: p.attributes,
                preserve: p.preserve,
            }),
            NodeKind::Encryption { secrets, label } => {
                Theirs::Encryption(wit_block::Encryption { secrets, label })
            }
            NodeKind::PhysicalVolume => Theirs::PhysicalVolume,
            NodeKind::VolumeGroup { extent_size } => Theirs::VolumeGroup(extent_size),
            NodeKind::LogicalVolume { size, thin_pool, is_thin_pool, stripes } => {
                let size = size.into();
                let volume = wit_block::LogicalVolume { size, thin_pool, is_thin_pool, stripes };
                Theirs::LogicalVolume(volume)
            }
            NodeKind::Filesystem(Filesystem { kind, label, uuid, tuning }) => {
                Theirs::Filesystem(wit_block::Filesystem { kind, label, uuid, tuning })
            }
            NodeKind::Mount(Mount { at, options, in_fstab }) => {
                Theirs::Mount(wit_block::Mount { at, options, in_fstab })
            }
            NodeKind::GrubBios { boot_image, core_image } => {
                let settings =
                    serde_json::json!({"boot-image": boot_image, "core-image": core_image});
                Theirs::Driver((GRUB_BIOS.to_owned(), settings.to_string()))
            }
            NodeKind::Driver { name, settings } => Theirs::Driver((name, settings)),
        };
        Self { name, on, kind, extensions: extensions.into() }
    }
}

impl TryFrom<wit_block::Node> for Node {
    type Error = Error;

    fn try_from(node: wit_block::Node) -> Result<Self, Error> {
        use wit_block::NodeKind as Theirs;
        let kind = match node.kind {
            Theirs::Disk(d) => NodeKind::Disk { size: d.size, sector_size: d.sector_size },
            Theirs::Table(t) => NodeKind::Table {
                kind: TableKind::of(&t.kind).ok_or_else(|| {
                    let message = format!("a partition table `{}` is newer than this SDK", t.kind);
                    Error::with_code(ErrorCode::Unsupported, message)
                })?,
                alignment: t.alignment,
            },
            Theirs::Partition(p) => NodeKind::Partition(Partition {
                label: p.label,
                type_id: p.type_id,
                size: p.size.into(),
                attributes: p.attributes,
                preserve: p.preserve,
            }),
            Theirs::Encryption(e) => NodeKind::Encryption { secrets: e.secrets, label: e.label },
            Theirs::PhysicalVolume => NodeKind::PhysicalVolume,
            Theirs::VolumeGroup(extent_size) => NodeKind::VolumeGroup { extent_size },
            Theirs::LogicalVolume(v) => NodeKind::LogicalVolume {
                size: v.size.into(),
                thin_pool: v.thin_pool,
                is_thin_pool: v.is_thin_pool,
                stripes: v.stripes,
            },
            Theirs::Filesystem(wit_block::Filesystem { kind, label, uuid, tuning }) => {
                NodeKind::Filesystem(Filesystem { kind, label, uuid, tuning })
            }
            Theirs::Mount(wit_block::Mount { at, options, in_fstab }) => {
                NodeKind::Mount(Mount { at, options, in_fstab })
            }
            Theirs::Driver((name, settings)) if name == GRUB_BIOS => {
                let settings: GrubBios = serde_json::from_str(&settings)?;
                NodeKind::GrubBios {
                    boot_image: settings.boot_image,
                    core_image: settings.core_image,
                }
            }
            Theirs::Driver((name, settings)) => NodeKind::Driver { name, settings },
        };
        Ok(Self { name: node.name, on: node.on, kind, extensions: node.extensions.into() })
    }
}

impl From<rootfs::Stat> for Stat {
    fn from(stat: rootfs::Stat) -> Self {
        Self {
            kind: stat.kind.into(),
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            size: stat.size,
            link_target: stat.link_target,
            extensions: stat.extensions.into(),
        }
    }
}

impl From<Attributes> for types::Attributes {
    fn from(Attributes { mode, owner, group, extensions }: Attributes) -> Self {
        Self { mode, owner, group, xattrs: Vec::new(), extensions: extensions.into() }
    }
}

impl From<Change> for rootfs::Change {
    fn from(change: Change) -> Self {
        let file = |path, content, attributes: Attributes| types::NewFile {
            path,
            content,
            attributes: attributes.into(),
        };
        let folder = |path, attributes: Attributes| types::NewDirectory {
            path,
            attributes: attributes.into(),
        };
        let pair = |source, destination, extensions: Extensions| rootfs::FromTo {
            source,
            destination,
            extensions: extensions.into(),
        };
        match change {
            Change::Write { path, content, attributes } => {
                Self::Write(file(path, content, attributes))
            }
            Change::Append { path, content, extensions } => {
                Self::Append(rootfs::Addition { path, content, extensions: extensions.into() })
            }
            Change::Directory { path, attributes } => Self::MakeDirectory(folder(path, attributes)),
            Change::Symlink { path, to, extensions } => {
                Self::Symlink(types::NewLink { path, to, extensions: extensions.into() })
            }
            Change::HardLink { path, existing, extensions } => {
                let extensions = extensions.into();
                Self::HardLink(rootfs::SecondName { path, existing, extensions })
            }
            Change::Copy { source, destination, extensions } => {
                Self::Copy(pair(source, destination, extensions))
            }
            Change::SetAttributes { path, attributes } => {
                let attributes = attributes.into();
                Self::SetAttributes(rootfs::NewAttributes { path, attributes })
            }
            Change::Rename { source, destination, extensions } => {
                Self::Rename(pair(source, destination, extensions))
            }
            Change::Remove { path } => Self::Remove(path),
        }
    }
}

impl From<File> for files::Wish {
    fn from(File { path, node, attributes, xattrs }: File) -> Self {
        let extensions = attributes.extensions.clone().into();
        let attributes = types::Attributes { xattrs, ..attributes.into() };
        match node {
            FileNode::File(content) => Self::File(types::NewFile { path, content, attributes }),
            FileNode::Directory => Self::Directory(types::NewDirectory { path, attributes }),
            FileNode::Symlink(to) => Self::Symlink(types::NewLink { path, to, extensions }),
            FileNode::Removed => Self::Removed(path),
        }
    }
}

/// What kind of node a word of the contract says.
fn kind(word: &str) -> Result<Kind, Error> {
    match word {
        "file" => Ok(Kind::File),
        "directory" => Ok(Kind::Directory),
        "symlink" => Ok(Kind::Symlink),
        other => {
            let message = format!("`{other}` is no kind of node that this element knows");
            Err(Error::with_code(ErrorCode::Unsupported, message))
        }
    }
}

impl TryFrom<inputs::About> for InputAbout {
    type Error = Error;

    fn try_from(about: inputs::About) -> Result<Self, Error> {
        let inputs::About { kind: word, digest, size, nodes, extensions } = about;
        let kind = kind(&word)?;
        Ok(Self { kind, digest, size, nodes, extensions: extensions.into() })
    }
}

impl TryFrom<inputs::Node> for InputNode {
    type Error = Error;

    fn try_from(node: inputs::Node) -> Result<Self, Error> {
        let inputs::Node { path, kind: word, mode, size, digest, link_target, extensions } = node;
        let (kind, extensions) = (kind(&word)?, extensions.into());
        Ok(Self { path, kind, mode, size, digest, link_target, extensions })
    }
}

impl From<Placement> for rootfs::Placement {
    fn from(placement: Placement) -> Self {
        let Placement { source, owner, group, file_mode, directory_mode, extensions } = placement;
        let extensions = extensions.into();
        Self { source, owner, group, file_mode, directory_mode, extensions }
    }
}

impl From<Command> for exec::Command {
    fn from(command: Command) -> Self {
        let mut settings = exec::Settings::empty();
        settings.set(exec::Settings::NETWORK, command.network);
        settings.set(exec::Settings::ALLOW_FAILURE, command.allow_failure);
        settings.set(exec::Settings::CAPTURE, command.capture);
        Self {
            program: command.program,
            args: command.args,
            env: command.env,
            workdir: command.workdir,
            stdin: command.stdin,
            settings,
            timeout_seconds: command.timeout_seconds,
            extensions: command.extensions.into(),
        }
    }
}

impl From<exec::Output> for Output {
    fn from(exec::Output { status, stdout, stderr, extensions }: exec::Output) -> Self {
        Self { status, stdout, stderr, extensions: extensions.into() }
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::slots::KernelArgument;
    use crate::wish::{RpmLocation, Sudo, Want};

    #[test]
    fn what_is_said_beyond_the_contract_goes_over_the_border() {
        let step = Step::new(Phase::Install)
            .provides::<KernelArgument>()
            .slot_extension("dib:boot/kernel-argument@1", "speed", 2)
            .extension("!colour", "blue");
        let said: metadata::Description =
            Description::new("x", "1.0.0").step(step).extension("size", 3).into();
        let pair = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
        assert_eq!(said.extensions, pair("size", "3"));
        assert_eq!(said.steps[0].extensions, pair("!colour", "\"blue\""));
        assert_eq!(said.steps[0].provides[0].extensions, pair("speed", "2"));
        let package = Package::new("vim", "to edit").want(Want::BuildOnly).extension("speed", 2);
        let wish = packages::Wish::from(package);
        assert_eq!((wish.want.as_str(), wish.extensions), ("build-only", pair("speed", "2")));
        let output = exec::Output {
            status: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
            extensions: pair("seconds", "4"),
        };
        assert_eq!(Output::from(output).extensions.get::<u32>("seconds").unwrap(), Some(4));
    }

    #[test]
    fn orders_and_what_is_more_to_an_account_come_over() {
        let step = Step::new(Phase::Install).after("a").after("b/two").before("c");
        let said: metadata::Description = Description::new("x", "1.0.0").step(step).into();
        assert_eq!(said.steps[0].after, ["a", "b/two"]);
        assert_eq!(said.steps[0].before, ["c"]);
        let user = accounts::User::from(User {
            comment: Some("Me".to_owned()),
            sudo: Some(Sudo::Nopasswd),
            password_hash: Some("$6$x".to_owned()),
            expires: Some("2030-12-31".to_owned()),
            change_password: true,
            ..User::default()
        });
        assert_eq!(user.comment.as_deref(), Some("Me"));
        assert_eq!(user.sudo.as_deref(), Some("nopasswd"));
        assert_eq!(user.password_hash.as_deref(), Some("$6$x"));
        assert_eq!(user.expires.as_deref(), Some("2030-12-31"));
        assert!(user.change_password);
        let location = RpmLocation::Metalink;
        let keys = vec!["KEY".to_owned()];
        let rpm = packages::RpmRepository::from(RpmRepository {
            location,
            keys,
            cost: Some(2),
            build_only: true,
            ..RpmRepository::default()
        });
        assert_eq!((&*rpm.location, rpm.cost, rpm.build_only), ("metalink", Some(2), true));
        assert_eq!(rpm.keys, ["KEY"]);
    }
}
