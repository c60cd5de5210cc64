//! The contract's promise: `docs/contract.md`. What was made for 0.1.0 runs, in four languages, and
//! the contract is what it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{dibhost, repository};

const VERSIONS: [&str; 1] = ["0.1.0"];

fn frozen(version: &str) -> PathBuf {
    repository().join("tests/compat").join(version)
}

/// The files below a folder, by their names in it.
fn files(folder: &Path, name: &str, all: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let below = format!("{name}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files(&entry.path(), &format!("{below}/"), all)?;
        } else {
            all.push(below);
        }
    }
    all.sort();
    Ok(())
}

#[test]
fn the_contract_is_what_it_was_when_it_was_frozen() -> Result<()> {
    let (mut now, mut then) = (Vec::new(), Vec::new());
    let before = frozen("0.1.0").join("wit");
    files(&repository().join("wit"), "", &mut now)?;
    files(&before, "", &mut then)?;
    ensure!(now == then, "`wit/` has {now:?} and had {then:?}: see docs/contract.md");
    for file in then {
        let same = fs::read(repository().join("wit").join(&file))? == fs::read(before.join(&file))?;
        ensure!(
            same,
            "`wit/{file}` is not what it was when 0.1.0 was frozen: docs/contract.md says how it may grow"
        );
    }
    Ok(())
}

#[test]
fn components_of_every_version_and_language_are_described_planned_and_run() -> Result<()> {
    for version in VERSIONS {
        for language in ["c", "python", "javascript"] {
            let dibhost = dibhost()?;
            let name = format!("guest-{language}");
            let file = format!("{name}.wasm");
            let kept = frozen(version).join(&file);
            let bytes = match kept.is_file() {
                true => fs::read(&kept)?,
                false => {
                    let packed = frozen(version).join(format!("{file}.xz"));
                    let made = Command::new("xz")
                        .arg("-dc")
                        .arg(&packed)
                        .output()
                        .context("starting xz")?;
                    ensure!(made.status.success(), "{} cannot be unpacked", packed.display());
                    made.stdout
                }
            };
            let path = dibhost.folder().join(&file);
            fs::write(&path, bytes)?;
            let path = format!("./{file}");
            let said = dibhost.run(&["element", "inspect", &path])?.expect_code(0)?.stdout;
            ensure!(said.contains("provides example:guests/guest@1"), "{language}: {said}");
            let plan = [
                "element",
                "run",
                &path,
                "--step",
                "arrive",
                "--plan",
                "--parameter",
                "hello=true",
            ];
            let said = dibhost.run(&plan)?.expect_code(0)?.stdout;
            for words in ["fact example:guests/guest@1 `me`", "\"name\":\"hello\""] {
                ensure!(said.contains(words), "{language}: no `{words}` in\n{said}");
            }
            dibhost.write("facts.json", r#"[{"slot": "example:guests/guest@1", "provider": "other", "step": "arrive", "phase": "install", "key": "1", "value": {"name": "zoë", "seats": 3}}]"#)?;
            let run = ["element", "run", &path, "--step", "greet", "--facts", "facts.json"];
            let said = dibhost.run(&run)?.expect_code(0)?.stdout;
            // `Welcome, zoë (3)` and a newline.
            let wrote = format!("wrote /etc/guests/{name} (18 bytes, 0644)");
            ensure!(said.contains(&wrote), "{language}: no `{wrote}` in\n{said}");
        }
    }
    Ok(())
}

#[test]
fn a_component_in_rust_of_every_version_runs() -> Result<()> {
    for version in VERSIONS {
        let dibhost = dibhost()?;
        fs::copy(frozen(version).join("motd-x.wasm"), dibhost.folder().join("motd-x.wasm"))?;
        let step = ["element", "run", "./motd-x.wasm", "--phase", "install"];
        let run = [&step[..], &["--parameter", "text=hello"]].concat();
        let said = dibhost.run(&run)?.expect_code(0)?.stdout;
        ensure!(said.contains("wrote /etc/motd (6 bytes, 0644)"), "{said}");
        let said = dibhost.run(&step)?.expect_code(1)?.stderr;
        ensure!(said.contains("`text` is not set"), "{said}");
    }
    Ok(())
}

#[test]
fn a_component_of_another_contract_is_refused_with_words() -> Result<()> {
    let dibhost = dibhost()?;
    let component = wat::parse_str(
        r#"(component
            (import "dib:element/facts@0.2.0" (instance))
            (instance $none)
            (export "dib:element/metadata@0.2.0" (instance $none))
            (export "dib:element/lifecycle@0.2.0" (instance $none)))"#,
    )?;
    fs::write(dibhost.folder().join("newer.wasm"), component)?;
    let said = dibhost.run(&["element", "inspect", "./newer.wasm"])?.expect_code(2)?.stderr;
    ensure!(said.contains("was made for dib:element 0.2, this host speaks 0.1"), "{said}");
    let said = dibhost.run(&["element", "check", "newer.wasm"])?.expect_code(1)?.stdout;
    ensure!(said.contains("it was made for `dib:element@0.2.0`"), "{said}");
    dibhost.write(
        "image.toml",
        "[image]\nname = \"x\"\nelements = [\"fake-os\", \"./newer.wasm\"]\nformats = [\"raw\"]\n",
    )?;
    let said = dibhost.run(&["plan", "image.toml"])?.expect_code(2)?.stderr;
    ensure!(said.contains("was made for dib:element 0.2"), "{said}");
    Ok(())
}
