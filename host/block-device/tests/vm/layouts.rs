//! Every file of `tests/layouts/`: `NAME.toml` holds `[[block-device]]`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use dibhost_block_device::config::Config;
use dibhost_block_device::{Backend, Graph, Node};

use crate::appliance::{Boots, KERNEL, Proof, prove, prove_inside};
use crate::{host, special};

/// Fewer files than this would mean that some were lost.
const LEAST: usize = 75;

fn read(path: &std::path::Path) -> Result<Vec<Node>> {
    let text = fs::read_to_string(path)?;
    let told = |errors: Vec<dibhost_block_device::config::ConfigError>| {
        let lines = errors.into_iter().map(|error| error.of(&text).to_string());
        anyhow::Error::msg(lines.collect::<Vec<_>>().join("\n"))
    };
    Ok(Config::parse(&text).map_err(told)?.nodes)
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

/// Says it where the test runner shows what passes (`--no-capture`).
#[expect(clippy::print_stdout, reason = "for whoever runs the test")]
fn say(text: &str) {
    println!("{text}");
}

fn proved(which: impl Fn(&str) -> bool, backends: &'static [Backend], boots: Boots) {
    let only = std::env::var(ONLY).unwrap_or_default();
    let found: Vec<_> =
        all().into_iter().filter(|(name, _)| which(name) && name.contains(&only)).collect();
    if found.is_empty() && !only.is_empty() {
        return;
    }
    let proof = |(name, nodes): (String, Vec<Node>)| {
        let then = special::of(&name);
        Proof { name, nodes, backends, same: host::same, then }
    };
    let graphs = found.clone();
    let proved = prove(found.into_iter().map(proof).collect(), boots);
    for (name, backend, why) in &proved.refused {
        say(&format!("`{name}` is not made by `{}`: {why}", backend.name()));
    }
    proved.is_right();

    // Each back-end made all but what it says that it cannot, and that is what it should be.
    let known = host::kinds().unwrap();
    for backend in backends.iter().copied() {
        let made = proved.made.iter().filter(|(_, by)| *by == backend).count();
        let refused = proved.refused.iter().filter(|(_, by, _)| *by == backend);
        let refused: BTreeSet<_> = refused.map(|(name, ..)| name.clone()).collect();
        say(&format!("`{}` made {made} of {} layouts", backend.name(), graphs.len()));
        let unable = |name: &str, nodes: &[Node]| match backend {
            Backend::File => name.starts_with(KERNEL),
            Backend::Loop => !mounted_kinds(nodes).iter().all(|kind| known.contains(kind)),
        };
        let expected = graphs.iter().filter(|(name, nodes)| unable(name, nodes));
        let expected: BTreeSet<_> = expected.map(|(name, _)| name.clone()).collect();
        assert_eq!(refused, expected, "what `{}` refuses", backend.name());
        assert_eq!(made + refused.len(), graphs.len());
    }
    for (name, backend, why) in &proved.refused {
        let says = match backend {
            Backend::File => "the back-end `file` cannot fill",
            Backend::Loop => "this machine's kernel knows no",
        };
        assert!(why.contains("node `") && why.contains(says), "{name}: {why}");
        // `kernel-xfs` has a name with a newline in it.
        assert!(!why.contains(char::is_control), "{name}: {why:?}");
    }
}

/// Kinds that the kernel has to mount to fill them.
fn mounted_kinds(nodes: &[Node]) -> Vec<String> {
    let graph = Graph::new(nodes.to_vec()).unwrap();
    let mounted = graph.filesystems().iter().filter(|filesystem| {
        let kind = filesystem.kind.name();
        let by_kernel = ["ext2", "ext3", "ext4", "xfs", "btrfs"].contains(&kind);
        by_kernel && graph.mounts_of(&filesystem.node).next().is_some()
    });
    mounted.map(|filesystem| filesystem.kind.name().to_owned()).collect()
}

fn is_encrypted(name: &str) -> bool {
    name.contains("luks")
}

/// Every run of the tests has no time for all: one of three neighbours by name, which are much alike.
fn a_third() -> BTreeSet<String> {
    all().into_iter().step_by(3).map(|(name, _)| name).collect()
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
fn every_third_plain_layout_is_what_it_says_in_the_vm() {
    let third = a_third();
    proved(|name| !is_encrypted(name) && third.contains(name), &Backend::ALL, Boots::Once);
}

#[test]
fn every_third_encrypted_layout_is_what_it_says_in_the_vm() {
    let third = a_third();
    proved(|name| is_encrypted(name) && third.contains(name), &[Backend::File], Boots::Once);
}

#[test]
#[ignore = "long: under `make test-all`"]
fn every_plain_layout_is_the_same_by_both_back_ends_in_the_vm() {
    proved(|name| !is_encrypted(name), &Backend::ALL, Boots::ForEach);
}

#[test]
#[ignore = "long: under `make test-all`"]
fn every_encrypted_layout_is_the_same_by_both_back_ends_in_the_vm() {
    proved(is_encrypted, &Backend::ALL, Boots::ForEach);
}

/// One of each: LVM over several disks, thin, RAID, LUKS, vfat, hybrid tables, what `file` cannot make.
const INSIDE: [&str; 12] = [
    "fs-mixed",
    "gpt-efi",
    "gpt-hybrid",
    "kernel-btrfs",
    "kernel-luks-deep",
    "kernel-subvolumes",
    "kernel-xfs-striped",
    "luks-on-lvm",
    "lvm-two-groups",
    "mbr-logical",
    "raid0-of-volumes",
    "thin",
];

#[test]
#[ignore = "long: under `make test-all`"]
fn debians_kernel_makes_by_loop_what_it_then_finds() {
    let only = std::env::var(ONLY).unwrap_or_default();
    let found: Vec<_> = all()
        .into_iter()
        .filter(|(name, _)| INSIDE.contains(&name.as_str()) && name.contains(&only))
        .collect();
    if only.is_empty() {
        assert_eq!(found.len(), INSIDE.len(), "a layout is no layout any more");
    } else if found.is_empty() {
        return;
    }
    let proved = prove_inside(found).unwrap_or_else(|error| panic!("{error:#}"));
    proved.is_right();
    say(&format!("Debian's kernel made {} layouts by `loop`", proved.made.len()));
}
