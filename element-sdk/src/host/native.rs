//! The host behind the [`crate::TestHost`] of the running thread.

use std::marker::PhantomData;

use serde_json::Value;

use crate::block_device::{Node, NodeKind};
use crate::change::{Attributes, Change};
use crate::command::{Command, Output};
use crate::error::{Error, ErrorCode, Result};
use crate::fact::RawFact;
use crate::file::File;
use crate::input::{InputAbout, InputNode, Placement};
use crate::level::Level;
use crate::stat::{Entry, Stat};
use crate::test_host::fake_input::FakeInput;
use crate::test_host::host::with;
use crate::test_host::outside::Outside;
use crate::wish::{
    Bootstrap, DebRepository, DebconfAnswer, DropIn, Machine, Module, Package, PackageGroup,
    Preset, Proxy, RpmRepository, Sudo, UnitState, User,
};

/// The running build, lent for one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Build<'a>(PhantomData<&'a ()>);

impl Build<'_> {
    pub(crate) fn current() -> Self {
        Self(PhantomData)
    }

    pub(crate) fn machine(self) -> Machine {
        with(|call| call.host.machine())
    }

    pub(crate) fn parameter(self, name: &str) -> Result<Option<Value>> {
        with(|call| call.parameter(name))
    }

    pub(crate) fn secret(self, parameter: &str) -> Result<Secret> {
        with(|call| call.secret(parameter))?;
        Ok(Secret { parameter: parameter.to_owned() })
    }
}

/// A secret, by the parameter that names it.
#[derive(Debug)]
pub(crate) struct Secret {
    parameter: String,
}

impl Secret {
    pub(crate) fn open(&self) -> Result<Vec<u8>> {
        with(|call| {
            call.effect("secret")?;
            call.use_secret("open", &self.parameter)
        })
    }
}

pub(crate) fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    let mut line = message.to_owned();
    for (name, value) in fields {
        line.push_str(&format!(" {name}={value}"));
    }
    with(|call| call.log.push((level, line)));
}

pub(crate) fn provide(slot: &str, key: &str, value: &str) -> Result<()> {
    with(|call| call.provide(slot, key, value))
}

pub(crate) fn consume(slot: &str) -> Result<Vec<RawFact>> {
    with(|call| call.consume(slot))
}

pub(crate) fn request_packages(wishes: Vec<Package>) -> Result<()> {
    with(|call| {
        for wish in wishes {
            call.wish("packages", &wish.name)?.packages.push(wish);
        }
        Ok(())
    })
}

pub(crate) fn debconf(answers: Vec<DebconfAnswer>) -> Result<()> {
    with(|call| {
        for answer in answers {
            // Whose question it is needs the grant as well.
            let asks = answer.question.split('/').next().unwrap_or_default();
            call.wish("packages", asks)?;
            call.wish("packages", &answer.package)?.answers.push(answer);
        }
        Ok(())
    })
}

pub(crate) fn add_deb_repository(repository: DebRepository) -> Result<()> {
    with(|call| {
        call.wish("repositories", &repository.url)?.deb_repositories.push(repository);
        Ok(())
    })
}

pub(crate) fn add_rpm_repository(repository: RpmRepository) -> Result<()> {
    with(|call| {
        call.wish("repositories", &repository.url)?.rpm_repositories.push(repository);
        Ok(())
    })
}

pub(crate) fn enable_module(module: Module) -> Result<()> {
    with(|call| {
        let subject = format!("@{}:{}", module.name, module.stream);
        call.wish("packages", &subject)?.modules.push(module);
        Ok(())
    })
}

pub(crate) fn install_group(group: PackageGroup) -> Result<()> {
    with(|call| {
        call.wish("packages", &format!("@{}", group.id))?.package_groups.push(group);
        Ok(())
    })
}

pub(crate) fn upgrade_all() -> Result<()> {
    with(|call| {
        call.wish("packages", "*")?.upgrade_all = true;
        Ok(())
    })
}

pub(crate) fn set_service(unit: &str, state: UnitState) -> Result<()> {
    with(|call| {
        call.wish("services", unit)?.services.push((unit.to_owned(), state));
        Ok(())
    })
}

pub(crate) fn define_unit(unit: &str, content: &str) -> Result<()> {
    with(|call| {
        call.wish("services-define", unit)?.units.push((unit.to_owned(), content.to_owned()));
        Ok(())
    })
}

pub(crate) fn add_drop_in(drop_in: DropIn) -> Result<()> {
    with(|call| {
        call.wish("services-define", &drop_in.unit)?.drop_ins.push(drop_in);
        Ok(())
    })
}

pub(crate) fn add_preset(preset: Preset) -> Result<()> {
    with(|call| {
        call.wish("services", &preset.unit)?.presets.push(preset);
        Ok(())
    })
}

pub(crate) fn request_files(files: Vec<File>) -> Result<()> {
    with(|call| files.into_iter().try_for_each(|file| call.wish_file(file)))
}

pub(crate) fn ensure_user(user: User) -> Result<()> {
    with(|call| {
        if user.sudo.is_some_and(|sudo| sudo != Sudo::None) {
            call.wish("accounts-sudo", &user.name)?;
        }
        for group in user.groups.iter().cloned().chain(user.gid.map(|gid| gid.to_string())) {
            call.wish("accounts", &group)?;
        }
        call.wish("accounts", &user.name)?.users.push(user);
        Ok(())
    })
}

pub(crate) fn ensure_group(name: &str, gid: Option<u32>) -> Result<()> {
    with(|call| {
        call.wish("accounts", name)?.groups.push((name.to_owned(), gid));
        Ok(())
    })
}

pub(crate) fn set_password(user: &str, password: &Secret) -> Result<()> {
    with(|call| {
        let secret = call.use_secret("place", &password.parameter)?;
        call.wish("accounts", user)?.passwords.push((user.to_owned(), secret));
        Ok(())
    })
}

pub(crate) fn nodes() -> Result<Vec<Node>> {
    with(|call| {
        call.wish("block-device", "")?;
        Ok(call.host.nodes.clone())
    })
}

pub(crate) fn add_nodes(nodes: Vec<Node>) -> Result<()> {
    with(|call| {
        for node in nodes {
            let names = call.host.nodes.iter().map(|n| &n.name);
            for on in &node.on {
                if !names.clone().any(|name| name == on) {
                    let message = format!("`{}` stands on `{on}`, which is not there", node.name);
                    return Err(Error::with_code(ErrorCode::NotFound, message));
                }
            }
            if names.clone().any(|name| *name == node.name) {
                let message = format!("there is a node `{}` already", node.name);
                return Err(Error::with_code(ErrorCode::Conflict, message));
            }
            if matches!(node.kind, NodeKind::Disk { .. }) != node.on.is_empty() {
                let message = format!("only a disk stands on nothing: `{}`", node.name);
                return Err(Error::with_code(ErrorCode::InvalidArgument, message));
            }
            call.wish("block-device", "")?.nodes.push(node.clone());
            call.host.nodes.push(node);
        }
        Ok(())
    })
}

pub(crate) fn replace_node(node: Node) -> Result<()> {
    with(|call| {
        let there = call.host.nodes.iter_mut().find(|n| n.name == node.name);
        let Some(there) = there else {
            let message = format!("there is no node `{}` to replace", node.name);
            return Err(Error::with_code(ErrorCode::NotFound, message));
        };
        there.clone_from(&node);
        call.wish("block-device", "")?.nodes.push(node);
        Ok(())
    })
}

pub(crate) fn bootstrap(source: Bootstrap) -> Result<()> {
    with(|call| {
        call.wish("bootstrap", "")?.bootstrap = Some(source);
        Ok(())
    })
}

pub(crate) fn builder_keys() -> Result<Vec<String>> {
    with(|call| {
        call.wish("builder", "authorized-keys")?;
        Ok(call.host.builder_keys.clone())
    })
}

pub(crate) fn builder_proxies() -> Result<Proxy> {
    with(|call| {
        call.wish("builder", "proxies")?;
        Ok(call.host.proxy.clone())
    })
}

pub(crate) fn exec(command: Command) -> Result<Output> {
    with(|call| call.exec(command))
}

pub(crate) fn exec_with_secret(command: Command, secret: &Secret) -> Result<Output> {
    if command.stdin.is_some() {
        let message = "a program has one standard input, and the secret is it";
        return Err(Error::with_code(ErrorCode::InvalidArgument, message));
    }
    with(|call| {
        call.effect("exec")?;
        let stdin = Some(call.use_secret("place", &secret.parameter)?);
        call.exec(Command { stdin, ..command })
    })
}

pub(crate) fn emit(suffix: &str, content: &[u8]) -> Result<()> {
    with(|call| call.emit(suffix, content))
}

pub(crate) fn emit_blob(suffix: &str, content: &Blob) -> Result<()> {
    emit(suffix, &content.0.content)
}

/// Bytes that the host holds; of an archive, what is in it.
#[derive(Debug, Clone)]
pub(crate) struct Blob(Outside);

impl Blob {
    pub(crate) fn digest(&self) -> String {
        self.0.digest.clone()
    }

    pub(crate) fn size(&self) -> u64 {
        self.0.content.len() as u64
    }

    pub(crate) fn read(&self, offset: u64) -> Vec<u8> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.0.content.get(offset..).unwrap_or_default().to_vec()
    }
}

pub(crate) fn fetch(url: &str, digest: Option<&str>) -> Result<Blob> {
    with(|call| call.fetch(url, digest)).map(Blob)
}

pub(crate) fn fetch_commit(url: &str, revision: &str) -> Result<Blob> {
    with(|call| call.fetch_commit(url, revision)).map(Blob)
}

/// An input of the definition, by its name.
#[derive(Debug)]
pub(crate) struct Input(String);

impl Input {
    pub(crate) fn open(name: &str) -> Result<Self> {
        with(|call| call.open_input(name))?;
        Ok(Self(name.to_owned()))
    }

    pub(crate) fn about(&self) -> Result<InputAbout> {
        with(|call| call.host.input(&self.0).map(FakeInput::about))
    }

    pub(crate) fn nodes(&self, after: Option<String>) -> Result<Vec<InputNode>> {
        let nodes = with(|call| call.host.input(&self.0).map(FakeInput::nodes))?;
        Ok(nodes.into_iter().filter(|n| after.as_ref().is_none_or(|a| n.path > *a)).collect())
    }

    pub(crate) fn read(&self, path: &str, offset: u64, _length: u64) -> Result<Vec<u8>> {
        with(|call| {
            let content = call.host.input(&self.0)?.read(path)?;
            Ok(content.get(usize::try_from(offset)?..).unwrap_or_default().to_vec())
        })
    }
}

/// A handle to the target tree.
#[derive(Debug)]
pub(crate) struct Tree;

impl Tree {
    pub(crate) fn open(_path: &str) -> Result<Self> {
        with(|call| call.open())?;
        Ok(Self)
    }

    pub(crate) fn read(&self, path: &str, offset: u64, _length: u64) -> Result<Vec<u8>> {
        with(|call| call.read(path, offset))
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Option<Stat>> {
        with(|call| call.stat(path))
    }

    pub(crate) fn walk(
        &self,
        path: &str,
        recursive: bool,
        after: Option<String>,
    ) -> Result<Vec<Entry>> {
        with(|call| call.walk(path, recursive, after.as_deref()))
    }

    pub(crate) fn apply(&self, changes: Vec<Change>) -> Result<()> {
        with(|call| call.apply(changes))
    }

    pub(crate) fn place(&self, blob: &Blob, path: &str, attributes: Attributes) -> Result<()> {
        let (path, content) = (path.to_owned(), blob.0.content.clone());
        with(|call| call.apply(vec![Change::Write { path, content, attributes }]))
    }

    pub(crate) fn capture(&self, path: &str) -> Result<Blob> {
        with(|call| call.read(path, 0)).map(|content| Blob(Outside::captured(content)))
    }

    pub(crate) fn unpack(&self, archive: &Blob, path: &str, strip: u32) -> Result<()> {
        with(|call| call.unpack(&archive.0, path, strip))
    }

    pub(crate) fn place_input(
        &self,
        input: &Input,
        path: &str,
        placement: Placement,
    ) -> Result<()> {
        with(|call| {
            call.effect("rootfs")?;
            let changes = call.host.input(&input.0)?.placed(path, &placement)?;
            call.apply_to_folders_there(changes)
        })
    }

    pub(crate) fn write_secret(
        &self,
        path: &str,
        secret: &Secret,
        attributes: Attributes,
    ) -> Result<()> {
        with(|call| {
            call.effect("rootfs")?;
            let content = call.use_secret("place", &secret.parameter)?;
            let mode = Some(attributes.mode.unwrap_or(0o600));
            let attributes = Attributes { mode, ..attributes };
            call.apply(vec![Change::Write { path: path.to_owned(), content, attributes }])
        })
    }
}
