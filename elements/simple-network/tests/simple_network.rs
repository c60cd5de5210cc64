//! The element on a host in memory.

use dibhost_element_sdk::{Phase, Planned, TestHost, UnitState};
use serde_json::{Value, json};
use simple_network::SimpleNetwork;

fn interfaces() -> Value {
    json!({
        "enp1s0": {
            "addresses": ["192.0.2.7/24", "2001:db8::7/64"],
            "gateways": ["192.0.2.1", "2001:db8::1"],
            "dns": ["192.0.2.53", "2001:db8::53"],
            "search": ["example.org"],
            "mtu": 9000,
        },
        "enp2s0": {},
    })
}

fn planned(host: &mut TestHost) -> Planned {
    let planned = host.plan::<SimpleNetwork>(Phase::Install).unwrap();
    assert!(planned.findings.is_empty(), "{:?}", planned.findings);
    planned
}

#[test]
fn networkd_is_told_where_nobody_chooses() {
    let mut host = TestHost::new().debian("bookworm").parameter("interfaces", interfaces());
    let planned = planned(&mut host);
    assert_eq!(
        host.text("/etc/systemd/network/70-dibhost-enp1s0.network"),
        "# Written by the dibhost element `simple-network`.\n[Match]\nName=enp1s0\n\n[Network]\n\
         DHCP=no\nAddress=192.0.2.7/24\nAddress=2001:db8::7/64\nGateway=192.0.2.1\n\
         Gateway=2001:db8::1\nDNS=192.0.2.53\nDNS=2001:db8::53\nDomains=example.org\n\n[Link]\n\
         MTUBytes=9000\n"
    );
    let asks = host.text("/etc/systemd/network/70-dibhost-enp2s0.network");
    assert!(asks.contains("\nDHCP=yes\n") && asks.contains("ClientIdentifier=mac"), "{asks}");
    let unit = ("systemd-networkd.service".to_owned(), UnitState::Enabled);
    assert_eq!(planned.services, [unit]);
    assert!(planned.packages.is_empty());
}

#[test]
fn ifupdown_has_them_and_networkd_leaves_them_alone() {
    for (codename, client) in [("bookworm", "isc-dhcp-client"), ("trixie", "dhcpcd-base")] {
        let mut host = TestHost::new()
            .debian(codename)
            .parameter("interfaces", interfaces())
            .parameter("renderer", "ifupdown");
        let planned = planned(&mut host);
        assert_eq!(planned.package_names(), ["ifupdown", client]);
        assert_eq!(
            host.text("/etc/network/interfaces.d/dibhost-enp1s0"),
            "# Written by the dibhost element `simple-network`.\nauto enp1s0\n\
             iface enp1s0 inet static\n    address 192.0.2.7/24\n    gateway 192.0.2.1\n    \
             mtu 9000\n    dns-nameservers 192.0.2.53 2001:db8::53\n    dns-search example.org\n\
             iface enp1s0 inet6 static\n    address 2001:db8::7/64\n    gateway 2001:db8::1\n"
        );
        let asks = host.text("/etc/network/interfaces.d/dibhost-enp2s0");
        assert!(asks.ends_with("auto enp2s0\niface enp2s0 inet dhcp\n"), "{asks}");
        let other = host.text("/etc/systemd/network/70-dibhost-enp1s0.network");
        assert!(other.ends_with("Name=enp1s0\n\n[Link]\nUnmanaged=yes\n"), "{other}");
    }
}

#[test]
fn network_manager_is_told_on_other_systems() {
    let mut host = TestHost::new().system("fedora", "42").parameter("interfaces", interfaces());
    let planned = planned(&mut host);
    let path = "/etc/NetworkManager/system-connections/dibhost-enp1s0.nmconnection";
    let text = host.text(path);
    for part in [
        "interface-name=enp1s0\n",
        "\n[ipv4]\nmethod=manual\naddress1=192.0.2.7/24\ngateway=192.0.2.1\ndns=192.0.2.53;\n",
        "\n[ipv6]\nmethod=manual\naddress1=2001:db8::7/64\ngateway=2001:db8::1\n",
        "\n[ethernet]\nmtu=9000\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(host.stat(path).unwrap().mode & 0o777, 0o600);
    assert_eq!(planned.package_names(), ["NetworkManager"]);
}

#[test]
fn what_would_say_something_else_is_refused() {
    let refused = |interfaces: Value, says: &str| {
        let mut host = TestHost::new().debian("bookworm").parameter("interfaces", interfaces);
        let planned = host.plan::<SimpleNetwork>(Phase::Install).unwrap();
        assert!(planned.files.is_empty() && planned.services.is_empty(), "{says}");
        let finding = &planned.findings[0];
        assert!(finding.fatal && finding.message.contains(says), "{}", finding.message);
    };
    for name in ["", "eth0\nDHCP=no", "../x", "averyverylongname"] {
        refused(json!({ name: {} }), "is no interface");
    }
    for address in
        ["192.0.2.7", "192.0.2.7/33", "192.0.2/24", "::1/129", "1.2.3.4/+4", "1.2.3.4/24\nx"]
    {
        refused(json!({ "eth0": { "addresses": [address] } }), "no address with its length");
    }
    refused(json!({ "eth0": { "gateways": ["x"] } }), "no address of a gateway");
    refused(json!({ "eth0": { "gateways": ["192.0.2.1", "192.0.2.2"] } }), "two gateways");
    refused(json!({ "eth0": { "dns": ["192.0.2.1\n"] } }), "no address of a name server");
    refused(json!({ "eth0": { "search": ["a b"] } }), "no domain");
    refused(json!({ "eth0": { "mtu": 9 } }), "no size of a packet");
    let mut elsewhere = TestHost::new().system("suse", "15").parameter("renderer", "ifupdown");
    let planned = elsewhere.plan::<SimpleNetwork>(Phase::Install).unwrap();
    assert!(planned.findings[0].fatal && planned.packages.is_empty());
}
