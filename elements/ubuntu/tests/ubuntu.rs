//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use ubuntu::{Choice, Ubuntu};

#[test]
fn what_is_chosen_is_handed_on_and_nothing_else() {
    let mut host = TestHost::new().parameter("release", "resolute");
    let planned = host.plan::<Ubuntu>(Phase::Root).unwrap();
    let choice = Choice { release: Some("resolute".to_owned()), mirror: None };
    assert_eq!(planned.provided::<Choice>(), [choice]);
    let planned = TestHost::new().plan::<Ubuntu>(Phase::Root).unwrap();
    assert!(planned.provided::<Choice>().is_empty());
}

#[test]
fn packages_come_on_top_and_cloud_init_leaves_the_sources_alone() {
    let mut host = TestHost::new().parameter("extra-packages", vec!["jq"]);
    let planned = host.plan::<Ubuntu>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["jq"]);
    let told = host.text("/etc/cloud/cloud.cfg.d/91-dibhost-apt.cfg");
    assert!(told.contains("preserve_sources_list: true"), "{told}");
}
