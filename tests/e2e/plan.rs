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
    let text = dibhost.run(&["plan", "--verbose", &example()?])?.expect_code(0)?.stdout;
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
fn a_plan_begins_with_what_people_look_for_and_folds_what_shipped_elements_hold() -> Result<()> {
    let dibhost = dibhost()?;
    let text = dibhost.run(&["plan", &example()?])?.expect_code(0)?.stdout;
    let head: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    for words in [
        "image debian-vm for amd64",
        "debian 12 (bookworm), by apt from the builder's own mirror",
        "debian-vm.qcow2",
        "/boot/efi  vfat, 64 MiB",
        "by BIOS and UEFI, grub, with console=tty0 console=ttyS0,115200",
        "`debian` with the keys or the password that cloud-init is given",
    ] {
        ensure!(head.iter().any(|line| line.contains(words)), "`{words}` does not begin:\n{text}");
    }
    ensure!(head.len() <= 12, "{text}");
    for folded in ["grant ", "wishes for", "(planned only)"] {
        ensure!(!text.contains(folded), "`{folded}` is in:\n{text}");
    }
    // What the definition sets is told; what it leaves as it is, is not.
    ensure!(text.contains("parameter release  \"bookworm\""), "{text}");
    ensure!(!text.contains("parameter esp-size"), "{text}");
    // No line of a plan is there four times, whatever it says.
    for line in text.lines().filter(|line| line.trim().len() > 20) {
        let times = text.lines().filter(|other| other.trim() == line.trim()).count();
        ensure!(times < 4, "{times} times `{line}`");
    }
    let last: Vec<&str> = text.lines().rev().take_while(|line| !line.is_empty()).collect();
    ensure!(last.last() == Some(&"summary"), "{text}");
    ensure!(last.iter().any(|line| line.contains("12 elements")), "{text}");

    // What somebody else's element may do is told whole.
    let motd = repository().join("examples/debian-motd.toml");
    let motd = motd.to_str().context("the repository's path is text")?;
    let text = dibhost.run(&["plan", motd])?.expect_code(0)?.stdout;
    ensure!(text.contains("motd (1.0.0; not shipped with dibhost)"), "{text}");
    ensure!(text.matches("grant ").count() == 1, "{text}");
    ensure!(text.contains("grant rootfs write /etc/motd  to write the message"), "{text}");
    Ok(())
}

#[test]
fn examples_are_in_no_list_of_elements() -> Result<()> {
    let shipped = repository().join("out/elements");
    let shipped = std::env::var_os("DIBHOST_ELEMENTS").map_or(shipped, Into::into);
    let dibhost = dibhost()?.env("DIBHOST_ELEMENTS", &shipped);
    let listed = dibhost.run(&["element", "list"])?.expect_code(0)?.stdout;
    ensure!(listed.lines().count() > 20 && listed.contains("debian-minimal"), "{listed}");
    ensure!(!listed.contains("not shipped"), "{listed}");
    for example in ["fake-os", "cook-rust", "waiter-rust", "motd", "site"] {
        ensure!(!listed.lines().any(|line| line.split(' ').next() == Some(example)), "{listed}");
    }
    // And one that is nearly called so is not taken for it.
    let said = dibhost.run(&["plan", "fake-oss"])?.expect_code(2)?.stderr;
    ensure!(!said.contains("fake-os`"), "{said}");
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
    ensure!(equal.stdout == "The plans are equal.\n", "{}", equal.stdout);
    let other = std::fs::read_to_string(example()?)?.replace("\"growroot\"", "\"openssh-server\"");
    let other = dibhost.write("other.toml", &other)?;
    let other = other.to_str().context("a path in UTF-8")?;
    let told = dibhost.run(&["plan", "--diff", &example()?, other])?.expect_code(0)?.stdout;
    for words in [
        "The element `growroot` 0.1.0 goes.\n",
        "The unit `dibhost-growroot.service` is no longer enabled, in `install`.\n",
        "actions have to be done anew",
    ] {
        ensure!(told.contains(words), "`{words}` is not in:\n{told}");
    }
    // A step that went with its element, and a wish that was merged with others, is told as that.
    for words in ["sha256:", "{", "grants", "wishes"] {
        ensure!(!told.contains(words), "`{words}` is in:\n{told}");
    }
    let all = ["plan", "--verbose", "--diff", &example()?, other];
    let told = dibhost.run(&all)?.expect_code(0)?.stdout;
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

/// What a newcomer types is answered before anything is built: where, and what to write.
#[test]
fn what_was_mistyped_is_told_with_its_place_and_what_to_write() -> Result<()> {
    let dibhost = dibhost()?;
    dibhost.write(
        "u.toml",
        r#"[image]
name = "u"
elements = ["debian-minimal"]
[[units]]
name = "hello.service"
content = "[Service]\nExecStart=/bin/true\n"
state = "enabled"
[[users]]
name = "deploy"
groups = ["adm"]
authorized-keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGhlcmUgc3RhbmRzIHlvdXIgb3duIHB1YmxpYyBrZXku me"]
"#,
    )?;
    for (line, code, says) in [
        (
            "plan vm",
            2,
            &[
                "`bootloader`, `kernel` and `volumes` need the slot `dib:os/distribution@1`",
                "add one that provides it: `almalinux`, `centos-stream`, `container`, `debian-minimal`,",
            ][..],
        ),
        ("plan --set disk.size=10MiB debian vm", 2, &["(typed):7:8: the block-device node `esp`"]),
        ("plan --elements nowhere debian", 2, &["`--elements nowhere` names no folder"]),
        ("element run motd --phase instal", 2, &["did you mean `install`?"]),
        ("plan --set packages=htop,curl=8.* u.toml", 0, &["packages = [\"htop\", \"curl=8.*\"]"]),
        ("plan u.toml -o elsewhere/b", 0, &["elsewhere/b.qcow2"]),
        (
            "plan u.toml",
            0,
            &["u.toml:5:8: the unit `hello.service` is enabled, and its text has no"],
        ),
        (
            "plan --why file:/etc/hosts u.toml",
            0,
            &["`debian-minimal` may write it", "write /etc/hosts"],
        ),
        ("plan --why group:adm u.toml", 0, &["the definition (u.toml:", "the user `deploy` in it"]),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let outcome = dibhost.run(&words)?.expect_code(code)?;
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        for words in says {
            ensure!(said.contains(words), "`{line}` does not say `{words}`:\n{said}");
        }
        let times = said.matches("need the slot").count();
        ensure!(times <= 1, "`{line}` says one thing {times} times");
    }
    Ok(())
}
