//! An interface in the words of each that sets up networks. All that goes into a file has been checked.

use std::fmt::Write as _;

use crate::interface::Interface;

const HEAD: &str = "# Written by the dibhost element `simple-network`.\n";

/// systemd.network(5).
pub(crate) fn networkd(name: &str, of: &Interface) -> String {
    let dhcp = if of.dhcp() { "yes" } else { "no" };
    let mut text = format!("{HEAD}[Match]\nName={name}\n\n[Network]\nDHCP={dhcp}\n");
    for (key, values) in [("Address", &of.addresses), ("Gateway", &of.gateways), ("DNS", &of.dns)] {
        for value in values {
            let _ = writeln!(text, "{key}={value}");
        }
    }
    if !of.search.is_empty() {
        let _ = writeln!(text, "Domains={}", of.search.join(" "));
    }
    if of.dhcp() {
        // As the base has it, and the rest of the world.
        text.push_str("\n[DHCPv4]\nClientIdentifier=mac\n");
    }
    if let Some(mtu) = of.mtu {
        let _ = write!(text, "\n[Link]\nMTUBytes={mtu}\n");
    }
    text
}

/// systemd.network(5), so that networkd leaves an interface to somebody else.
pub(crate) fn left_alone(name: &str) -> String {
    format!("{HEAD}[Match]\nName={name}\n\n[Link]\nUnmanaged=yes\n")
}

/// interfaces(5).
pub(crate) fn ifupdown(name: &str, of: &Interface) -> String {
    let mut text = format!("{HEAD}auto {name}\n");
    let (six, four): (Vec<_>, Vec<_>) =
        of.addresses.iter().partition(|address| Interface::of_version_6(address));
    let gateway = |six: bool| of.gateways.iter().find(|g| Interface::of_version_6(g) == six);
    let mut settings = String::new();
    if let Some(mtu) = of.mtu {
        let _ = writeln!(settings, "    mtu {mtu}");
    }
    if !of.dns.is_empty() {
        let _ = writeln!(settings, "    dns-nameservers {}", of.dns.join(" "));
    }
    if !of.search.is_empty() {
        let _ = writeln!(settings, "    dns-search {}", of.search.join(" "));
    }
    if of.dhcp() {
        let _ = write!(text, "iface {name} inet dhcp\n{settings}");
        settings.clear();
    }
    for (family, addresses, six) in [("inet", four, false), ("inet6", six, true)] {
        for (place, address) in addresses.into_iter().enumerate() {
            let _ = writeln!(text, "iface {name} {family} static\n    address {address}");
            if let Some(gateway) = gateway(six).filter(|_| place == 0) {
                let _ = writeln!(text, "    gateway {gateway}");
            }
            text.push_str(&settings);
            settings.clear();
        }
    }
    text
}

/// nm-settings-keyfile(5).
pub(crate) fn network_manager(name: &str, of: &Interface) -> String {
    let mut text = format!(
        "{HEAD}[connection]\nid=dibhost-{name}\ntype=ethernet\ninterface-name={name}\n\
         autoconnect-priority=10\n"
    );
    if let Some(mtu) = of.mtu {
        let _ = write!(text, "\n[ethernet]\nmtu={mtu}\n");
    }
    for (section, six) in [("ipv4", false), ("ipv6", true)] {
        let own = |values: &[String]| -> Vec<String> {
            values.iter().filter(|v| Interface::of_version_6(v) == six).cloned().collect()
        };
        let (addresses, gateways, dns) = (own(&of.addresses), own(&of.gateways), own(&of.dns));
        let method = match (of.dhcp(), addresses.is_empty()) {
            (true, _) => "auto",
            (false, false) => "manual",
            (false, true) => "disabled",
        };
        let _ = write!(text, "\n[{section}]\nmethod={method}\n");
        for (place, address) in addresses.iter().enumerate() {
            let _ = writeln!(text, "address{}={address}", place + 1);
        }
        for gateway in gateways {
            let _ = writeln!(text, "gateway={gateway}");
        }
        if !dns.is_empty() {
            let _ = writeln!(text, "dns={};", dns.join(";"));
        }
        if !of.search.is_empty() && method != "disabled" {
            let _ = writeln!(text, "dns-search={};", of.search.join(";"));
        }
    }
    text
}
