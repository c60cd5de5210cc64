//! Digests as they are written.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// SHA-256 in lower-case hexadecimal.
pub(crate) fn hex(content: &[u8]) -> String {
    digest_text(&Sha256::digest(content))
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn digest_text(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
