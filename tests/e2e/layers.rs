//! Builds that begin with what earlier ones made of the tree.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::cases::{Case, cases};
use dibhost_tests::{Dibhost, Outcome, dibhost, tool};
use rustix::process::Signal;

use crate::rootless::User;

/// Packages, accounts with ids of the image's own, capabilities, a unit, a command; `greeting` stands in
/// a file that is placed after all of them.
fn definition(greeting: &str) -> String {
    format!(
        r#"packages = ["iputils-ping", "libcap2-bin"]

[image]
name = "same"
elements = ["debian-minimal"]
formats = ["raw"]

[[users]]
name = "deploy"
groups = ["adm"]

[[commands]]
phase = "install"
run = ["sh", "-c", "sleep 1; ln /etc/hostname /etc/hostname.link; setcap cap_net_raw+ep /usr/bin/cut"]

[[files]]
path = "/srv/greeting"
content = "{greeting}\n"
owner = "www-data"

[[commands]]
phase = "finalise"
run = ["sh", "-c", "cat /srv/greeting /etc/hostname.link > /srv/said"]
"#
    )
}

fn build(dibhost: &Dibhost, greeting: &str, options: &[&str], to: &str) -> Result<Outcome> {
    let definition = dibhost.write("same.toml", &definition(greeting))?;
    let definition = definition.to_string_lossy().into_owned();
    std::fs::create_dir_all(dibhost.folder().join(to))?;
    let output = format!("{to}/same");
    let args = [&["build", "--log-format", "json", &definition, "-o", &output], options].concat();
    dibhost.run(&args)?.expect_code(0)
}

fn image(dibhost: &Dibhost, of: &str) -> PathBuf {
    dibhost.folder().join(of).join("same.raw")
}

fn same(a: &Path, b: &Path, outcome: &Outcome) -> Result<()> {
    tool::run("cmp", &[a, b]).map(drop).with_context(|| outcome.stderr.clone())
}

fn restores(outcome: &Outcome) -> bool {
    outcome.stderr.contains("restore what")
}

fn installs(outcome: &Outcome) -> bool {
    outcome.stderr.contains("\"install ") || outcome.stderr.contains("install 1")
}

#[test]
fn a_build_begins_where_the_definition_changed() -> Result<()> {
    let alone = dibhost()?;
    for greeting in ["one", "two"] {
        build(&alone, greeting, &["--no-cache"], greeting)?;
    }
    let dibhost = dibhost()?.with_layers();
    let first = build(&dibhost, "one", &[], "out")?;
    same(&image(&alone, "one"), &image(&dibhost, "out"), &first)?;
    // Nothing changed: the very file stays.
    let before = std::fs::metadata(image(&dibhost, "out"))?;
    let second = build(&dibhost, "one", &[], "out")?;
    let after = std::fs::metadata(image(&dibhost, "out"))?;
    ensure!((before.ino(), before.ctime()) == (after.ino(), after.ctime()), "{}", second.stderr);
    ensure!(!restores(&second) && !installs(&second), "{}", second.stderr);
    // It is somewhere else: only the disk is made.
    let third = build(&dibhost, "one", &[], "elsewhere")?;
    ensure!(restores(&third) && !installs(&third), "{}", third.stderr);
    same(&image(&alone, "one"), &image(&dibhost, "elsewhere"), &third)?;
    // Why, in words, before it is done.
    dibhost.write("same.toml", &definition("two"))?;
    let args = ["plan", "--explain", "same.toml", "-o", "out/same"];
    let explained = dibhost.run(&args)?.expect_code(0)?.stdout;
    for line in ["kept  make the first tree in `root`", "its file `/srv/greeting` differs"] {
        ensure!(explained.contains(line), "{explained}");
    }
    // What is behind the change is made, and what is before it comes back.
    let fourth = build(&dibhost, "two", &[], "out")?;
    ensure!(restores(&fourth) && !installs(&fourth), "{}", fourth.stderr);
    same(&image(&alone, "two"), &image(&dibhost, "out"), &fourth)?;
    let anew =
        build(&dibhost, "two", &["--rebuild-from", "make the first tree in `root`"], "anew")?;
    ensure!(!restores(&anew) && installs(&anew), "{}", anew.stderr);
    same(&image(&alone, "two"), &image(&dibhost, "anew"), &anew)?;
    let listed = dibhost.run(&["cache", "list"])?.expect_code(0)?.stdout;
    ensure!(listed.contains("make the first tree in `root`"), "{listed}");
    dibhost.run(&["cache", "verify"])?.expect_code(0)?;
    let kept = dibhost.run(&["cache", "gc", "--dry-run", "--size", "1MiB"])?.expect_code(0)?;
    ensure!(kept.stdout.contains("before"), "{}", kept.stdout);
    Ok(())
}

/// A program of the target reads the clock, of which no key knows.
#[test]
fn an_action_that_reads_the_clock_is_found() -> Result<()> {
    let dibhost = dibhost()?.with_layers();
    build(&dibhost, "one", &[], "out")?;
    let well = build(&dibhost, "one", &["--check-cache"], "out")?;
    ensure!(
        well.stderr.contains("made again, the image is what it was; it has"),
        "{}",
        well.stderr
    );
    ensure!(!restores(&well) && installs(&well), "{}", well.stderr);
    let clock = "sleep 1; date +%N > /srv/clock; touch /srv/touched";
    let text = definition("one").replace("sleep 1;", &format!("{clock};"));
    dibhost.write("clock.toml", &text)?;
    dibhost.run(&["build", "clock.toml", "-o", "out/clock"])?.expect_code(0)?;
    let before = std::fs::read(dibhost.folder().join("out/clock.raw.sha256"))?;
    let check = ["build", "--check-cache", "clock.toml", "-o", "out/clock"];
    let said = dibhost.run(&check)?.expect_code(1)?.stderr;
    for words in [
        "the image is another",
        "`run `definition/run-install` in `install`` made `/srv/clock` otherwise",
    ] {
        ensure!(said.contains(words), "{said}");
    }
    ensure!(!said.contains("/srv/touched") && !said.contains("machine-id"), "{said}");
    ensure!(std::fs::read(dibhost.folder().join("out/clock.raw.sha256"))? == before);
    Ok(())
}

/// What is locked is installed, and nothing else is.
#[test]
fn packages_are_locked_and_held_to() -> Result<()> {
    let dibhost = dibhost()?.with_layers();
    dibhost.write("same.toml", &definition("one"))?;
    let told = dibhost.run(&["update", "same.toml"])?.expect_code(0)?.stdout;
    ensure!(told.contains("packages are locked"), "{told}");
    let lock = std::fs::read_to_string(dibhost.folder().join("dib.lock"))?;
    let line = lock.lines().find(|line| line.starts_with("libc6 = \"2.")).context("no libc6")?;
    let again = dibhost.run(&["update", "--dry-run", "same.toml"])?.expect_code(0)?.stdout;
    ensure!(again.starts_with("nothing changed"), "{again}");
    build(&dibhost, "one", &[], "out")?;
    build(&dibhost, "one", &["--locked"], "out")?;
    let kept = std::fs::read_to_string(dibhost.folder().join("dib.lock"))?;
    ensure!(kept.contains(line), "{kept}");
    // One that the mirror has no longer, and a file that is another one.
    let version = line.split(['"', ' ']).nth(3).context("no version")?.to_owned();
    for wrong in [
        kept.replace(line, &line.replace(&version, "2.0-1")),
        kept.replace(line, &format!("libc6 = \"{version} amd64 sha256:{}\"", "0".repeat(64))),
    ] {
        std::fs::write(dibhost.folder().join("dib.lock"), wrong)?;
        let said = dibhost.run(&["build", "same.toml", "-o", "out/same"])?.expect_code(1)?.stderr;
        ensure!(said.contains("`libc6`") && said.contains("`dibhost update`"), "{said}");
    }
    Ok(())
}

#[test]
fn an_action_that_is_not_there_is_not_begun_from() -> Result<()> {
    let dibhost = dibhost()?.with_layers();
    let definition = dibhost.write("same.toml", &definition("x"))?.to_string_lossy().into_owned();
    let args = ["build", &definition, "--rebuild-from", "write `/etc/fstap`"];
    let said = dibhost.run(&args)?.expect_code(2)?.stderr;
    ensure!(said.contains("did you mean `write `/etc/fstab``?"), "{said}");
    Ok(())
}

/// What root kept a user goes on from, and the other way round.
#[test]
fn layers_are_the_same_for_root_and_a_user() -> Result<()> {
    let root = dibhost()?.with_layers().empty_cache();
    build(&root, "one", &[], "one")?;
    let user = User::new("layers", true)?;
    let theirs = user.at(".cache/dibhost/layers");
    take(&root.folder().join("cache/layers"), &theirs, Some(&user.name))?;
    std::fs::write(user.at("same.toml"), definition("two"))?;
    let outcome = user.run(&["build", "same.toml", "-o", "same"])?.expect_code(0)?;
    ensure!(restores(&outcome) && !outcome.stderr.contains("install 1"), "{}", outcome.stderr);
    let back = dibhost()?.with_layers().empty_cache();
    build(&back, "two", &["--no-cache"], "alone")?;
    same(&image(&back, "alone"), &user.at("same.raw"), &outcome)?;
    take(&theirs, &back.folder().join("cache/layers"), None)?;
    let outcome = build(&back, "two", &[], "back")?;
    ensure!(restores(&outcome) && !installs(&outcome), "{}", outcome.stderr);
    same(&image(&back, "alone"), &image(&back, "back"), &outcome)
}

/// Copies a store, and gives it to a user, or to root.
fn take(from: &Path, to: &Path, owner: Option<&str>) -> Result<()> {
    let above = to.parent().context("a folder above it")?;
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(above)?;
    tool::run("cp", &["-a".as_ref(), from.as_os_str(), to.as_os_str()])?;
    let owner = owner.unwrap_or("root");
    let owner = format!("{owner}:{owner}");
    // The folders above are the user's too.
    let whole = if above.ends_with("dibhost") { above.parent().unwrap_or(above) } else { to };
    tool::run("chown", &["-R".as_ref(), owner.as_ref(), whole.as_os_str()]).map(drop)
}

/// Builds that are killed leave layers whole or not at all: the next one goes on, and its image is that
/// of one that nobody disturbed.
fn killed(times: u32) -> Result<()> {
    let dibhost = dibhost()?.with_layers().empty_cache();
    let whole = build(&dibhost, "one", &["--no-cache"], "alone")?;
    let took = whole.took;
    // Of a fixed seed, over all of a build and of one that begins with layers.
    let mut random = 7_u64;
    for time in 0..times {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let share = (random >> 33) as f64 / f64::from(u32::MAX >> 1);
        let greeting = format!("{}", time % 3);
        let definition = dibhost.write("same.toml", &definition(&greeting))?;
        let definition = definition.to_string_lossy().into_owned();
        let running = dibhost.spawn(&["build", &definition, "-o", "killed"])?;
        std::thread::sleep(Duration::from_secs_f64(took.as_secs_f64() * share));
        running.signal(Signal::KILL)?;
        running.wait(Duration::from_secs(60))?;
    }
    let outcome = build(&dibhost, "one", &[], "after")?;
    same(&image(&dibhost, "alone"), &image(&dibhost, "after"), &outcome)?;
    dibhost.run(&["cache", "verify"])?.expect_code(0)?;
    Ok(())
}

#[test]
fn a_killed_build_leaves_layers_whole_or_none() -> Result<()> {
    killed(3)
}

#[test]
#[ignore = "long: a hundred builds"]
fn a_hundred_killed_builds_leave_layers_whole_or_none() -> Result<()> {
    killed(100)
}

/// Image files of a case, each by what follows the name, with its SHA-256.
fn sums(dibhost: &Dibhost, case: &Case, options: &[&str], to: &str) -> Result<Vec<String>> {
    std::fs::create_dir_all(dibhost.folder().join(to))?;
    let output = format!("{to}/x");
    let args = ["build", "-t", "raw,qcow2", "-o", &output];
    let typed = case.arguments.iter().map(String::as_str);
    let words: Vec<&str> = args.iter().chain(options).copied().chain(typed).collect();
    dibhost.run(&words)?.expect_code(0).with_context(|| format!("building {}", case.name))?;
    let mut sums = Vec::new();
    for entry in std::fs::read_dir(dibhost.folder().join(to))? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "sha256") {
            sums.push(std::fs::read_to_string(path)?);
        }
    }
    sums.sort();
    std::fs::remove_dir_all(dibhost.folder().join(to))?;
    Ok(sums)
}

#[test]
#[ignore = "long: every example and combination, three times"]
fn every_example_and_combination_is_the_same_from_layers() -> Result<()> {
    let dibhost = dibhost()?.with_layers().empty_cache();
    let mut compared = 0;
    for case in cases()? {
        let plan: Vec<&str> = ["plan", "--format", "json"]
            .into_iter()
            .chain(case.arguments.iter().map(String::as_str))
            .collect();
        let plan = dibhost.run(&plan)?.expect_code(0)?.stdout;
        // There for their plans alone: their mirrors are nowhere.
        if plan.contains("//mirror.example/") {
            continue;
        }
        let plan: serde_json::Value = serde_json::from_str(&plan)?;
        // Nothing of these is kept, and their secrets are not here.
        if plan["secrets"].as_array().is_some_and(|secrets| !secrets.is_empty()) {
            continue;
        }
        let alone = sums(&dibhost, &case, &["--no-cache"], "alone")?;
        ensure!(!alone.is_empty(), "{} has no image", case.name);
        for turn in ["kept", "restored"] {
            let made = sums(&dibhost, &case, &[], turn)?;
            ensure!(made == alone, "{} is another one when it is {turn}", case.name);
        }
        compared += 1;
    }
    ensure!(compared > 15, "{compared}");
    Ok(())
}
