//! The element on a host in memory.

use debian::{Choice, Debian};
use dibhost_element_sdk::{Fact, Phase, TestHost};

#[test]
fn its_parameters_reach_debian_minimal() {
    let planned = TestHost::new().plan::<Debian>(Phase::Root).unwrap();
    assert!(planned.provided::<Choice>().is_empty());
    let mut host = TestHost::new().parameter("release", "trixie");
    let choice = Choice { release: Some("trixie".to_owned()), mirror: None };
    assert_eq!(host.plan::<Debian>(Phase::Root).unwrap().provided::<Choice>(), [choice]);
    // Two declarations of one slot have to have one schema.
    let schema = Choice::schema().unwrap();
    assert!(schema.contains("\"release\"") && schema.contains("\"mirror\""), "{schema}");
}

#[test]
fn packages_on_top_are_wished_for() {
    let mut host = TestHost::new().parameter("extra-packages", vec!["vim"]);
    assert_eq!(host.plan::<Debian>(Phase::Install).unwrap().package_names(), ["vim"]);
}
