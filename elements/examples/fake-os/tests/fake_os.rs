//! The element on a host in memory.

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{Phase, TestHost};
use fake_os::FakeOs;

#[test]
fn it_says_what_it_is_in_the_tree_and_in_its_slot() {
    let mut host = TestHost::new();
    host.run::<FakeOs>(Phase::Root).unwrap();
    let planned = host.plan::<FakeOs>(Phase::Root).unwrap();
    let facts = planned.provided::<Distribution>();
    assert!(host.text("/usr/lib/os-release").contains(&format!("ID={}\n", facts[0].id)));
}
