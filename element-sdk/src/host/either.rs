//! Natively: the record while one is replayed, else the host in memory.

use serde_json::Value;

use super::{guest, native};
use crate::block_device::Node;
use crate::change::{Attributes, Change};
use crate::command::{Command, Output};
use crate::error::Result;
use crate::fact::RawFact;
use crate::file::File;
use crate::input::{InputAbout, InputNode, Placement};
use crate::level::Level;
use crate::replay::tape;
use crate::stat::{Entry, Stat};
use crate::wish::{
    Bootstrap, DebRepository, DebconfAnswer, DropIn, Machine, Module, Package, PackageGroup,
    Preset, Proxy, RpmRepository, UnitState, User,
};

/// The running build, lent for one call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Build<'a> {
    Memory(native::Build<'a>),
    Record(guest::Build<'a>),
}

impl<'a> Build<'a> {
    pub(crate) fn current() -> Self {
        Self::Memory(native::Build::current())
    }

    pub(crate) fn replayed(lent: &'a guest::Lent) -> Self {
        Self::Record(guest::Build(lent))
    }

    pub(crate) fn machine(self) -> Machine {
        match self {
            Self::Memory(build) => build.machine(),
            Self::Record(build) => build.machine(),
        }
    }

    pub(crate) fn parameter(self, name: &str) -> Result<Option<Value>> {
        match self {
            Self::Memory(build) => build.parameter(name),
            Self::Record(build) => build.parameter(name),
        }
    }

    pub(crate) fn secret(self, parameter: &str) -> Result<Secret> {
        Ok(match self {
            Self::Memory(build) => Secret::Memory(build.secret(parameter)?),
            Self::Record(build) => Secret::Record(build.secret(parameter)?),
        })
    }
}

/// A secret.
#[derive(Debug)]
pub(crate) enum Secret {
    Memory(native::Secret),
    Record(guest::Secret),
}

impl Secret {
    pub(crate) fn open(&self) -> Result<Vec<u8>> {
        match self {
            Self::Memory(secret) => secret.open(),
            Self::Record(secret) => secret.open(),
        }
    }
}

macro_rules! functions {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(pub(crate) fn $name($($argument: $type),*) -> $answer {
            if tape::is_on() { guest::$name($($argument),*) } else { native::$name($($argument),*) }
        })*
    };
}

functions! {
    fn log(level: Level, message: &str, fields: &[(&str, &str)]) -> ();
    fn provide(slot: &str, key: &str, value: &str) -> Result<()>;
    fn consume(slot: &str) -> Result<Vec<RawFact>>;
    fn request_packages(wishes: Vec<Package>) -> Result<()>;
    fn debconf(answers: Vec<DebconfAnswer>) -> Result<()>;
    fn add_deb_repository(repository: DebRepository) -> Result<()>;
    fn add_rpm_repository(repository: RpmRepository) -> Result<()>;
    fn enable_module(module: Module) -> Result<()>;
    fn install_group(group: PackageGroup) -> Result<()>;
    fn upgrade_all() -> Result<()>;
    fn set_service(unit: &str, state: UnitState) -> Result<()>;
    fn define_unit(unit: &str, content: &str) -> Result<()>;
    fn add_drop_in(drop_in: DropIn) -> Result<()>;
    fn add_preset(preset: Preset) -> Result<()>;
    fn request_files(files: Vec<File>) -> Result<()>;
    fn ensure_user(user: User) -> Result<()>;
    fn ensure_group(name: &str, gid: Option<u32>) -> Result<()>;
    fn nodes() -> Result<Vec<Node>>;
    fn add_nodes(nodes: Vec<Node>) -> Result<()>;
    fn replace_node(node: Node) -> Result<()>;
    fn bootstrap(source: Bootstrap) -> Result<()>;
    fn builder_keys() -> Result<Vec<String>>;
    fn builder_proxies() -> Result<Proxy>;
    fn exec(command: Command) -> Result<Output>;
    fn emit(suffix: &str, content: &[u8]) -> Result<()>;
}

pub(crate) fn emit_blob(suffix: &str, content: &Blob) -> Result<()> {
    match content {
        Blob::Memory(content) => native::emit_blob(suffix, content),
        Blob::Record(content) => guest::emit_blob(suffix, content),
    }
}

pub(crate) fn set_password(user: &str, password: &Secret) -> Result<()> {
    match password {
        Secret::Memory(password) => native::set_password(user, password),
        Secret::Record(password) => guest::set_password(user, password),
    }
}

pub(crate) fn exec_with_secret(command: Command, secret: &Secret) -> Result<Output> {
    match secret {
        Secret::Memory(secret) => native::exec_with_secret(command, secret),
        Secret::Record(secret) => guest::exec_with_secret(command, secret),
    }
}

/// Bytes that the host holds.
#[derive(Debug)]
pub(crate) enum Blob {
    Memory(native::Blob),
    Record(guest::Blob),
}

impl Blob {
    pub(crate) fn digest(&self) -> Result<String> {
        match self {
            Self::Memory(blob) => Ok(blob.digest()),
            Self::Record(blob) => blob.digest(),
        }
    }

    pub(crate) fn size(&self) -> Result<u64> {
        match self {
            Self::Memory(blob) => Ok(blob.size()),
            Self::Record(blob) => blob.size(),
        }
    }

    pub(crate) fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        match self {
            Self::Memory(blob) => Ok(blob.read(offset)),
            Self::Record(blob) => blob.read(offset, length),
        }
    }
}

pub(crate) fn fetch(url: &str, digest: Option<&str>) -> Result<Blob> {
    Ok(match tape::is_on() {
        false => Blob::Memory(native::fetch(url, digest)?),
        true => Blob::Record(guest::fetch(url, digest)?),
    })
}

pub(crate) fn fetch_commit(url: &str, revision: &str) -> Result<Blob> {
    Ok(match tape::is_on() {
        false => Blob::Memory(native::fetch_commit(url, revision)?),
        true => Blob::Record(guest::fetch_commit(url, revision)?),
    })
}

/// An input of the definition.
#[derive(Debug)]
pub(crate) enum Input {
    Memory(native::Input),
    Record(guest::Input),
}

impl Input {
    pub(crate) fn open(name: &str) -> Result<Self> {
        Ok(match tape::is_on() {
            false => Self::Memory(native::Input::open(name)?),
            true => Self::Record(guest::Input::open(name)?),
        })
    }

    pub(crate) fn about(&self) -> Result<InputAbout> {
        match self {
            Self::Memory(input) => input.about(),
            Self::Record(input) => input.about(),
        }
    }

    pub(crate) fn nodes(&self, after: Option<String>) -> Result<Vec<InputNode>> {
        match self {
            Self::Memory(input) => input.nodes(after),
            Self::Record(input) => input.nodes(after),
        }
    }

    pub(crate) fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        match self {
            Self::Memory(input) => input.read(path, offset, length),
            Self::Record(input) => input.read(path, offset, length),
        }
    }
}

/// A handle to the target tree.
#[derive(Debug)]
pub(crate) enum Tree {
    Memory(native::Tree),
    Record(guest::Tree),
}

impl Tree {
    pub(crate) fn open(path: &str) -> Result<Self> {
        Ok(match tape::is_on() {
            false => Self::Memory(native::Tree::open(path)?),
            true => Self::Record(guest::Tree::open(path)?),
        })
    }

    pub(crate) fn read(&self, path: &str, offset: u64, length: u64) -> Result<Vec<u8>> {
        match self {
            Self::Memory(tree) => tree.read(path, offset, length),
            Self::Record(tree) => tree.read(path, offset, length),
        }
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Option<Stat>> {
        match self {
            Self::Memory(tree) => tree.stat(path),
            Self::Record(tree) => tree.stat(path),
        }
    }

    pub(crate) fn walk(
        &self,
        path: &str,
        recursive: bool,
        after: Option<String>,
    ) -> Result<Vec<Entry>> {
        match self {
            Self::Memory(tree) => tree.walk(path, recursive, after),
            Self::Record(tree) => tree.walk(path, recursive, after),
        }
    }

    pub(crate) fn apply(&self, changes: Vec<Change>) -> Result<()> {
        match self {
            Self::Memory(tree) => tree.apply(changes),
            Self::Record(tree) => tree.apply(changes),
        }
    }

    pub(crate) fn place(&self, blob: &Blob, path: &str, attributes: Attributes) -> Result<()> {
        match (self, blob) {
            (Self::Memory(tree), Blob::Memory(blob)) => tree.place(blob, path, attributes),
            (Self::Record(tree), Blob::Record(blob)) => tree.place(blob, path, attributes),
            // Handles do not outlive the call that they were given in.
            _ => unreachable!("a handle of another host"),
        }
    }

    pub(crate) fn capture(&self, path: &str) -> Result<Blob> {
        Ok(match self {
            Self::Memory(tree) => Blob::Memory(tree.capture(path)?),
            Self::Record(tree) => Blob::Record(tree.capture(path)?),
        })
    }

    pub(crate) fn unpack(&self, archive: &Blob, path: &str, strip: u32) -> Result<()> {
        match (self, archive) {
            (Self::Memory(tree), Blob::Memory(archive)) => tree.unpack(archive, path, strip),
            (Self::Record(tree), Blob::Record(archive)) => tree.unpack(archive, path, strip),
            _ => unreachable!("a handle of another host"),
        }
    }

    pub(crate) fn place_input(
        &self,
        input: &Input,
        path: &str,
        placement: Placement,
    ) -> Result<()> {
        match (self, input) {
            (Self::Memory(tree), Input::Memory(input)) => tree.place_input(input, path, placement),
            (Self::Record(tree), Input::Record(input)) => tree.place_input(input, path, placement),
            // Handles do not outlive the call that they were given in.
            _ => unreachable!("a handle of another host"),
        }
    }

    pub(crate) fn write_secret(
        &self,
        path: &str,
        secret: &Secret,
        attributes: Attributes,
    ) -> Result<()> {
        match (self, secret) {
            (Self::Memory(tree), Secret::Memory(secret)) => {
                tree.write_secret(path, secret, attributes)
            }
            (Self::Record(tree), Secret::Record(secret)) => {
                tree.write_secret(path, secret, attributes)
            }
            // Handles do not outlive the call that they were given in.
            _ => unreachable!("a handle of another host"),
        }
    }
}
