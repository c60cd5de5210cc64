//! Which test bites on which check.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Context as _, Result, ensure};
use dibhost_check::{Check, TAKE_OUT};

use crate::case::{Case, TAKEN_OUT};
use crate::cases;

/// A check that no case here is for, and the test of a crate that is.
struct Elsewhere {
    check: Check,
    file: &'static str,
    /// The target of cargo that the file is part of, and the test's name there.
    target: &'static str,
    test: &'static str,
}

const ELSEWHERE: &[Elsewhere] = &[
    // The built program gives a component five minutes, and no definition less.
    Elsewhere {
        check: Check::CompileTime,
        file: "host/element/tests/element/limits.rs",
        target: "element",
        test: "limits::a_component_that_is_too_large_or_takes_too_long_to_compile",
    },
    // What a server sends, and where it leads: a server of the test's own.
    Elsewhere {
        check: Check::FetchDigest,
        file: "host/registry/tests/fetching/files.rs",
        target: "fetching",
        test: "files::bytes_that_are_not_those_that_were_asked_for",
    },
    Elsewhere {
        check: Check::FetchRedirect,
        file: "host/registry/tests/fetching/files.rs",
        target: "fetching",
        test: "files::a_redirect_to_a_host_that_is_not_granted",
    },
    Elsewhere {
        check: Check::FetchDowngrade,
        file: "host/registry/tests/fetching/tls.rs",
        target: "fetching",
        test: "tls::what_was_safe_on_its_way_does_not_become_unsafe",
    },
    Elsewhere {
        check: Check::FetchSlow,
        file: "host/registry/tests/fetching/files.rs",
        target: "fetching",
        test: "files::a_server_that_drips_is_left",
    },
    // What was changed in the cache behind the host's back.
    Elsewhere {
        check: Check::FetchKept,
        file: "host/registry/tests/fetching/files.rs",
        target: "fetching",
        test: "files::what_was_spoilt_in_the_store_is_fetched_anew",
    },
    Elsewhere {
        check: Check::ClusterDigest,
        file: "host/image/tests/qcow2/cache.rs",
        target: "qcow2",
        test: "cache::what_is_damaged_is_compressed_anew",
    },
    Elsewhere {
        check: Check::LayerDigest,
        file: "host/layers/tests/store/spoilt.rs",
        target: "store",
        test: "spoilt::no_byte_of_an_object_can_be_another",
    },
    Elsewhere {
        check: Check::LayerNames,
        file: "host/layers/tests/layer/hostile.rs",
        target: "layer",
        test: "hostile::names_that_lead_elsewhere_are_refused",
    },
    // Between the making of an image and its place no element has a turn.
    Elsewhere {
        check: Check::OutputFile,
        file: "host/image/tests/publish.rs",
        target: "publish",
        test: "what_a_program_puts_in_the_place_of_the_image_is_no_output",
    },
];

fn elsewhere(check: Check) -> Option<&'static Elsewhere> {
    ELSEWHERE.iter().find(|listed| listed.check == check)
}

impl Elsewhere {
    /// Runs the test with every check in force, where it passes, and without the one, where it
    /// does not.
    fn is_not_stopped(&self) -> Result<String> {
        ensure!(self.passes(None)?, "`{}` fails as it is", self.test);
        ensure!(!self.passes(Some(self.check))?, "`{}` passes without its check", self.test);
        Ok("fails".to_owned())
    }

    fn passes(&self, without: Option<Check>) -> Result<bool> {
        let mut cargo =
            std::process::Command::new(dibhost_tests::repository().join("scripts/cargo"));
        // As the program without checks is built, so that nothing is compiled for it alone.
        cargo.args(["test", "--locked", "--workspace", "--features", "dibhost/take-out"]);
        cargo.args(["--test", self.target, "--", "--exact", self.test]);
        cargo.current_dir(dibhost_tests::repository()).env_remove(TAKE_OUT);
        cargo.envs(without.map(|check| (TAKE_OUT, check.name())));
        let output = cargo.output().context("starting cargo")?;
        let said = String::from_utf8_lossy(&output.stdout);
        let (passed, failed) =
            (said.contains("1 passed; 0 failed"), said.contains("0 passed; 1 failed"));
        ensure!(
            passed != failed,
            "`{}` was not run:\n{said}\n{}",
            self.test,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(passed)
    }
}

/// A check that no case is for would be one that nobody knows to bite.
pub(crate) fn every_check_has_a_case() -> Result<()> {
    let cases = cases::all();
    for check in Check::ALL {
        let here = cases.iter().any(|case| case.check == Some(*check));
        let name = check.name();
        match elsewhere(*check) {
            None => ensure!(here, "no hostile test is for {name}"),
            Some(_) if here => anyhow::bail!("{name} has a case: take it off `ELSEWHERE`"),
            Some(Elsewhere { file, test, .. }) => {
                let source = std::fs::read_to_string(dibhost_tests::repository().join(file))?;
                let test = test.rsplit("::").next().unwrap_or(test);
                let there = source.contains(&format!("fn {test}()"));
                ensure!(
                    there,
                    "{name} is said to be tested by `{test}` of {file}: it is not there"
                );
            }
        }
    }
    let mut names: Vec<_> = cases.iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.dedup();
    ensure!(names.len() == cases.len(), "two cases have one name");
    Ok(())
}

/// Runs every case on a program without its check, and prints what came of it.
///
/// # Errors
/// When a case is stopped all the same, or the program (`DIBHOST_TAKEN_OUT`) is not there.
#[expect(clippy::print_stdout, reason = "that is what it is for")]
pub(crate) fn print() -> Result<()> {
    let program = std::env::var_os(TAKEN_OUT).map(PathBuf::from);
    let program = program
        .with_context(|| format!("`{TAKEN_OUT}` names no program: run `make test-hostile`"))?;
    let only: Vec<String> = std::env::args().skip(2).collect();
    let named = |name: &str| only.is_empty() || only.iter().any(|o| name.contains(o));
    let wanted = |case: &Case| named(case.name) || case.check.is_some_and(|c| named(c.name()));
    let cases: Vec<_> = cases::all().into_iter().filter(wanted).collect();
    let waiting = Mutex::new(cases.iter().filter(|case| case.check.is_some()));
    let outcomes = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
                    let Some(case) = next else { break };
                    let outcome = case.is_not_stopped(&program);
                    if let Ok(mut outcomes) = outcomes.lock() {
                        outcomes.insert(case.name, outcome);
                    }
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap_or_default();

    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or_default();
    let names = width(&mut Check::ALL.iter().map(|c| c.name().len()));
    let refuses = width(&mut Check::ALL.iter().map(|c| c.refuses().len()));
    println!("{:names$}  {:refuses$}  bitten by (without the check)", "check", "refuses");
    let (mut bitten, mut failed) = (0, Vec::new());
    for check in Check::ALL {
        let mut shown = (check.name(), check.refuses());
        let mut bites = false;
        for case in cases.iter().filter(|case| case.check == Some(*check)) {
            let said = match outcomes.get(case.name) {
                Some(Ok(said)) => {
                    bites = true;
                    said.clone()
                }
                Some(Err(error)) => {
                    failed.push(format!("{}: {error:#}", case.name));
                    "FAILED".to_owned()
                }
                None => continue,
            };
            let alone = if case.why_root().is_some() { ", root alone" } else { "" };
            println!("{:names$}  {:refuses$}  {} ({said}{alone})", shown.0, shown.1, case.name);
            shown = ("", "");
        }
        if let (true, Some(there)) = (named(check.name()), elsewhere(*check)) {
            let said = there.is_not_stopped().unwrap_or_else(|error| {
                failed.push(format!("{}: {error:#}", there.test));
                "FAILED".to_owned()
            });
            bites = said != "FAILED";
            println!(
                "{:names$}  {:refuses$}  {}: {} ({said})",
                shown.0, shown.1, there.file, there.test
            );
        }
        bitten += usize::from(bites);
    }
    for case in cases.iter().filter(|case| case.check.is_none()) {
        println!(
            "{:names$}  {:refuses$}  {}",
            case.library, "(a library's own: not taken out)", case.name
        );
    }
    println!(
        "{bitten} of {} checks are bitten, by {} hostile components and programs; {} of these also by \
         a user without privileges.",
        Check::ALL.len(),
        cases.len(),
        cases.iter().filter(|case| case.why_root().is_none()).count()
    );
    ensure!(
        failed.is_empty(),
        "{} cases are not as they say:\n{}",
        failed.len(),
        failed.join("\n")
    );
    ensure!(!only.is_empty() || bitten == Check::ALL.len(), "some checks are bitten by nothing");
    Ok(())
}
