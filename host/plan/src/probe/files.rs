//! Files, and those of units with their states.

use std::collections::BTreeMap;

use dibhost_text::shell_word;

use super::script::{Script, names};
use crate::digest::sha256;
use crate::file::{FileAttributes, FileNode};
use crate::plan::Plan;
use crate::wish::UnitState;

const UNITS: &str = "/etc/systemd/system";
const FUNCTIONS: &str = r#"
state() { systemctl is-enabled "$1" 2>/dev/null | head -n 1; }
is_one_of() { is=$1; shift; for one; do [ "$is" = "$one" ] && return; done; false; }
there() { [ -e "$1" ] || [ -L "$1" ]; }
sysctls() { sysctl -n "$1" 2>/dev/null | tr -s '\t ' ' '; }
"#;

/// Texts, drop-ins, presets and states of units.
pub(super) fn units(plan: &Plan, script: &mut Script) {
    script.functions(FUNCTIONS);
    for unit in &plan.unit_definitions {
        let path = format!("{UNITS}/{}", unit.unit);
        let what = format!("unit {}", unit.unit);
        content(script, &what, &names(&unit.wanted_by), &path, &sha256(unit.content.as_bytes()));
    }
    for drop_in in &plan.unit_drop_ins {
        let path = format!("{UNITS}/{}.d/{}.conf", drop_in.unit, drop_in.name);
        let what = format!("drop-in {} of {}", drop_in.name, drop_in.unit);
        let digest = sha256(drop_in.content.as_bytes());
        content(script, &what, &names(&drop_in.wanted_by), &path, &digest);
    }
    for preset in &plan.unit_presets {
        let path = format!("/etc/systemd/system-preset/{:02}-dibhost.preset", preset.number);
        for line in &preset.lines {
            let text = shell_word(&format!("{} {}", line.action.name(), line.unit));
            let rest = format!("grep -qxF -e {text} {path}");
            script.line("has", &format!("preset of {}", line.unit), &names(&line.wanted_by), &rest);
        }
    }
    let states: BTreeMap<_, _> =
        plan.unit_states.iter().map(|state| (state.unit.as_str(), state)).collect();
    for (unit, state) in states {
        let fine = match state.state {
            UnitState::Enabled => "enabled enabled-runtime alias",
            UnitState::Disabled => "disabled indirect static",
            UnitState::Masked => "masked",
        };
        let rest = format!("is_one_of \"$(state {})\" {fine}", shell_word(unit));
        let what = format!("{unit} is {}", fine.split(' ').next().unwrap_or_default());
        script.line("has", &what, &names(&state.wanted_by), &rest);
    }
}

/// Files, folders, links and what is removed; settings of the kernel among them, as they are in force.
pub(super) fn files(plan: &Plan, script: &mut Script) {
    // What a later phase says of a path holds.
    let files: BTreeMap<_, _> = plan.files.iter().map(|file| (file.path.as_str(), file)).collect();
    for (path, file) in files {
        let (by, word) = (names(&file.wanted_by), shell_word(path));
        match &file.node {
            FileNode::File { content: wanted, attributes } => {
                content(script, path, &by, path, wanted.digest());
                attributes_of(script, path, &by, attributes, Some(0o644));
                if path.starts_with("/etc/sysctl.d/") {
                    settings(script, &by, wanted.bytes().map(|bytes| &**bytes).unwrap_or_default());
                }
            }
            FileNode::Directory { attributes } => {
                script.line("has", path, &by, &format!("[ -d {word} ]"));
                attributes_of(script, path, &by, attributes, None);
            }
            FileNode::Symlink { to } => {
                let rest = format!("{} \"$(readlink {word})\"", shell_word(to));
                script.line("look", path, &by, &rest);
            }
            FileNode::Removed => {
                script.line("lacks", path, &by, &format!("there {word}"));
            }
        }
    }
}

fn content(script: &mut Script, what: &str, by: &[&str], path: &str, digest: &str) {
    let digest = digest.trim_start_matches("sha256:");
    script.line("look", what, by, &format!("{digest} \"$(digest {})\"", shell_word(path)));
}

/// Mode and owner; of files those that nobody names, too.
fn attributes_of(
    script: &mut Script,
    path: &str,
    by: &[&str],
    attributes: &FileAttributes,
    usual: Option<u32>,
) {
    let word = shell_word(path);
    if let Some(mode) = attributes.mode.or(usual) {
        let rest = format!("{mode:o} \"$(stat -c %a {word})\"");
        script.line("look", &format!("mode of {path}"), by, &rest);
    }
    let root = usual.map(|_| "root".to_owned());
    for (what, named, numbered, who) in [
        ("owner", 'U', 'u', attributes.owner.clone().or(root.clone())),
        ("group", 'G', 'g', attributes.group.clone().or(root)),
    ] {
        let Some(who) = who else { continue };
        let number = who.bytes().all(|byte| byte.is_ascii_digit());
        let format = if number { numbered } else { named };
        let rest = format!("{} \"$(stat -c %{format} {word})\"", shell_word(&who));
        script.line("look", &format!("{what} of {path}"), by, &rest);
    }
    for name in attributes.xattrs.keys() {
        let rest = format!("getfattr -h -n {} {word}", shell_word(name));
        script.line("has", &format!("attribute {name} of {path}"), by, &rest);
    }
}

/// Lines `KEY = VALUE` of `sysctl.d`.
fn settings(script: &mut Script, by: &[&str], text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, value) = (key.trim().trim_start_matches('-'), value.split_whitespace());
        let value = value.collect::<Vec<_>>().join(" ");
        // A pattern is none that can be asked for.
        if key.contains(['*', '?', '[']) {
            continue;
        }
        let rest = format!("{} \"$(sysctls {})\"", shell_word(&value), shell_word(key));
        script.line("look", &format!("sysctl {key}"), by, &rest);
    }
}
