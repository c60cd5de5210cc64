//! The element on a host in memory.

use dibhost_element_sdk::{ErrorCode, Phase, TestHost};
use motd::Motd;

#[test]
fn the_message_ends_with_one_newline() {
    for text in ["Hello.", "Hello.\n\n"] {
        let mut host = TestHost::new().parameter("text", text);
        host.run::<Motd>(Phase::Install).unwrap();
        assert_eq!(host.text("/etc/motd"), "Hello.\n");
    }
}

#[test]
fn the_text_has_to_be_set() {
    let error = TestHost::new().run::<Motd>(Phase::Install).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(error.message.contains("`text` is not set"), "{error}");
}
