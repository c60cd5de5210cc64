//! The element on a host in memory.

use cook_rust::{CookRust, Dish, Special};
use dibhost_element_sdk::{Phase, TestHost};

#[test]
fn dishes_are_planned_and_specials_are_observed() {
    let mut host = TestHost::new();
    let planned = host.plan::<CookRust>(Phase::Install).unwrap();
    let dishes = planned.provided::<Dish>();
    assert_eq!(dishes.len(), 2);
    assert!(planned.provided::<Special>().is_empty());
    let ran = host.run::<CookRust>(Phase::Install).unwrap();
    assert_eq!(ran.provided::<Special>()[0].name, "borrowed cheese");
}
