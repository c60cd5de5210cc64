//! Large data that a call holds on the host.

use std::sync::Arc;

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
