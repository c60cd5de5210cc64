//! Grants: what an element may do is what it requests and the image definition grants.
//!
//! | capability | scope | means |
//! |---|---|---|
//! | `packages` | a package name, `*` for any run of characters | may be wished for |
//! | `repositories` | `URL key:FINGERPRINT` | may be added, signed by that key |
//! | `services` | a unit name pattern | its state may be set |
//! | `services-define` | a unit name pattern | its text may be written |
//! | `accounts` | a user or group name pattern | may be made |
//! | `block-device` | empty | nodes may be added |
//! | `bootstrap` | empty | the first tree may be wished for |
//! | `builder` | `authorized-keys` or `proxies` | may be read |
//! | `rootfs` | `read PATH` or `write PATH` | PATH and all below it (`write` includes `read`) |
//! | `exec` | a program's name or absolute path, `*`, or `network` | may be started in the target |
//! | `facts` | a slot of `dib:`, `*` for any run of characters | may be provided: the host and its elements carry out what is in it |
//! | `fetch` | a host, or `unpinned` | may be fetched from |
//! | `outputs` | a suffix pattern | may be put beside the image |
//! | `cache` | empty | may keep bytes between builds |
//! | `secret` | `place PARAMETER` or `open PARAMETER` | the secret that the parameter names may be handed on unread, or read |
//!
//! In `repositories`, `*` in the URL stands for any run of characters after the host, and `*`
//! alone for any URL; `key:*` stands for any key. `open` includes `place`.

use std::collections::BTreeSet;

use dibhost_check::Check;
pub use dibhost_definition::capability::{CAPABILITIES, UNSCOPED};
use dibhost_text::did_you_mean;
use serde::{Deserialize, Serialize};

use dibhost_block_device::{Node, NodeKind};

use crate::description::Request;
use crate::wish::{Repository, Wish};
use crate::{openpgp, schema, validate};

/// What an element holds: capability and scope.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Grants(BTreeSet<(String, String)>);

impl Grants {
    /// Exactly what was requested: what elements shipped with this host hold.
    #[must_use]
    pub fn all_of(requests: &[Request]) -> Self {
        requests.iter().map(|r| (r.capability.clone(), r.scope.clone())).collect()
    }

    /// Whether `subject` (a package, a unit, a user, a program, … or a scope as it is requested)
    /// is within a scope of `capability`.
    #[must_use]
    pub fn allows(&self, capability: &str, subject: &str) -> bool {
        !check_of(capability, subject).is_none_or(Check::holds) || self.covers(capability, subject)
    }

    fn covers(&self, capability: &str, subject: &str) -> bool {
        self.scopes(capability).any(|scope| covers(capability, scope, subject))
    }

    /// The scopes held for `capability`, in order.
    pub fn scopes<'a>(&'a self, capability: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(c, _)| c == capability).map(|(_, s)| s.as_str())
    }

    /// Whether anything of `capability` is held.
    #[must_use]
    pub fn holds(&self, capability: &str) -> bool {
        self.scopes(capability).next().is_some()
    }

    /// Paths below which the element may read (what it may write included).
    #[must_use]
    pub fn readable(&self) -> Vec<String> {
        let path =
            |s: &str| s.strip_prefix("read ").or(s.strip_prefix("write ")).map(str::to_owned);
        self.scopes("rootfs").filter_map(path).collect()
    }

    /// Paths below which the element may write.
    #[must_use]
    pub fn writable(&self) -> Vec<String> {
        self.scopes("rootfs").filter_map(|s| s.strip_prefix("write ")).map(str::to_owned).collect()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(c, s)| (c.as_str(), s.as_str()))
    }

    /// Those of `requests` that are not held.
    #[must_use]
    pub fn missing<'a>(&self, requests: &'a [Request]) -> Vec<&'a Request> {
        requests.iter().filter(|r| !self.covers(&r.capability, &r.scope)).collect()
    }
}

impl FromIterator<(String, String)> for Grants {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

/// What it means to grant a capability, for the person who does.
#[must_use]
pub fn meaning(capability: &str, scope: &str) -> &'static str {
    match (capability, scope.split(' ').next().unwrap_or_default()) {
        ("accounts", _) => {
            "makes this user or group as it likes: its keys, its groups, who logs in and who is root"
        }
        ("block-device", _) => "lays out the disk",
        ("bootstrap", _) => "makes the first tree, which all of the image stands on",
        ("builder", "authorized-keys") => "sees the public keys that you log in with",
        ("builder", _) => "sees which proxies you use",
        ("cache", _) => "keeps bytes of its own on this machine between builds",
        ("exec", "network") => "lets the programs that it starts reach the network",
        ("exec", _) => "starts this program as root inside the image's box",
        ("facts", slot) => means_fact(slot),
        ("fetch", "unpinned") => "downloads what nobody has named the digest of",
        ("fetch", _) => "downloads from this host",
        ("outputs", _) => "puts files with this ending beside the image",
        ("packages", _) => {
            "installs, holds or removes these packages, whose scripts are root in the image"
        }
        ("repositories", _) => {
            "takes packages from there: who holds that key can put anything into the image"
        }
        ("rootfs", "write") => {
            "changes this path of the image and all below it; what root reads or runs there is root in the image"
        }
        ("rootfs", _) => "reads this path of the image and all below it",
        ("secret", "open") => "reads the secret that this parameter names",
        ("secret", _) => {
            "has the host write the secret that this parameter names into the image, or hand it to a program"
        }
        ("services", _) => "enables, disables or masks this unit",
        ("services-define", _) => "writes this unit, which is root in the image when it boots",
        _ => "is not known to this host",
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
        _ => "tells the host's elements what they then carry out",
    }
}

/// Checks that a scope is one its capability knows: for requests and for grants.
///
/// # Errors
/// What is wrong, as a sentence part after "it requests" or "this grants".
pub fn check_scope(capability: &str, scope: &str) -> Result<(), String> {
    let path = |path: &str| {
        crate::validate::target_path(path)
            .map_err(|why| format!("`rootfs` with the path {path:?}, which {why}"))
    };
    if !CAPABILITIES.contains(&capability) {
        return Err(format!("the capability {capability:?}, which this host does not know"));
    }
    if scope.chars().any(char::is_control) {
        return Err(format!(
            "`{capability}` with the scope {scope:?}, which has a control character in it"
        ));
    }
    match (capability, scope) {
        (_, "") if UNSCOPED.contains(&capability) => Ok(()),
        (_, scope) if UNSCOPED.contains(&capability) => {
            Err(format!("`{capability}` with the scope {scope:?}, and it has none"))
        }
        ("outputs", _) => Ok(()),
        (_, "") => Err(format!("`{capability}` without a scope")),
        ("builder", "authorized-keys" | "proxies") => Ok(()),
        ("builder", scope) => Err(format!(
            "`builder` with the scope {scope:?}; it has `authorized-keys` and `proxies`"
        )),
        ("facts", scope) => fact_scope(scope)
            .map_err(|why| format!("`facts` with the scope {scope:?}, which {why}")),
        ("repositories", scope) => repository_scope(scope)
            .map_err(|why| format!("`repositories` with the scope {scope:?}, which {why}")),
        ("secret", scope) => match scope.split_once(' ') {
            Some(("place" | "open", name)) if !name.is_empty() => Ok(()),
            _ => Err(format!(
                "`secret` with the scope {scope:?}; it takes `place PARAMETER` or `open PARAMETER`"
            )),
        },
        ("rootfs", scope) => match scope.split_once(' ') {
            Some(("read" | "write", below)) => path(below),
            _ => Err(format!(
                "`rootfs` with the scope {scope:?}; it takes `read PATH` or `write PATH`"
            )),
        },
        _ => Ok(()),
    }
}

/// A slot that takes a grant, or a pattern of such.
fn fact_scope(scope: &str) -> Result<(), String> {
    let slots = || schema::HOST_SLOTS.iter().map(|slot| slot.name).filter(|s| schema::granted(s));
    if slots().any(|slot| matches(scope, slot)) {
        return Ok(());
    }
    if !scope.starts_with("dib:") {
        return Err("is no slot of `dib:`: others are provided and read without a grant".to_owned());
    }
    let near = did_you_mean(scope, slots()).map(|near| format!(": {near}")).unwrap_or_default();
    Err(format!("is no slot of this host that an element may provide{near}"))
}

/// A URL or a pattern of URLs, and a key.
fn repository_scope(scope: &str) -> Result<(), String> {
    let (url, key) = scope.split_once(" key:").ok_or(
        "names no key: it takes `URL key:FINGERPRINT`, and `key:*` where any key is meant",
    )?;
    if key != "*" && !openpgp::is_fingerprint(key) {
        return Err("names a key that is no fingerprint of 40 or 64 hex digits".to_owned());
    }
    if url == "*" {
        return Ok(());
    }
    // A star in the host would take `https://elsewhere.invalid/x.example.org` for one of its own.
    let host = url.split('/').nth(2).unwrap_or_default();
    if host.contains('*') {
        return Err(
            "has `*` before or in the host, where it could stand for another one".to_owned()
        );
    }
    validate::url(&url.replace('*', "x")).map_err(|why| format!("has a URL that {why}"))
}

/// Whether a wish is within what its element holds. Whoever takes wishes checks this first;
/// [`crate::plan`](fn@crate::plan) checks it again.
///
/// # Errors
/// What is not granted: capability and subject.
pub fn permits(grants: &Grants, wish: &Wish) -> Result<(), NotGranted> {
    let need = |capability, subject: &str| need(grants, capability, subject);
    match wish {
        Wish::Bootstrap(_) => need("bootstrap", ""),
        Wish::Package(package) => need("packages", &package.name),
        Wish::Repository(repository) => {
            scopes_of(repository).iter().try_for_each(|scope| need("repositories", scope))
        }
        // Any package can change by it.
        Wish::UpgradeAll => need("packages", "*"),
        Wish::Service { unit, .. } => need("services", unit),
        Wish::ServiceDefinition { unit, .. } => need("services-define", unit),
        Wish::User(user) => {
            need("accounts", &user.name)?;
            // Who is in `sudo` is root: a group is no less than a user.
            user.groups.iter().try_for_each(|group| need("accounts", group))
        }
        Wish::Group { name, .. } => need("accounts", name),
        Wish::Password { user, parameter } => {
            need("accounts", user)?;
            need("secret", &format!("place {parameter}"))
        }
        Wish::Nodes(nodes) => {
            need("block-device", "")?;
            nodes.iter().flat_map(secrets_of).try_for_each(|s| need("secret", &s))
        }
        Wish::ReplaceNode(node) => {
            need("block-device", "")?;
            secrets_of(node).iter().try_for_each(|s| need("secret", s))
        }
    }
}

/// Whether `capability` is held for `subject`.
///
/// # Errors
/// It is not.
pub fn need(grants: &Grants, capability: &'static str, subject: &str) -> Result<(), NotGranted> {
    if grants.allows(capability, subject) {
        Ok(())
    } else {
        Err(NotGranted { capability, subject: subject.to_owned() })
    }
}

/// The check that refuses what is not granted of a capability.
fn check_of(capability: &str, subject: &str) -> Option<Check> {
    Some(match capability {
        "accounts" => Check::AccountsGrant,
        "block-device" => Check::BlockDeviceGrant,
        "bootstrap" => Check::BootstrapGrant,
        "builder" => Check::BuilderGrant,
        "cache" => Check::CacheGrant,
        "exec" => Check::ExecGrant,
        "facts" => Check::FactsGrant,
        "fetch" => Check::FetchGrant,
        "outputs" => Check::OutputsGrant,
        "packages" => Check::PackagesGrant,
        "repositories" => Check::RepositoriesGrant,
        "rootfs" => Check::RootfsScope,
        "secret" if subject.starts_with("open ") => Check::SecretOpenGrant,
        "secret" => Check::SecretPlaceGrant,
        "services" => Check::ServicesGrant,
        "services-define" => Check::ServicesDefineGrant,
        _ => return None,
    })
}

/// What has to be granted for a repository: its URL with each key that would be trusted for it.
/// A key that cannot be read is none that anybody granted.
fn scopes_of(repository: &Repository) -> Vec<String> {
    let keys =
        openpgp::fingerprints(&repository.key).unwrap_or_else(|_| vec!["unknown".to_owned()]);
    keys.iter().map(|key| format!("{} key:{key}", repository.url)).collect()
}

/// The secrets that a node hands on, as scopes.
fn secrets_of(node: &Node) -> Vec<String> {
    match &node.kind {
        NodeKind::Encryption { secrets, .. } => {
            secrets.iter().map(|name| format!("place {name}")).collect()
        }
        _ => Vec::new(),
    }
}

/// Something an element does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it holds no grant `{capability}`{}", for_subject(.subject))]
pub struct NotGranted {
    /// `packages`, …
    pub capability: &'static str,
    /// A package, a unit, a user, …; empty where the capability has no scopes.
    pub subject: String,
}

fn for_subject(subject: &str) -> String {
    if subject.is_empty() { String::new() } else { format!(" that covers `{subject}`") }
}

/// Whether `subject` fits `pattern`, in which `*` stands for any run of characters.
#[must_use]
pub fn matches(pattern: &str, subject: &str) -> bool {
    let Some((head, mut rest)) = pattern.split_once('*') else { return pattern == subject };
    let Some(mut left) = subject.strip_prefix(head) else { return false };
    while let Some((part, after)) = rest.split_once('*') {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
        rest = after;
    }
    left.ends_with(rest)
}

/// Whether the granted scope includes the requested one, or what is to be done.
fn covers(capability: &str, granted: &str, requested: &str) -> bool {
    match capability {
        "rootfs" => both(granted, requested, |granted, requested| {
            (granted.0 == "write" || granted.0 == requested.0) && below(granted.1, requested.1)
        }),
        "secret" => both(granted, requested, |granted, requested| {
            (granted.0 == "open" || granted.0 == requested.0) && matches(granted.1, requested.1)
        }),
        "repositories" => {
            // `https://host/debian` and `https://host/debian/` are one place.
            let plain = |url: &str| url.trim_end_matches('/').to_owned();
            let parts = |scope: &str| {
                scope.split_once(" key:").map(|(url, key)| (plain(url), key.to_ascii_uppercase()))
            };
            match (parts(granted), parts(requested)) {
                (Some(granted), Some(requested)) => {
                    matches(&granted.0, &requested.0) && matches(&granted.1, &requested.1)
                }
                _ => false,
            }
        }
        _ => matches(granted, requested),
    }
}

/// Splits both scopes into a verb and what it is about, and compares the parts; one that has no
/// two parts fits nothing.
fn both(granted: &str, requested: &str, fits: impl Fn((&str, &str), (&str, &str)) -> bool) -> bool {
    match (granted.split_once(' '), requested.split_once(' ')) {
        (Some(granted), Some(requested)) => fits(granted, requested),
        _ => false,
    }
}

/// Whether `path` is `folder` or below it; both absolute and normal.
#[must_use]
pub fn below(folder: &str, path: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, subject, fits) in [
            ("linux-image-*", "linux-image-amd64", true),
            ("linux-image-*", "linux-headers", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*.service", "ssh.service", true),
            ("grub", "grub2", false),
        ] {
            assert_eq!(matches(pattern, subject), fits, "{pattern} {subject}");
        }
    }

    #[test]
    fn below_does_not_take_a_longer_name_for_a_folder() {
        assert!(below("/etc", "/etc/motd"));
        assert!(below("/", "/etc"));
        assert!(!below("/etc", "/etcetera"));
    }

    #[test]
    fn writing_includes_reading_and_a_folder_what_is_below() {
        let request = |scope: &str| Request {
            capability: "rootfs".into(),
            scope: scope.into(),
            reason: String::new(),
        };
        let grants: Grants = [("rootfs".to_owned(), "write /etc".to_owned())].into_iter().collect();
        assert!(grants.missing(&[request("read /etc/ssh"), request("write /etc/motd")]).is_empty());
        assert_eq!(grants.missing(&[request("write /usr")]).len(), 1);
    }

    fn grants(scopes: &[(&str, &str)]) -> Grants {
        scopes.iter().map(|(c, s)| ((*c).to_owned(), (*s).to_owned())).collect()
    }

    const FINGERPRINT: &str = "4D64FEC119C2029067D6E791F8D2585B8783D481";

    #[test]
    fn a_repository_is_granted_by_url_and_key() {
        let any = format!("https://h.example/* key:{}", FINGERPRINT.to_lowercase());
        let other = "A".repeat(40);
        for (granted, url, key, held) in [
            ("https://h.example/debian key:*", "https://h.example/debian/", FINGERPRINT, true),
            ("https://h.example/debian key:*", "https://h.example/debian-x", FINGERPRINT, false),
            (any.as_str(), "https://h.example/x/y", FINGERPRINT, true),
            (any.as_str(), "https://h.example/x/y", other.as_str(), false),
            (any.as_str(), "https://h.example.invalid/x", FINGERPRINT, false),
            (any.as_str(), "http://h.example/x", FINGERPRINT, false),
            ("* key:*", "http://anywhere.example", other.as_str(), true),
        ] {
            let held_grants = grants(&[("repositories", granted)]);
            let asked = format!("{url} key:{key}");
            assert_eq!(held_grants.allows("repositories", &asked), held, "{granted} {asked}");
        }
        // A URL with no key is nothing that anybody asks for.
        assert!(!grants(&[("repositories", "*")]).allows("repositories", "https://h.example"));
    }

    #[test]
    fn every_key_of_a_repository_has_to_be_granted() {
        let key = include_str!("../tests/debian-release-bookworm.asc");
        let wish = |key: &str| {
            Wish::Repository(Repository {
                name: "r".into(),
                url: "https://h.example/debian".into(),
                suites: vec!["s".into()],
                components: vec!["c".into()],
                priority: None,
                key: key.into(),
            })
        };
        let scope = format!("https://h.example/debian key:{FINGERPRINT}");
        let held = grants(&[("repositories", &scope)]);
        assert_eq!(permits(&held, &wish(key)), Ok(()));
        let other = include_str!("../tests/two-keys.asc");
        assert_eq!(openpgp::fingerprints(other).unwrap()[0], FINGERPRINT);
        let refused = permits(&held, &wish(other)).unwrap_err();
        insta::assert_snapshot!(refused, @"it holds no grant `repositories` that covers `https://h.example/debian key:7B1607E6535939525081C692DE8A79D3968E6746`");
        assert!(permits(&held, &wish("no key")).is_err());
    }

    #[test]
    fn scopes_that_say_too_little_or_could_mean_too_much() {
        let fits = |capability, scope| check_scope(capability, scope);
        for (capability, scope) in [
            ("repositories", "https://h.example/debian key:*"),
            ("repositories", "* key:4D64FEC119C2029067D6E791F8D2585B8783D481"),
            ("repositories", "https://h.example/*/debian key:*"),
            ("facts", "dib:boot/kernel-argument@1"),
            ("facts", "dib:users/*"),
            ("facts", "*"),
            ("secret", "place password"),
            ("secret", "open *"),
        ] {
            assert_eq!(fits(capability, scope), Ok(()), "{capability} {scope}");
        }
        for (capability, scope) in [
            ("repositories", "https://h.example/debian"),
            ("repositories", "*"),
            ("repositories", "https://*.example/ key:*"),
            ("repositories", "https://h.example* key:*"),
            ("repositories", "http* key:*"),
            ("repositories", "file:///etc key:*"),
            ("repositories", "https://h.example/debian key:8783D481"),
            ("repositories", "https://h.example/../x key:*"),
            ("facts", ""),
            ("facts", "acme:proxy/upstream@1"),
            ("facts", "dib:users/authorized-keys@1"),
            // The host's alone.
            ("facts", "dib:block-device/layout@1"),
            ("secret", "password"),
            ("secret", "read password"),
            ("secret", "open "),
            ("block-device", "sda"),
            ("rootfs", "write etc"),
            ("exec", ""),
            ("ptrace", "*"),
        ] {
            assert!(fits(capability, scope).is_err(), "{capability} {scope}");
        }
    }

    #[test]
    fn what_may_be_opened_may_be_placed_and_not_the_other_way() {
        let place = grants(&[("secret", "place password")]);
        assert!(place.allows("secret", "place password"));
        assert!(!place.allows("secret", "open password"));
        assert!(!place.allows("secret", "place other"));
        assert!(grants(&[("secret", "open password")]).allows("secret", "place password"));
    }

    #[test]
    fn a_group_is_no_less_than_a_user() {
        let wish = Wish::User(crate::wish::User {
            name: "deploy".into(),
            uid: None,
            gid: None,
            home: None,
            shell: None,
            groups: vec!["sudo".into()],
            system: false,
            authorized_keys: Vec::new(),
        });
        let refused = permits(&grants(&[("accounts", "deploy")]), &wish).unwrap_err();
        assert_eq!(refused.subject, "sudo");
        assert_eq!(
            permits(&grants(&[("accounts", "deploy"), ("accounts", "sudo")]), &wish),
            Ok(())
        );
    }

    #[test]
    fn a_disk_that_a_secret_opens_needs_the_secret_too() {
        let wish = |secrets: &[&str]| {
            let secrets = secrets.iter().map(|s| (*s).to_owned()).collect();
            let kind = NodeKind::Encryption { secrets, label: None };
            Wish::Nodes(vec![Node { name: "luks".into(), on: vec!["disk".into()], kind }])
        };
        let held = grants(&[("block-device", "")]);
        assert_eq!(permits(&held, &wish(&[])), Ok(()));
        assert_eq!(permits(&held, &wish(&["disk-key"])).unwrap_err().subject, "place disk-key");
        let held = grants(&[("block-device", ""), ("secret", "place disk-key")]);
        assert_eq!(permits(&held, &wish(&["disk-key"])), Ok(()));
    }
}
