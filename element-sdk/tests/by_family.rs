//! Packages by the family of the system, on the host in memory.

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    ByFamily, Description, Element, ErrorCode, Parameters, Phase, Plan, Result, Step, TestHost,
    description,
};

/// Needs a shell, which has two names.
#[derive(Parameters)]
struct Shell {}

const SHELL: ByFamily = ByFamily(&[("debian", &["zsh", "zsh-common"]), ("fedora", &["zsh"])]);

impl Element for Shell {
    fn describe() -> Description {
        let step = Step::planning(Phase::Install).consumes::<Distribution>();
        SHELL.requests(description!().step(step), "a shell")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        SHELL.plan(plan, "a shell")
    }
}

#[test]
fn the_systems_own_are_asked_for_and_wished_for() {
    let mut debian = TestHost::new().debian("bookworm");
    let planned = debian.plan::<Shell>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["zsh", "zsh-common"]);
    let mut fedora = TestHost::new().system("fedora", "42");
    assert_eq!(fedora.plan::<Shell>(Phase::Install).unwrap().package_names(), ["zsh"]);
}

#[test]
fn a_family_that_is_not_known_is_refused() {
    let mut host = TestHost::new().system("arch", "");
    let planned = host.plan::<Shell>(Phase::Install).unwrap();
    assert!(planned.packages.is_empty() && planned.findings[0].fatal);
    assert!(planned.findings[0].message.contains("`arch`"), "{:?}", planned.findings);
    // Where nobody says what the system is, nothing is guessed.
    let error = TestHost::new().plan::<Shell>(Phase::Install).unwrap_err();
    assert_ne!(error.code, ErrorCode::Denied, "{error}");
}
