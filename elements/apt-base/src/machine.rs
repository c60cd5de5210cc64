//! A machine that nobody has set up yet: its name, and a network that comes up by DHCP.

use dibhost_element_sdk::Change;

/// Every wired interface that nothing else configures. The number is behind those of cloud-init
/// (`10-cloud-init-…`) and of whoever adds one.
const DHCP: &str = "[Match]\nType=ether\n\n[Network]\nDHCP=yes\n\n[DHCPv4]\nClientIdentifier=mac\n";

/// What an image has to be given grants for, to be such a machine: paths and why.
pub const FILES: [(&str, &str); 4] = [
    ("/etc/hostname", "the machine's name"),
    ("/etc/hosts", "the machine finds itself by its name"),
    ("/etc/default/locale", "the system's language"),
    ("/etc/systemd/network", "the network comes up by DHCP"),
];

/// Its files. `hostname` and `locale` have been checked.
#[must_use]
pub fn files(hostname: &str, locale: &str) -> Vec<Change> {
    vec![
        Change::write("/etc/hostname", format!("{hostname}\n")),
        Change::write("/etc/hosts", hosts(hostname)),
        Change::write("/etc/default/locale", format!("LANG={locale}\n")),
        Change::directory("/etc/systemd/network"),
        Change::write("/etc/systemd/network/90-dhcp.network", DHCP),
    ]
}

fn hosts(hostname: &str) -> String {
    format!(
        "127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n\n::1\tlocalhost ip6-localhost ip6-loopback\n\
         ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
    )
}

/// An image's name as a host name: letters, digits and hyphens, no more than 63 of them; of an image
/// whose name has none, `otherwise`.
#[must_use]
pub fn hostname(image: &str, otherwise: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = image.chars().map(plain).take(63).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { otherwise.to_owned() } else { name.to_owned() }
}

/// Whether `systemd-resolved` is a package of its own; before, it is a part of `systemd`. By the
/// release's name: one that is not known is a newer one.
#[must_use]
pub fn resolved_is_a_package(codename: &str) -> bool {
    !["bullseye", "focal", "jammy"].contains(&codename)
}
