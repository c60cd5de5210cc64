//! Rights: what is granted of a capability, each of its own type, so that nothing is compared as
//! text that means something else.

use std::fmt;

use dibhost_check::Check;
use dibhost_definition::{Capability, Scoped};
use dibhost_text::did_you_mean;
use serde::{Deserialize, Serialize};

use crate::slot::FactUse;
use crate::{openpgp, schema, validate};

/// A name, or a pattern in which `*` stands for any run of characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

impl Pattern {
    /// The name, or the pattern.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name, or all that another pattern stands for, is within it.
    #[must_use]
    pub fn covers(&self, asked: &Self) -> bool {
        matches(&self.0, &asked.0)
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What may be done with a path of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// It may be read.
    Read,
    /// It may be read and changed.
    Write,
}

/// What may be done with a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretUse {
    /// It may be handed on unread.
    Place,
    /// It may be read, and handed on.
    Open,
}

/// What of the builder's own surroundings may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Surroundings {
    /// The public keys that the person who builds logs in with.
    AuthorizedKeys,
    /// The proxies.
    Proxies,
}

/// What may be done about other elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ElementUse {
    /// One may be brought into the image.
    Require,
    /// One may be left out for it.
    StandIn,
}

/// What may be started, and what it may reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// Programs of this name or absolute path.
    Program(Pattern),
    /// What is started may reach the network.
    Network,
}

/// What may be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Download {
    /// From this host.
    From(Pattern),
    /// What nobody has named the digest of.
    Unpinned,
}

/// Which inputs of the definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum InputChoice {
    /// Those of this name.
    Named(Pattern),
    /// Those that a parameter of the element names.
    OfParameter(String),
}

/// A package repository and the key that signs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signed {
    url: Pattern,
    key: Pattern,
}

impl Signed {
    /// A repository at a URL, whose packages the key of this fingerprint signs.
    #[must_use]
    pub fn by(url: &str, fingerprint: &str) -> Self {
        Self { url: url.into(), key: fingerprint.into() }
    }

    /// `https://host/debian` and `https://host/debian/` are one place, and hex digits have two forms.
    fn covers(&self, asked: &Self) -> bool {
        let url = |signed: &Self| signed.url.0.trim_end_matches('/').to_owned();
        let key = |signed: &Self| signed.key.0.to_ascii_uppercase();
        matches(&url(self), &url(asked)) && matches(&key(self), &key(asked))
    }
}

/// A capability with what of it is granted, requested, or about to be done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Scoped", into = "Scoped")]
pub enum Right {
    /// A user or a group may be made.
    Accounts(Pattern),
    /// A user may be root, by a rule of `sudo`.
    AccountsSudo(Pattern),
    /// Nodes of the disk may be added.
    BlockDevice,
    /// The first tree may be wished for.
    Bootstrap,
    /// The builder's own surroundings may be seen.
    Builder(Surroundings),
    /// Bytes may be kept between builds.
    Cache,
    /// Other elements may be brought along or stood in for.
    Elements(ElementUse, Pattern),
    /// Programs may be started in the target.
    Exec(Start),
    /// A slot that is not for everybody may be provided, or read.
    Facts(FactUse, Pattern),
    /// Something may be downloaded.
    Fetch(Download),
    /// Files and folders of the builder may be read and placed.
    Inputs(InputChoice),
    /// A file of this suffix may be put beside the image.
    Outputs(Pattern),
    /// A package may be wished for, and what it asks be answered; so a group of packages, by `@ID`,
    /// and a module, by `@NAME:STREAM`.
    Packages(Pattern),
    /// A repository may be added.
    Repositories(Signed),
    /// A path and all below it may be read or changed.
    Rootfs(Access, String),
    /// The secret that a parameter names may be used.
    Secret(SecretUse, Pattern),
    /// A unit's state and presets may be set.
    Services(Pattern),
    /// A unit's text and drop-ins may be written.
    ServicesDefine(Pattern),
}

impl Right {
    /// What a scope of a capability says, in a request and in a grant.
    ///
    /// # Errors
    /// What is wrong, as a sentence part after "it requests" or "this grants".
    pub fn parse(capability: Capability, text: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{capability}` with the scope {text:?}{why}"));
        if text.chars().any(char::is_control) {
            return wrong(", which has a control character in it");
        }
        // Who grants it would read another scope than this one.
        if text.chars().any(dibhost_text::is_hidden) {
            return wrong(
                ", which has a character in it that shows nothing or turns the text around",
            );
        }
        match (capability.unscoped(), text) {
            (true, "") => {}
            (true, _) => return wrong(", and it has none"),
            (false, "") if capability != Capability::Outputs => {
                return Err(format!("`{capability}` without a scope"));
            }
            (false, _) => {}
        }
        let pattern = || Pattern::from(text);
        Ok(match capability {
            Capability::Accounts => Self::Accounts(pattern()),
            Capability::AccountsSudo => Self::AccountsSudo(pattern()),
            Capability::BlockDevice => Self::BlockDevice,
            Capability::Bootstrap => Self::Bootstrap,
            Capability::Builder => Self::Builder(match text {
                "authorized-keys" => Surroundings::AuthorizedKeys,
                "proxies" => Surroundings::Proxies,
                _ => return wrong("; it has `authorized-keys` and `proxies`"),
            }),
            Capability::Cache => Self::Cache,
            Capability::Exec if text == "network" => Self::Exec(Start::Network),
            Capability::Exec => Self::Exec(Start::Program(pattern())),
            Capability::Elements => match text.split_once(' ') {
                Some(("require", name)) if is_elements(name) => {
                    Self::Elements(ElementUse::Require, name.into())
                }
                Some(("stand-in-for", name)) if is_elements(name) => {
                    Self::Elements(ElementUse::StandIn, name.into())
                }
                _ => return wrong("; it takes `require ELEMENT` or `stand-in-for ELEMENT`"),
            },
            Capability::Facts => {
                let (may, slots) = match text.strip_prefix("read ") {
                    Some(slots) => (FactUse::Read, slots),
                    None => (FactUse::Provide, text),
                };
                match fact_slots(may, slots) {
                    Ok(()) => Self::Facts(may, slots.into()),
                    Err(why) => return wrong(&format!(", which {why}")),
                }
            }
            Capability::Fetch if text == "unpinned" => Self::Fetch(Download::Unpinned),
            Capability::Fetch => Self::Fetch(Download::From(pattern())),
            Capability::Inputs => Self::Inputs(match text.strip_prefix("parameter ") {
                Some(name) if validate::word(name).is_ok() => {
                    InputChoice::OfParameter(name.to_owned())
                }
                None if validate::word(&text.replace('*', "x")).is_ok() => {
                    InputChoice::Named(pattern())
                }
                _ => return wrong("; it takes the name of an input, or `parameter PARAMETER`"),
            }),
            Capability::Outputs => Self::Outputs(pattern()),
            Capability::Packages => Self::Packages(pattern()),
            Capability::Repositories => match signed(text) {
                Ok(signed) => Self::Repositories(signed),
                Err(why) => return wrong(&format!(", which {why}")),
            },
            Capability::Rootfs => {
                let (access, path) = match text.split_once(' ') {
                    Some(("read", path)) => (Access::Read, path),
                    Some(("write", path)) => (Access::Write, path),
                    _ => return wrong("; it takes `read PATH` or `write PATH`"),
                };
                validate::target_path(path)
                    .map_err(|why| format!("`rootfs` with the path {path:?}, which {why}"))?;
                Self::Rootfs(access, path.to_owned())
            }
            Capability::Secret => {
                let (how, name) = match text.split_once(' ') {
                    Some(("place", name)) if !name.is_empty() => (SecretUse::Place, name),
                    Some(("open", name)) if !name.is_empty() => (SecretUse::Open, name),
                    _ => return wrong("; it takes `place PARAMETER` or `open PARAMETER`"),
                };
                Self::Secret(how, name.into())
            }
            Capability::Services => Self::Services(pattern()),
            Capability::ServicesDefine => Self::ServicesDefine(pattern()),
        })
    }

    /// As [`parse`](Self::parse), of a capability by its name.
    ///
    /// # Errors
    /// As there, and a name that is none.
    pub fn of(capability: &str, text: &str) -> Result<Self, String> {
        let named = Capability::named(capability);
        let unknown = || format!("the capability {capability:?}, which this host does not know");
        Self::parse(named.ok_or_else(unknown)?, text)
    }

    /// What it is a scope of.
    #[must_use]
    pub fn capability(&self) -> Capability {
        match self {
            Self::Accounts(_) => Capability::Accounts,
            Self::AccountsSudo(_) => Capability::AccountsSudo,
            Self::BlockDevice => Capability::BlockDevice,
            Self::Bootstrap => Capability::Bootstrap,
            Self::Builder(_) => Capability::Builder,
            Self::Cache => Capability::Cache,
            Self::Elements(..) => Capability::Elements,
            Self::Exec(_) => Capability::Exec,
            Self::Facts(..) => Capability::Facts,
            Self::Fetch(_) => Capability::Fetch,
            Self::Inputs(_) => Capability::Inputs,
            Self::Outputs(_) => Capability::Outputs,
            Self::Packages(_) => Capability::Packages,
            Self::Repositories(_) => Capability::Repositories,
            Self::Rootfs(..) => Capability::Rootfs,
            Self::Secret(..) => Capability::Secret,
            Self::Services(_) => Capability::Services,
            Self::ServicesDefine(_) => Capability::ServicesDefine,
        }
    }

    /// The scope as definitions say it; empty where the capability has none.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::BlockDevice | Self::Bootstrap | Self::Cache => String::new(),
            Self::Builder(Surroundings::AuthorizedKeys) => "authorized-keys".to_owned(),
            Self::Builder(Surroundings::Proxies) => "proxies".to_owned(),
            Self::Exec(Start::Network) => "network".to_owned(),
            Self::Fetch(Download::Unpinned) => "unpinned".to_owned(),
            Self::Accounts(pattern)
            | Self::AccountsSudo(pattern)
            | Self::Exec(Start::Program(pattern))
            | Self::Facts(FactUse::Provide, pattern)
            | Self::Fetch(Download::From(pattern))
            | Self::Inputs(InputChoice::Named(pattern))
            | Self::Outputs(pattern)
            | Self::Packages(pattern)
            | Self::Services(pattern)
            | Self::ServicesDefine(pattern) => pattern.to_string(),
            Self::Elements(ElementUse::Require, name) => format!("require {name}"),
            Self::Elements(ElementUse::StandIn, name) => format!("stand-in-for {name}"),
            Self::Facts(FactUse::Read, slots) => format!("read {slots}"),
            Self::Inputs(InputChoice::OfParameter(name)) => format!("parameter {name}"),
            Self::Repositories(Signed { url, key }) => format!("{url} key:{key}"),
            Self::Rootfs(Access::Read, path) => format!("read {path}"),
            Self::Rootfs(Access::Write, path) => format!("write {path}"),
            Self::Secret(SecretUse::Place, name) => format!("place {name}"),
            Self::Secret(SecretUse::Open, name) => format!("open {name}"),
        }
    }

    /// Capability and scope, as definitions and lock files say them.
    #[must_use]
    pub fn said(&self) -> Scoped {
        (self.capability(), self.text())
    }

    /// Whether it includes what is asked for, or what is to be done.
    #[must_use]
    pub fn covers(&self, asked: &Self) -> bool {
        match (self, asked) {
            (Self::Accounts(held), Self::Accounts(asked))
            | (Self::AccountsSudo(held), Self::AccountsSudo(asked))
            | (Self::Exec(Start::Program(held)), Self::Exec(Start::Program(asked)))
            | (Self::Fetch(Download::From(held)), Self::Fetch(Download::From(asked)))
            | (Self::Inputs(InputChoice::Named(held)), Self::Inputs(InputChoice::Named(asked)))
            | (Self::Outputs(held), Self::Outputs(asked))
            | (Self::Packages(held), Self::Packages(asked))
            | (Self::Services(held), Self::Services(asked))
            | (Self::ServicesDefine(held), Self::ServicesDefine(asked)) => held.covers(asked),
            (Self::Elements(held, names), Self::Elements(asked, name)) => {
                held == asked && names.covers(name)
            }
            // Who may say something has no need to hear what others say.
            (Self::Facts(held, slots), Self::Facts(asked, slot)) => {
                held == asked && slots.covers(slot)
            }
            (Self::Repositories(held), Self::Repositories(asked)) => held.covers(asked),
            (Self::Rootfs(held, folder), Self::Rootfs(asked, path)) => {
                held >= asked && below(folder, path)
            }
            (Self::Secret(held, names), Self::Secret(asked, name)) => {
                held >= asked && names.covers(name)
            }
            (held, asked) => held == asked,
        }
    }

    /// Whether who holds it can change the target while a step runs. What is wished for changes it
    /// too, and before the steps of its phase.
    #[must_use]
    pub fn writes_target(&self) -> bool {
        matches!(self, Self::Rootfs(Access::Write, _) | Self::Exec(_))
    }

    /// Whether who holds it can see the target while a step runs.
    #[must_use]
    pub fn sees_target(&self) -> bool {
        self.writes_target() || matches!(self, Self::Rootfs(Access::Read, _))
    }

    /// The check that refuses what is not granted of it.
    pub(super) fn check(&self) -> Check {
        match self {
            Self::Accounts(_) => Check::AccountsGrant,
            Self::AccountsSudo(_) => Check::AccountsSudoGrant,
            Self::BlockDevice => Check::BlockDeviceGrant,
            Self::Bootstrap => Check::BootstrapGrant,
            Self::Builder(_) => Check::BuilderGrant,
            Self::Cache => Check::CacheGrant,
            Self::Exec(Start::Program(_)) => Check::ExecGrant,
            Self::Exec(Start::Network) => Check::ExecNetworkGrant,
            Self::Elements(..) => Check::ElementsGrant,
            Self::Facts(FactUse::Provide, _) => Check::FactsGrant,
            Self::Facts(FactUse::Read, _) => Check::FactsReadGrant,
            Self::Fetch(Download::From(_)) => Check::FetchGrant,
            Self::Fetch(Download::Unpinned) => Check::FetchUnpinned,
            Self::Inputs(_) => Check::InputsGrant,
            Self::Outputs(_) => Check::OutputsGrant,
            Self::Packages(_) => Check::PackagesGrant,
            Self::Repositories(_) => Check::RepositoriesGrant,
            Self::Rootfs(..) => Check::RootfsScope,
            Self::Secret(SecretUse::Open, _) => Check::SecretOpenGrant,
            Self::Secret(SecretUse::Place, _) => Check::SecretPlaceGrant,
            Self::Services(_) => Check::ServicesGrant,
            Self::ServicesDefine(_) => Check::ServicesDefineGrant,
        }
    }
}

/// `rootfs write /etc`, `block-device`.
impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (capability, text) = self.said();
        if text.is_empty() { write!(f, "{capability}") } else { write!(f, "{capability} {text}") }
    }
}

impl From<Right> for Scoped {
    fn from(scope: Right) -> Self {
        scope.said()
    }
}

impl TryFrom<Scoped> for Right {
    type Error = String;

    fn try_from((capability, text): Scoped) -> Result<Self, String> {
        Self::parse(capability, &text)
    }
}

/// The name of an element, or a pattern of such.
fn is_elements(scope: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '*');
    !scope.is_empty() && scope.chars().all(fits)
}

/// A slot that takes a grant, or a pattern of such. What slots there are in `dibhost:` only the
/// elements know.
fn fact_slots(may: FactUse, scope: &str) -> Result<(), String> {
    let own = scope.strip_prefix(schema::OWN).is_some_and(|slot| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-/@*".contains(c);
        !slot.is_empty() && slot.chars().all(fits)
    });
    let names = || schema::HOST_SLOTS.iter().map(|slot| slot.name);
    let slots = || names().filter(|slot| schema::granted(may, slot));
    if own || slots().any(|slot| matches(scope, slot)) {
        return Ok(());
    }
    if !scope.starts_with("dib:") {
        return Err(
            "is no slot of `dib:` or `dibhost:`: others are provided and read without a grant"
                .to_owned(),
        );
    }
    if may == FactUse::Read && names().any(|slot| matches(scope, slot)) {
        return Err("any element reads without a grant".to_owned());
    }
    let near = did_you_mean(scope, slots()).map(|near| format!(": {near}")).unwrap_or_default();
    Err(format!("is no slot of this host that an element may provide{near}"))
}

/// A URL or a pattern of URLs, and a key.
fn signed(scope: &str) -> Result<Signed, String> {
    let (url, key) = scope.split_once(" key:").ok_or(
        "names no key: it takes `URL key:FINGERPRINT`, and `key:*` where any key is meant",
    )?;
    if key != "*" && !openpgp::is_fingerprint(key) {
        return Err("names a key that is no fingerprint of 40 or 64 hex digits".to_owned());
    }
    let signed = Signed::by(url, key);
    if url == "*" {
        return Ok(signed);
    }
    // A star in the host would take `https://elsewhere.invalid/x.example.org` for one of its own.
    let host = url.split('/').nth(2).unwrap_or_default();
    if host.contains('*') {
        return Err(
            "has `*` before or in the host, where it could stand for another one".to_owned()
        );
    }
    validate::url(&url.replace('*', "x")).map_err(|why| format!("has a URL that {why}"))?;
    Ok(signed)
}

/// Whether `subject` fits `pattern`, in which `*` stands for any run of characters.
#[must_use]
pub(super) fn matches(pattern: &str, subject: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else { return pattern == subject };
    let Some(mut left) = subject.strip_prefix(head) else { return false };
    while let Some((part, after)) = rest.split_once('*') {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
        rest = after;
    }
    left.ends_with(rest)
}

/// Whether `path` is `folder` or below it; both absolute and normal.
#[must_use]
pub fn below(folder: &str, path: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
