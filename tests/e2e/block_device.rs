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

#[test]
fn toml_is_planned_and_refused_with_its_places() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("layout.toml");
    let text = r#"
[[block-device]]
name = "disk"
type = "disk"
size = "1 GiB"

[[block-device]]
name = "table"
type = "gpt"
on = "disk"

[[block-device]]
name = "root"
type = "partition"
on = "table"
size = "rest"
partition-type = "root-x86-64"

[[block-device]]
name = "filesystem"
type = "filesystem"
on = "root"
format = "ext4"
mount = "/"
"#;
    std::fs::write(&file, text)?;
    let path = file.display().to_string();
    let said = dibhost()?.run(&["block-device", "plan", &path])?.expect_code(0)?;
    ensure!(said.stdout.contains("1 root: at 1 MiB, 1022 MiB"), "{}", said.stdout);
    let said = dibhost()?.run(&["block-device", "plan", "--graph", &path])?.expect_code(0)?;
    ensure!(said.stdout.contains("filesystem-mount: mount on filesystem"), "{}", said.stdout);
    std::fs::write(&file, text.replace("size =", "sise ="))?;
    let said = dibhost()?.run(&["block-device", "plan", &path])?.expect_code(2)?;
    for told in ["layout.toml:5:1: node `disk`: the key `sise`", "did you mean `size`?", ":16:1: "]
    {
        ensure!(said.stderr.contains(told), "{told} is not in {}", said.stderr);
    }
    Ok(())
}
