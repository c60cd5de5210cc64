//! The element on a host in memory.

use dibhost_element_sdk::{ErrorCode, TestHost};
use {{crate}}::{Guest, {{type}}};

#[test]
fn every_guest_is_greeted() {
    let other = Guest { name: "somebody".to_owned(), seats: 2 };
    let mut host = TestHost::new().parameter("greeting", "Hello").fact("zebra", "1", &other);
    let planned = host.plan::<{{type}}>("arrive").unwrap();
    assert_eq!(planned.provided::<Guest>()[0].name, "{{name}}");
    host.run::<{{type}}>("greet").unwrap();
    assert_eq!(host.text("/etc/guests/{{name}}"), "Hello, {{name}} (1)\nHello, somebody (2)\n");
}

#[test]
fn a_greeting_is_a_text() {
    let error = TestHost::new().parameter("greeting", 7).plan::<{{type}}>("arrive").unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(error.message.contains("`greeting` is 7, not a text"), "{error}");
}
