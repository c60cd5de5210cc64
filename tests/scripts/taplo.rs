//! `dibhost schema` in the editors' own checker: taplo, which VS Code's and others' servers are.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{dibhost, repository, tool, work_folder};

/// The version that is driven, as a Python package: the same on every machine.
const TAPLO: &str = "taplo==0.9.3";

/// taplo, installed once for all tests.
fn taplo() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").map_or_else(|| "/root".into(), PathBuf::from);
    let caches = std::env::var_os("XDG_CACHE_HOME").map_or(home.join(".cache"), PathBuf::from);
    let folder = caches.join("dibhost").join(TAPLO);
    let program = folder.join("bin/taplo");
    if !program.is_file() {
        let path = folder.to_str().context("a path in UTF-8")?;
        tool::run("python3", &["-m", "venv", path])?;
        let pip = folder.join("bin/pip");
        let pip = pip.to_str().context("a path in UTF-8")?;
        tool::run(pip, &["install", "--quiet", "--disable-pip-version-check", TAPLO])?;
    }
    Ok(program)
}

fn checked(taplo: &Path, schema: &Path, file: &Path) -> Result<Output> {
    let mut command = Command::new(taplo);
    command
        .args(["lint", "--no-auto-config", "--schema"])
        .arg(format!("file://{}", schema.display()));
    command.arg(file).current_dir(file.parent().context("a file is in a folder")?);
    command.output().context("starting taplo")
}

#[test]
fn taplo_takes_every_example_and_marks_what_is_wrong() -> Result<()> {
    let folder = work_folder()?;
    let schema = folder.path().join("definition.schema.json");
    std::fs::write(&schema, dibhost()?.run(&["schema"])?.expect_code(0)?.stdout)?;
    let taplo = taplo()?;
    for entry in std::fs::read_dir(repository().join("examples"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "toml") || path.ends_with("dib.lock") {
            continue;
        }
        let copy = folder.path().join(path.file_name().context("a file has a name")?);
        std::fs::copy(&path, &copy)?;
        let checked = checked(&taplo, &schema, &copy)?;
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        ensure!(checked.status.success(), "{}: {said}", path.display());
    }
    for (wrong, says) in [
        ("[image]\nname = \"x\"\nelemnts = [\"debian\"]\n", "elemnts"),
        ("[image]\nname = \"x\"\nelements = \"debian\"\n", "array"),
        ("[image]\nname = \"x\"\nelements = [\"debian\"]\narch = \"x86_64\"\n", "x86_64"),
        ("[image]\nname = \"x\"\nelements = [\"debian\"]\n[gants.a]\nexec = [\"sh\"]\n", "gants"),
        (
            "[image]\nname = \"x\"\nelements = [\"a\"]\n[[block-device]]\nname = \"d\"\ntype = \"dsik\"\n",
            "dsik",
        ),
    ] {
        let file = folder.path().join("wrong.toml");
        std::fs::write(&file, wrong)?;
        let checked = checked(&taplo, &schema, &file)?;
        let said = String::from_utf8_lossy(&checked.stderr).into_owned();
        ensure!(!checked.status.success() && said.contains(says), "{wrong}\n{said}");
    }
    Ok(())
}

#[test]
fn a_definition_names_its_schema_itself() -> Result<()> {
    let folder = work_folder()?;
    let schema = folder.path().join("definition.schema.json");
    std::fs::write(&schema, dibhost()?.run(&["schema"])?.expect_code(0)?.stdout)?;
    let taplo = taplo()?;
    for (key, fits) in [("name", true), ("nmae", false)] {
        let file = folder.path().join("image.toml");
        let text = format!(
            "#:schema ./definition.schema.json\n[image]\n{key} = \"x\"\nelements = [\"a\"]\n"
        );
        std::fs::write(&file, text)?;
        let checked = Command::new(&taplo)
            .args(["lint", "--no-auto-config"])
            .arg(&file)
            .current_dir(folder.path())
            .output()?;
        ensure!(
            checked.status.success() == fits,
            "{key}: {}",
            String::from_utf8_lossy(&checked.stderr)
        );
    }
    Ok(())
}
