//! A SHA-256 digest, as registries write it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// `sha256:` and 64 small hexadecimal digits. Other algorithms are refused: what is stored, locked and
/// signed is named by this one alone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

impl Digest {
    /// That of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_hash(&Sha256::digest(bytes))
    }

    /// That of a hash, 32 bytes.
    pub(crate) fn of_hash(hash: &[u8]) -> Self {
        Self(format!("sha256:{}", data_encoding::HEXLOWER.encode(hash)))
    }

    /// `sha256:…`
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The 64 digits.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if dibhost_definition::is_sha256(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{}` is no digest: `sha256:` and 64 small hexadecimal digits are wanted",
            dibhost_text::harmless(text, 100)
        ))
    }
}

impl TryFrom<String> for Digest {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_sha_256_and_written_in_one_way() {
        let digest = Digest::of(b"{}");
        assert_eq!(
            digest.as_str(),
            "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        assert_eq!(digest.as_str().parse(), Ok(digest.clone()));
        let upper = format!("sha256:{}", digest.hex().to_uppercase());
        for odd in ["", "sha256:", "sha256:12", &upper, digest.hex(), "sha512:00"] {
            assert!(odd.parse::<Digest>().is_err(), "{odd}");
        }
        assert!(serde_json::from_str::<Digest>("\"sha256:../../x\"").is_err());
    }
}
