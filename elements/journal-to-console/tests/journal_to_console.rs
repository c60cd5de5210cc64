//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use journal_to_console::JournalToConsole;

const FILE: &str = "/etc/systemd/journald.conf.d/60-dibhost-console.conf";

#[test]
fn journald_writes_to_the_console_too() {
    let mut host = TestHost::new();
    host.plan::<JournalToConsole>(Phase::Install).unwrap();
    let text = host.text(FILE);
    let expected = "[Journal]\nForwardToConsole=yes\nTTYPath=/dev/console\nMaxLevelConsole=info\n";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn the_terminal_and_how_much_can_be_chosen() {
    let mut host = TestHost::new().parameter("device", "tty12").parameter("level", "debug");
    host.plan::<JournalToConsole>(Phase::Install).unwrap();
    assert!(host.text(FILE).ends_with("TTYPath=/dev/tty12\nMaxLevelConsole=debug\n"));
    let error = TestHost::new().parameter("level", "loud").plan::<JournalToConsole>(Phase::Install);
    assert!(error.unwrap_err().message.contains("`level`"));
}

#[test]
fn what_is_no_terminal_is_refused() {
    for device in ["", "/dev/ttyS0", "ttyS0\nStorage=none", "../sda"] {
        let planned = TestHost::new()
            .parameter("device", device)
            .plan::<JournalToConsole>(Phase::Install)
            .unwrap();
        assert!(planned.findings[0].fatal && planned.files.is_empty(), "{device:?}");
        assert!(planned.findings[0].message.starts_with('`'), "{:?}", planned.findings);
    }
}
