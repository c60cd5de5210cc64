//! The tutorial's commands, as they stand in `docs/tutorial`, in each language.
//!
//! A block of `console` has commands (`$ …`, continued by `> …`) and, below each, texts that it says.
//! A comment `<!-- needs: VERB -->` before a block has it wait for a verb of `dibhost element`.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use dibhost_tests::program::Running;
use dibhost_tests::registry::Registry;
use dibhost_tests::repository;

use crate::authors::{LANGUAGES, author};

/// A command, and what it is to say.
#[derive(Debug)]
struct Told {
    command: String,
    says: Vec<String>,
}

/// The commands of all pages, in the order of the summary.
fn commands(verbs: &str) -> Result<Vec<Told>> {
    let folder = repository().join("docs/tutorial");
    let summary = fs::read_to_string(folder.join("SUMMARY.md"))?;
    let pages = summary.lines().filter_map(|line| line.split_once("](")?.1.strip_suffix(')'));
    let mut all: Vec<Told> = Vec::new();
    for page in pages {
        let text = fs::read_to_string(folder.join(page)).with_context(|| page.to_owned())?;
        let mut within = false;
        let mut wanted = true;
        for line in text.lines() {
            if let Some(verb) = line.strip_prefix("<!-- needs: ") {
                let verb = verb.trim_end_matches(" -->");
                wanted = verbs.lines().any(|l| l.trim_start().starts_with(&format!("{verb} ")));
            } else if line == "```console" {
                within = true;
            } else if line == "```" {
                wanted = wanted || within;
                within = false;
            } else if within && wanted {
                if let Some(command) = line.strip_prefix("$ ") {
                    all.push(Told { command: command.to_owned(), says: Vec::new() });
                } else {
                    let last = all.last_mut().with_context(|| format!("{page}: `{line}`"))?;
                    match line.strip_prefix('>') {
                        Some(more) => {
                            let more = more.strip_prefix(' ').unwrap_or(more);
                            let _ = write!(last.command, "\n{more}");
                        }
                        None => last.says.push(line.to_owned()),
                    }
                }
            }
        }
    }
    Ok(all)
}

fn run_in(language: &str) -> Result<()> {
    let dibhost = author()?;
    let verbs = dibhost.run(&["element", "--help"])?.expect_code(0)?.stdout;
    let told = commands(&verbs)?;
    ensure!(told.len() > 9, "the tutorial has {} commands: is it read?", told.len());
    let shares = told.iter().any(|t| t.command.contains("element push"));
    ensure!(shares, "the tutorial shares nothing");
    let registry = Registry::start()?;
    let mut script = String::from("set -e\n");
    for (number, Told { command, .. }) in told.iter().enumerate() {
        let command = command
            .replace("--lang rust", &format!("--lang {language}"))
            // A system of a few files, in a moment.
            .replace("\"debian\"", "\"fake-os\"")
            .replace("localhost:5000", &registry.host);
        let _ = writeln!(script, "printf '\\n@@@ {number}\\n'\n{command}");
    }
    let path = dibhost.write("tutorial.sh", &script)?;
    // The program is called by its name.
    let bin = dibhost.folder().join("bin");
    fs::create_dir_all(&bin)?;
    std::os::unix::fs::symlink(dibhost.path(), bin.join("dibhost"))?;
    let mut command = dibhost.command(&[""])?;
    let environment: Vec<_> =
        command.get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned()))).collect();
    command = Command::new("/bin/sh");
    command.arg(&path).current_dir(dibhost.folder()).stdin(Stdio::null()).env_clear();
    command.envs(environment.iter().map(|(k, v)| (k, v)));
    let old = environment.iter().find(|(k, _)| k == "PATH").map(|(_, v)| v.clone());
    let old = old.unwrap_or_default();
    let paths = std::iter::once(bin).chain(std::env::split_paths(&old));
    command.env("PATH", std::env::join_paths(paths)?);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = Running::start(command)?.wait(Duration::from_secs(1800))?;
    if ran.code() != 0 {
        let at = ran.stdout.rsplit("@@@ ").next().and_then(|t| t.lines().next()?.parse().ok());
        let command = at.and_then(|at: usize| told.get(at)).map(|t| t.command.as_str());
        bail!(
            "in {language}, `{}` failed:\n{}\n{}",
            command.unwrap_or("?"),
            ran.stdout,
            ran.stderr
        );
    }
    let parts: Vec<&str> = ran.stdout.split("\n@@@ ").skip(1).collect();
    for (number, Told { command, says }) in told.iter().enumerate() {
        for words in says {
            let part = parts.get(number).copied().unwrap_or_default();
            ensure!(
                part.contains(words.as_str()),
                "in {language}, `{command}` did not say `{words}`:\n{part}"
            );
        }
    }
    let raw = dibhost.folder().join("greeter/greeted.raw");
    let found = dibhost_tests::disk::read_file(&raw, "/etc/guests/greeter")?;
    let found = found.context("the image has no greeting")?;
    ensure!(found == b"Good evening, greeter (1)\n", "{}", String::from_utf8_lossy(&found));
    Ok(())
}

#[test]
fn the_tutorial_is_true_in_every_language() -> Result<()> {
    LANGUAGES.into_iter().try_for_each(run_in)
}
