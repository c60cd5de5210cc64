//! The element on a host in memory.

use dibhost_element_sdk::slots::KernelArgument;
use dibhost_element_sdk::{Ending, Phase, Planned, TestHost, UnitState};
use serial_console::SerialConsole;

fn plan(host: TestHost) -> Planned {
    let mut host = host;
    host.plan::<SerialConsole>(Phase::Install).unwrap()
}

/// The arguments as a reader has them: ordered by key.
fn arguments(planned: &Planned) -> Vec<String> {
    let mut facts: Vec<_> = planned.facts.iter().map(|(_, fact)| fact).collect();
    facts.sort_by(|a, b| a.key.cmp(&b.key));
    let value = |v: &str| serde_json::from_str::<KernelArgument>(v).unwrap().argument;
    facts.iter().map(|fact| value(&fact.value)).collect()
}

#[test]
fn the_serial_port_is_the_last_console() {
    let planned = plan(TestHost::new());
    assert_eq!(arguments(&planned), ["console=tty0", "console=ttyS0,115200"]);
    let getty = ("serial-getty@ttyS0.service".to_owned(), UnitState::Enabled);
    assert_eq!(planned.services, [getty]);
}

#[test]
fn the_port_is_the_architectures_or_the_parameters() {
    assert_eq!(arguments(&plan(TestHost::new().arch("arm64")))[1], "console=ttyAMA0,115200");
    let own = TestHost::new().parameter("device", "ttyS1").parameter("speed", 9600);
    assert_eq!(arguments(&plan(own.parameter("screen", false))), ["console=ttyS1,9600"]);
}

#[test]
fn what_is_no_port_is_refused() {
    for device in ["/dev/ttyS0", "", "ttyS0 init=/bin/sh"] {
        let planned = plan(TestHost::new().parameter("device", device));
        assert!(planned.findings[0].fatal && planned.facts.is_empty(), "{device}");
    }
}

#[test]
fn it_plans_what_it_planned_on_a_real_host() {
    let replayed = TestHost::replay::<SerialConsole>("tests/install.json").unwrap();
    assert_eq!((replayed.phase, replayed.ending), (Phase::Install, Ending::Done));
}
