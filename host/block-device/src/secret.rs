//! Secrets that open encryptions. Who holds them is the caller's affair.

use std::io;
use std::sync::Arc;

use dibhost_sys::SecretBytes;

/// Answers secrets by their names.
pub trait Secrets {
    /// The bytes of a secret, byte for byte: a passphrase without a line's end, or a keyfile.
    ///
    /// # Errors
    /// When there is none of that name, or it cannot be read.
    fn secret(&self, name: &str) -> io::Result<Arc<SecretBytes>>;
}

/// Where nothing is encrypted.
#[derive(Debug, Clone, Copy)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn secret(&self, _name: &str) -> io::Result<Arc<SecretBytes>> {
        Err(io::Error::new(io::ErrorKind::NotFound, "there are no secrets here"))
    }
}
