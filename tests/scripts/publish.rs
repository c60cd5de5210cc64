//! What is published: the SDK packs everything that it is built of, and builds from what was packed.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::repository;

#[test]
fn the_sdk_builds_from_what_is_packed() -> Result<()> {
    let package = |arguments: &[&str]| -> Result<(String, String)> {
        let packed = Command::new(repository().join("scripts/cargo"))
            .args(["package", "--locked", "--allow-dirty"])
            .args(arguments)
            .current_dir(repository())
            .output()
            .context("starting scripts/cargo")?;
        let said = String::from_utf8_lossy(&packed.stderr).into_owned();
        ensure!(packed.status.success(), "{said}");
        Ok((String::from_utf8(packed.stdout)?, said))
    };
    let (listed, _) = package(&["-p", "dibhost-element-sdk", "--list"])?;
    for file in ["wit/worlds.wit", "wit/host.wit", "wit/slots/boot-loader@1.json", "README.md"] {
        ensure!(listed.lines().any(|line| line == file), "no {file} in:\n{listed}");
    }
    // Each is unpacked by itself, away from the repository, and compiled there; the SDK takes the
    // packed derive macros, as they are nowhere published yet.
    let (_, said) = package(&["-p", "dibhost-element-sdk-derive", "-p", "dibhost-element-sdk"])?;
    ensure!(
        said.contains("Verifying dibhost-element-sdk v") && !said.contains("warning"),
        "{said}"
    );
    Ok(())
}

#[test]
fn nothing_else_can_be_published_by_mistake() -> Result<()> {
    let listed = Command::new(repository().join("scripts/cargo"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .current_dir(repository())
        .output()?;
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout)?;
    let mut published: Vec<&str> = listed["packages"]
        .as_array()
        .context("a list of packages")?
        .iter()
        .filter(|package| package["publish"].is_null())
        .filter_map(|package| package["name"].as_str())
        .collect();
    published.sort_unstable();
    ensure!(published == ["dibhost-element-sdk", "dibhost-element-sdk-derive"], "{published:?}");
    Ok(())
}
