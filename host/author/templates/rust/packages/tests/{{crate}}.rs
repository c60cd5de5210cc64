//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost, UnitState};
use {{crate}}::{{type}};

#[test]
fn the_server_is_installed_and_started_unless_it_is_not_to_be() {
    for (started, state) in [(true, UnitState::Enabled), (false, UnitState::Disabled)] {
        let mut host = TestHost::new().parameter("started", started);
        let planned = host.plan::<{{type}}>(Phase::Install).unwrap();
        assert_eq!(planned.packages[0].name, "nginx");
        assert_eq!(planned.services, [("nginx.service".to_owned(), state)]);
    }
}
