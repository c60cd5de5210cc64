//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost, UnitState};
use growroot::Growroot;

#[test]
fn the_unit_runs_the_script() {
    let mut host = TestHost::new();
    let planned = host.plan::<Growroot>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["cloud-guest-utils", "e2fsprogs"]);
    let unit = ("dibhost-growroot.service".to_owned(), UnitState::Enabled);
    assert_eq!(planned.services, [unit]);

    let text = &planned.units[0].1;
    let program = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    assert_eq!(host.stat(program).unwrap().mode, 0o755);
    assert!(host.text(program).starts_with("#!/bin/sh\n"));
    // No two grow it at once.
    assert!(text.contains("Before=cloud-init-local.service"));
}
