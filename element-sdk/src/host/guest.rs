//! The host behind the imports of the component; natively, where a record is replayed, behind
//! what stands in for them.

use super::imports::{
    accounts, blobs, block_device, bootstrap as boot, builder, exec as programs, facts,
    fetch as remote, files, host as build, inputs, log as lines, outputs, packages, rootfs,
    services,
};
use crate::block_device::Node;
use crate::change::{Attributes, Change};
use crate::command::{Command, Output};
use crate::error::Result;
use crate::fact::RawFact;
use crate::file::File;
use crate::input::{InputAbout, InputNode, Placement};
use crate::level::Level;
use crate::stat::{Entry, Stat};
use crate::wish::{
    Bootstrap, DebRepository, DebconfAnswer, DropIn, Machine, Module, Package, PackageGroup,
    Preset, Proxy, RpmRepository, UnitState, User,
};
use serde_json::Value;

pub(crate) use build::Build as Lent;

/// The running build, lent for one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Build<'a>(pub(crate) &'a build::Build);

impl Build<'_> {
    pub(crate) fn machine(self) -> Machine {
        self.0.target().into()
    }

    pub(crate) fn parameter(self, name: &str) -> Result<Option<Value>> {
        self.0.parameter(name)?.map(Value::try_from).transpose()
    }

    pub(crate) fn secret(self, parameter: &str) -> Result<Secret> {
        self.0
            .secret(parameter)?
            .map(Secret)
            .ok_or_else(|| crate::parameters::wrong(parameter, None, "the name of a secret"))
    }
}

/// A secret, held by the host.
#[derive(Debug)]
pub(crate) struct Secret(build::Secret);

impl Secret {
    pub(crate) fn open(&self) -> Result<Vec<u8>> {
        Ok(self.0.open()?)
    }
}

pub(crate) fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<_> = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    lines::write(level.into(), message, &fields);
}

pub(crate) fn provide(slot: &str, key: &str, value: &str) -> Result<()> {
    Ok(facts::provide(slot, key, value)?)
}

pub(crate) fn consume(slot: &str) -> Result<Vec<RawFact>> {
    Ok(facts::consume(slot)?.into_iter().map(RawFact::from).collect())
}

pub(crate) fn request_packages(wishes: Vec<Package>) -> Result<()> {
    let wishes: Vec<packages::Wish> = wishes.into_iter().map(Into::into).collect();
    Ok(packages::request(&wishes)?)
}

pub(crate) fn debconf(answers: Vec<DebconfAnswer>) -> Result<()> {
    let answers: Vec<packages::Answer> = answers.into_iter().map(Into::into).collect();
    Ok(packages::debconf(&answers)?)
}

pub(crate) fn add_deb_repository(repository: DebRepository) -> Result<()> {
    Ok(packages::add_deb_repository(&repository.into())?)
}

pub(crate) fn add_rpm_repository(repository: RpmRepository) -> Result<()> {
    Ok(packages::add_rpm_repository(&repository.into())?)
}

pub(crate) fn enable_module(module: Module) -> Result<()> {
    Ok(packages::enable_module(&module.into())?)
}

pub(crate) fn install_group(group: PackageGroup) -> Result<()> {
    Ok(packages::install_group(&group.into())?)
}

pub(crate) fn upgrade_all() -> Result<()> {
    Ok(packages::upgrade_all()?)
}

pub(crate) fn set_service(unit: &str, state: UnitState) -> Result<()> {
    Ok(services::set(unit, state.word())?)
}

pub(crate) fn define_unit(unit: &str, content: &str) -> Result<()> {
    Ok(services::define(unit, content)?)
}

pub(crate) fn add_drop_in(drop_in: DropIn) -> Result<()> {
    Ok(services::add_drop_in(&drop_in.into())?)
}

pub(crate) fn add_preset(preset: Preset) -> Result<()> {
    Ok(services::add_preset(&preset.into())?)
}

pub(crate) fn request_files(wishes: Vec<File>) -> Result<()> {
    let wishes: Vec<files::Wish> = wishes.into_iter().map(Into::into).collect();
    Ok(files::request(&wishes)?)
}

pub(crate) fn ensure_user(user: User) -> Result<()> {
    Ok(accounts::ensure_user(&user.into())?)
}

pub(crate) fn ensure_group(name: &str, gid: Option<u32>) -> Result<()> {
    Ok(accounts::ensure_group(name, gid)?)
}

pub(crate) fn set_password(user: &str, password: &Secret) -> Result<()> {
    Ok(accounts::set_password(user, &password.0)?)
}

pub(crate) fn nodes() -> Result<Vec<Node>> {
    block_device::nodes()?.into_iter().map(TryInto::try_into).collect()
}

pub(crate) fn add_nodes(nodes: Vec<Node>) -> Result<()> {
    let nodes: Vec<block_device::Node> = nodes.into_iter().map(Into::into).collect();
    Ok(block_device::add(&nodes)?)
}

pub(crate) fn replace_node(node: Node) -> Result<()> {
    Ok(block_device::replace(&node.into())?)
}

pub(crate) fn bootstrap(source: Bootstrap) -> Result<()> {
    Ok(boot::create(&source.into())?)
}

pub(crate) fn builder_keys() -> Result<Vec<String>> {
    Ok(builder::authorized_keys()?)
}

pub(crate) fn builder_proxies() -> Result<Proxy> {
    Ok(builder::proxies()?.into())
}

pub(crate) fn exec(command: Command) -> Result<Output> {
    Ok(programs::run(&command.into())?.into())
}

pub(crate) fn exec_with_secret(command: Command, secret: &Secret) -> Result<Output> {
    Ok(programs::run_with_secret(&command.into(), &secret.0)?.into())
}

pub(crate) fn emit(suffix: &str, content: &[u8]) -> Result<()> {
    Ok(outputs::emit(suffix, &blobs::from_bytes(content)?)?)
}

pub(crate) fn emit_blob(suffix: &str, content: &Blob) -> Result<()> {
    Ok(outputs::emit(suffix, &content.0)?)
}

/// Bytes that the host holds.
#[derive(Debug)]
pub(crate) struct Blob(blobs::Blob);

impl Blob {
    pub(crate) fn digest(&self) -> Result<String> {
        Ok(self.0.digest()?)
    }

    pub(crate) fn size(&self) -> Result<u64> {
        Ok(self.0.size()?)
    }

    pub(crate) fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        Ok(self.0.read(offset, length)?)
    }
}

pub(crate) fn fetch(url: &str, digest: Option<&str>) -> Result<Blob> {
    Ok(Blob(remote::get(url, digest)?))
}

pub(crate) fn fetch_commit(url: &str, revision: &str) -> Result<Blob> {
    Ok(Blob(remote::git(url, revision)?))
}

/// An input of the definition.
#[derive(Debug)]
pub(crate) struct Input(inputs::Input);

impl Input {
    pub(crate) fn open(name: &str) -> Result<Self> {
        Ok(Self(inputs::open(name)?))
    }

    pub(crate) fn about(&self) -> Result<InputAbout> {
        self.0.about()?.try_into()
    }

    pub(crate) fn nodes(&self, after: Option<String>) -> Result<Vec<InputNode>> {
        self.0.nodes(after.as_deref())?.into_iter().map(TryInto::try_into).collect()
    }

    pub(crate) fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        Ok(self.0.read(path, offset, length)?)
    }
}

/// A handle to the target tree.
#[derive(Debug)]
pub(crate) struct Tree(rootfs::Tree);

impl Tree {
    pub(crate) fn open(path: &str) -> Result<Self> {
        Ok(Self(rootfs::open(path)?))
    }

    pub(crate) fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        Ok(self.0.read(path, offset, length)?)
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Option<Stat>> {
        Ok(self.0.stat(path)?.map(Into::into))
    }

    pub(crate) fn walk(
        &self,
        path: &str,
        recursive: bool,
        after: Option<String>,
    ) -> Result<Vec<Entry>> {
        let flags =
            if recursive { rootfs::WalkFlags::RECURSIVE } else { rootfs::WalkFlags::empty() };
        let entries = self.0.walk(path, flags, after.as_deref())?;
        Ok(entries.into_iter().map(|e| Entry { path: e.path, stat: e.stat.into() }).collect())
    }

    pub(crate) fn apply(&self, changes: Vec<Change>) -> Result<()> {
        let changes: Vec<rootfs::Change> = changes.into_iter().map(Into::into).collect();
        Ok(self.0.apply(&changes)?)
    }

    pub(crate) fn place(&self, blob: &Blob, path: &str, attributes: Attributes) -> Result<()> {
        Ok(self.0.place(&blob.0, path, &attributes.into())?)
    }

    pub(crate) fn capture(&self, path: &str) -> Result<Blob> {
        Ok(Blob(self.0.capture(path)?))
    }

    pub(crate) fn unpack(&self, archive: &Blob, path: &str, strip: u32) -> Result<()> {
        Ok(self.0.unpack(&archive.0, path, strip)?)
    }

    pub(crate) fn place_input(
        &self,
        input: &Input,
        path: &str,
        placement: Placement,
    ) -> Result<()> {
        Ok(self.0.place_input(&input.0, path, &placement.into())?)
    }

    pub(crate) fn write_secret(
        &self,
        path: &str,
        secret: &Secret,
        attributes: Attributes,
    ) -> Result<()> {
        Ok(self.0.write_secret(path, &secret.0, &attributes.into())?)
    }
}
