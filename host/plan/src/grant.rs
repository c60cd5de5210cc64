//! Grants: what an element may do is what it requests and the image definition grants.
//!
//! | capability | scope | means |
//! |---|---|---|
//! | `packages` | a package name, `*` for any run of characters | may be wished for |
//! | `repositories` | a URL | may be added |
//! | `services` | a unit name pattern | its state may be set |
//! | `services-define` | a unit name pattern | its text may be written |
//! | `accounts` | a user or group name pattern | may be made |
//! | `block-device` | empty | nodes may be added |
//! | `bootstrap` | empty | the first tree may be wished for |
//! | `builder` | `authorized-keys` or `proxies` | may be read |
//! | `rootfs` | `read PATH` or `write PATH` | PATH and all below it (`write` includes `read`) |
//! | `exec` | a program's name or absolute path, `*`, or `network` | may be started in the target |
//! | `fetch` | a host, or `unpinned` | may be fetched from |
//! | `outputs` | a suffix pattern | may be put beside the image |
//! | `cache` | empty | may keep bytes between builds |

use std::collections::BTreeSet;

use dibhost_check::Check;
pub use dibhost_definition::capability::{CAPABILITIES, UNSCOPED};
use serde::{Deserialize, Serialize};

use crate::description::Request;
use crate::wish::Wish;

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

    /// Whether `subject` (a package, a unit, a user, a program, …) is within a scope of
    /// `capability`. Not for `rootfs`, whose scopes are paths.
    #[must_use]
    pub fn allows(&self, capability: &str, subject: &str) -> bool {
        !check_of(capability).holds()
            || self.scopes(capability).any(|scope| matches(scope, subject))
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
        let held =
            |r: &Request| self.0.iter().any(|(c, s)| *c == r.capability && covers(c, s, &r.scope));
        requests.iter().filter(|r| !held(r)).collect()
    }
}

impl FromIterator<(String, String)> for Grants {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

/// The check that a capability is asked by.
fn check_of(capability: &str) -> Check {
    match capability {
        "accounts" => Check::AccountsGrant,
        "block-device" => Check::BlockDeviceGrant,
        "bootstrap" => Check::BootstrapGrant,
        "builder" => Check::BuilderGrant,
        "cache" => Check::CacheGrant,
        "exec" => Check::ExecGrant,
        "outputs" => Check::OutputsGrant,
        "packages" => Check::PackagesGrant,
        "repositories" => Check::RepositoriesGrant,
        "services" => Check::ServicesGrant,
        "services-define" => Check::ServicesDefineGrant,
        _ => Check::RootfsScope,
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
        ("rootfs", scope) => match scope.split_once(' ') {
            Some(("read" | "write", below)) => path(below),
            _ => Err(format!(
                "`rootfs` with the scope {scope:?}; it takes `read PATH` or `write PATH`"
            )),
        },
        _ => Ok(()),
    }
}

/// Whether a wish is within what its element holds. Whoever takes wishes checks this first;
/// [`crate::plan`](fn@crate::plan) checks it again.
///
/// # Errors
/// What is not granted: capability and subject.
pub fn permits(grants: &Grants, wish: &Wish) -> Result<(), NotGranted> {
    let need = |capability: &'static str, subject: &str| {
        if grants.allows(capability, subject) {
            Ok(())
        } else {
            Err(NotGranted { capability, subject: subject.to_owned() })
        }
    };
    match wish {
        Wish::Bootstrap(_) => need("bootstrap", ""),
        Wish::Package(package) => need("packages", &package.name),
        Wish::Repository(repository) => need("repositories", &repository.url),
        // Any package can change by it.
        Wish::UpgradeAll => need("packages", "*"),
        Wish::Service { unit, .. } => need("services", unit),
        Wish::ServiceDefinition { unit, .. } => need("services-define", unit),
        Wish::User(user) => need("accounts", &user.name),
        Wish::Group { name, .. } => need("accounts", name),
        Wish::Nodes(_) | Wish::ReplaceNode(_) => need("block-device", ""),
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

/// Whether the granted scope includes the requested one.
fn covers(capability: &str, granted: &str, requested: &str) -> bool {
    if capability != "rootfs" {
        return matches(granted, requested);
    }
    let Some((granted_verb, granted_path)) = granted.split_once(' ') else { return false };
    let Some((requested_verb, requested_path)) = requested.split_once(' ') else { return false };
    (granted_verb == "write" || granted_verb == requested_verb)
        && below(granted_path, requested_path)
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
}
