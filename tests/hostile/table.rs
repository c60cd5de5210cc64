//! Which test bites on which check.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Context as _, Result, ensure};
use dibhost_check::Check;

use crate::case::Case;
use crate::cases;

/// Checks that no case here is for yet, by what their names begin with, and the tests that are:
/// those of programs that a system call filter or a control group holds, those that need a secret
/// or a second run, and one that needs five minutes.
const ELSEWHERE: &[(&str, &str)] = &[
    ("compile-time", "host/element/tests/element/limits.rs"),
    ("lock-growth", "nothing yet"),
    ("program", "host/target/tests/programs.rs"),
    ("secret", "host/element/tests/element/secrets.rs"),
];

fn elsewhere(check: Check) -> Option<&'static str> {
    let there = ELSEWHERE.iter().find(|(name, _)| check.name().starts_with(name));
    there.map(|(_, test)| *test)
}

/// A check that no case is for would be one that nobody knows to bite.
pub(crate) fn every_check_has_a_case() -> Result<()> {
    let cases = cases::all();
    let without = |check: &&Check| {
        !cases.iter().any(|case| case.check == Some(**check)) && elsewhere(**check).is_none()
    };
    let idle: Vec<_> = Check::ALL.iter().filter(without).map(|check| check.name()).collect();
    ensure!(idle.is_empty(), "no hostile test is for {}", idle.join(", "));
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
    let program = std::env::var_os("DIBHOST_TAKEN_OUT").map(PathBuf::from);
    let program =
        program.context("`DIBHOST_TAKEN_OUT` names no program: run `make test-hostile`")?;
    let only: Vec<String> = std::env::args().skip(2).collect();
    let wanted = |case: &Case| only.is_empty() || only.iter().any(|o| case.name.contains(o));
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
    let (mut bitten, mut besides, mut failed) = (0, 0, Vec::new());
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
            println!("{:names$}  {:refuses$}  {} ({said})", shown.0, shown.1, case.name);
            shown = ("", "");
        }
        if let (false, Some(test)) = (bites, elsewhere(*check)) {
            println!("{:names$}  {:refuses$}  {test} (not here)", shown.0, shown.1);
            besides += 1;
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
        "{bitten} of {} checks are bitten, by {} hostile components and programs.",
        Check::ALL.len(),
        cases.len()
    );
    ensure!(
        failed.is_empty(),
        "{} cases are not as they say:\n{}",
        failed.len(),
        failed.join("\n")
    );
    ensure!(
        !only.is_empty() || bitten + besides == Check::ALL.len(),
        "some checks are bitten by nothing"
    );
    Ok(())
}
