//! `dibhost plan`: equal every time, without root, and it tells everything.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{dibhost, repository};
use serde_json::Value;

fn example() -> Result<String> {
    let path = repository().join("examples/debian-vm.toml");
    Ok(path.to_str().context("the repository's path is text")?.to_owned())
}

#[test]
fn twenty_plans_are_equal() -> Result<()> {
    let dibhost = dibhost()?;
    let first = dibhost.run(&["plan", &example()?])?.expect_code(0)?;
    for _ in 1..20 {
        let next = dibhost.run(&["plan", &example()?])?.expect_code(0)?;
        ensure!(next.stdout == first.stdout, "{}\n{}", first.stdout, next.stdout);
    }
    Ok(())
}

#[test]
fn a_plan_needs_no_root() -> Result<()> {
    let dibhost = dibhost()?.empty_cache();
    // `nobody` can neither use root's cache nor this test's folder, which is root's.
    let mut command = dibhost.command(&["plan", "debian-minimal"])?;
    let readable: std::fs::Permissions = PermissionsExt::from_mode(0o777);
    let cache = dibhost.folder().join("nobody");
    std::fs::create_dir(&cache)?;
    std::fs::set_permissions(&cache, readable.clone())?;
    std::fs::set_permissions(dibhost.folder(), readable)?;
    command.uid(65534).gid(65534);
    let output = command.env("DIBHOST_CACHE", cache.join("cache")).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn a_plan_names_every_step_edge_wish_and_grant() -> Result<()> {
    let dibhost = dibhost()?;
    let text = dibhost.run(&["plan", &example()?])?.expect_code(0)?.stdout;
    let json = dibhost.run(&["plan", "--format", "json", &example()?])?.expect_code(0)?.stdout;
    let plan: Value = serde_json::from_str(&json)?;
    let list = |key: &str| plan[key].as_array().cloned().unwrap_or_default();
    ensure!(list("steps").len() > 10 && list("edges").len() > 5 && list("wishes").len() > 20);
    let has = |word: &Value| {
        let word = word.as_str().unwrap_or_default();
        ensure!(!word.is_empty() && text.contains(word), "`{word}` is not in:\n{text}");
        Ok(())
    };
    for element in list("elements") {
        has(&element["name"])?;
        for grant in element["grants"].as_array().into_iter().flatten() {
            has(&grant["capability"])?;
            if grant["scope"] != "" {
                has(&grant["scope"])?;
            }
        }
    }
    for edge in list("edges") {
        has(&edge["slot"])?;
        has(&edge["from"])?;
        has(&edge["to"])?;
    }
    for transaction in list("transactions") {
        for package in transaction["install"].as_array().into_iter().flatten() {
            has(&package["name"])?;
        }
    }
    for unit in list("unit-states") {
        has(&unit["unit"])?;
    }
    // One run of the package manager, and several providers for one reader in one phase.
    ensure!(list("transactions").len() == 1, "{} transactions", list("transactions").len());
    let arguments: Vec<_> = list("edges")
        .into_iter()
        .filter(|e| e["slot"] == "dib:boot/kernel-argument@1" && e["to"] == "bootloader")
        .collect();
    ensure!(arguments.len() >= 2, "{arguments:?}");
    ensure!(arguments.iter().any(|e| e["phase"] == e["from-phase"]), "{arguments:?}");
    Ok(())
}

#[test]
fn a_plan_says_why() -> Result<()> {
    let dibhost = dibhost()?;
    let why = |subject: &str| dibhost.run(&["plan", "--why", subject, &example()?]);
    let told = why("package:openssh-server")?.expect_code(0)?.stdout;
    for words in ["`openssh-server` (`install`)", "the server", "`debian` requires it"] {
        ensure!(told.contains(words), "`{words}` is not in:\n{told}");
    }
    let wrong = why("package:opensh-server")?.expect_code(2)?.stderr;
    ensure!(wrong.contains("did you mean `package:openssh-server`?"), "{wrong}");
    // Nobody wishes for it, and it may well be there.
    let wrong = why("package:perl")?.expect_code(2)?.stderr;
    for words in ["known when they are resolved", "`debian-vm.manifest.json`", "apt-cache rdepends"]
    {
        ensure!(wrong.contains(words), "`{words}` is not in:\n{wrong}");
    }
    let manifest = "{\"version\": \"1.0\", \"name\": \"debian-vm\", \"arch\": \"amd64\", \"plan\": \"\", \
                    \"elements\": [], \"packages\": [{\"name\": \"perl\", \"version\": \"5.36\", \"arch\": \"amd64\"}]}";
    dibhost.write("debian-vm.manifest.json", manifest)?;
    let wrong = why("package:perl")?.expect_code(2)?.stderr;
    ensure!(wrong.contains("perl 5.36 came with the last build"), "{wrong}");
    let json = dibhost
        .run(&["plan", "--format", "json", "--why", "kernel-argument:console", &example()?])?
        .expect_code(0)?
        .stdout;
    let json: Value = serde_json::from_str(&json)?;
    ensure!(json["wanted-by"][0]["element"] == "serial-console", "{json}");
    Ok(())
}

#[test]
fn two_plans_are_compared() -> Result<()> {
    let dibhost = dibhost()?;
    let equal = dibhost.run(&["plan", "--diff", &example()?, &example()?])?.expect_code(0)?;
    ensure!(equal.stdout == "the plans are equal\n", "{}", equal.stdout);
    let other = std::fs::read_to_string(example()?)?.replace("\"growroot\"", "\"openssh-server\"");
    let other = dibhost.write("other.toml", &other)?;
    let other = other.to_str().context("a path in UTF-8")?;
    let told = dibhost.run(&["plan", "--diff", &example()?, other])?.expect_code(0)?.stdout;
    for words in ["elements\n", "  - growroot", "  - growroot install package e2fsprogs"] {
        ensure!(told.contains(words), "`{words}` is not in:\n{told}");
    }
    let json = dibhost.run(&["plan", "--diff", "--format", "json", &example()?, other])?;
    let json: Value = serde_json::from_str(&json.expect_code(0)?.stdout)?;
    ensure!(json["equal"] == false, "{json}");
    let one = dibhost.run(&["plan", "--diff", &example()?])?.expect_code(2)?.stderr;
    ensure!(one.contains("`--diff` compares two definitions; the command line names 1"), "{one}");
    Ok(())
}

#[test]
fn a_plan_is_drawn() -> Result<()> {
    let dibhost = dibhost()?;
    for (format, start) in [("svg", "<svg "), ("dot", "digraph \"debian-vm\" {")] {
        let drawn = dibhost.run(&["plan", "--format", format, &example()?])?.expect_code(0)?.stdout;
        ensure!(drawn.starts_with(start), "{drawn}");
        ensure!(drawn.contains("bootloader") && drawn.contains("boot/kernel-argument"), "{drawn}");
    }
    let wrong = dibhost.run(&["plan", "--format", "svg", "--why", "element:vm", &example()?])?;
    ensure!(wrong.expect_code(2)?.stderr.contains("draw a whole plan"));
    Ok(())
}
