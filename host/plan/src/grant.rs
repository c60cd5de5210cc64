//! Grants: what an element may do is what it requests and the image definition grants.
//!
//! | capability | scope | means |
//! |---|---|---|
//! | `packages` | a package name, `*` for any run of characters; `@GROUP`, `@MODULE:STREAM` | may be wished for, and its questions answered |
//! | `repositories` | `URL key:FINGERPRINT` | may be added, signed by that key |
//! | `services` | a unit name pattern | its state and presets may be set |
//! | `services-define` | a unit name pattern | its text and drop-ins may be written |
//! | `accounts` | a user or group name pattern, or the number of a group | may be made, or be a user's |
//! | `accounts-sudo` | a user name pattern | may be root, by a rule of `sudo` |
//! | `block-device` | empty | nodes may be added |
//! | `bootstrap` | empty | the first tree may be wished for |
//! | `builder` | `authorized-keys` or `proxies` | may be read |
//! | `rootfs` | `read PATH` or `write PATH` | PATH and all below it (`write` includes `read`) |
//! | `elements` | `require ELEMENT` or `stand-in-for ELEMENT` | may be brought into the image, or left out of it for this one |
//! | `exec` | a program's name or absolute path, `*`, or `network` | may be started in the target |
//! | `facts` | a slot of `dib:` or `dibhost:`, `*` for any run of characters | may be provided: the host and its elements carry out what is in it |
//! | `facts` | `read SLOT` | a slot of which not everybody is to see the values may be read |
//! | `fetch` | a host, or `unpinned` | may be fetched from |
//! | `inputs` | an input's name, `*` for any run of characters; or `parameter PARAMETER` | that input of the definition, or those that the parameter names, may be read and placed |
//! | `outputs` | a suffix pattern | may be put beside the image |
//! | `cache` | empty | may keep bytes between builds |
//! | `secret` | `place PARAMETER` or `open PARAMETER` | the secret that the parameter names may be handed on unread, or read |
//!
//! In `repositories`, `*` in the URL stands for any run of characters after the host, and `*`
//! alone for any URL; `key:*` stands for any key. `open` includes `place`.

mod right;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use dibhost_block_device::{Node, NodeKind};
use dibhost_definition::ElementGrants;

use crate::description::Request;
use crate::fact::Fact;
use crate::openpgp;
use crate::schema;
use crate::slot::FactUse;
use crate::wish::{Debconf, Repository, User, Wish};

pub use right::{
    Access, Download, ElementUse, InputChoice, Pattern, Right, SecretUse, Signed, Start,
    Surroundings, below,
};

/// What an element holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grants(BTreeSet<Right>);

impl Grants {
    /// What is requested, of a system of which this is known. A request that this host cannot read
    /// asks for nothing.
    #[must_use]
    pub fn asked(requests: &[Request], facts: &[Fact]) -> Self {
        let asked = requests.iter().filter(|request| request.applies(facts));
        asked.filter_map(|request| request.right().ok()).collect()
    }

    /// What a definition grants an element. What cannot be read grants nothing.
    #[must_use]
    pub fn given(section: &ElementGrants) -> Self {
        let given = section.grants.iter();
        given.filter_map(|g| Right::parse(g.capability.value, &g.scope).ok()).collect()
    }

    /// Whether what is to be done may be done.
    #[must_use]
    pub fn allows(&self, asked: &Right) -> bool {
        !asked.check().holds() || self.include(asked)
    }

    /// Whether one of them covers what is asked for.
    #[must_use]
    pub fn include(&self, asked: &Right) -> bool {
        self.0.iter().any(|held| held.covers(asked))
    }

    /// The paths below which the element may read, or those below which it may write.
    pub fn paths(&self, to: Access) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(move |scope| match scope {
            Right::Rootfs(access, path) if *access >= to => Some(path.as_str()),
            _ => None,
        })
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Right> {
        self.0.iter()
    }

    /// With the inputs that parameters name: what a parameter says is what its request is for.
    #[must_use]
    pub fn with_inputs(mut self, parameters: &BTreeMap<String, Value>) -> Self {
        let named = self.0.iter().flat_map(|right| match right {
            Right::Inputs(InputChoice::OfParameter(name)) => named_inputs(parameters.get(name)),
            _ => Vec::new(),
        });
        let named = named.map(|name| Right::Inputs(InputChoice::Named(name.as_str().into())));
        let named: Vec<_> = named.collect();
        self.0.extend(named);
        self
    }

    /// Those of `requests` that are not held.
    #[must_use]
    pub fn missing<'a>(&self, requests: &'a [Request]) -> Vec<&'a Request> {
        let held = |request: &Request| request.right().is_ok_and(|asked| self.include(&asked));
        requests.iter().filter(|request| !held(request)).collect()
    }
}

impl FromIterator<Right> for Grants {
    fn from_iter<I: IntoIterator<Item = Right>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl Request {
    /// What it asks for.
    ///
    /// # Errors
    /// What is wrong, as a sentence part after "it requests".
    pub fn right(&self) -> Result<Right, String> {
        Right::of(&self.capability, &self.scope)
    }
}

/// The inputs that a parameter's value names: a text, or a list of texts.
pub(crate) fn named_inputs(value: Option<&Value>) -> Vec<String> {
    let texts = match value {
        Some(Value::Array(list)) => list.as_slice(),
        Some(text) => std::slice::from_ref(text),
        None => &[],
    };
    // A star in a name would be a pattern.
    let named = texts.iter().filter_map(Value::as_str).filter(|name| !name.contains('*'));
    named.map(str::to_owned).collect()
}

/// What it means to grant this, for the person who does.
#[must_use]
pub fn meaning(scope: &Right) -> &'static str {
    match scope {
        Right::Accounts(number) if number.as_str().parse::<u32>().is_ok() => {
            "makes users of the group that has this number, whichever that is in the image"
        }
        Right::Accounts(_) => {
            "makes this user or group as it likes: its keys, its groups, who logs in and who is root"
        }
        Right::AccountsSudo(_) => {
            "makes this user root: it may run anything by `sudo`, without a password where the element says so"
        }
        Right::BlockDevice => "lays out the disk",
        Right::Bootstrap => "makes the first tree, which all of the image stands on",
        Right::Builder(Surroundings::AuthorizedKeys) => "sees the public keys that you log in with",
        Right::Builder(Surroundings::Proxies) => "sees which proxies you use",
        Right::Cache => "keeps bytes of its own on this machine between builds",
        Right::Elements(ElementUse::Require, _) => {
            "brings this element into the image, with all that it holds there"
        }
        Right::Elements(ElementUse::StandIn, _) => {
            "takes the place of this element, which is then not in the image where others need it"
        }
        Right::Exec(Start::Network) => "lets the programs that it starts reach the network",
        Right::Exec(Start::Program(_)) => "starts this program as root inside the image's box",
        Right::Facts(FactUse::Provide, slots) => means_fact(&slots.to_string()),
        Right::Facts(FactUse::Read, slots) if slots.as_str().starts_with(schema::OWN) => {
            "sees what the elements that come with the host say to one another"
        }
        Right::Facts(FactUse::Read, _) => {
            "sees the public keys that log in, your own among them where they do"
        }
        Right::Fetch(Download::Unpinned) => "downloads what nobody has named the digest of",
        Right::Fetch(Download::From(_)) => "downloads from this host",
        Right::Inputs(InputChoice::Named(_)) => {
            "reads this file or folder of yours, and can put it into the image"
        }
        Right::Inputs(InputChoice::OfParameter(_)) => {
            "reads the file or folder of yours that this parameter names, and can put it into the image"
        }
        Right::Outputs(_) => "puts files with this ending beside the image",
        Right::Packages(_) => {
            "installs, holds or removes these packages, whose scripts are root in the image, and answers what they ask"
        }
        Right::Repositories(_) => {
            "takes packages from there: who holds that key can put anything into the image"
        }
        Right::Rootfs(Access::Write, _) => {
            "changes this path of the image and all below it; what root reads or runs there is root in the image, and so is a program of it that is set-uid"
        }
        Right::Rootfs(Access::Read, _) => "reads this path of the image and all below it",
        Right::Secret(SecretUse::Open, _) => "reads the secret that this parameter names",
        Right::Secret(SecretUse::Place, _) => {
            "has the host write the secret that this parameter names into the image, or hand it to a program"
        }
        Right::Services(_) => "enables, disables or masks this unit, now or by a preset",
        Right::ServicesDefine(_) => {
            "writes this unit or adds to it, which is root in the image when it boots"
        }
    }
}

/// What follows of a value of a slot of `dib:`.
fn means_fact(slot: &str) -> &'static str {
    match slot {
        "dib:boot/kernel-argument@1" => {
            "adds to the kernel's command line, which says what is started first and what is checked"
        }
        "dib:boot/kernel@1" => "says which kernel and initramfs the image boots",
        "dib:boot/loader@1" => "says what loads the kernel",
        "dib:cloud-init/datasource@1" => {
            "says where cloud-init takes users, keys and commands from at the first boot"
        }
        "dib:initramfs/module@1" => "has the kernel load this module when it boots",
        "dib:os/distribution@1" => {
            "says what the system is and who its default user is, who gets keys and `sudo`"
        }
        "dib:users/authorized-key@1" => "lets the holder of a key log in, as any user",
        slot if slot.starts_with(schema::OWN) => {
            "speaks to the elements that come with the host as one of them, and is believed"
        }
        _ => "tells the host's elements what they then carry out",
    }
}

/// Whether a wish is within what its element holds. Whoever takes wishes checks this first;
/// [`crate::plan`](fn@crate::plan) checks it again.
///
/// # Errors
/// What is not granted.
pub fn permits(grants: &Grants, wish: &Wish) -> Result<(), NotGranted> {
    needs(wish).into_iter().try_for_each(|scope| need(grants, scope))
}

/// What has to be granted for a wish, in the order that it is asked in.
fn needs(wish: &Wish) -> Vec<Right> {
    let name = |text: &String| Pattern::from(text.as_str());
    match wish {
        Wish::Bootstrap(_) => vec![Right::Bootstrap],
        Wish::Package(package) => vec![Right::Packages(name(&package.name))],
        // The package that is named owns the answer; the one whose question it is obeys it.
        Wish::Debconf(Debconf { package, question, .. }) => {
            let asks = question.split('/').next().filter(|asks| asks != package);
            [package.as_str()]
                .into_iter()
                .chain(asks)
                .map(|of| Right::Packages(of.into()))
                .collect()
        }
        Wish::Module(module) => {
            vec![Right::Packages(name(&format!("@{}:{}", module.name, module.stream)))]
        }
        Wish::PackageGroup(group) => vec![Right::Packages(name(&format!("@{}", group.id)))],
        Wish::Repository(repository) => sources_of(repository),
        // Any package can change by it.
        Wish::UpgradeAll => vec![Right::Packages("*".into())],
        // A pattern is covered by one that means as much.
        Wish::Service { unit, .. } | Wish::Preset { unit, .. } => {
            vec![Right::Services(name(unit))]
        }
        Wish::ServiceDefinition { unit, .. } | Wish::DropIn { unit, .. } => {
            vec![Right::ServicesDefine(name(unit))]
        }
        Wish::File(file) => vec![Right::Rootfs(Access::Write, file.path.clone())],
        // Who is in `sudo` is root: a group is no less than a user.
        Wish::User(user) => {
            let names = [&user.name].into_iter().chain(&user.groups);
            let accounts = names.map(|of| Right::Accounts(name(of)));
            // By a rule of its own a user is root whose groups nobody would look twice at.
            let root = user.sudo.filter(|sudo| sudo.is_root());
            let root = root.map(|_| Right::AccountsSudo(name(&user.name)));
            // Whose number it is nobody knows before there is a tree: it may be that of `sudo`.
            let group = user.gid.map(|gid| Right::Accounts(name(&gid.to_string())));
            let home = elsewhere(user).map(|home| Right::Rootfs(Access::Write, home.clone()));
            accounts.chain(root).chain(group).chain(home).collect()
        }
        Wish::Group { name: group, .. } => vec![Right::Accounts(name(group))],
        Wish::Password { user, parameter } => {
            vec![Right::Accounts(name(user)), Right::Secret(SecretUse::Place, name(parameter))]
        }
        Wish::Nodes(nodes) => {
            [Right::BlockDevice].into_iter().chain(nodes.iter().flat_map(secrets_of)).collect()
        }
        Wish::ReplaceNode(node) => {
            [Right::BlockDevice].into_iter().chain(secrets_of(node)).collect()
        }
    }
}

/// The home of a user where another folder than its own of `/home` is made and given to it. A home
/// of a system account is only named, unless keys are put there.
fn elsewhere(user: &User) -> Option<&String> {
    let own = format!("/home/{}", user.name);
    let made = !user.system || !user.authorized_keys.is_empty();
    user.home.as_ref().filter(|home| made && !below(&own, home))
}

/// Whether what is to be done is held.
///
/// # Errors
/// It is not.
pub fn need(grants: &Grants, asked: Right) -> Result<(), NotGranted> {
    if grants.allows(&asked) { Ok(()) } else { Err(NotGranted(asked)) }
}

/// What has to be granted for a repository: its URL with each key that would be trusted for it.
/// A key that cannot be read is none that anybody granted.
fn sources_of(repository: &Repository) -> Vec<Right> {
    let keys = repository.keys().iter().flat_map(|armoured| {
        openpgp::fingerprints(armoured).unwrap_or_else(|_| vec!["unknown".to_owned()])
    });
    keys.map(|key| Right::Repositories(Signed::by(repository.url(), &key))).collect()
}

/// The secrets that a node hands on.
fn secrets_of(node: &Node) -> Vec<Right> {
    match &node.kind {
        NodeKind::Encryption { secrets, .. } => secrets
            .iter()
            .map(|name| Right::Secret(SecretUse::Place, name.as_str().into()))
            .collect(),
        _ => Vec::new(),
    }
}

/// Something an element does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it holds no grant {}", covering(.0))]
pub struct NotGranted(pub Right);

fn covering(asked: &Right) -> String {
    match asked.said() {
        (capability, text) if text.is_empty() => format!("`{capability}`"),
        (capability, text) => format!("`{capability}` that covers `{text}`"),
    }
}

#[cfg(test)]
mod tests;
