//! Large data that a call holds on the host.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

/// Bytes the host holds.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "what `bindgen!` re-exports has to be `pub`")]
pub struct Blob {
    pub(crate) content: Arc<[u8]>,
}

/// How much is held.
#[derive(Debug, Default)]
pub(crate) struct Blobs {
    pub(crate) held: u64,
}

/// `sha256:…` of `content`.
pub(crate) fn digest(content: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(content) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
