//! The key that a payload is encrypted with.

use dibhost_sys::SecretBytes;

/// Bytes of a volume key: two AES-256 keys, one for the data and one for the tweaks.
pub const VOLUME_KEY: usize = 64;

/// The key that a payload is encrypted with.
#[derive(Debug)]
pub struct VolumeKey(pub(super) SecretBytes);

impl VolumeKey {
    /// A key that nobody can guess.
    ///
    /// # Errors
    /// When the kernel gives no random bytes, or no memory.
    pub fn random() -> std::io::Result<Self> {
        SecretBytes::random(VOLUME_KEY).map(Self)
    }

    /// Takes a key over, which has as many bytes as [`VOLUME_KEY`].
    #[must_use]
    pub fn new(bytes: SecretBytes) -> Option<Self> {
        (bytes.expose().len() == VOLUME_KEY).then_some(Self(bytes))
    }
}
