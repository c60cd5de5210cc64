//! Where an element is: `oci://HOST[:PORT]/REPOSITORY[:TAG|@DIGEST]`.

use std::fmt;
use std::str::FromStr;

pub use dibhost_definition::Repository;
use dibhost_text::harmless;

use super::digest::Digest;

/// What a reference to a registry starts with.
pub const SCHEME: &str = "oci://";

/// Whether a text is a tag.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(inside)
}

/// Which manifest of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pointer {
    /// What a tag says now.
    Tag(String),
    /// That one and no other.
    Digest(Digest),
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => write!(f, "{digest}"),
        }
    }
}

/// A reference: `oci://HOST[:PORT]/REPOSITORY[:TAG|@DIGEST]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The repository.
    pub repository: Repository,
    /// Which manifest; none: nothing was said.
    pub pointer: Option<Pointer>,
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shown = || harmless(text, 300);
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| {
            format!(
                "`{}` does not start with `oci://`, as `oci://HOST/REPOSITORY:TAG` does",
                shown()
            )
        })?;
        let (rest, digest) = match rest.split_once('@') {
            Some((_, digest)) if !digest.starts_with("sha") => {
                return Err(format!(
                    "`{}` has an `@` and no digest (`@sha256:…`) behind it; a user or password has \
                     no place in a reference",
                    shown()
                ));
            }
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>()?)),
            None => (rest, None),
        };
        // A tag stands behind the last `/`, a port before the first.
        let slash = rest.rfind('/').unwrap_or_default();
        let (name, tag) = match rest[slash..].find(':') {
            Some(colon) if slash > 0 => (&rest[..slash + colon], Some(&rest[slash + colon + 1..])),
            _ => (rest, None),
        };
        let repository = name.parse()?;
        let pointer = match (tag, digest) {
            (Some(_), Some(_)) => {
                return Err(format!("`{}` has both a tag and a digest; say one of them", shown()));
            }
            (Some(tag), None) if !is_tag(tag) => {
                return Err(format!(
                    "`{}` is no tag: letters, digits, `_`, `.` and `-`, at most 128 of them",
                    harmless(tag, 150)
                ));
            }
            (Some(tag), None) => Some(Pointer::Tag(tag.to_owned())),
            (None, Some(digest)) => Some(Pointer::Digest(digest)),
            (None, None) => None,
        };
        Ok(Self { repository, pointer })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.repository)?;
        match &self.pointer {
            Some(Pointer::Tag(tag)) => write!(f, ":{tag}"),
            Some(Pointer::Digest(digest)) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_they_are_written() {
        let digest = Digest::of(b"x");
        for (text, host, path, pointer) in [
            ("oci://example.org/a", "example.org", "a", None),
            ("oci://example.org:5000/a/b-c:1.2.0", "example.org:5000", "a/b-c", Some("1.2.0")),
            ("oci://127.0.0.1:80/a__b/c.d", "127.0.0.1:80", "a__b/c.d", None),
            ("oci://[::1]:5000/a:latest", "[::1]:5000", "a", Some("latest")),
            ("oci://[::1]/a---b:1_x", "[::1]", "a---b", Some("1_x")),
            (&format!("oci://localhost/a@{digest}"), "localhost", "a", Some(digest.as_str())),
        ] {
            let read: Reference = text.parse().unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!((read.repository.host(), read.repository.path()), (host, path), "{text}");
            assert_eq!(read.pointer.as_ref().map(ToString::to_string).as_deref(), pointer);
            assert_eq!(read.to_string(), text);
        }
        let upper: Reference = "oci://Example.ORG/a".parse().unwrap();
        assert_eq!(upper.repository.host(), "example.org");
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_reference() {
        for (odd, says) in [
            ("example.org/a", "does not start with"),
            ("oci://", "no `/` behind a host"),
            ("oci://example.org", "no `/` behind a host"),
            ("oci:///a", "no name of one"),
            ("oci://user:password@example.org/a", "no place in a reference"),
            ("oci://example.org/../a", "a part of the name"),
            ("oci://example.org/a//b", "a part of the name"),
            ("oci://example.org/a/", "a part of the name"),
            ("oci://example.org/A", "small letters"),
            ("oci://example.org/a___b", "a part of the name"),
            ("oci://example.org/a?x", "a part of the name"),
            ("oci://example.org/a%2fb", "a part of the name"),
            ("oci://example.org:0/a", "the port"),
            ("oci://example.org:/a", "the port"),
            ("oci://example.org:99999/a", "the port"),
            ("oci://example.org:+80/a", "the port"),
            ("oci://-x.org/a", "no name of one"),
            ("oci://ex ample.org/a", "no name of one"),
            ("oci://exämple.org/a", "no name of one"),
            ("oci://[::1/a", "not closed"),
            ("oci://[x]/a", "no IPv6"),
            ("oci://[::1]x/a", "no port"),
            ("oci://example.org/a:", "is no tag"),
            ("oci://example.org/a:.x", "is no tag"),
            ("oci://example.org/a:x y", "is no tag"),
            ("oci://example.org/a:1@sha256:00", "is no digest"),
            (&format!("oci://example.org/a:1@{}", Digest::of(b"")), "both a tag and a digest"),
            (&format!("oci://example.org/{}", "a".repeat(256)), "longer than 255"),
        ] {
            let why = odd.parse::<Reference>().unwrap_err();
            assert!(why.contains(says), "{odd}: {why}");
        }
    }
}
