//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use waiter_rust::{Dish, Special, WaiterRust};

#[test]
fn the_menu_has_every_dish_and_then_every_special() {
    let dish = |name: &str, vegetarian| Dish { name: name.to_owned(), vegetarian };
    let mut host = TestHost::new()
        .fact("cook-b", "1", &dish("soup", false))
        .fact("cook-a", "1", &dish("salad", true))
        .fact("cook-a", "today", &Special { name: "cake".to_owned() });
    host.run::<WaiterRust>(Phase::Install).unwrap();
    let menu = host.text("/srv/menu/waiter-rust");
    assert_eq!(menu, "cook-a 1: salad (v)\ncook-b 1: soup\ncook-a today: cake\n");
}
