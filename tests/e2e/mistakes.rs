//! Mistakes in definitions, a great many of them: each is answered at its line, with the word that
//! was meant.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::mistakes::{Kind, Mistake, Sample, mistakes};
use dibhost_tests::{Dibhost, dibhost, repository};

/// Another seed makes other mistakes; one that found something is worth keeping.
const SEED: u64 = 14;
const COUNT: usize = 200;
/// So many of a hundred have to be answered well.
const WELL: usize = 98;

/// Signs the suites of Debian 12: any key will do.
const KEY: &str = "host/plan/tests/debian-release-bookworm.asc";

/// Definitions in which mistakes are made: the file that is planned, and the one that is wrong then.
const SAMPLES: [(&str, &str); 6] = [
    ("tests/mistakes/whole.toml", "tests/mistakes/whole.toml"),
    ("tests/mistakes/whole.toml", "tests/mistakes/site.toml"),
    ("tests/mistakes/nodes.toml", "tests/mistakes/nodes.toml"),
    ("examples/debian-motd.toml", "examples/debian-motd.toml"),
    ("examples/debian-vm.toml", "examples/debian-vm.toml"),
    ("examples/web.toml", "examples/web.toml"),
];

/// What became of a mistake.
struct Answer {
    said: String,
    code: i32,
    took: Duration,
}

/// The samples in a work folder, with the files that they name.
fn samples(dibhost: &Dibhost) -> Result<Vec<Sample>> {
    let read = |path: &str| {
        std::fs::read_to_string(repository().join(path)).with_context(|| format!("reading {path}"))
    };
    let mut samples = Vec::new();
    for (planned, file) in SAMPLES {
        let text = read(file)?;
        dibhost.write(file, &text)?;
        samples.push(Sample { planned: planned.to_owned(), file: file.to_owned(), text });
    }
    for (name, text) in [
        ("public/index.html", "<h1>Hello.</h1>\n"),
        ("hello.service", "[Service]\nExecStart=/bin/echo hello\n"),
        ("vendor.asc", &read(KEY)?),
        ("note.sh", "#!/bin/sh\ntrue\n"),
        ("private/password", "correct horse\n"),
        ("private/passphrase", "battery staple"),
    ] {
        dibhost.write(&format!("tests/mistakes/{name}"), text)?;
    }
    // Where an example finds a component that was built: beside the others, or in a folder of theirs.
    let elements = dibhost.elements();
    let examples = elements.join("examples");
    let examples = if examples.is_dir() { examples.as_path() } else { elements };
    std::fs::create_dir_all(dibhost.folder().join("out/elements"))?;
    std::os::unix::fs::symlink(examples, dibhost.folder().join("out/elements/examples"))
        .context("linking the elements of the examples")?;
    Ok(samples)
}

fn plan(dibhost: &Dibhost, file: &str) -> Result<Answer> {
    // By itself, for a run that is waited for in steps takes as long as those.
    let began = Instant::now();
    let output = dibhost.command(&["plan", file])?.output().context("running dibhost")?;
    let took = began.elapsed();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok(Answer { said, code: output.status.code().unwrap_or(-1), took })
}

/// What is not well with an answer; none: all is.
///
/// The first place that is told has to be the line of the mistake, whatever is told after it. Where a
/// bracket or a quote is missing it is the line that lacks it and no other one: what is told of a line
/// behind it would send a reader to a line that is right.
fn fault(mistake: &Mistake, answer: &Answer) -> Option<String> {
    if answer.code != 2 {
        return Some(format!("it ended with {}", answer.code));
    }
    let line = first_line(&answer.said, &mistake.file);
    if line != Some(mistake.line) {
        let told = line.map_or("no line".to_owned(), |line| format!("line {line}"));
        return Some(format!("{told} was told instead of {}", mistake.line));
    }
    // The line itself is shown below its place: the word has to be in what is said of it.
    let said = answer.said.lines().filter(|line| !is_excerpt(line)).collect::<Vec<_>>().join("\n");
    let right = mistake.right.as_ref().filter(|right| !said.contains(right.as_str()));
    right.map(|right| format!("`{right}` was not told"))
}

/// The line of the first place that is told of a file.
fn first_line(said: &str, file: &str) -> Option<usize> {
    let (_, rest) = said.split_once(&format!("{file}:"))?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// `12 | name = "x"`, or the carets below it.
fn is_excerpt(line: &str) -> bool {
    let bar = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    bar.starts_with('|')
}

#[test]
#[expect(clippy::print_stdout, reason = "what --no-capture shows")]
fn a_mistake_is_answered_at_its_line_and_with_the_word_that_was_meant() -> Result<()> {
    let dibhost = dibhost()?.env("DEPLOY_PASSWORD", "x").env("REGISTRY_TOKEN", "x");
    let samples = samples(&dibhost)?;
    for (planned, _) in SAMPLES {
        let answer = plan(&dibhost, planned)?;
        ensure!(answer.code == 0, "{planned} is wrong without a mistake:\n{}", answer.said);
    }
    let made = mistakes(&samples, SEED, COUNT);
    ensure!(made.len() == COUNT, "only {} mistakes were made", made.len());
    let (mut missed, mut times) = (Vec::new(), Vec::new());
    let mut counts: BTreeMap<Kind, (usize, usize)> = BTreeMap::new();
    for mistake in &made {
        let right = samples.iter().find(|sample| sample.file == mistake.file);
        dibhost.write(&mistake.file, &mistake.text)?;
        let answer = plan(&dibhost, &mistake.planned)?;
        dibhost.write(&mistake.file, &right.context("a mistake of no sample")?.text)?;
        times.push((answer.took, format!("{}:{}", mistake.file, mistake.line)));
        let (all, well) = counts.entry(mistake.kind).or_default();
        *all += 1;
        match fault(mistake, &answer) {
            None => *well += 1,
            Some(fault) => missed.push(format!(
                "{}: {}:{}: {}\n  {fault}\n{}",
                mistake.kind, mistake.file, mistake.line, mistake.shown, answer.said
            )),
        }
    }
    for (kind, (all, well)) in &counts {
        println!("{all:4}  {well:4} well  {kind}");
    }
    times.sort();
    let (slowest, median) = (times.last().context("no time")?, &times[times.len() / 2]);
    println!(
        "the slowest answer took {:?} ({}), one in the middle {:?}",
        slowest.0, slowest.1, median.0
    );
    for miss in &missed {
        println!("\n{miss}");
    }
    ensure!(
        (made.len() - missed.len()) * 100 >= made.len() * WELL,
        "{} of {} mistakes are not answered well:\n\n{}",
        missed.len(),
        made.len(),
        missed.join("\n")
    );
    Ok(())
}
