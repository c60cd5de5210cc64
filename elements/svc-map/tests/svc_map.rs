//! The element on a host in memory.

use dibhost_element_sdk::{Phase, Planned, TestHost, UnitState};
use svc_map::SvcMap;

const MAP: &str = "\
web:
  debian: apache2
  default: httpd
database:
  default: [mysqld, mysqld-exporter.timer]
";

fn planned(host: TestHost) -> Planned {
    let mut host = host;
    host.plan::<SvcMap>(Phase::Install).unwrap()
}

fn host() -> TestHost {
    TestHost::new()
        .input_file("dib", "agent/svc-map", MAP)
        .input_file("dib", "agent/other", "not: [read")
        .parameter("sources", vec!["dib"])
}

#[test]
fn services_are_units_of_the_system() {
    let on =
        || host().parameter("enabled", vec!["web", "ssh"]).parameter("masked", vec!["database"]);
    let state = |unit: &str, state| (unit.to_owned(), state);
    assert_eq!(
        planned(on().debian("bookworm")).services,
        [
            state("apache2.service", UnitState::Enabled),
            state("mysqld-exporter.timer", UnitState::Masked),
            state("mysqld.service", UnitState::Masked),
            state("ssh.service", UnitState::Enabled),
        ]
    );
    let fedora = planned(on().system("fedora", "42"));
    assert!(fedora.services.contains(&state("httpd.service", UnitState::Enabled)));
}

#[test]
fn an_input_may_be_the_file_itself() {
    let host = TestHost::new().input("map", MAP).parameter("sources", vec!["map"]);
    let planned = planned(host.debian("bookworm").parameter("disabled", vec!["web"]));
    assert_eq!(planned.services, [("apache2.service".to_owned(), UnitState::Disabled)]);
}

#[test]
fn what_says_two_things_or_none_is_refused() {
    let refused = |host: TestHost, says: &str| {
        let planned = planned(host.debian("bookworm"));
        assert!(planned.services.is_empty(), "{:?}", planned.services);
        let finding = &planned.findings[0];
        assert!(finding.fatal && finding.message.contains(says), "{}", finding.message);
    };
    let twice = host().input_file("dib", "other/svc-map", "web:\n  default: x\n");
    refused(twice.parameter("enabled", vec!["web"]), "`dib/agent/svc-map` has too");
    let both = host().parameter("enabled", vec!["web"]).parameter("disabled", vec!["apache2"]);
    refused(both, "`apache2.service` is in `enabled` and in `disabled`");
    refused(
        TestHost::new().input_file("dib", "x", "").parameter("sources", vec!["dib"]),
        "has no `svc-map`",
    );
    let odd = TestHost::new().input("map", "web:\n  redhat: httpd\n");
    refused(odd.parameter("sources", vec!["map"]).parameter("enabled", vec!["web"]), "no name for");
    refused(TestHost::new().parameter("enabled", vec!["a b"]), "no unit");
    refused(TestHost::new().input("map", "a: [").parameter("sources", vec!["map"]), "no YAML");
    let nothing = planned(host().debian("bookworm"));
    assert!(!nothing.findings[0].fatal && nothing.services.is_empty());
}
