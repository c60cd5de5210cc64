//! The element on a host in memory.

use dibhost_element_sdk::TestHost;
use waiter_rust::{Dish, Order, Special, Table, WaiterRust};

#[test]
fn the_menu_has_every_dish_and_then_every_special() {
    let dish = |name: &str, vegetarian| Dish { name: name.to_owned(), vegetarian };
    let mut host = TestHost::new()
        .fact("cook-b", "1", &dish("soup", false))
        .fact("cook-a", "1", &dish("salad", true))
        .fact("cook-a", "today", &Special { name: "cake".to_owned() });
    host.run::<WaiterRust>("serve").unwrap();
    let menu = host.text("/srv/menu/waiter-rust");
    assert_eq!(menu, "cook-a 1: salad (v)\ncook-b 1: soup\ncook-a today: cake\n");
}

#[test]
fn what_it_orders_is_known_before_it_serves() {
    let mut host = TestHost::new();
    let ordered = host.plan::<WaiterRust>("order").unwrap().provided::<Order>();
    assert!(ordered.iter().any(|order| order.name == "tomato soup" && order.vegetarian));
    let tables = host.run::<WaiterRust>("order").unwrap().provided::<Table>();
    assert_eq!(tables.iter().map(|table| table.number).collect::<Vec<_>>(), [7]);
    host.plan::<WaiterRust>("serve").unwrap();
    assert!(!host.exists("/srv/menu/waiter-rust"));
}
