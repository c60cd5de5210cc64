//! Images that the project has: the examples, definitions that are there for their plans, and elements
//! as one types them.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::repository;

/// Elements that make an image by themselves or together, as one types them.
const COMBINATIONS: [&[&str]; 13] = [
    &["debian-minimal"],
    &["debian"],
    &["debian-minimal", "vm", "openssh-server"],
    &["debian", "vm", "local-config"],
    &["debian-minimal", "block-device-btrfs"],
    &["debian-minimal", "block-device-efi"],
    &["debian-minimal", "block-device-efi-4k"],
    &["debian-minimal", "block-device-efi-lvm"],
    &["debian-minimal", "block-device-efi-lvm-cis"],
    &["debian-minimal", "block-device-gpt"],
    &["debian-minimal", "block-device-mbr"],
    &["debian-minimal", "block-device-raid1"],
    &["debian-minimal", "block-device-verity"],
];

/// One image.
#[derive(Debug, Clone)]
pub struct Case {
    /// A name of its own, which a file may have.
    pub name: String,
    /// What is typed after `dibhost plan`.
    pub arguments: Vec<String>,
}

/// All of them, by name.
///
/// # Errors
/// The definitions cannot be read.
pub fn cases() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    // Examples for people, and definitions that are there for their plans alone.
    let folders = ["examples", "tests/golden/definitions"].map(|f| repository().join(f));
    let entries = folders.iter().map(fs::read_dir).collect::<std::io::Result<Vec<_>>>();
    for entry in entries.context("reading definitions")?.into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            let stem = path.file_stem().and_then(|s| s.to_str()).context("a name in UTF-8")?;
            let typed = path.to_str().context("a path in UTF-8")?.to_owned();
            let kind = if path.starts_with(&folders[0]) { "example" } else { "preset" };
            cases.push(Case { name: format!("{kind}-{stem}"), arguments: vec![typed] });
        }
    }
    ensure!(!cases.is_empty(), "there are no examples");
    for elements in COMBINATIONS {
        // A definition that names no machine is for the builder's.
        let typed = ["--arch", "amd64"].iter().chain(elements).map(|a| (*a).to_owned()).collect();
        cases.push(Case { name: elements.join("-and-"), arguments: typed });
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}
