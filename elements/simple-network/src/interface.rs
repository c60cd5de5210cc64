//! An interface as the definition has it.

use std::net::IpAddr;

use serde::Deserialize;

/// What is known of an interface.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Interface {
    /// It asks for addresses. None: where it has none.
    pub(crate) dhcp: Option<bool>,
    /// `192.0.2.7/24`, `2001:db8::7/64`.
    #[serde(default)]
    pub(crate) addresses: Vec<String>,
    /// The way out, one of each family at most.
    #[serde(default)]
    pub(crate) gateways: Vec<String>,
    /// Who resolves names.
    #[serde(default)]
    pub(crate) dns: Vec<String>,
    /// Domains that names are looked for in.
    #[serde(default)]
    pub(crate) search: Vec<String>,
    /// Bytes of a packet.
    pub(crate) mtu: Option<u32>,
}

impl Interface {
    pub(crate) fn dhcp(&self) -> bool {
        self.dhcp.unwrap_or(self.addresses.is_empty())
    }

    /// Whether an address of these is of version 6.
    pub(crate) fn of_version_6(address: &str) -> bool {
        address.contains(':')
    }

    /// What is wrong with it: each a sentence without a full stop.
    pub(crate) fn problems(&self, name: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |good: bool, what: &str, text: &str| {
            if !good {
                problems.push(format!("`{}` of `{name}` is {what}", text.escape_debug()));
            }
        };
        for address in &self.addresses {
            check(
                is_with_length(address),
                "no address with its length, as `192.0.2.7/24`",
                address,
            );
        }
        for gateway in &self.gateways {
            check(gateway.parse::<IpAddr>().is_ok(), "no address of a gateway", gateway);
        }
        for server in &self.dns {
            check(server.parse::<IpAddr>().is_ok(), "no address of a name server", server);
        }
        for domain in &self.search {
            check(is_domain(domain), "no domain", domain);
        }
        if let Some(mtu) = self.mtu {
            check((68..=65_536).contains(&mtu), "no size of a packet", &mtu.to_string());
        }
        for six in [false, true] {
            let of = self.gateways.iter().filter(|gateway| Self::of_version_6(gateway) == six);
            if of.count() > 1 {
                problems.push(format!("`{name}` has two gateways of one kind"));
            }
        }
        problems
    }
}

/// Whether it is a name that the kernel gives an interface: 15 bytes, and no place for another word.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=15).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_with_length(address: &str) -> bool {
    let Some((address, length)) = address.split_once('/') else { return false };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    let plain = length.chars().all(|c| c.is_ascii_digit());
    plain && length.parse().is_ok_and(|length: u8| length <= most)
}

fn is_domain(domain: &str) -> bool {
    domain.split('.').all(|label| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && !label.starts_with('-') && label.chars().all(plain)
    })
}
