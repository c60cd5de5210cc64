//! The world of a component that imports all of its world: those interfaces that the element asks
//! for, and no more. What it imports then says what it is for.

use std::collections::BTreeSet;
use std::path::Path;

use crate::error::AuthorError;
use crate::kit;

/// Interfaces of the contract beside those of `base`.
const INTERFACES: [&str; 14] = [
    "accounts",
    "blobs",
    "block-device",
    "bootstrap",
    "builder",
    "cache",
    "exec",
    "fetch",
    "files",
    "inputs",
    "outputs",
    "packages",
    "rootfs",
    "services",
];

/// The interfaces that a capability is of.
fn of_capability(capability: &str) -> &'static [&'static str] {
    match capability {
        "packages" | "repositories" => &["packages"],
        "services" | "services-define" => &["services"],
        "accounts" | "accounts-sudo" => &["accounts"],
        "block-device" => &["block-device"],
        "bootstrap" => &["bootstrap"],
        "builder" => &["builder"],
        "rootfs" => &["files", "rootfs"],
        "exec" => &["exec"],
        "fetch" => &["blobs", "fetch"],
        "outputs" => &["blobs", "outputs"],
        "inputs" => &["blobs", "inputs"],
        "cache" => &["blobs", "cache"],
        _ => &[],
    }
}

/// The interfaces that these capabilities are of, and those that are named beside them.
///
/// # Errors
/// When one that is named is no interface of the contract.
pub(crate) fn interfaces<'a>(
    capabilities: impl IntoIterator<Item = &'a str>,
    named: &'a [String],
) -> Result<BTreeSet<&'a str>, AuthorError> {
    let mut all: BTreeSet<&str> =
        capabilities.into_iter().flat_map(of_capability).copied().collect();
    for name in named {
        if !INTERFACES.contains(&name.as_str()) {
            return Err(AuthorError::wrong(
                format!(
                    "`imports` of the project has `{name}`, which is no interface of the contract"
                ),
                format!("there are {}", dibhost_text::quoted_list(INTERFACES)),
            ));
        }
        all.insert(name);
    }
    Ok(all)
}

/// The name of the world that is made.
pub(crate) const MADE: &str = "made";

/// Writes the contract with that world into a folder.
pub(crate) fn write(interfaces: &BTreeSet<&str>, into: &Path) -> Result<(), AuthorError> {
    for (path, bytes) in kit::below("wit").filter(|(path, _)| path.ends_with(".wit")) {
        kit::write(&into.join(path), bytes)?;
    }
    let imports: String =
        interfaces.iter().map(|interface| format!("    import {interface};\n")).collect();
    let text = format!(
        "/// What this element asks for.\n@since(version = {})\nworld {MADE} {{\n    include base;\n{imports}}}\n",
        kit::VERSION
    );
    kit::write(&into.join("made.wit"), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_has_what_is_asked_for_and_no_more() {
        let none = [];
        let found = interfaces(["rootfs", "packages", "secret"], &none).unwrap();
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["files", "packages", "rootfs"]);
        let wrong = ["network".to_owned()];
        assert!(interfaces([], &wrong).unwrap_err().message.contains("`network`"));
    }

    #[test]
    fn every_interface_of_the_contract_is_known() {
        let folder = tempfile::tempdir().unwrap();
        write(&INTERFACES.into_iter().collect(), folder.path()).unwrap();
        let mut resolve = wit_parser::Resolve::default();
        let (package, _) = resolve.push_path(folder.path()).unwrap();
        let world = |name| &resolve.worlds[resolve.select_world(&[package], Some(name)).unwrap()];
        assert_eq!(world(MADE).imports.len(), world("element").imports.len());
    }
}
