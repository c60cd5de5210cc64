//! Where elements are in a registry: the one grammar of it, whoever says it.

use std::fmt;
use std::str::FromStr;

use dibhost_text::harmless;

/// More than a host and port have.
const HOST: usize = 260;
/// As the distribution specification has it for both together, in practice.
const PATH: usize = 255;

/// A repository of a registry: `HOST[:PORT]/REPOSITORY`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: String,
    path: String,
}

impl Repository {
    /// Reads `HOST[:PORT]/REPOSITORY`.
    ///
    /// # Errors
    /// What is wrong with it: a part of a sentence.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (host, path) = text.split_once('/').ok_or("there is no `/` behind a host")?;
        let host = host.to_ascii_lowercase();
        check_host(&host)?;
        check_path(path)?;
        Ok(Self { host, path: path.to_owned() })
    }

    /// `HOST[:PORT]`, in small letters.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What comes after the host: `acme/nginx-site`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last part of the path: what an element in it is usually called.
    #[must_use]
    pub fn last(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

impl FromStr for Repository {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|why| {
            format!("`{}` is no repository (`HOST[:PORT]/NAME`): {why}", harmless(text, 300))
        })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

/// `HOST[:PORT]`: a name, an IPv4 address, or an IPv6 address in brackets.
fn check_host(text: &str) -> Result<(), &'static str> {
    if text.contains('@') {
        return Err("a user or password has no place in it: log in by docker's own files");
    }
    if text.len() > HOST {
        return Err("the host is too long");
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (v6, port) = rest.split_once(']').ok_or("`[` is not closed")?;
            v6.parse::<std::net::Ipv6Addr>().map_err(|_| "`[…]` holds no IPv6 address")?;
            (None, port.strip_prefix(':').or(port.is_empty().then_some("")))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(text), Some("")),
        },
    };
    let port = port.ok_or("what comes behind `]` is no port")?;
    let digits = |port: &str| port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    let has_port = text.ends_with(':') || !port.is_empty();
    if has_port && !(digits(port) && port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Err("the port is no number from 1 to 65535");
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    match host {
        Some(host) if !host.split('.').all(label) => Err("the host is no name of one"),
        _ => Ok(()),
    }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.len() > PATH {
        return Err("the name is longer than 255 bytes");
    }
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("names have small letters only");
    }
    // `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
    let part = |part: &str| {
        let inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        part.bytes().next().is_some_and(inside)
            && part.bytes().next_back().is_some_and(inside)
            && part.bytes().all(|b| inside(b) || matches!(b, b'.' | b'_' | b'-'))
            && part.split(|c: char| c.is_ascii_alphanumeric()).all(|between| {
                matches!(between, "" | "." | "_" | "__") || between.bytes().all(|b| b == b'-')
            })
    };
    match path.split('/').all(part) {
        true => Ok(()),
        false => Err(
            "a part of the name begins and ends with a letter or digit, with `.`, `_`, `__` or `-` between",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_small_letters_and_a_repository_is_what_registries_take() {
        let read = Repository::parse("Example.ORG:5000/a--b/c__d").unwrap();
        assert_eq!(
            (read.host(), read.path(), read.last()),
            ("example.org:5000", "a--b/c__d", "c__d")
        );
        assert_eq!(read.to_string(), "example.org:5000/a--b/c__d");
        for wrong in
            ["", "x", "/a", "x/", "x/A", "x/../a", "x/a___b", "-x/a", "x..y/a", "x:0/a", "x:/a"]
        {
            assert!(Repository::parse(wrong).is_err(), "{wrong}");
        }
    }
}
