//! An element that traps, loops for ever or asks for 1 GiB stops the build with its name, the
//! phase and the reason; Ctrl-C stops one that loops, in every phase.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::leftovers::Snapshot;
use dibhost_tests::program::Dibhost;
use dibhost_tests::{dibhost, repository, tool};
use rustix::process::Signal;

const PHASES: [&str; 10] = [
    "root",
    "extra-data",
    "pre-install",
    "install",
    "post-install",
    "post-root",
    "block-device",
    "pre-finalise",
    "finalise",
    "cleanup",
];

/// The element of `tests/elements/misbehave`, built once.
fn element() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|e| format!("{e:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

fn build() -> Result<PathBuf> {
    let out = repository().join("out/test-elements");
    let path = |p: &std::path::Path| p.to_str().map(str::to_owned).context("a path that is text");
    let script = path(&repository().join("elements/build.sh"))?;
    let source = path(&repository().join("tests/elements/misbehave"))?;
    tool::run("sh", &[&script, "--only", &source, "--out", &path(&out)?])?;
    Ok(out.join("misbehave.wasm"))
}

fn definition(dibhost: &Dibhost, parameters: &str) -> Result<()> {
    let element = element()?;
    let text = format!(
        "[image]\nname = \"x\"\nelements = [\"{}\"]\n[parameters.misbehave]\n{parameters}\n",
        element.display()
    );
    dibhost.write("image.toml", &text)?;
    Ok(())
}

#[test]
fn a_step_that_misbehaves_stops_the_build() -> Result<()> {
    for (how, phase, reason) in [
        ("trap", "install", "this element gives up"),
        ("trap", "cleanup", "this element gives up"),
        ("memory", "install", "64 MiB"),
        ("memory", "root", "64 MiB"),
    ] {
        let dibhost = dibhost()?;
        definition(&dibhost, &format!("how = \"{how}\"\nphase = \"{phase}\""))?;
        let before = Snapshot::take(&[dibhost.folder()])?;
        let outcome = dibhost.run(&["build", "image.toml"])?.expect_code(1)?;
        for words in ["`misbehave`", phase, reason] {
            ensure!(outcome.stderr.contains(words), "no `{words}` in:\n{}", outcome.stderr);
        }
        // Made for the program before it was started; and the lock, which has what was planned.
        let made = ["home", "tmp", "dib.lock"].map(|name| dibhost.folder().join(name));
        let left = before.left_but(&made)?;
        ensure!(left.is_empty(), "{how} in {phase} left {left:?}");
    }
    Ok(())
}

#[test]
fn a_step_that_loops_is_stopped_when_its_time_is_over() -> Result<()> {
    let dibhost = dibhost()?;
    definition(&dibhost, "how = \"loop\"\nphase = \"finalise\"")?;
    let out = dibhost.folder().join("out");
    std::fs::create_dir(&out)?;
    let before = Snapshot::take(&[&out])?;
    let args = ["build", "image.toml", "-o", "out/x", "--step-timeout", "1"];
    let outcome = dibhost.run(&args)?.expect_code(1)?;
    for words in ["`misbehave`", "finalise", "ran longer than 1 s"] {
        ensure!(outcome.stderr.contains(words), "no `{words}` in:\n{}", outcome.stderr);
    }
    before.assert_none_left()
}

#[test]
fn a_plan_that_loops_traps_or_takes_memory_is_refused() -> Result<()> {
    for (how, reason) in [("trap", "this element gives up"), ("loop", "10 s"), ("memory", "64 MiB")]
    {
        let dibhost = dibhost()?;
        let parameters = format!("how = \"{how}\"\nphase = \"install\"\nplanning = true");
        definition(&dibhost, &parameters)?;
        let outcome = dibhost.run(&["build", "image.toml"])?.expect_code(2)?;
        for words in ["`misbehave`", "install", reason] {
            ensure!(outcome.stderr.contains(words), "no `{words}` in:\n{}", outcome.stderr);
        }
    }
    Ok(())
}

#[test]
fn ctrl_c_ends_a_step_that_loops_in_any_phase() -> Result<()> {
    for phase in PHASES {
        let dibhost = dibhost()?;
        definition(&dibhost, &format!("how = \"loop\"\nphase = \"{phase}\""))?;
        let out = dibhost.folder().join("out");
        std::fs::create_dir(&out)?;
        let before = Snapshot::take(&[&out])?;
        let mut running = dibhost.spawn(&["build", "image.toml", "-o", "out/x"])?;
        running.wait_for(&format!("misbehaves in {phase}"), Duration::from_secs(60))?;
        running.signal(Signal::INT)?;
        let outcome = running.wait(Duration::from_secs(60))?.expect_code(1)?;
        ensure!(outcome.stderr.contains("cancelled"), "{}", outcome.stderr);
        before.assert_none_left().with_context(|| format!("interrupted in {phase}"))?;
    }
    Ok(())
}
