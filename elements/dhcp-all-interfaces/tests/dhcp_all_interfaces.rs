//! The element on a host in memory.

use dhcp_all_interfaces::DhcpAllInterfaces;
use dibhost_element_sdk::{Phase, TestHost, UnitState};

#[test]
fn every_card_asks_and_the_first_answer_is_enough() {
    let mut host = TestHost::new().debian("bookworm");
    let planned = host.plan::<DhcpAllInterfaces>(Phase::Install).unwrap();
    let text = host.text("/etc/systemd/network/80-dibhost-dhcp.network");
    for line in ["Type=ether infiniband\n", "Kind=!*\n", "DHCP=yes\n", "IPv6AcceptRA=yes\n"] {
        assert!(text.contains(line), "no `{line}` in {text}");
    }
    let networkd = ("systemd-networkd.service".to_owned(), UnitState::Enabled);
    assert_eq!(planned.services, [networkd]);
    let drop_in = &planned.drop_ins[0];
    assert_eq!(drop_in.unit, "systemd-networkd-wait-online.service");
    assert!(drop_in.content.contains("ExecStart=\nExecStart=/lib/"), "{}", drop_in.content);
    assert!(drop_in.content.ends_with(" --any --timeout=30\n"), "{}", drop_in.content);
}

#[test]
fn how_long_it_waits_can_be_said() {
    let mut host = TestHost::new().debian("trixie").parameter("timeout", 300);
    let planned = host.plan::<DhcpAllInterfaces>(Phase::Install).unwrap();
    assert!(planned.drop_ins[0].content.ends_with("--timeout=300\n"));
}

#[test]
fn what_is_not_known_or_never_ends_is_refused() {
    for host in [
        TestHost::new().system("fedora", "42"),
        TestHost::new().debian("bookworm").parameter("timeout", 0),
    ] {
        let mut host = host;
        let planned = host.plan::<DhcpAllInterfaces>(Phase::Install).unwrap();
        assert!(planned.findings[0].fatal && planned.findings[0].help.is_some());
        assert!(planned.files.is_empty() && planned.drop_ins.is_empty());
    }
}
