//! The system, its kernel's arguments and what it has mounted.

use std::collections::BTreeMap;

use dibhost_block_device::{Node, NodeKind};
use dibhost_text::shell_word;

use super::script::Script;
use crate::plan::Plan;

const FUNCTIONS: &str = r#"
release() { (. /etc/os-release && eval "echo \"\${$1}\""); }
failed() { systemctl --failed --plain --no-legend | cut -d' ' -f1 | tr '\n' ' '; }
argument() { tr ' ' '\n' </proc/cmdline | grep -qxF -e "$1"; }
mounted() { findmnt -rno FSTYPE -M "$1" | tail -n 1; }
fstab() { findmnt -sno OPTIONS -M "$1" | tr ',' '\n' | grep -qxF -e "$2"; }
"#;

/// Which system it is, and that nothing of it failed.
pub(super) fn system(plan: &Plan, script: &mut Script) {
    script.functions(FUNCTIONS);
    if let Some(fact) = plan.facts_of("dib:os/distribution@1").next() {
        for (key, variable) in [("id", "ID"), ("version-id", "VERSION_ID")] {
            if let Some(value) = fact.value.get(key).and_then(|value| value.as_str()) {
                let rest = format!("{} \"$(release {variable})\"", shell_word(value));
                script.line("look", &format!("{key} of the system"), &[&fact.provider], &rest);
            }
        }
    }
    script.line("look", "failed units", &[], "'' \"$(failed)\"");
}

/// Those that elements told the boot loader of.
pub(super) fn kernel_arguments(plan: &Plan, script: &mut Script) {
    if plan.facts_of("dib:boot/loader@1").next().is_none() {
        return;
    }
    for fact in plan.facts_of("dib:boot/kernel-argument@1") {
        if let Some(argument) = fact.value.get("argument").and_then(|value| value.as_str()) {
            let rest = format!("argument {}", shell_word(argument));
            let what = format!("kernel argument {argument}");
            script.line("has", &what, &[&fact.provider], &rest);
        }
    }
}

/// Those of fstab that are mounted by themselves.
pub(super) fn mounts(plan: &Plan, script: &mut Script) {
    let nodes: BTreeMap<&str, &Node> =
        plan.block_device.nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    for node in nodes.values() {
        let NodeKind::Mount { at, options, in_fstab: true } = &node.kind else { continue };
        if options.iter().any(|option| option == "noauto") {
            continue;
        }
        let (word, by) = (shell_word(at), [node.name.as_str()]);
        if let Some(kind) = filesystem_below(&nodes, node) {
            let rest = format!("{kind} \"$(mounted {word})\"");
            script.line("look", &format!("mount {at}"), &by, &rest);
        }
        for option in options {
            let rest = format!("fstab {word} {}", shell_word(option));
            script.line("has", &format!("option {option} of {at}"), &by, &rest);
        }
    }
}

/// The kind of the filesystem that a mount stands on, below a subvolume or not.
fn filesystem_below<'a>(nodes: &BTreeMap<&str, &'a Node>, mount: &Node) -> Option<&'a str> {
    let mut below = mount.on.first()?;
    // As deep as there are nodes: a graph has no circles.
    for _ in 0..nodes.len() {
        let node = nodes.get(below.as_str())?;
        if let NodeKind::Filesystem { kind, .. } = &node.kind {
            return Some(kind);
        }
        below = node.on.first()?;
    }
    None
}
