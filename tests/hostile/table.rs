//! Which test bites on which check.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Context as _, Result, ensure};
use dibhost_check::Check;

use crate::case::Case;
use crate::cases;

/// Checks that no case here is for, and the test that is: those of programs that a system call
/// filter or a control group holds, those that need a secret or a second run, and one that needs
/// five minutes. None of them is taken out by `make test-hostile`.
const ELSEWHERE: &[(Check, &str, &str)] = &[
    (Check::CompileTime, LIMITS, "a_component_that_is_too_large_or_takes_too_long_to_compile"),
    (
        Check::LockGrowth,
        "tests/e2e/lock.rs",
        "an_element_that_asks_for_more_stops_the_build_until_somebody_agrees",
    ),
    (Check::ProgramEnvironment, PROGRAMS, "program_environment_is_the_boxes_own"),
    (Check::ProgramHandles, PROGRAMS, "program_handles_are_refused"),
    (Check::ProgramKernel, PROGRAMS, "program_kernel_switches_are_refused"),
    (Check::ProgramKeys, PROGRAMS, "program_keys_are_refused"),
    (Check::ProgramLandlock, PROGRAMS, "program_landlock_makes_no_devices_and_lets_none_be_asked"),
    (
        Check::ProgramLines,
        "host/target/src/exec/lines.rs",
        "lines_without_end_are_counted_instead_of_told",
    ),
    (
        Check::ProgramLoopback,
        "host/target/tests/network.rs",
        "program_loopback_of_the_builder_is_not_reached_and_the_network_is",
    ),
    (Check::ProgramMachinery, PROGRAMS, "program_machinery_is_not_there"),
    (Check::ProgramMemory, PROGRAMS, "program_memory_is_limited"),
    (Check::ProgramMounts, PROGRAMS, "program_mounts_are_refused"),
    (Check::ProgramNamespaces, PROGRAMS, "program_namespaces_are_refused"),
    (Check::ProgramSockets, PROGRAMS, "program_sockets_of_odd_families_are_refused"),
    (Check::ProgramTerminal, PROGRAMS, "program_terminal_cannot_be_typed_into"),
    (Check::ProgramTracing, PROGRAMS, "program_tracing_is_refused"),
    (
        Check::ProgramUnlimited,
        "host/build/src/contained.rs",
        "only_elements_from_elsewhere_that_may_start_programs_need_limits",
    ),
    (Check::ProgramYoungCalls, PROGRAMS, "program_young_calls_are_not_there"),
    (Check::Programs, PROGRAMS, "programs_are_limited"),
    (Check::SecretOpenGrant, SECRETS, "a_secret_is_denied_without_its_grant"),
    (Check::SecretPlaceGrant, SECRETS, "a_secret_is_denied_without_its_grant"),
    (
        Check::SecretRedaction,
        SECRETS,
        "a_secret_goes_where_it_was_granted_and_is_struck_out_of_what_is_said",
    ),
    (Check::SecretSpilt, SECRETS, "a_secret_that_was_opened_is_no_argument_and_no_fact"),
];
const LIMITS: &str = "host/element/tests/element/limits.rs";
const PROGRAMS: &str = "host/target/tests/programs.rs";
const SECRETS: &str = "host/element/tests/element/secrets.rs";

fn elsewhere(check: Check) -> Option<(&'static str, &'static str)> {
    let there = ELSEWHERE.iter().find(|(listed, ..)| *listed == check);
    there.map(|(_, file, test)| (*file, *test))
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
            Some((file, test)) => {
                let source = std::fs::read_to_string(dibhost_tests::repository().join(file))?;
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
        if let (false, Some((_, test))) = (bites, elsewhere(*check)) {
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
