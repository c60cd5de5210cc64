//! dnf with a small distribution in the shape of Fedora, and a real tree of rpm's. Needs root, `dnf`, `rpm`,
//! `createrepo-c` and `gnupg`.

mod choice;
#[path = "../../../tree/tests/common/mod.rs"]
mod common;
#[path = "../served/mod.rs"]
mod served;
#[path = "../both/shaped.rs"]
mod shaped;
mod tree;
mod trust;

use dibhost_packages::dnf::Dnf;
use dibhost_packages::{PackageError, PackageManager as _, PackageSpec, Resolution, Wanted};
use dibhost_sys::Cancel;
use dibhost_tree::Workshop;
use tempfile::TempDir;

fn specs(names: &[&str]) -> Vec<PackageSpec> {
    names.iter().map(|name| PackageSpec::newest(name)).collect()
}

fn install(names: &[&str]) -> Wanted {
    Wanted { install: specs(names), ..Wanted::default() }
}

/// For an empty tree.
fn first(names: &[&str]) -> Wanted {
    Wanted { bootstrap: true, ..install(names) }
}

/// What is chosen for an empty tree, at which nobody looks.
fn solve(dnf: &mut Dnf, wanted: &Wanted) -> Result<Resolution, PackageError> {
    dnf.refresh(&Cancel::new())?;
    dnf.resolve(None, wanted, &[], &Cancel::new())
}

/// Names and versions of what was chosen, beside what every first tree has.
fn on_top(resolution: &Resolution) -> Vec<String> {
    let others = resolution.packages.iter().filter(|p| !shaped::BASE.contains(&p.name.as_str()));
    let mut all: Vec<_> = others.map(|p| format!("{} {}", p.name, p.version)).collect();
    all.sort_unstable();
    all
}

fn fetch(dnf: &mut Dnf, resolution: &Resolution) -> Result<(), PackageError> {
    dnf.fetch(resolution, &Cancel::new(), &mut |_, _| ())
}

/// Has it all, from what the repositories offer to the tree.
fn carry_out(
    dnf: &mut Dnf,
    tree: &mut dyn Workshop,
    wanted: &Wanted,
) -> Result<Resolution, PackageError> {
    dnf.refresh(&Cancel::new())?;
    let resolution = dnf.resolve(Some(&mut *tree), wanted, &[], &Cancel::new())?;
    fetch(dnf, &resolution)?;
    dnf.apply(tree, &resolution, &[], &mut common::ignore)?;
    Ok(resolution)
}

/// A folder for one build.
fn folder() -> TempDir {
    TempDir::new().unwrap()
}
