//! What a person who is to grant would stumble over, and what this host would refuse: found while
//! the author can still mend it.

use std::collections::BTreeSet;

use dibhost_author::{CONTRACT, Parts, check_name, minor_of};
use dibhost_plan::description::{Description, Request};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// A host refuses it.
    Error,
    /// It works, and should be mended.
    Warning,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// How much it weighs.
    pub(crate) weight: Weight,
    /// What it is.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: String,
}

/// A component of one language without an interpreter in it has hundreds of kilobytes; with one the
/// largest that was seen has 19 MB. What is larger carries something that it does not need.
const LARGE: usize = 24 << 20;

/// Folders that hold much that is not this element's: a grant of all of one is read twice.
const WIDE: [&str; 9] = ["/", "/etc", "/usr", "/var", "/bin", "/sbin", "/lib", "/root", "/home"];

/// Looks at a component: what it imports, how large it is, and what it says of itself, where a host
/// could have it say that.
pub(crate) fn check(
    file: &str,
    size: usize,
    parts: &Parts,
    about: Option<&Description>,
) -> Vec<Finding> {
    let mut found = Findings(Vec::new());
    found.contract(parts);
    if let Some(about) = about {
        found.name(file, about);
        found.described(about);
        found.requests(about);
        found.imports(parts, about);
    }
    if size > LARGE {
        found.warn(
            format!("the component has {} bytes", dibhost_text::readable_size(size as u64)),
            "build it for release and without what it does not need: it is fetched and compiled by everyone who uses it",
        );
    }
    found.0.sort_by_key(|finding| finding.weight);
    found.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, weight: Weight, message: impl Into<String>, help: impl Into<String>) {
        self.0.push(Finding { weight, message: message.into(), help: help.into() });
    }

    fn warn(&mut self, message: impl Into<String>, help: impl Into<String>) {
        self.add(Weight::Warning, message, help);
    }

    fn name(&mut self, file: &str, about: &Description) {
        if let Err(error) = check_name(&about.name) {
            self.add(Weight::Error, error.message, error.help.unwrap_or_default());
        }
        let wanted = format!("{}.wasm", about.name);
        if file != wanted {
            self.add(
                Weight::Error,
                format!(
                    "the file is called `{}` and its element `{}`",
                    dibhost_text::harmless(file, 100),
                    about.name
                ),
                format!("call it `{wanted}`: `dibhost element build` does"),
            );
        }
        if minor_of(&about.version).is_none() {
            self.add(
                Weight::Error,
                format!("its version `{}` is none", dibhost_text::harmless(&about.version, 50)),
                "write three numbers, as `1.0.0`: who uses it asks for `^1.0`",
            );
        }
    }

    fn described(&mut self, about: &Description) {
        if about.summary.trim().is_empty() {
            self.warn(
                "it has no summary",
                "say in one line what it does: `dibhost element list` shows it",
            );
        }
        if about.license.trim().is_empty() {
            self.warn(
                "it has no licence",
                "write an SPDX expression, as `Apache-2.0`: nobody may share it without",
            );
        }
        for parameter in &about.parameters {
            if parameter.doc.trim().is_empty() {
                self.warn(
                    format!("its parameter `{}` is not documented", parameter.name),
                    "say in one line what it is: `dibhost element inspect` shows it",
                );
            }
        }
        if about.steps.is_empty() {
            self.warn(
                "it has no steps, so it does nothing",
                "declare one, in the phase that it is for",
            );
        }
        for slot in about.steps.iter().flat_map(|step| &step.provides) {
            if slot.doc.trim().is_empty() && !slot.name.starts_with("dib:") {
                self.warn(
                    format!("the slot `{}` is not documented", slot.name),
                    "say in one line what its values are: who reads it has nothing else",
                );
            }
        }
    }

    /// Interfaces of the contract, of this version; and WASI, which is inert.
    fn contract(&mut self, parts: &Parts) {
        let mut others = BTreeSet::new();
        for name in parts.imports.iter().chain(&parts.exports) {
            let Some((interface, version)) = name.rsplit_once('@') else { continue };
            let ours = interface.starts_with("dib:element/");
            // A newer patch adds functions alone; who calls one of them is told by the host.
            if ours && minor_of(version) != minor_of(CONTRACT) {
                others.insert(version.to_owned());
            } else if !ours && !interface.starts_with("wasi:") {
                self.add(
                    Weight::Error,
                    format!(
                        "it imports `{}`, which no host offers",
                        dibhost_text::harmless(name, 100)
                    ),
                    "an element has the contract, and WASI without anything behind it",
                );
            }
        }
        for version in others {
            self.add(
                Weight::Error,
                format!("it was made for `dib:element@{}`", dibhost_text::harmless(&version, 50)),
                format!("build it with an SDK of {}, the version of this host", CONTRACT),
            );
        }
        for interface in ["metadata", "lifecycle"] {
            if !parts.exports.iter().any(|e| e.starts_with(&format!("dib:element/{interface}@"))) {
                self.add(
                    Weight::Error,
                    format!("it does not export `dib:element/{interface}`, so it is no element"),
                    "build it with `dibhost element build`",
                );
            }
        }
    }

    fn requests(&mut self, about: &Description) {
        for request in &about.requests {
            let shown = format!("`{} {}`", request.capability, request.scope);
            if request.reason.trim().is_empty() {
                self.warn(
                    format!("its request {shown} has no reason"),
                    "say what it is for: a person reads it before granting it",
                );
            }
            if let Some(narrower) = wide(request) {
                self.warn(format!("its request {shown} is wide"), narrower);
            }
        }
        let mut seen = BTreeSet::new();
        for request in &about.requests {
            if !seen.insert((&request.capability, &request.scope, &request.when)) {
                self.warn(
                    format!("it requests `{} {}` twice", request.capability, request.scope),
                    "once is enough, with both reasons",
                );
            }
        }
    }

    /// An import without a request answers `denied`; a request without its import is never used.
    fn imports(&mut self, parts: &Parts, about: &Description) {
        let imported = |interface: &str| {
            parts.imports.iter().any(|i| i.starts_with(&format!("dib:element/{interface}@")))
        };
        let asked = |capabilities: &[&str]| {
            about.requests.iter().any(|r| capabilities.contains(&r.capability.as_str()))
        };
        for (interfaces, capabilities) in CAPABILITIES {
            let any = interfaces.iter().any(|interface| imported(interface));
            // What a request declares need not be called: `packages` of what `debconf` answers, say.
            if asked(capabilities) && !any {
                self.warn(
                    format!("it requests `{}` and never calls it", capabilities[0]),
                    "take the request away: everyone who uses the element would grant it for nothing",
                );
            }
            if any && !asked(capabilities) && interfaces.len() == 1 {
                self.warn(
                    format!("it imports `{}` and requests nothing of it", interfaces[0]),
                    format!(
                        "each call will be `denied`: request `{}`, or do not call it",
                        capabilities[0]
                    ),
                );
            }
        }
    }
}

/// Interfaces that do something, and the capabilities that they need. `block-device`, `inputs` and
/// `blobs` may be called without.
const CAPABILITIES: [(&[&str], &[&str]); 9] = [
    (&["packages"], &["packages", "repositories"]),
    (&["services"], &["services", "services-define"]),
    (&["accounts"], &["accounts", "accounts-sudo"]),
    (&["bootstrap"], &["bootstrap"]),
    (&["builder"], &["builder"]),
    (&["rootfs", "files"], &["rootfs"]),
    (&["exec"], &["exec"]),
    (&["fetch"], &["fetch"]),
    (&["outputs"], &["outputs"]),
];

/// Why a request is wider than an element needs.
fn wide(request: &Request) -> Option<String> {
    let scope = request.scope.trim();
    match request.capability.as_str() {
        "rootfs" => {
            let path = scope.strip_prefix("write ")?.trim_end_matches('/');
            let path = if path.is_empty() { "/" } else { path };
            WIDE.contains(&path).then(|| {
                "name the files or the folder that it writes, as `write /etc/motd`".to_owned()
            })
        }
        "packages" | "services" | "services-define" | "accounts" | "exec" | "fetch" => (scope
            == "*")
            .then(|| "name them one by one, or by what their names begin with".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(requests: &[(&str, &str)]) -> Description {
        serde_json::from_value(serde_json::json!({
            "name": "motd", "version": "1.0.0", "summary": "Writes.", "license": "Apache-2.0",
            "requires": [], "stands_in_for": [], "conflicts_with": [], "parameters": [],
            "steps": [{
                "name": "install", "phase": "install", "provides": [], "consumes": [], "after": [],
                "before": [], "plan_only": false
            }],
            "requests": requests.iter().map(|(capability, scope)| serde_json::json!({
                "capability": capability, "scope": scope, "reason": "to test"
            })).collect::<Vec<_>>(),
            "extensions": []
        }))
        .unwrap()
    }

    fn made(imports: &[&str]) -> Parts {
        let of = |names: &[&str]| {
            names.iter().map(|n| format!("dib:element/{n}@{}", CONTRACT)).collect()
        };
        Parts { imports: of(imports), exports: of(&["metadata", "lifecycle"]) }
    }

    fn said(found: &[Finding]) -> Vec<&str> {
        found.iter().map(|finding| finding.message.as_str()).collect()
    }

    #[test]
    fn a_sound_element_has_no_findings() {
        let found = check(
            "motd.wasm",
            1000,
            &made(&["rootfs"]),
            Some(&about(&[("rootfs", "write /etc/motd")])),
        );
        assert_eq!(found, []);
    }

    #[test]
    fn what_is_wide_missing_or_for_nothing_is_found() {
        let mut about = about(&[("rootfs", "write /"), ("packages", "*")]);
        about.summary.clear();
        about.license.clear();
        let found = check("motd.wasm", 1000, &made(&["rootfs", "exec"]), Some(&about));
        assert!(found.iter().all(|f| f.weight == Weight::Warning && !f.help.is_empty()));
        assert_eq!(
            said(&found),
            [
                "it has no summary",
                "it has no licence",
                "its request `rootfs write /` is wide",
                "its request `packages *` is wide",
                "it requests `packages` and never calls it",
                "it imports `exec` and requests nothing of it",
            ]
        );
    }

    #[test]
    fn what_a_host_refuses_is_an_error() {
        let mut parts = made(&["rootfs"]);
        parts.imports.insert("dib:element/facts@0.2.0".to_owned());
        parts.imports.insert("acme:magic/wand@1.0.0".to_owned());
        parts.exports.clear();
        let found = check("motd_x.wasm", 1000, &parts, Some(&about(&[("rootfs", "write /srv/x")])));
        assert!(found.iter().all(|f| f.weight == Weight::Error));
        assert_eq!(
            said(&found),
            [
                "it imports `acme:magic/wand@1.0.0`, which no host offers",
                "it was made for `dib:element@0.2.0`",
                "it does not export `dib:element/metadata`, so it is no element",
                "it does not export `dib:element/lifecycle`, so it is no element",
                "the file is called `motd_x.wasm` and its element `motd`",
            ]
        );
    }
}
