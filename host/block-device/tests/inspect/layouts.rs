//! Every layout of `tests/layouts/`, made and read back.

use std::fs;
use std::path::{Path, PathBuf};

use dibhost_block_device::config::Config;
use dibhost_block_device::dib::{Dib, DibParameters};
use dibhost_block_device::{Backend, Graph, Node};

use crate::made::Built;

/// Fewer files than this would mean that some were lost.
const LEAST: usize = 60;

fn nodes(path: &Path) -> Vec<Node> {
    let text = fs::read_to_string(path).unwrap();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Config::parse(&text).unwrap_or_else(|error| panic!("{error:?}")).nodes,
        Some("yaml") => {
            Dib::parse(&text, &DibParameters::default()).unwrap().layout().unwrap().nodes
        }
        _ => panic!("{} is neither `.toml` nor `.yaml`", path.display()),
    }
}

fn all() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/layouts");
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort_unstable();
    assert!(paths.len() >= LEAST, "{} layouts", paths.len());
    paths
}

/// While one works on a layout: `DIBHOST_LAYOUTS=thin` reads those back with that in their names.
const ONLY: &str = "DIBHOST_LAYOUTS";

fn read_back(which: impl Fn(&str) -> bool) {
    let only = std::env::var(ONLY).unwrap_or_default();
    for path in all() {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap();
        if !which(name) || !name.contains(&only) {
            continue;
        }
        // What fails is below the last one that is named.
        println!("{name}");
        let nodes = nodes(&path);
        let graph = Graph::new(nodes.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Subvolumes are the kernel's alone.
        let backend = if graph.subvolumes().is_empty() { Backend::File } else { Backend::Loop };
        Built::by(backend, nodes).reads_back();
    }
}

fn is_encrypted(name: &str) -> bool {
    name.contains("luks")
}

#[test]
fn every_plain_layout_is_read_back() {
    read_back(|name| !is_encrypted(name));
}

#[test]
fn every_encrypted_layout_is_read_back() {
    read_back(is_encrypted);
}
