//! A password as crypt(3) hashes it: who has it can try passwords at leisure, so no form of a plan
//! shows it. Source of the forms: crypt(5) of libxcrypt.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;

use crate::digest::digest_of;

/// What crypt(3) calls a method, and what stands before its hashes. Those that a home computer
/// tries by the billion (MD5, DES) are not among them.
const METHODS: [(&str, &str); 8] = [
    ("yescrypt", "$y$"),
    ("gost-yescrypt", "$gy$"),
    ("scrypt", "$7$"),
    ("sha512crypt", "$6$"),
    ("sha256crypt", "$5$"),
    ("bcrypt", "$2a$"),
    ("bcrypt", "$2b$"),
    ("bcrypt", "$2y$"),
];

/// A hash of a password. It is written, told and compared by its method and its SHA-256 alone; one
/// that was read from the JSON form of a plan has no more than those.
#[derive(Clone)]
pub struct PasswordHash {
    hash: Option<String>,
    shown: String,
}

impl PasswordHash {
    /// Of what an element hands over: [`crate::validate`] says whether it is one.
    #[must_use]
    pub fn new(hash: impl Into<String>) -> Self {
        let hash = hash.into();
        let method = method(&hash).map_or("unknown", |(name, _)| name);
        let shown = format!("{method} sha256:{}", digest_of(&json!(hash)));
        Self { hash: Some(hash), shown }
    }

    /// The hash, for `/etc/shadow`; none where it was read from the JSON form of a plan.
    #[must_use]
    pub fn expose(&self) -> Option<&str> {
        self.hash.as_deref()
    }

    /// How the password was hashed: `yescrypt`.
    #[must_use]
    pub fn method(&self) -> &str {
        self.shown.split(' ').next().unwrap_or_default()
    }

    /// What every form of a plan has instead of it.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PasswordHash").field(&self.shown).finish()
    }
}

impl PartialEq for PasswordHash {
    fn eq(&self, other: &Self) -> bool {
        self.shown == other.shown
    }
}

impl Eq for PasswordHash {}

impl Serialize for PasswordHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown)
    }
}

impl<'de> Deserialize<'de> for PasswordHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { hash: None, shown: String::deserialize(deserializer)? })
    }
}

impl JsonSchema for PasswordHash {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PasswordHash".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "A hash of a password, which is not shown: its method, and the SHA-256 of it.",
            "type": "string",
        })
    }
}

/// The method of a hash, and what comes after what stands before it.
fn method(hash: &str) -> Option<(&'static str, &str)> {
    METHODS.iter().find_map(|(name, prefix)| Some((*name, hash.strip_prefix(prefix)?)))
}

fn in_alphabet(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./".contains(&b))
}

/// Whether it is a hash of a method that is worth anything, whole: a part of one is no password
/// at all, and what a line of `/etc/shadow` ends with is never in it.
///
/// # Errors
/// What is wrong with it: a sentence part that follows it.
pub(crate) fn check(hash: &str) -> Result<(), String> {
    let Some((name, rest)) = method(hash) else {
        return Err(
            "is no hash of crypt(3) by yescrypt (`$y$`), scrypt (`$7$`), SHA-512 (`$6$`), \
                    SHA-256 (`$5$`) or bcrypt (`$2b$`)"
                .to_owned(),
        );
    };
    let parts: Vec<&str> = rest.split('$').collect();
    let of = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && in_alphabet(text)
    };
    let rounds = |text: &str| {
        let number = text.strip_prefix("rounds=").and_then(|n| n.parse::<u32>().ok());
        number.is_some_and(|n| (1000..=999_999_999).contains(&n))
    };
    let whole = match (name, parts.as_slice()) {
        ("yescrypt" | "gost-yescrypt", [parameters, salt, sum]) => {
            of(parameters, 1..=40) && of(salt, 1..=86) && of(sum, 43..=43)
        }
        ("scrypt", [salt, sum]) => of(salt, 12..=97) && of(sum, 43..=43),
        ("sha512crypt", [salt, sum]) => of(salt, 1..=16) && of(sum, 86..=86),
        ("sha512crypt", [cost, salt, sum]) => rounds(cost) && of(salt, 1..=16) && of(sum, 86..=86),
        ("sha256crypt", [salt, sum]) => of(salt, 1..=16) && of(sum, 43..=43),
        ("sha256crypt", [cost, salt, sum]) => rounds(cost) && of(salt, 1..=16) && of(sum, 43..=43),
        ("bcrypt", [cost, sum]) => {
            matches!(cost.parse::<u8>(), Ok(4..=31)) && cost.len() == 2 && of(sum, 53..=53)
        }
        _ => false,
    };
    if whole { Ok(()) } else { Err(format!("is no whole hash of {name}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What crypt(3) makes of `secret`.
    const SHA512: &str = "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1";

    #[test]
    fn every_method_is_known_and_only_whole_hashes_are_taken() {
        for (method, hash) in [
            ("sha512crypt", SHA512),
            (
                "sha512crypt",
                "$6$rounds=5000$abc$IdWKNKTJEb8LxY7CGg8YBXlvtfZzFw7Mp/r6niK9YB2mdvgY..TKjv1T..8RadRt2qvUHYRLr/TsVArtr91iR1",
            ),
            ("sha256crypt", "$5$Rm5sUgD/y3cqEVaq$8e71ksAFiFM7X480NjBLHNccFwf/w0tY3WAMItzeBU1"),
            ("bcrypt", "$2b$12$z3B8JHbdeONvKt/nCW6G5OXjEHY3xgM0bPAAH2nmlI8XVX7pPHtv2"),
            (
                "yescrypt",
                "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0",
            ),
            (
                "gost-yescrypt",
                "$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$uE5FcoxTz78xZpMZkpTmj/0MogyeNUSLIjdCxpQjz.8",
            ),
            ("scrypt", "$7$CU..../....abcdefgh$XWs9HxtpA2.6U5CDBBbcW.h3o9pYlC.MIIb8JqMgZx6"),
        ] {
            assert_eq!(check(hash), Ok(()), "{hash}");
            assert_eq!(PasswordHash::new(hash).method(), method);
            for broken in [
                hash[..hash.len() - 1].to_owned(),
                format!("{hash}."),
                format!("{hash}:0"),
                format!("{hash}\nroot:{hash}"),
                hash.replacen('$', "", 1),
            ] {
                assert!(check(&broken).is_err(), "{broken}");
            }
        }
        for none in ["", "!", "*", "secret", "ab1FOzfHwsTGQ", "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"]
        {
            assert!(check(none).unwrap_err().contains("crypt(3)"), "{none}");
        }
        assert!(check("$6$rounds=1$abc$x").unwrap_err().contains("no whole hash of sha512crypt"));
    }

    #[test]
    fn it_is_shown_nowhere() {
        let hash = PasswordHash::new(SHA512);
        assert_eq!(hash.expose(), Some(SHA512));
        let json = serde_json::to_string(&hash).unwrap();
        for form in [json.clone(), format!("{hash:?}"), hash.shown().to_owned()] {
            assert!(form.contains("sha512crypt sha256:"), "{form}");
            assert!(!form.contains("TVLlQ") && !form.contains("saltsalt"), "{form}");
        }
        let read: PasswordHash = serde_json::from_str(&json).unwrap();
        assert_eq!((&read, read.expose(), read.method()), (&hash, None, "sha512crypt"));
        assert_ne!(hash, PasswordHash::new(SHA512.replace("saltsalt", "saltsalu")));
    }
}
