//! Between the contract's types and this crate's.

use serde_json::Value;

use crate::bindings::dib::element::{
    accounts, block_device as wit_block, bootstrap as wit_bootstrap, builder, exec, facts, host,
    log, packages, rootfs, services, types,
};
use crate::bindings::exports::dib::element::{lifecycle, metadata};
use crate::block_device::{Filesystem, Mount, Node, NodeKind, Partition, Size, TableKind};
use crate::change::{Attributes, Change};
use crate::command::{Command, Output};
use crate::description::{
    Description, Parameter, ParameterKind, Request, Requirement, Slot, SlotUse, Step,
};
use crate::error::{Error, ErrorCode};
use crate::fact::{Arity, RawFact, Timing};
use crate::level::Level;
use crate::outcome::Outcome;
use crate::phase::Phase;
use crate::stat::{Kind, Stat};
use crate::wish::{
    Bootstrap, Finding, Machine, Package, Proxy, RemoteFile, Repository, UnitState, User, Want,
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
same_cases!(packages::Want, Want: Install, BuildOnly, Remove, Hold);
same_cases!(services::State, UnitState: Enabled, Disabled, Masked);
same_cases!(wit_block::TableKind, TableKind: Gpt, Mbr);
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
        Self { code, message: error.message, context: error.context, help: error.help }
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
        Self { code, message: error.message, context: error.context, help: error.help }
    }
}

impl From<host::Target> for Machine {
    fn from(target: host::Target) -> Self {
        let host::Target { arch, image_name, source_date_epoch } = target;
        Self { arch, image_name, source_date_epoch }
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
        let facts::Fact { provider, step, phase, key, value } = fact;
        Self { provider, step, phase: phase.into(), key, value }
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
            extensions: Vec::new(),
        }
    }
}

impl From<Requirement> for metadata::Requirement {
    fn from(Requirement { name, version, optional }: Requirement) -> Self {
        Self { name, version, optional }
    }
}

impl From<Request> for metadata::Request {
    fn from(Request { capability, scope, reason }: Request) -> Self {
        Self { capability, scope, reason }
    }
}

impl From<Parameter> for metadata::Parameter {
    fn from(Parameter { name, kind, default, doc, aliases }: Parameter) -> Self {
        let kind = match kind {
            ParameterKind::Text => metadata::ParameterKind::Text,
            ParameterKind::Integer => metadata::ParameterKind::Integer,
            ParameterKind::Boolean => metadata::ParameterKind::Boolean,
            ParameterKind::TextList => metadata::ParameterKind::TextList,
            ParameterKind::Choice(names) => metadata::ParameterKind::Choice(names),
            ParameterKind::Secret => metadata::ParameterKind::Secret,
            ParameterKind::Json(schema) => metadata::ParameterKind::Json(schema),
        };
        Self { name, kind, default, doc, aliases, extensions: Vec::new() }
    }
}

impl From<Step> for metadata::Step {
    fn from(Step { name, phase, provides, consumes, after, before, plan_only }: Step) -> Self {
        Self {
            name,
            phase: phase.into(),
            provides: provides.into_iter().map(Into::into).collect(),
            consumes: consumes.into_iter().map(Into::into).collect(),
            after,
            before,
            plan_only,
            extensions: Vec::new(),
        }
    }
}

impl From<Slot> for metadata::Slot {
    fn from(Slot { name, arity, timing, schema, doc }: Slot) -> Self {
        Self { name, arity: arity.into(), timing: timing.into(), schema, doc }
    }
}

impl From<SlotUse> for metadata::SlotUse {
    fn from(SlotUse { name, arity, required }: SlotUse) -> Self {
        Self { name, arity: arity.into(), required }
    }
}

impl From<Finding> for lifecycle::Finding {
    fn from(Finding { parameter, message, help, fatal }: Finding) -> Self {
        Self { parameter, message, help, fatal, extensions: Vec::new() }
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
    fn from(Package { name, version, want, reason, answers }: Package) -> Self {
        Self { name, version, want: want.into(), reason, answers, extensions: Vec::new() }
    }
}

impl From<Repository> for packages::Repository {
    fn from(repository: Repository) -> Self {
        let Repository { name, url, suites, components, priority, key } = repository;
        Self { name, url, suites, components, priority, key, extensions: Vec::new() }
    }
}

impl From<User> for accounts::User {
    fn from(user: User) -> Self {
        let User { name, uid, gid, home, shell, groups, system, authorized_keys } = user;
        let extensions = Vec::new();
        Self { name, uid, gid, home, shell, groups, system, authorized_keys, extensions }
    }
}

impl From<Bootstrap> for wit_bootstrap::Source {
    fn from(source: Bootstrap) -> Self {
        let file = |RemoteFile { url, digest }| wit_bootstrap::RemoteFile { url, digest };
        match source {
            Bootstrap::Distribution(d) => Self::Distribution(wit_bootstrap::Distribution {
                package_manager: d.package_manager,
                release: d.release,
                mirror: d.mirror,
                components: d.components,
                keys: d.keys,
                packages: d.packages,
                extensions: Vec::new(),
            }),
            Bootstrap::Container(reference) => Self::Container(reference),
            Bootstrap::Archive(remote) => Self::Archive(file(remote)),
            Bootstrap::DiskImage(remote) => Self::DiskImage(file(remote)),
        }
    }
}

impl From<builder::Proxy> for Proxy {
    fn from(builder::Proxy { http, https, no_proxy }: builder::Proxy) -> Self {
        Self { http, https, no_proxy }
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

impl From<Node> for wit_block::Node {
    fn from(Node { name, on, kind }: Node) -> Self {
        use wit_block::NodeKind as Theirs;
        let kind = match kind {
            NodeKind::Disk { size, sector_size } => {
                Theirs::Disk(wit_block::Disk { size, sector_size })
            }
            NodeKind::Table { kind, alignment } => {
                Theirs::Table(wit_block::Table { kind: kind.into(), alignment })
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
                Theirs::GrubBios(wit_block::GrubBios { boot_image, core_image })
            }
            NodeKind::Driver { name, settings } => Theirs::Driver((name, settings)),
        };
        Self { name, on, kind, extensions: Vec::new() }
    }
}

impl From<wit_block::Node> for Node {
    fn from(node: wit_block::Node) -> Self {
        use wit_block::NodeKind as Theirs;
        let kind = match node.kind {
            Theirs::Disk(d) => NodeKind::Disk { size: d.size, sector_size: d.sector_size },
            Theirs::Table(t) => NodeKind::Table { kind: t.kind.into(), alignment: t.alignment },
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
            Theirs::GrubBios(wit_block::GrubBios { boot_image, core_image }) => {
                NodeKind::GrubBios { boot_image, core_image }
            }
            Theirs::Driver((name, settings)) => NodeKind::Driver { name, settings },
        };
        Self { name: node.name, on: node.on, kind }
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
        }
    }
}

impl From<Attributes> for rootfs::Attributes {
    fn from(Attributes { mode, owner, group }: Attributes) -> Self {
        Self { mode, owner, group, xattrs: Vec::new() }
    }
}

impl From<Change> for rootfs::Change {
    fn from(change: Change) -> Self {
        let file = |path, content, attributes: Attributes| rootfs::NewFile {
            path,
            content,
            attributes: attributes.into(),
        };
        let folder = |path, attributes: Attributes| rootfs::NewDirectory {
            path,
            attributes: attributes.into(),
        };
        let pair = |source, destination| rootfs::Move { source, destination };
        match change {
            Change::Write { path, content, attributes } => {
                Self::Write(file(path, content, attributes))
            }
            Change::Append { path, content } => {
                Self::Append(file(path, content, Attributes::default()))
            }
            Change::Directory { path, attributes } => Self::MakeDirectory(folder(path, attributes)),
            Change::Symlink { path, to } => Self::Symlink(rootfs::NewLink { path, to }),
            Change::HardLink { source, destination } => Self::HardLink(pair(source, destination)),
            Change::Copy { source, destination } => Self::Copy(pair(source, destination)),
            Change::SetAttributes { path, attributes } => {
                Self::SetAttributes(folder(path, attributes))
            }
            Change::Rename { source, destination } => Self::Rename(pair(source, destination)),
            Change::Remove { path } => Self::Remove(path),
        }
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
            extensions: Vec::new(),
        }
    }
}

impl From<exec::Output> for Output {
    fn from(exec::Output { status, stdout, stderr }: exec::Output) -> Self {
        Self { status, stdout, stderr }
    }
}
