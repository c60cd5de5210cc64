//! The element on a host in memory.

use dibhost_element_sdk::{Phase, TestHost};
use serde_json::json;
use sysctl::{Sysctl, SysctlValue};

const FILE: &str = "/etc/sysctl.d/80-dibhost-sysctl.conf";

fn value(name: &str, value: &str) -> SysctlValue {
    let reason = "it routes\nkernel.panic = 1".to_owned();
    SysctlValue { name: name.to_owned(), value: value.to_owned(), reason }
}

#[test]
fn settings_of_the_definition_and_of_elements_are_one_file() {
    let mut host = TestHost::new()
        .parameter("values", json!({ "vm.swappiness": "10", "net.ipv4.ip_forward": "1" }))
        .fact("router", "", &value("net/ipv4/ip_forward", "1"))
        .fact("router", "b", &value("kernel.core_pattern", "|/bin/false %p"));
    let planned = host.plan::<Sysctl>(Phase::Install).unwrap();
    assert!(planned.findings.is_empty(), "{:?}", planned.findings);
    assert_eq!(
        host.text(FILE),
        "# Written by the dibhost element `sysctl`.\n\
         # router: it routes kernel.panic = 1\nkernel.core_pattern = |/bin/false %p\n\
         # the parameter values: the definition says so\nnet.ipv4.ip_forward = 1\n\
         # the parameter values: the definition says so\nvm.swappiness = 10\n"
    );
}

#[test]
fn two_values_of_one_setting_are_refused_and_both_are_named() {
    let mut host = TestHost::new().parameter("values", json!({ "vm.swappiness": "10" })).fact(
        "database",
        "",
        &value("vm.swappiness", "1"),
    );
    let planned = host.plan::<Sysctl>(Phase::Install).unwrap();
    assert!(planned.files.is_empty() && planned.findings[0].fatal);
    let said = &planned.findings[0].message;
    assert_eq!(said, "`vm.swappiness` is `10` by the parameter `values`, and `1` by `database`.");
}

#[test]
fn what_would_be_another_line_is_refused() {
    for (name, of) in [
        ("vm.swappiness\nkernel.panic", "1"),
        ("vm.swappiness", "1\nkernel.panic = 1"),
        ("vm.swappiness", ""),
        ("-vm.swappiness", "1"),
        ("swappiness", "1"),
        ("vm swappiness", "1"),
    ] {
        let mut host = TestHost::new().fact("other", "", &value(name, of));
        let planned = host.plan::<Sysctl>(Phase::Install).unwrap();
        assert!(planned.files.is_empty() && planned.findings[0].fatal, "{name} {of}");
    }
    let planned = TestHost::new().plan::<Sysctl>(Phase::Install).unwrap();
    assert!(planned.files.is_empty() && !planned.findings[0].fatal);
}
