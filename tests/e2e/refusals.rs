//! What is wrong is refused with exit code 2, before anything privileged, with the place and
//! what to do.

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::leftovers::Snapshot;
use dibhost_tests::{dibhost, repository, tool};

/// A definition that is fine but for what is put in.
fn definition(elements: &str, rest: &str) -> String {
    format!("[image]\nname = \"x\"\nelements = [{elements}]\n{rest}\n")
}

/// Builds `text`, and expects a refusal that says all of `expected`.
fn refused(text: &str, expected: &[&str]) -> Result<()> {
    let dibhost = dibhost()?;
    dibhost.write("image.toml", text)?;
    std::fs::create_dir(dibhost.folder().join("out"))?;
    let before = Snapshot::take(&[&dibhost.folder().join("out")])?;
    for verb in ["plan", "build"] {
        let outcome = dibhost.run(&[verb, "image.toml", "-o", "out/x"])?.expect_code(2)?;
        for words in expected {
            ensure!(outcome.stderr.contains(words), "no `{words}` in:\n{}", outcome.stderr);
        }
    }
    before.assert_none_left()
}

#[test]
fn an_unknown_element() -> Result<()> {
    let text = definition("\"debian-minimal\", \"cloudinit\"", "");
    refused(&text, &["image.toml:3:31", "`cloudinit`", "`cloud-init`"])
}

#[test]
fn an_unknown_key() -> Result<()> {
    let text = definition("\"debian-minimal\"", "formts = [\"raw\"]");
    refused(&text, &["image.toml:4:1", "`formts`", "`formats`"])
}

#[test]
fn an_unknown_parameter() -> Result<()> {
    let text = definition("\"debian-minimal\"", "[parameters.debian-minimal]\nrelese = \"sid\"");
    refused(&text, &["image.toml:5:1", "`relese`", "`release`"])
}

#[test]
fn a_missing_parameter() -> Result<()> {
    let motd = repository().join("out/elements/examples/motd.wasm");
    let grant = "[grants.motd]\nrootfs = [\"write /etc/motd\"]";
    let text = definition(&format!("\"debian-minimal\", \"{}\"", motd.display()), grant);
    refused(&text, &["`text`", "[parameters.motd]"])
}

#[test]
fn a_wrong_type() -> Result<()> {
    let text = definition("\"debian-minimal\"", "[parameters.debian-minimal]\nrelease = 12");
    refused(&text, &["image.toml:5:11", "`release`", "text"])
}

#[test]
fn a_missing_grant_comes_with_the_lines_to_add() -> Result<()> {
    let motd = repository().join("out/elements/examples/motd.wasm");
    let parameter = "[parameters.motd]\ntext = \"hello\"";
    let text = definition(&format!("\"debian-minimal\", \"{}\"", motd.display()), parameter);
    refused(&text, &["motd", "[grants.motd]", "rootfs = [\"write /etc/motd\"]"])
}

#[test]
fn an_unknown_format() -> Result<()> {
    let text = definition("\"debian-minimal\"", "formats = [\"qcow\"]");
    refused(&text, &["image.toml:4:12", "`qcow`", "`qcow2`"])
}

#[test]
fn toml_that_is_none() -> Result<()> {
    refused("[image\nname = 1", &["image.toml:1:7"])
}

#[test]
fn an_unwritable_output_folder() -> Result<()> {
    let dibhost = dibhost()?;
    for output in ["missing/x.qcow2", "/proc/x.qcow2"] {
        let outcome = dibhost.run(&["build", "-o", output, "debian-minimal"])?.expect_code(2)?;
        let folder = output.rsplit_once('/').map_or("", |(folder, _)| folder);
        ensure!(outcome.stderr.contains(folder), "{}", outcome.stderr);
    }
    Ok(())
}

#[test]
fn a_wrong_command_line() -> Result<()> {
    let dibhost = dibhost()?;
    for args in [&["bild"][..], &["build"], &["build", "-t", "iso", "-o", "x", "debian-minimal"]] {
        dibhost.run(args)?.expect_code(2)?;
    }
    let outcome = dibhost.run(&["build", "missing.toml"])?.expect_code(2)?;
    ensure!(outcome.stderr.contains("missing.toml"), "{}", outcome.stderr);
    Ok(())
}

#[test]
fn an_image_for_a_machine_whose_programs_do_not_run_here() -> Result<()> {
    let machines = ["riscv64", "s390x", "loong64", "mips64el"];
    let foreign = machines.into_iter().find(|machine| dibhost_sys::can_run(machine).is_err());
    let foreign = foreign.context("this machine has interpreters for all others")?;
    let dibhost = dibhost()?;
    let text =
        format!("[image]\nname = \"x\"\narch = \"{foreign}\"\nelements = [\"debian-minimal\"]\n");
    dibhost.write("image.toml", &text)?;
    let why = format!("has no interpreter for programs of `{foreign}`");
    let plan = dibhost.run(&["plan", "image.toml"])?.expect_code(0)?;
    ensure!(plan.stdout.contains(&why), "no `{why}` in:\n{}", plan.stdout);
    let out = dibhost.folder().join("out");
    std::fs::create_dir_all(&out)?;
    let refused = dibhost.run(&["build", "image.toml", "-o", "out/x"])?.expect_code(1)?;
    for words in [why.as_str(), "qemu-user-static"] {
        ensure!(refused.stderr.contains(words), "no `{words}` in:\n{}", refused.stderr);
    }
    ensure!(std::fs::read_dir(&out)?.next().is_none(), "something was made");
    Ok(())
}

/// What never ends, or never begins, is told and not waited for.
#[test]
fn a_definition_that_is_no_file_is_refused_at_once() -> Result<()> {
    let dibhost = dibhost()?;
    let at = |name: &str| dibhost.folder().join(name);
    std::os::unix::fs::symlink("/dev/zero", at("zero.toml"))?;
    std::os::unix::fs::symlink("/dev/zero", at("zero.yaml"))?;
    tool::run("mkfifo", &[at("pipe.toml").to_str().context("a path in UTF-8")?])?;
    for arguments in [
        &["plan", "zero.toml"][..],
        &["plan", "pipe.toml"],
        &["grant", "pipe.toml"],
        &["block-device", "plan", "zero.yaml"],
        &["convert", "zero.yaml"],
    ] {
        let outcome = dibhost.run(arguments)?.expect_code(2)?;
        let said = &outcome.stderr;
        ensure!(said.contains("no regular file"), "{arguments:?}: {said}");
    }
    // So are the files beside one.
    dibhost.write(
        "image.toml",
        "include = [\"zero.toml\"]\n[image]\nname = \"x\"\nelements = [\"debian\"]\n",
    )?;
    let said = dibhost.run(&["plan", "image.toml"])?.expect_code(2)?.stderr;
    ensure!(said.contains("image.toml:1:12") && said.contains("no regular file"), "{said}");
    dibhost.write("image.toml", "[image]\nname = \"x\"\nelements = [\"debian\"]\n")?;
    std::os::unix::fs::symlink("/dev/zero", at("dib.lock"))?;
    let said = dibhost.run(&["plan", "image.toml"])?.expect_code(2)?.stderr;
    ensure!(said.contains("dib.lock") && said.contains("no regular file"), "{said}");
    Ok(())
}
