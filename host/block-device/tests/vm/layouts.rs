//! Every file of `tests/layouts/`: `NAME.toml` is our `[[block-device]]`, `NAME.yaml` DIB's.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use dibhost_block_device::Node;
use dibhost_block_device::config::Config;
use dibhost_block_device::dib::{Dib, DibParameters};

use crate::appliance::{Proof, prove};
use crate::special;

/// Fewer files than this would mean that some were lost.
const LEAST: usize = 40;

fn read(path: &std::path::Path) -> Result<Vec<Node>> {
    let text = fs::read_to_string(path)?;
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => {
            let told = |errors: Vec<dibhost_block_device::config::ConfigError>| {
                let lines = errors.into_iter().map(|error| error.of(&text).to_string());
                anyhow::Error::msg(lines.collect::<Vec<_>>().join("\n"))
            };
            Ok(Config::parse(&text).map_err(told)?.nodes)
        }
        Some("yaml") => Ok(Dib::parse(&text, &DibParameters::default())?.layout()?.nodes),
        _ => bail!("it is neither `.toml` nor `.yaml`"),
    }
}

/// All of them in the order of their names.
fn all() -> Vec<(String, Vec<Node>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/layouts");
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort_unstable();
    let named = |path: PathBuf| {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap().to_owned();
        let context = || format!("reading {}", path.display());
        (name, read(&path).with_context(context).unwrap_or_else(|error| panic!("{error:#}")))
    };
    paths.into_iter().map(named).collect()
}

/// While one works on a layout: `DIBHOST_LAYOUTS=thin` proves those with that in their names.
const ONLY: &str = "DIBHOST_LAYOUTS";

fn proved(which: impl Fn(&str) -> bool) {
    let only = std::env::var(ONLY).unwrap_or_default();
    let found: Vec<_> =
        all().into_iter().filter(|(name, _)| which(name) && name.contains(&only)).collect();
    if found.is_empty() && !only.is_empty() {
        return;
    }
    let proof = |(name, nodes): (String, Vec<Node>)| {
        let then = special::of(&name);
        Proof { name, nodes, then }
    };
    prove(found.into_iter().map(proof).collect());
}

fn is_encrypted(name: &str) -> bool {
    name.contains("luks")
}

#[test]
fn there_are_many_layouts_of_different_names() {
    let mut names: Vec<_> = all().into_iter().map(|(name, _)| name).collect();
    let count = names.len();
    assert!(count >= LEAST, "{count} layouts");
    names.dedup();
    assert_eq!(names.len(), count, "a name twice");
    for name in special::NAMES {
        assert!(names.iter().any(|known| known == name), "`{name}` is no layout any more");
    }
}

#[test]
fn every_plain_layout_is_what_it_says_in_the_vm() {
    proved(|name| !is_encrypted(name));
}

#[test]
fn every_encrypted_layout_is_what_it_says_in_the_vm() {
    proved(is_encrypted);
}
