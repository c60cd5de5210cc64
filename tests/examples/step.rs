//! Measures what a step that does nothing costs, beside `bash -c true`, which is what a script of
//! diskimage-builder pays before it does anything.
//!
//! `make bench-step`
#![expect(clippy::print_stdout, reason = "a program for people")]

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{dibhost, repository, tool};
use serde_json::Value;

/// Builds that are measured; the one before them compiles the element.
const BUILDS: usize = 20;

fn main() -> Result<()> {
    let out = repository().join("out/test-elements");
    let text =
        |path: &std::path::Path| path.to_str().map(str::to_owned).context("a path that is text");
    let script = text(&repository().join("elements/build.sh"))?;
    let source = text(&repository().join("tests/elements/misbehave"))?;
    tool::run("sh", &[&script, "--only", &source, "--out", &text(&out)?])?;

    let dibhost = dibhost()?;
    // One step in each of the ten phases, and none of them misbehaves.
    let element = out.join("misbehave.wasm");
    let definition = format!(
        "[image]\nname = \"x\"\nelements = [{element:?}]\nformats = [\"raw\"]\n\
         [parameters.misbehave]\nphase = \"none\"\n"
    );
    dibhost.write("image.toml", &definition)?;
    let (mut first, mut others) = (Vec::new(), Vec::new());
    for build in 0..=BUILDS {
        let args = ["build", "image.toml", "--jobs", "1", "--log-format", "json"];
        let steps = steps(&dibhost.run(&args)?.expect_code(0)?.stderr)?;
        ensure!(steps.len() == 10, "{} steps ran", steps.len());
        if build > 0 {
            first.push(steps[0]);
            others.extend(&steps[1..]);
        }
    }

    let mut shells = Vec::new();
    for _ in 0..10 * BUILDS {
        let begun = Instant::now();
        let status = Command::new("bash").args(["-c", "true"]).status()?;
        ensure!(status.success(), "`bash -c true`: {status}");
        shells.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    println!("median of {BUILDS} builds with ten steps that do nothing, compiled code cached");
    println!("{:8.3} ms  a step", median(&mut others));
    println!(
        "{:8.3} ms  the first step of a build, which loads the compiled code",
        median(&mut first)
    );
    println!("{:8.3} ms  `bash -c true`", median(&mut shells));
    Ok(())
}

/// Milliseconds of each step of the element.
fn steps(stderr: &str) -> Result<Vec<f64>> {
    let mut took = Vec::new();
    for line in stderr.lines() {
        let event: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        if event["event"] == "ended" && event["element"] == "misbehave" {
            took.push(event["milliseconds"].as_f64().context("a step without its time")?);
        }
    }
    Ok(took)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
