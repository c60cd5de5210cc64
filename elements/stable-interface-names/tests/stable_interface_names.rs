//! The element on a host in memory.

use dibhost_element_sdk::slots::KernelArgument;
use dibhost_element_sdk::{Phase, TestHost};
use stable_interface_names::StableInterfaceNames;

fn argument(host: TestHost) -> Vec<String> {
    let mut host = host;
    let planned = host.plan::<StableInterfaceNames>(Phase::Install).unwrap();
    planned.provided::<KernelArgument>().into_iter().map(|argument| argument.argument).collect()
}

#[test]
fn the_scheme_is_that_of_the_release_or_the_one_that_is_said() {
    assert_eq!(argument(TestHost::new().debian("bookworm")), ["net.naming-scheme=v252"]);
    assert_eq!(argument(TestHost::new().debian("trixie")), ["net.naming-scheme=v257"]);
    let said = TestHost::new().debian("trixie").parameter("scheme", "v255");
    assert_eq!(argument(said), ["net.naming-scheme=v255"]);
}

#[test]
fn what_is_not_known_is_not_guessed() {
    for host in
        [TestHost::new(), TestHost::new().debian("sid"), TestHost::new().system("suse", "x")]
    {
        let mut host = host;
        let planned = host.plan::<StableInterfaceNames>(Phase::Install).unwrap();
        assert!(planned.provided::<KernelArgument>().is_empty());
        assert_eq!(planned.findings.len(), 1);
        assert!(!planned.findings[0].fatal);
    }
}

#[test]
fn what_would_rename_them_goes() {
    let mut host = TestHost::new()
        .debian("bookworm")
        .symlink("/etc/systemd/network/99-default.link", "/dev/null")
        .file("/etc/udev/rules.d/70-persistent-net.rules", "SUBSYSTEM==\"net\"");
    host.plan::<StableInterfaceNames>(Phase::Install).unwrap();
    assert!(!host.exists("/etc/systemd/network/99-default.link"));
    assert!(!host.exists("/etc/udev/rules.d/70-persistent-net.rules"));
}

#[test]
fn what_is_no_scheme_is_refused() {
    for scheme in ["252", "v1", "latest", "v252 init=/bin/sh", "v+252", ""] {
        let mut host = TestHost::new().debian("bookworm").parameter("scheme", scheme);
        let planned = host.plan::<StableInterfaceNames>(Phase::Install).unwrap();
        assert!(planned.findings[0].fatal && planned.facts.is_empty(), "{scheme}");
    }
}
