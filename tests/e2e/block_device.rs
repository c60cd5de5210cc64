//! `dibhost block-device` from the command line.

use anyhow::{Result, ensure};
use dibhost_tests::{dibhost, repository};

fn example(name: &str) -> String {
    let folder = repository().join("host/block-device/tests/dib/cases");
    folder.join(name).display().to_string()
}

#[test]
fn dibs_graph_is_shown_in_its_call_order() -> Result<()> {
    let said = dibhost()?
        .run(&["block-device", "plan", "--graph", &example("deep_tree.yaml")])?
        .expect_code(0)?;
    let mut at = 0;
    for node in ["image0", "root", "mkfs_root", "mount_mkfs_root", "fstab_mount_mkfs_root"] {
        let found = said.stdout[at..].find(node);
        at += found.unwrap_or_else(|| panic!("{node} is not in its place: {}", said.stdout));
    }
    Ok(())
}

#[test]
fn partitions_are_where_dib_puts_them() -> Result<()> {
    let file = example("gpt_efi.yaml");
    let said =
        dibhost()?.run(&["block-device", "plan", "--size", "1GiB", &file])?.expect_code(0)?;
    for line in ["at 1 MiB, 8 MiB", "at 9 MiB, 8 MiB", "at 17 MiB, 1006 MiB"] {
        ensure!(said.stdout.contains(line), "{line} is not in {}", said.stdout);
    }
    Ok(())
}

#[test]
fn a_wrong_file_is_refused_with_its_place() -> Result<()> {
    let file = example("duplicate_name.yaml");
    let said = dibhost()?.run(&["block-device", "plan", &file])?.expect_code(2)?;
    ensure!(said.stderr.contains("duplicate_name.yaml:"), "{}", said.stderr);
    ensure!(said.stderr.contains("this_is_a_duplicate"), "{}", said.stderr);
    ensure!(said.stderr.contains("help: "), "{}", said.stderr);
    Ok(())
}
