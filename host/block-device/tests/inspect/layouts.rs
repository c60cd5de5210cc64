//! Every layout of `tests/layouts/`, made and read back.

use std::fs;
use std::path::{Path, PathBuf};

use dibhost_block_device::config::Config;
use dibhost_block_device::{Backend, Graph, Node};

use crate::made::Built;

/// Fewer files than this would mean that some were lost.
const LEAST: usize = 60;

fn nodes(path: &Path) -> Vec<Node> {
    let text = fs::read_to_string(path).unwrap();
    Config::parse(&text).unwrap_or_else(|error| panic!("{}: {error:?}", path.display())).nodes
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

/// Those of `which`, if they are of this part of so many.
#[expect(clippy::print_stdout, reason = "what fails is below the last one that is named")]
fn read_back(which: impl Fn(&str) -> bool, part: usize, parts: usize) {
    let only = std::env::var(ONLY).unwrap_or_default();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let found: Vec<PathBuf> = all().into_iter().filter(|path| which(&name(path))).collect();
    for path in found.into_iter().skip(part).step_by(parts) {
        let name = name(&path);
        if !name.contains(&only) {
            continue;
        }
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
    read_back(|name| !is_encrypted(name), 0, 1);
}

/// Keys are stretched, and all of each volume is written: that takes long, so four tests share them.
#[test]
fn every_encrypted_layout_is_read_back_1() {
    read_back(is_encrypted, 0, 4);
}

#[test]
fn every_encrypted_layout_is_read_back_2() {
    read_back(is_encrypted, 1, 4);
}

#[test]
fn every_encrypted_layout_is_read_back_3() {
    read_back(is_encrypted, 2, 4);
}

#[test]
fn every_encrypted_layout_is_read_back_4() {
    read_back(is_encrypted, 3, 4);
}
