//! Which versions the image's own apt prefers: pins of the definition, and those of a manifest of packages
//! that diskimage-builder or dibhost wrote, so that a machine stays at what an image had.

use std::fmt::Write as _;

use dib_files::yaml::{self, Node};
use dibhost_element_sdk::{
    Description, Element, Finding, Parameters, Phase, Plan, Result, Step, description,
    export_element, names,
};
use serde::Deserialize;

/// The element.
#[derive(Parameters)]
pub struct AptPreferences {
    /// What is preferred: `[{ packages = ["linux-image-*"], pin = "release n=bookworm-backports",
    /// priority = 500 }]`; without `packages` all.
    #[parameter(json, default = [])]
    pins: Vec<Pin>,
    /// An input that is a manifest with packages and versions: `dib-manifest-dpkg-…` of
    /// diskimage-builder, or `NAME.manifest.json` of dibhost.
    manifest: Option<String>,
}

/// A record of apt_preferences(5).
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Pin {
    /// Names and patterns with `*`.
    #[serde(default)]
    packages: Vec<String>,
    /// `release n=bookworm`, `origin "example.org"`, `version 1.2*`.
    pin: String,
    /// Above 1000 even older versions are taken; negative: never.
    priority: i32,
}

const PINS: &str = "/etc/apt/preferences.d/60-dibhost-apt-preferences.pref";
const MANIFEST: &str = "/etc/apt/preferences.d/61-dibhost-manifest.pref";
const HEAD: &str = "Explanation: written by the dibhost element `apt-preferences`\n";

/// Older versions are taken too, where a newer one is there.
const OF_MANIFEST: i32 = 1001;

impl Element for AptPreferences {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install))
            .request("inputs", "parameter manifest", "packages and versions")
            .request("rootfs", format!("write {PINS}"), "what the image's apt prefers")
            .request("rootfs", format!("write {MANIFEST}"), "what the image's apt prefers")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let mut problems: Vec<(String, &str)> = Vec::new();
        let mut text = String::new();
        for Pin { packages, pin, priority } in &self.pins {
            let odd = packages.iter().find(|name| !is_pattern(name));
            if let Some(odd) = odd {
                let odd = odd.escape_debug();
                problems.push((format!("`{odd}` is no name of a package."), "pins"));
            }
            if !is_pin(pin) {
                problems.push((format!("`{}` is no pin.", pin.escape_debug()), "pins"));
            }
            let names = if packages.is_empty() { "*".to_owned() } else { packages.join(" ") };
            let _ =
                writeln!(text, "{HEAD}Package: {names}\nPin: {pin}\nPin-Priority: {priority}\n");
        }
        let versions = match &self.manifest {
            None => Vec::new(),
            Some(manifest) => match versions(&plan.input(manifest)?.read_text("")?) {
                Ok(versions) => versions,
                Err(problem) => {
                    problems.push((format!("`{manifest}` {problem}."), "manifest"));
                    Vec::new()
                }
            },
        };
        if !problems.is_empty() {
            for (problem, parameter) in problems {
                let help = "Write pins as apt_preferences(5) does; a manifest is JSON.";
                plan.find(Finding::refusal(problem).about(parameter).help(help));
            }
            return Ok(());
        }
        if self.pins.is_empty() && self.manifest.is_none() {
            plan.find(
                Finding::warning("`apt-preferences` prefers nothing.")
                    .help("Set `pins` or `manifest`, or leave it out."),
            );
            return Ok(());
        }
        if !text.is_empty() {
            plan.file(PINS, text)?;
        }
        let mut text = String::new();
        for (name, version) in versions {
            let _ = writeln!(
                text,
                "{HEAD}Package: {name}\nPin: version {version}\nPin-Priority: {OF_MANIFEST}\n"
            );
        }
        if text.is_empty() { Ok(()) } else { plan.file(MANIFEST, text) }
    }
}

fn is_pattern(name: &str) -> bool {
    let rest = name.strip_prefix('*').unwrap_or(name);
    (rest.is_empty() && !name.is_empty()) || names::is_word(rest, "+.-*:")
}

fn is_pin(pin: &str) -> bool {
    let kind = ["release ", "origin ", "version "].iter().any(|kind| pin.starts_with(kind));
    kind && pin.len() < 200 && pin.chars().all(|c| c == ' ' || c.is_ascii_graphic())
}

/// Names and versions of a manifest: a list `packages`, each with `package` or `name`, and `version`.
fn versions(text: &str) -> std::result::Result<Vec<(String, String)>, String> {
    let manifest = yaml::read(text)?;
    let Some(Node::List(packages)) = manifest.get("packages") else {
        return Err("has no list of packages in it".to_owned());
    };
    let one = |package: &Node| {
        let text = |key: &str| package.get(key).and_then(Node::text);
        let name = text("package").or_else(|| text("name"))?;
        let version = text("version")?;
        let sound = names::is_word(name, "+.-") && names::is_word(version, ".+-:~");
        sound.then(|| (name.to_owned(), version.to_owned()))
    };
    let read: Option<Vec<_>> = packages.iter().map(one).collect();
    let mut read = read.ok_or("has a package without a sound name and version")?;
    if read.is_empty() {
        return Err("names no package".to_owned());
    }
    read.sort_unstable();
    read.dedup();
    Ok(read)
}

export_element!(AptPreferences);
