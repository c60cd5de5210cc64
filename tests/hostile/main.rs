//! Components and programs that attack the host, each against one check of it.
//!
//! ```text
//! cargo nextest run -E 'binary(hostile)'       every attack is stopped: right sentence, host as before
//! make test-hostile                            and again on a host without that one check, where
//!                                              it is not; prints which test bites on which check
//! scripts/test-hostile --as-user               the first, by a user without privileges
//! ```
//!
//! An attack that nothing but its check stops succeeds where the check is taken out. Where a
//! second wall stands behind the check, the case names what that wall says.

mod case;
mod cases;
mod peak;
mod script;
mod table;
mod terminal;

use libtest_mimic::{Arguments, Trial};

fn main() -> anyhow::Result<()> {
    if std::env::args().nth(1).as_deref() == Some("--table") {
        return table::print();
    }
    let user = !rustix::process::geteuid().is_root();
    let trial = |case: case::Case| {
        let beyond = user && case.why_root().is_some();
        Trial::test(case.name, move || case.is_stopped().map_err(|e| format!("{e:#}").into()))
            .with_ignored_flag(beyond)
    };
    let mut trials: Vec<_> = cases::all().into_iter().map(trial).collect();
    let trial = |name: &str, test: fn() -> anyhow::Result<()>| {
        Trial::test(name, move || test().map_err(|e| format!("{e:#}").into()))
    };
    trials.push(trial("every_check_has_a_case", table::every_check_has_a_case));
    trials.push(trial("an_idle_build_has_little_memory", case::idle));
    trials.push(trial("the_layout_of_a_case_fits", cases::facts::the_layout_fits));
    trials.push(trial(
        "what_an_element_says_of_itself_is_shown_and_not_obeyed",
        terminal::what_an_element_says_of_itself_is_shown_and_not_obeyed,
    ));
    libtest_mimic::run(&Arguments::from_args(), trials).exit()
}
